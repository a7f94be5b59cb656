#!/usr/bin/env python3
"""tests/tidy/test_tidy.py - shows that each rule of tidy can fail, with the file and the line.

Each test builds a small tree that is clean, spoils one thing in it, and looks at what tidy says.
"""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import tidy  # noqa: E402  (found through the line above, wherever this is started from)

FORMAT = HERE.parents[1] / ".clang-format"

HEADER = """/* geo/thing.h - a thing, for the tests. */
#ifndef GEO_THING_H
#define GEO_THING_H

#include <stdint.h>

int32_t geo_thing(int32_t x);

#endif
"""
SOURCE = """/* geo/thing.c - a thing, for the tests. */
#include "geo/thing.h"

int32_t geo_thing(int32_t x)
{
    return x;
}
"""


class TidyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write(".clang-format", FORMAT.read_text("utf-8"))
        for name in ("CMakePresets.json", "README.md", "CHANGELOG.md", "LICENSE"):
            self.write(name, "text\n")
        for name in ("run", "check", "bench"):
            self.write(name, f"#!/bin/sh\n# ./{name} - for the tests.\n")
        for folder in tidy.FOLDERS_WITH_README:
            self.write(f"{folder}/README.md", "# What it is\n")
        self.write("CMakeLists.txt", "add_subdirectory(geo)\n")
        self.write("geo/thing.h", HEADER)
        self.write("geo/thing.c", SOURCE)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, "utf-8")

    def write_including(self, path, header, quoted=True):
        """A source file whose third line includes a header."""
        header = f'"{header}"' if quoted else f"<{header}>"
        self.write(path, f"/* {path} - includes a header. */\n\n#include {header}\n")

    def assert_clean(self):
        self.assertEqual(tidy.check(self.root), [])

    def assert_only(self, place, words):
        """Exactly one finding, at `file:line`, that says the words."""
        findings = tidy.check(self.root)
        self.assertEqual(len(findings), 1, findings)
        self.assertTrue(findings[0].startswith(f"{place}: "), findings)
        self.assertIn(words, findings[0])

    def assert_refused(self, path, header, quoted=True):
        self.write_including(path, header, quoted)
        self.assert_only(f"{path}:3", header)

    def assert_allowed(self, path, header, quoted=True):
        self.write_including(path, header, quoted)
        self.assert_clean()

    def test_a_good_tree_passes(self):
        self.assert_clean()

    # --- lengths --------------------------------------------------------------------------------

    def test_a_source_of_800_lines_passes_and_one_more_does_not(self):
        line_count = SOURCE.count("\n")
        self.write("geo/thing.c", SOURCE + "/* more */\n" * (800 - line_count))
        self.assert_clean()
        self.write("geo/thing.c", SOURCE + "/* more */\n" * (801 - line_count))
        self.assert_only("geo/thing.c:801", "801 lines")

    def test_a_header_of_150_lines_passes_and_one_more_does_not(self):
        more = 150 - HEADER.count("\n")
        text = HEADER.replace("#include", "/* more */\n" * more + "#include")
        self.write("geo/thing.h", text)
        self.assert_clean()
        self.write("geo/thing.h", text.replace("#include", "/* one */\n#include"))
        self.assert_only("geo/thing.h:151", "151 lines")

    def test_a_typescript_file_above_800_lines_fails(self):
        self.write("dashboard/map.ts", "// dashboard/map.ts - the map.\n" + "go();\n" * 800)
        self.assert_only("dashboard/map.ts:801", "801 lines")

    def test_a_function_of_70_lines_passes_and_one_more_does_not(self):
        def source(length):
            body = "    x++;\n" * (length - 4)
            return SOURCE.replace("    return", body + "    return")

        self.write("geo/thing.c", source(70))
        self.assert_clean()
        self.write("geo/thing.c", source(71))
        self.assert_only("geo/thing.c:4", "a function of 71 lines")

    def test_a_long_table_is_not_a_function(self):
        table = "\nconst int32_t geo_table[] = {\n" + "    1, /* one */\n" * 100 + "};\n"
        self.write("geo/thing.c", SOURCE + table)
        self.assert_clean()

    def test_a_long_line_fails_in_every_language(self):
        for path, start in {
            "dashboard/map.ts": "// dashboard/map.ts - the map.\n",
            "tests/e2e/thing.py": '"""tests/e2e/thing.py - a thing."""\n',
            "tests/e2e/thing.sh": "# tests/e2e/thing.sh - a thing.\n",
            "run": "#!/bin/sh\n",
        }.items():
            with self.subTest(path):
                before = (self.root / path).read_text("utf-8") if path == "run" else None
                self.write(path, start + "# a thing\n" * 2 + "x" * 100 + "\n")
                self.assert_clean()
                self.write(path, start + "# a thing\n" * 2 + "x" * 101 + "\n")
                self.assert_only(f"{path}:4", "101 columns")
                self.write(path, before or "")

    def test_a_long_line_of_c_fails(self):
        self.write("geo/thing.c", SOURCE + "/* " + "long " * 20 + "*/\n")
        findings = tidy.check(self.root)
        self.assertIn("geo/thing.c:8: 105 columns, at most 100", findings)

    def test_letters_are_counted_and_not_bytes(self):
        self.write("geo/thing.c", SOURCE + "/* " + "é" * 94 + " */\n")
        self.assert_clean()

    def test_a_folder_readme_above_15_lines_fails(self):
        self.write("core/log/README.md", "line\n" * 15)
        self.assert_clean()
        self.write("core/log/README.md", "line\n" * 16)
        self.assert_only("core/log/README.md:16", "more than 15 lines")

    def test_a_folder_without_a_readme_fails(self):
        (self.root / "edge/wire/README.md").unlink()
        self.assert_only("edge/wire/README.md:1", "is missing")

    # --- text -----------------------------------------------------------------------------------

    def test_whitespace_at_the_end_of_a_line_fails(self):
        self.write("README.md", "one\ntwo \n")
        self.assert_only("README.md:2", "whitespace")

    def test_the_bytes_of_a_corpus_are_nobodys_style(self):
        self.write("tests/fuzz/corpus/fuzz_thing/one.json", "{ } \n")
        self.assert_clean()

    def test_a_file_that_does_not_say_what_it_is_fails(self):
        self.write("geo/thing.c", SOURCE.partition("\n")[2])
        self.assert_only("geo/thing.c:1", "first comment")

    def test_a_script_says_what_it_is_after_its_first_line(self):
        self.write("bench", "#!/bin/sh\nset -u\n")
        self.assert_only("bench:1", "first comment")

    def test_a_header_without_a_guard_fails(self):
        self.write("geo/thing.h", HEADER.replace("#define GEO_THING_H", "#define GEO_OTHER_H"))
        self.assert_only("geo/thing.h:1", "no header guard")

    def test_a_guard_that_two_headers_share_fails(self):
        self.write("geo/twin.h", HEADER)
        self.assert_only("geo/twin.h:2", "GEO_THING_H also guards geo/thing.h")

    def test_what_clang_format_would_change_fails(self):
        self.write("geo/thing.c", SOURCE.replace("    return x;", "  return x;"))
        self.assert_only("geo/thing.c:6", "clang-format")

    # --- calls ----------------------------------------------------------------------------------

    def with_call(self, path, call):
        self.write(path, f"/* {path} - calls. */\nvoid call(void)\n{{\n    {call};\n}}\n")

    def test_each_banned_call_fails(self):
        for name in tidy.BANNED:
            with self.subTest(name):
                self.with_call("geo/call.c", f"{name}(x)")
                self.assert_only("geo/call.c:4", f"{name}() is banned")

    def test_sleeping_is_banned_in_tests_alone(self):
        for name in tidy.BANNED_IN_TESTS:
            with self.subTest(name):
                self.with_call("core/log/call.c", f"{name}(x)")
                self.assert_clean()
                self.with_call("tests/log/test_call.c", f"{name}(x)")
                self.assert_only("tests/log/test_call.c:4", f"{name}() is banned")
                self.with_call("tests/log/test_call.c", "snprintf(x, y, z)")

    def test_words_and_members_are_not_calls(self):
        self.with_call("geo/call.c", 'x->system("/* gets() */ \\" strcpy(x)") /* atoi(x) */')
        self.assert_clean()

    # --- who may include what -------------------------------------------------------------------

    def test_geo_stands_alone(self):
        self.assert_refused("geo/arrow.c", "base/err.h")

    def test_the_base_knows_nothing_above_it(self):
        self.assert_refused("core/base/arrow.c", "log/log.h")

    def test_the_log_does_not_know_geometry(self):
        self.assert_refused("core/log/arrow.c", "geo/point.h")

    def test_angle_brackets_hide_nothing(self):
        self.assert_refused("core/log/arrow.c", "engine/worker.h", quoted=False)

    def test_wire_does_not_know_the_log(self):
        self.assert_refused("edge/wire/arrow.c", "log/log.h")

    def test_ingest_does_not_know_the_engine(self):
        self.assert_refused("edge/ingest/arrow.c", "engine/worker.h")

    def test_the_witness_does_not_see_geo(self):
        self.assert_refused("firmware-sim/oracle_area.c", "geo/area.h")

    def test_no_module_includes_the_tests(self):
        self.assert_refused("core/base/arrow.c", "fault/fault.h")

    def test_arrows_hold_in_headers_too(self):
        text = HEADER.replace("<stdint.h>", '"base/err.h"').replace("int32_t", "int")
        self.write("geo/thing.h", text)
        self.assert_only("geo/thing.h:5", "base/err.h")

    def test_what_the_table_allows_passes(self):
        self.assert_allowed("core/engine/arrow.c", "geo/area.h")
        self.assert_allowed("core/engine/arrow.c", "sqlite3.h", quoted=False)
        self.assert_allowed("edge/notify/arrow.c", "log/log.h")
        self.assert_allowed("api/arrow.c", "libwebsockets.h", quoted=False)
        self.assert_allowed("firmware-sim/arrow.c", "geos_c.h", quoted=False)
        self.assert_allowed("tests/log/test_arrow.c", "log/log.h")

    def test_third_party_headers_stay_where_they_belong(self):
        for path, header in [
            ("geo/arrow.c", "sqlite3.h"),
            ("core/log/arrow.c", "sqlite3.h"),
            ("core/engine/arrow.c", "MQTTAsync.h"),
            ("core/engine/arrow.c", "geos_c.h"),
            ("edge/ingest/arrow.c", "libwebsockets.h"),
            ("geo/arrow.c", "cjson/cJSON.h"),
            ("api/arrow.c", "cmocka.h"),
        ]:
            with self.subTest(f"{path} {header}"):
                self.assert_refused(path, header, quoted=False)
                (self.root / path).unlink()

    def test_cmocka_comes_through_one_header(self):
        self.assert_refused("tests/geo/test_arrow.c", "cmocka.h", quoted=False)

    def test_an_unknown_library_is_asked_about(self):
        self.assert_refused("core/log/arrow.c", "lmdb.h", quoted=False)

    def test_a_bare_name_must_stand_in_the_same_folder(self):
        self.assert_allowed("geo/arrow.c", "thing.h")
        self.assert_refused("core/base/arrow.c", "thing.h")

    def test_no_path_climbs(self):
        self.assert_refused("core/log/arrow.c", "../base/private.h")

    # --- the house ------------------------------------------------------------------------------

    def test_a_stranger_at_the_top_level_fails(self):
        self.write("scripts/tool.txt", "text\n")
        self.assert_only("scripts:1", "top level")

    def test_a_missing_piece_of_the_top_level_fails(self):
        (self.root / "LICENSE").unlink()
        self.assert_only("LICENSE:1", "is missing")

    def test_a_glob_in_the_build_fails(self):
        for glob in ("file(GLOB sources *.c)", "FILE (GLOB_RECURSE s *.c)"):
            with self.subTest(glob):
                self.write("geo/CMakeLists.txt", f"# No file(GLOB) here.\n{glob}\n")
                self.assert_only("geo/CMakeLists.txt:2", "never globbed")

    def test_a_fuzzer_without_a_corpus_fails(self):
        self.write("tests/fuzz/CMakeLists.txt", "\nhr_fuzzer(fuzz_thing SOURCES x.c)\n")
        self.assert_only("tests/fuzz/CMakeLists.txt:2", "tests/fuzz/corpus/fuzz_thing/")
        self.write("tests/fuzz/corpus/fuzz_thing/one", "1")
        self.assert_clean()

    # --- where it looks -------------------------------------------------------------------------

    def test_what_git_ignores_is_not_looked_at(self):
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)
        self.write(".gitignore", "/build/\n")
        self.write("build/any.c", "int x;\n")
        self.assert_clean()
        self.write("geo/new.c", "int x;\n")
        self.assert_only("geo/new.c:1", "first comment")

    def test_the_program_prints_what_it_found_and_fails(self):
        command = [sys.executable, str(HERE / "tidy.py"), str(self.root)]
        self.assertEqual(subprocess.run(command).returncode, 0)
        self.write("README.md", "one \n")
        answer = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(answer.returncode, 1)
        self.assertEqual(answer.stdout, "README.md:1: whitespace at the end of the line\n")


if __name__ == "__main__":
    unittest.main()
