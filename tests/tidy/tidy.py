#!/usr/bin/env python3
"""tests/tidy/tidy.py - style as a test: prints `file:line: message` for every broken rule.

usage: tidy.py [ROOT]      exit status 0: clean, 1: something is broken, 2: it could not look

It looks at what git tracks and what git would offer to track. Each rule is one function that
yields (file, line, message); RULES at the end lists them. Who may include what is in arrows.py.
"""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import arrows  # noqa: E402  (found through the line above, wherever this is started from)

LINES_MAX = {".c": 800, ".h": 150, ".ts": 800}
COLUMNS_MAX = 100
COLUMNS_SUFFIXES = {".c", ".h", ".ts", ".py", ".sh"}
FUNCTION_LINES_MAX = 70
README_LINES_MAX = 15
TEXT_SUFFIXES = COLUMNS_SUFFIXES | {".md", ".txt", ".json", ".css", ".html", ".js", ".cmake"}
SCRIPTS = {"run", "check", "bench", ".ci/run"}

TOP_LEVEL = {
    "edge", "core", "geo", "api", "dashboard", "firmware-sim", "tests", "CMakeLists.txt",
    "CMakePresets.json", "README.md", "CHANGELOG.md", "LICENSE", "run", "check", "bench",
}  # fmt: skip
FOLDERS_WITH_README = sorted({"core", "edge", "dashboard", "tests", *arrows.PREFIXES})

BANNED = "sprintf vsprintf strcpy strcat atoi atol gets system".split()
BANNED_IN_TESTS = "sleep usleep nanosleep clock_nanosleep thrd_sleep".split()

NOT_CODE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.DOTALL | re.VERBOSE
)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
GUARD = re.compile(r"#ifndef (\w+_H)\n#define \1\n")
GLOB = re.compile(r"^[^#\n]*\b(?:file\s*\(\s*GLOB|aux_source_directory\s*\()", re.I | re.M)
FUZZER = re.compile(r"^[^#\n]*\bhr_fuzzer\s*\(\s*([\w-]+)", re.MULTILINE)
FORMAT_COMPLAINT = re.compile(r"^(.+?):(\d+):(\d+): error:", re.MULTILINE)


class Tree:
    """The files of a source tree, each read once."""

    def __init__(self, root):
        self.root = Path(root)
        self.paths = list_files(self.root)
        self.path_set = set(self.paths)
        self._texts = {}

    def text(self, path):
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text("utf-8", errors="replace")
        return self._texts[path]

    def code(self, path):
        """The text of a C file with comments and literals blanked; lines stay where they are."""
        key = ("code", path)
        if key not in self._texts:
            self._texts[key] = NOT_CODE.sub(blank, self.text(path))
        return self._texts[key]

    def with_suffix(self, *suffixes):
        return [path for path in self.paths if path.endswith(suffixes)]

    def cmake_lists(self):
        return [p for p in self.paths if p.endswith(("CMakeLists.txt", ".cmake"))]


def list_files(root):
    """Paths below root, relative and sorted: git's view, or a walk where there is no git."""
    # The folder may belong to another user than the one who checks it, which git dislikes.
    git = ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z"]
    command = [*git, "--cached", "--others", "--exclude-standard"]
    if (root / ".git").exists():
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        paths = set(answer.stdout.split("\0"))
    else:
        skipped = {"build", "data", "bench-report", "node_modules", "__pycache__"}
        paths = {
            os.path.relpath(os.path.join(folder, name), root)
            for folder, _, names in os.walk(root)
            for name in names
            if not skipped & set(Path(os.path.relpath(folder, root)).parts)
        }
    # A file deleted but not yet committed is listed, and is not there.
    return sorted(path for path in paths if path and (root / path).is_file())


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def line_at(text, position):
    return text.count("\n", 0, position) + 1


def suffix_of(path):
    return ".sh" if path in SCRIPTS else Path(path).suffix


def file_lengths(tree):
    for path in tree.with_suffix(*LINES_MAX):
        lines_max = LINES_MAX[suffix_of(path)]
        line_count = tree.text(path).count("\n")
        if line_count > lines_max:
            yield path, lines_max + 1, f"{line_count} lines, at most {lines_max}: split it"


def function_lengths(tree):
    """A function body is what stands between a brace alone in the first column and its twin."""
    for path in tree.with_suffix(".c", ".h"):
        first = opened = 0
        for number, line in enumerate(tree.code(path).splitlines(), 1):
            if line.rstrip() == "{":
                opened = number
            elif opened and line.startswith("}"):
                length = number - first + 1
                if length > FUNCTION_LINES_MAX:
                    yield path, first, f"a function of {length} lines, at most {FUNCTION_LINES_MAX}"
                first = opened = 0
            elif not opened:
                # The signature starts at the last line that begins in the first column.
                first = number if re.match(r"[A-Za-z_]", line) else first


def line_lengths(tree):
    for path in tree.paths:
        if suffix_of(path) in COLUMNS_SUFFIXES:
            for number, line in enumerate(tree.text(path).split("\n"), 1):
                if len(line) > COLUMNS_MAX:
                    yield path, number, f"{len(line)} columns, at most {COLUMNS_MAX}"


def trailing_whitespace(tree):
    for path in tree.paths:
        if suffix_of(path) in TEXT_SUFFIXES and not path.startswith("tests/fuzz/corpus/"):
            for number, line in enumerate(tree.text(path).split("\n"), 1):
                if line != line.rstrip():
                    yield path, number, "whitespace at the end of the line"


