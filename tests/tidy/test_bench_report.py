#!/usr/bin/env python3
"""tests/tidy/test_bench_report.py - shows that ./bench refuses a line that lacks a key."""
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".ci"))
import bench_report  # noqa: E402  (found through the line above, wherever this is started from)

LINE = {"bench": "log.append", "case": {"batch": 1000}, "ours": 79.5, "peer": None,
        "theirs": None, "unit": "M fixes/s", "ratio": None, "runs": 3}


def read(line):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        return bench_report.read_lines([file.name])


class Lines(unittest.TestCase):
    def test_a_line_without_a_peer_has_its_keys(self):
        self.assertEqual(read(LINE), [LINE])

    def test_a_line_that_lacks_a_key_is_refused(self):
        for key in LINE:
            with self.assertRaises(SystemExit, msg=key):
                read({name: value for name, value in LINE.items() if name != key})


if __name__ == "__main__":
    unittest.main()
