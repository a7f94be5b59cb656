#!/usr/bin/env python3
""".ci/count_tests.py - counts the single tests in what ctest ran, and shows what failed.

usage: count_tests.py JUNIT_FILE               what failed, and last `PASSED FAILED SKIPPED`
       count_tests.py --output FILE STATUS     the numbers alone, from what one program printed

One ctest entry is a program of many tests. Those of cmocka, Python's unittest, node's test runner
and our own end-to-end tests (lines `ok NAME`, `FAILED NAME`, `skipped NAME`) are counted one by
one; any other program counts as one test. A program that ctest calls failed counts at least one
failure, so a crash before the first result is never lost.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree

CMOCKA_OK = re.compile(r"^\[       OK \] ", re.MULTILINE)
CMOCKA_BAD = re.compile(r"^\[  (?:FAILED|ERROR) ? \] (?!.*test\(s\))(.+)$", re.MULTILINE)
CMOCKA_SKIPPED = re.compile(r"^\[  SKIPPED \] (?!.*test\(s\))(.+)$", re.MULTILINE)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(?:OK|FAILED)(?: \((.*)\))?", re.MULTILINE)
OURS = re.compile(r"^(ok|FAILED|skipped) +[a-z]\w*(?: \(.*\))?$", re.MULTILINE)
NODE = re.compile(r"^(?:# |\N{INFORMATION SOURCE} )(pass|fail|skipped) (\d+)$", re.MULTILINE)
TELLING = re.compile(r"^ *not ok|FAILED|ERROR|FAIL:|error:|Error|Sanitizer|seed|\.(?:c|py):\d+")

OUTPUT_LINES_SHOWN = 60


def count_output(text):
    """(passed, failed, skipped) by what the program printed; None if it is of no known kind."""
    unittest = UNITTEST.findall(text)
    if unittest:
        ran = sum(int(count) for count, _ in unittest)
        numbers = [re.findall(r"(\w+)=(\d+)", notes) for _, notes in unittest]
        notes = [(name, int(count)) for group in numbers for name, count in group]
        bad_names = {"failures", "errors", "successes"}
        failed = sum(count for name, count in notes if name in bad_names)
        skipped = sum(count for name, count in notes if name == "skipped")
        return max(ran - failed - skipped, 0), failed, skipped
    node = NODE.findall(text)
    if node:
        total = {"pass": 0, "fail": 0, "skipped": 0}
        for name, count in node:
            total[name] += int(count)
        return total["pass"], total["fail"], total["skipped"]
    ours = OURS.findall(text)
    if ours:
        return ours.count("ok"), ours.count("FAILED"), ours.count("skipped")
    passed = len(CMOCKA_OK.findall(text))
    # cmocka names a failed or skipped test twice: where it ran, and in its summary.
    failed = len(set(CMOCKA_BAD.findall(text)))
    skipped = len(set(CMOCKA_SKIPPED.findall(text)))
    return (passed, failed, skipped) if passed + failed + skipped > 0 else None


def count_program(case):
    """(passed, failed, skipped) of one ctest entry."""
    skip = case.find("skipped")
    if skip is not None:
        # A missing executable is "skipped" too, but that is no wish of the test's.
        wished = skip.get("message", "").startswith("SKIP_") or case.get("status") == "disabled"
        return (0, 0, 1) if wished else (0, 1, 0)
    return count_ended(case.findtext("system-out", ""), case.get("status") == "run")


def count_ended(text, ended_well):
    """(passed, failed, skipped) by what a program printed and how it ended."""
    passed, failed, skipped = count_output(text) or ((1, 0, 0) if ended_well else (0, 1, 0))
    if not ended_well and failed == 0:
        failed = 1
    return passed, failed, skipped


def show_failure(case):
    output = case.findtext("system-out", "").rstrip().split("\n")
    reason = case.find("failure")
    why = reason.get("message", "") if reason is not None else ""
    print(f"  failed: {case.get('name')} {why}".rstrip())
    for line in tell(output)[:OUTPUT_LINES_SHOWN] or output[-OUTPUT_LINES_SHOWN:]:
        print(f"  | {line}")


def tell(lines):
    """The lines that say what went wrong; of node's texts of many lines, all of them."""
    telling = []
    text_indent = None  # of the line that began such a text
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if text_indent is not None and (indent > text_indent or line.strip() == ""):
            telling.append(line)
            continue
        text_indent = indent if line.endswith("error: |-") else None
        if TELLING.search(line):
            telling.append(line)
    return telling


def main():
    if sys.argv[1] == "--output":
        with open(sys.argv[2], encoding="utf-8", errors="replace") as output:
            print(*count_ended(output.read(), sys.argv[3] == "0"))
        return
    total = [0, 0, 0]
    for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
        counts = count_program(case)
        total = [a + b for a, b in zip(total, counts)]
        if counts[1] > 0:
            show_failure(case)
    print(*total)


if __name__ == "__main__":
    main()