def banned_calls(tree):
    for path in tree.with_suffix(".c", ".h"):
        # A measurement may offer its load at a pace; a test waits for what it wants to see.
        is_test = path.startswith("tests/") and not path.startswith("tests/bench/")
        banned = BANNED + (BANNED_IN_TESTS if is_test else [])
        call = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(banned))
        code = tree.code(path)
        for match in call.finditer(code):
            yield path, line_at(code, match.start()), f"{match.group(1)}() is banned"


def first_comments(tree):
    """Each file begins by saying what it is; a script after its #! line."""
    for path in tree.paths:
        suffix = suffix_of(path)
        if suffix not in COLUMNS_SUFFIXES:
            continue
        text = tree.text(path)
        if text.startswith("#!"):
            text = text.partition("\n")[2]
        starts = ("#", '"""') if suffix in {".py", ".sh"} else ("/*", "//")
        first_line = text.partition("\n")[0]
        if text and not (first_line.startswith(starts) and len(first_line.split()) >= 3):
            yield path, 1, "the first comment must say what this file is"


def header_guards(tree):
    owners = {}
    for path in tree.with_suffix(".h"):
        code = tree.code(path)
        directives = re.findall(r"^#.*\n", code, re.MULTILINE)
        match = GUARD.fullmatch("".join(directives[:2]))
        if not match or directives[-1].split() != ["#endif"]:
            yield path, 1, "no header guard (#ifndef X_H, #define X_H ... #endif)"
        elif owners.setdefault(match.group(1), path) != path:
            line = line_at(code, code.index("#ifndef"))
            yield path, line, f"{match.group(1)} also guards {owners[match.group(1)]}"


def include_arrows(tree):
    for path in tree.with_suffix(".c", ".h"):
        text = tree.text(path)
        for match in INCLUDE.finditer(text):
            why = arrows.refuse(path, match.group(2), match.group(1) == '"', tree.path_set)
            if why:
                yield path, line_at(text, match.start(1)), why


def cmake_globs(tree):
    for path in tree.cmake_lists():
        text = tree.text(path)
        for match in GLOB.finditer(text):
            yield path, line_at(text, match.end()), "sources are listed, never globbed"


def top_level(tree):
    found = {path.partition("/")[0] for path in tree.paths}
    for name in sorted(found - TOP_LEVEL):
        if not name.startswith("."):
            yield name, 1, "does not belong at the top level"
    for name in sorted(TOP_LEVEL - found):
        yield name, 1, "is missing at the top level"


def folder_readmes(tree):
    for folder in FOLDERS_WITH_README:
        path = f"{folder}/README.md"
        if path not in tree.path_set:
            yield path, 1, "is missing: what the folder is, what it may use, where to start"
        elif tree.text(path).count("\n") > README_LINES_MAX:
            yield path, README_LINES_MAX + 1, f"more than {README_LINES_MAX} lines"


def fuzzers_have_a_corpus(tree):
    for path in tree.cmake_lists():
        text = tree.text(path)
        for match in FUZZER.finditer(text):
            corpus = f"tests/fuzz/corpus/{match.group(1)}/"
            if not any(other.startswith(corpus) for other in tree.paths):
                yield path, line_at(text, match.start(1)), f"the fuzzer has no files in {corpus}"


def clang_format(tree):
    """One batch per processor; only the first complaint of each line is passed on."""
    paths = [path for path in tree.with_suffix(".c", ".h") if arrows.folder_of(path)]
    if not paths:
        return
    batch_count = min(len(paths), os.cpu_count() or 1)
    batches = [paths[i::batch_count] for i in range(batch_count)]
    with ThreadPoolExecutor(batch_count) as pool:
        complaints = set().union(*pool.map(lambda batch: format_batch(tree.root, batch), batches))
    for path, line, column in sorted(complaints):
        # Wrong indentation is complained about at the end of the line before.
        if column > len(tree.text(path).split("\n")[line - 1]):
            line += 1
        yield path, line, "clang-format -i would change this"


def format_batch(root, paths):
    command = ["clang-format", "--dry-run", "-Werror", "--style=file", *paths]
    answer = subprocess.run(command, cwd=root, capture_output=True, text=True, errors="replace")
    complaints = {
        (match.group(1), int(match.group(2)), int(match.group(3)))
        for match in FORMAT_COMPLAINT.finditer(answer.stderr)
    }
    if answer.returncode != 0 and not complaints:
        raise OSError(f"clang-format failed: {answer.stderr.strip()}")
    return complaints


RULES = [
    top_level,
    folder_readmes,
    file_lengths,
    function_lengths,
    line_lengths,
    trailing_whitespace,
    first_comments,
    header_guards,
    banned_calls,
    include_arrows,
    cmake_globs,
    fuzzers_have_a_corpus,
    clang_format,
]


def check(root):
    """Every broken rule below root as `file:line: message`, in the order of the files."""
    tree = Tree(root)
    found = {finding for rule in RULES for finding in rule(tree)}
    return [f"{path}:{line}: {message}" for path, line, message in sorted(found)]


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    try:
        findings = check(root)
    except (OSError, subprocess.SubprocessError) as problem:
        print(f"tidy: {problem}", file=sys.stderr)
        return 2
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
