"""tests/tidy/arrows.py - who may include what: the table of README.md's house, as data."""

# The include prefix of each module's folder.
PREFIXES = {
    "geo": "geo",
    "geo/catalog": "catalog",
    "core/base": "base",
    "core/log": "log",
    "core/stream": "stream",
    "core/engine": "engine",
    "edge/wire": "wire",
    "edge/wire/mqtt": "mqtt",
    "edge/ingest": "ingest",
    "edge/notify": "notify",
    "edge/gateway": "gateway",
    "api": "api",
    "firmware-sim": "firmware-sim",
}

EVERYTHING = frozenset(PREFIXES.values())

# What a folder may include beside its own headers.
MAY_USE = {
    "geo": set(),
    "geo/catalog": {"geo", "base"},
    "core/base": set(),
    "core/log": {"base"},
    "core/stream": {"base"},
    "core/engine": {"base", "log", "stream", "geo", "catalog"},
    "edge/wire": {"base"},
    "edge/wire/mqtt": {"base"},
    "edge/ingest": {"base", "wire", "mqtt", "log"},
    "edge/notify": {"base", "wire", "mqtt", "log"},
    "edge/gateway": {"base", "wire", "mqtt", "log"},
    "api": EVERYTHING - {"firmware-sim"},
    # The oracle is an independent witness, so nothing here sees geo/.
    "firmware-sim": {"base", "wire", "mqtt"},
    "tests": EVERYTHING | {"fault"},
}

# Third-party headers, by the start of their name, and the folders that may include them.
# Tests may include all of them, but cmocka comes through tests/test.h alone.
THIRD_PARTY = {
    "sqlite3": {"geo/catalog", "core/stream", "core/engine", "api"},
    "MQTT": {"edge/wire/mqtt"},
    "geos_c.h": {"firmware-sim"},
    "libwebsockets": {"api"},
    "cjson/": {
        "geo/catalog",
        "core/stream",
        "core/engine",
        "edge/wire",
        "edge/ingest",
        "edge/notify",
        "edge/gateway",
        "api",
        "firmware-sim",
    },
    "xxhash.h": {"core/base"},
    "xxh3.h": {"core/base"},
    "sodium": {"edge/ingest", "edge/notify", "api"},
    "openssl/": {"edge/ingest", "edge/notify", "edge/gateway", "api"},
    "curl/": {"edge/notify", "api", "firmware-sim"},
    "gps.h": {"edge/gateway"},
    "qrencode.h": {"api"},
    "zlib.h": {"api"},
    "cmocka.h": set(),
    "fiu": set(),
}

# What libc, the kernel and the compiler give; free for all.
SYSTEM_FOLDERS = ("sys/", "linux/", "netinet/", "arpa/", "net/", "asm/", "sanitizer/")
SYSTEM = frozenset(
    name + ".h"
    for name in """
    arm_acle arm_neon assert complex cpuid ctype dirent dlfcn elf endian errno execinfo fcntl
    features fenv float fnmatch ftw getopt glob grp ifaddrs immintrin inttypes libgen limits link
    locale malloc math netdb nmmintrin poll pthread pty pwd regex sched semaphore setjmp signal
    spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings
    syslog termios threads time ucontext unistd wchar wctype x86intrin
    """.split()
)


def folder_of(path):
    """The module folder that a file belongs to, or None: geo/catalog/x.c is geo/catalog."""
    parts = path.split("/")
    for depth in (3, 2, 1):
        folder = "/".join(parts[:depth])
        if len(parts) > depth and folder in MAY_USE:
            return folder
    return None


def third_party_of(header):
    """The key of THIRD_PARTY that a header falls under, or None."""
    return next((start for start in THIRD_PARTY if header.startswith(start)), None)


def is_system(header):
    return header in SYSTEM or header.startswith(SYSTEM_FOLDERS)


def refuse(path, header, quoted, siblings):
    """Why a file may not include a header; None when it may.

    siblings is the set of all files of the tree: a bare name must stand in the same folder.
    """
    folder = folder_of(path)
    if folder is None:
        return None
    if ".." in header.split("/"):
        return f'"{header}" climbs out of its folder'
    first, slash, _ = header.partition("/")
    if slash and first in EVERYTHING | {"fault"}:
        if first == PREFIXES.get(folder) or first in MAY_USE[folder]:
            return None
        return f'{folder}/ may not use "{header}"'
    if third_party_of(header) is not None:
        return refuse_third_party(path, folder, header)
    if quoted:
        here = path.rpartition("/")[0]
        if f"{here}/{header}" in siblings or (folder == "tests" and f"tests/{header}" in siblings):
            return None
        return f'"{header}" is neither in this folder nor a module\'s public header'
    if is_system(header):
        return None
    return f"<{header}> is not known: add it to the table in tests/tidy/arrows.py"


def refuse_third_party(path, folder, header):
    start = third_party_of(header)
    if start == "cmocka.h":
        return None if path == "tests/test.h" else 'include "test.h" and not <cmocka.h>'
    if folder == "tests" or folder in THIRD_PARTY[start]:
        return None
    allowed = ", ".join(sorted(THIRD_PARTY[start])) or "tests"
    return f"{folder}/ may not use <{header}> (only {allowed})"
