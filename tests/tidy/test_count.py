#!/usr/bin/env python3
"""tests/tidy/test_count.py - shows that ./check counts what each kind of test program prints.

A failure that is not counted would be a failure that nobody sees.
"""
import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".ci"))
import count_tests  # noqa: E402  (found through the line above, wherever this is started from)

CMOCKA = """[==========] Running 3 test(s).
[ RUN      ] a_point_is_inside
[       OK ] a_point_is_inside
[ RUN      ] a_ring_is_closed
[  ERROR   ] --- 0x1 != 0x2
[   LINE   ] --- test_area.c:7: error: Failure!
[  FAILED  ] a_ring_is_closed
[ RUN      ] a_pole_is_refused
[  SKIPPED ] a_pole_is_refused
[==========] 3 test(s) run.
[  PASSED  ] 1 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] a_pole_is_refused
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] a_ring_is_closed

 1 FAILED TEST(S)
"""
CMOCKA_CUT_OFF = "[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n"
UNITTEST = "..F.\n\nRan 6 tests in 0.123s\n\nFAILED (failures=1, errors=2, skipped=1)\n"
NODE_FAILURE = """    not ok 2 - the tiles come
      ---
      location: 'tiles.test.mjs:61:1'
      error: |-
        Expected values to be strictly deep-equal:

        + 'status of 404'
      code: 'ERR_ASSERTION'
"""
NODE = "# tests 5\n# pass 3\n# fail 1\n# skipped 1\n# todo 0\n"


def count(status, output, inner=""):
    case = ElementTree.fromstring(f'<testcase name="x" status="{status}">{inner}</testcase>')
    ElementTree.SubElement(case, "system-out").text = output
    return count_tests.count_program(case)


class CountTest(unittest.TestCase):
    def test_cmocka_is_counted_test_by_test(self):
        self.assertEqual(count("fail", CMOCKA), (1, 1, 1))

    def test_unittest_is_counted_test_by_test(self):
        self.assertEqual(count("fail", UNITTEST), (2, 3, 1))
        self.assertEqual(count("run", "....\n\nRan 4 tests in 1.000s\n\nOK\n"), (4, 0, 0))

    def test_node_is_counted_test_by_test(self):
        self.assertEqual(count("fail", NODE), (3, 1, 1))

    def test_what_node_says_of_a_failure_is_shown_whole(self):
        lines = NODE_FAILURE.split("\n")
        self.assertEqual(count_tests.tell(lines), [lines[0], *lines[3:7]])

    def test_end_to_end_tests_are_counted_test_by_test(self):
        output = "ok      health_says_ready (0.03 s)\nFAILED  it_stops\n2 tests, 1 failed\n"
        self.assertEqual(count("fail", output), (1, 1, 0))

    def test_a_program_of_another_kind_is_one_test(self):
        self.assertEqual(count("run", "12 inputs replayed\n"), (1, 0, 0))
        self.assertEqual(count("fail", "no such file\n"), (0, 1, 0))

    def test_a_crash_between_two_results_is_a_failure(self):
        self.assertEqual(count("fail", CMOCKA_CUT_OFF), (1, 1, 0))

    def test_a_leak_after_the_last_good_result_is_a_failure(self):
        self.assertEqual(count("fail", "....\n\nRan 4 tests in 1.000s\n\nOK\n"), (4, 1, 0))

    def test_only_a_wish_to_be_skipped_is_a_skip(self):
        wish = '<skipped message="SKIP_RETURN_CODE=77"/>'
        gone = '<skipped message="Unable to find executable: /bin/gone"/>'
        self.assertEqual(count("notrun", "", wish), (0, 0, 1))
        self.assertEqual(count("notrun", "", gone), (0, 1, 0))


if __name__ == "__main__":
    unittest.main()
