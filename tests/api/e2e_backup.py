"""tests/api/e2e_backup.py - a backup restored into another folder gives the same answers."""
import contextlib
import fcntl
import os
import re
import resource
import shutil
import sqlite3
import stat
import subprocess
import tarfile
import tempfile
import threading

import harness
from e2e_accounts import log_in, PASSWORD
from e2e_farm import Farm, PADDOCK
from harness import expect, test

ANSWERS = ("/v1/fences", "/v1/fences/north/versions", "/v1/events?limit=1000", "/v1/devices",
           "/v1/fences/north/devices", "/v1/devices/cow-1/track?from=0", "/v1/alerts",
           "/v1/log/positions/0?offset=0&limit=1000")


def hedgerow(*words, **more):
    program = os.path.join(os.path.dirname(harness.PROGRAM), "hedgerow")
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=60, **more)


def answers(farm):
    found = {}
    for path in ANSWERS:
        status, _, body = farm.ask("GET", path, headers=farm.viewer)
        expect(status, 200, (path, body))
        if isinstance(body, dict):
            body.pop("as_of", None)
            if path.startswith("/v1/log/positions"):  # ticks go on meanwhile
                body = [record for record in body["records"] if record["type"] != "tick"]
        found[path] = body
    return found


def graze(farm):
    """A fence, a cow that enters and leaves, one that stays in, an alarm that somebody has seen."""
    expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
    farm.publish(("cow-1", 0, 16.005, 59.005), ("cow-2", 1, 16.006, 59.006))
    farm.publish(("cow-1", 30, 16.02, 59.005), ("cow-1", 60, 16.02, 59.006))
    events = farm.wait_for("/v1/events?kind=exit", lambda body: body["events"])["events"]
    path = "/v1/alerts/%d/ack" % events[0]["offset"]
    expect(farm.ask("POST", path, {}, farm.editor)[0] in (200, 201, 204), True)
    # The catalogue hears of new devices a little after the log.
    farm.wait_for("/v1/devices", lambda body: len(body["devices"]) == 2 and
                  all("first_seen" in device for device in body["devices"]))


def adopt(farm, other):
    """The restored service knows the same people, tokens and gateways."""
    other.viewer, other.editor, other.password = farm.viewer, farm.editor, farm.password


def same_after_restore(farm, file, folder):
    data = os.path.join(folder, "restored")
    wanted = answers(farm)
    done = hedgerow("restore", file, "--data", data)
    expect((done.returncode, done.stderr), (0, ""))
    with open(os.path.join(data, "FORMAT")) as one, open(os.path.join(farm.data, "FORMAT")) as two:
        expect(one.read() != two.read(), True, "a new identity")
    open(os.path.join(data, "owner"), "w").close()
    with Farm(data=data) as other:
        adopt(farm, other)
        devices = wanted["/v1/devices"]["devices"]
        other.wait_for("/v1/devices", lambda body: body["devices"] == devices)
        other.wait_for("/v1/alerts", lambda body: body == wanted["/v1/alerts"])
        got = answers(other)
        for path in ANSWERS:
            expect(got[path], wanted[path], path)
        expect("history.put_aside" in other.read_log(), False, other.read_log())
        log_in(other, "owner", PASSWORD)
        # It goes on: the tracker knows that the cow is out, so this is an enter, and the only one.
        other.publish(("cow-1", 90, 16.005, 59.005))
        count = len(wanted["/v1/events?limit=1000"]["events"])
        events = other.wait_for("/v1/events?limit=1000",
                                lambda body: len(body["events"]) > count)["events"]
        expect([e["id"] for e in events[:count]],
               [e["id"] for e in wanted["/v1/events?limit=1000"]["events"]])
        expect([(e["kind"], e["device"]) for e in events[count:]], [("enter", "cow-1")])
        expect(len({e["id"] for e in events if "id" in e}), len([e for e in events if "id" in e]))


@test
def what_a_backup_leaves_when_it_is_cut_off_is_for_its_owner_only():
    with harness.Service() as service:
        for bytes_max in (100000, 400000):
            file = os.path.join(service.folder, "backup-%d" % bytes_max)
            # The system ends it while it writes the copy of a database.
            done = hedgerow("--data", service.data, "backup", file, umask=0o022,
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                                  (bytes_max, bytes_max)))
            expect(done.returncode != 0, True)
            left = [name for name in os.listdir(service.folder) if name.startswith("backup-")]
            expect(len(left) > 0, True)
            for name in left:
                mode = os.stat(os.path.join(service.folder, name)).st_mode & 0o777
                expect((name, mode), (name, 0o600))
        done = hedgerow("--data", service.data, "backup", file)
        expect((done.returncode, done.stderr), (0, ""), "what was left is in nobody's way")


@test
def a_backup_beside_a_running_service_restores_to_the_same_answers():
    with tempfile.TemporaryDirectory() as folder, Farm() as farm:
        graze(farm)
        file = os.path.join(folder, "farm.tar")
        done = hedgerow("--data", farm.data, "backup", file)
        expect((done.returncode, done.stderr), (0, ""))
        expect(sorted(os.listdir(folder)), ["farm.tar"])
        expect(os.stat(file).st_mode & 0o077, 0, "nobody else may read it")
        with tarfile.open(file) as tar:
            names = tar.getnames()
        for name in ("HEDGEROW-BACKUP", "MANIFEST", "catalog.db", "accounts.db", "history.db"):
            expect(name in names, True, names)
        expect(any(n.startswith("local-") or n == "FORMAT" for n in names), False, names)
        same_after_restore(farm, file, folder)


def check_what_a_disk_cannot_read_is_left_out(farm, file, folder):
    program = os.path.join(os.path.dirname(harness.PROGRAM), "hedgerow")
    with open(file, "rb") as backup:
        whole = backup.read()
    # The page that says what the others are, without which there is no history; one page; that one.
    for name, when, said in (("history", "3+", "Replace the disk"),
                             ("catalog", "20", "Replace the disk"),
                             ("catalog", "2", "Copy the data folder")):
        tracer = ["strace", "-o", os.path.join(folder, "trace"), "-P",
                  os.path.join(farm.data, name + ".db"), "-e", "trace=pread64", "-e",
                  "inject=pread64:error=EIO:when=" + when]
        done = subprocess.run([*tracer, program, "--data", farm.data, "backup", file],
                              capture_output=True, text=True, timeout=60, check=False)
        if "ptrace" in done.stderr:
            return  # where this user may not trace
        expect((done.returncode, said in done.stderr), (1, True), done.stderr)
        with open(file, "rb") as backup:
            expect(backup.read() == whole, True, "it takes no older one's place")
    data = os.path.join(folder, "damaged")
    done = hedgerow("restore", file + ".damaged", "--data", data)
    expect((done.returncode, done.stderr), (0, ""))
    with contextlib.closing(sqlite3.connect(os.path.join(data, "catalog.db"))) as db:
        expect(db.execute("select id from fence").fetchall(), [("north",)])


@test
def a_backup_of_a_stopped_service_does_too():
    with tempfile.TemporaryDirectory() as folder, Farm() as farm:
        graze(farm)
        file = os.path.join(folder, "farm.tar")
        farm.stop()
        # As with a journal of more files than a program may have open at first.
        done = hedgerow("--data", farm.data, "backup", file, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (8, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
        expect((done.returncode, done.stderr), (0, ""))
        check_what_a_disk_cannot_read_is_left_out(farm, file, folder)
        farm.start()
        same_after_restore(farm, file, folder)


@test
def backups_under_load_hold_a_whole_beginning_of_the_log():
    with tempfile.TemporaryDirectory() as folder, Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        stop = threading.Event()

        def publish():
            second = 0
            while not stop.is_set():
                farm.publish(*[("cow-%d" % i, second, 16.005 + 0.01 * (second % 2), 59.005)
                               for i in range(200)])
                second += 1
        load = threading.Thread(target=publish)
        load.start()
        try:
            farm.wait_for("/v1/events", lambda body: len(body["events"]) > 20)
            files = [os.path.join(folder, "%d.tar" % i) for i in range(4)]
            for i, file in enumerate(files):
                done = hedgerow("--data", farm.data, "backup", file)
                expect((done.returncode, done.stderr), (0, ""), i)
                expect(farm.ask("PATCH", "/v1/fences/north",
                                {"properties": {"name": "North %d" % i}}, farm.editor)[0], 200)
        finally:
            stop.set()
            load.join()
        path = "/v1/log/events/0?offset=0&limit=1000"
        for i in (0, 3):
            data = os.path.join(folder, "data-%d" % i)
            expect(hedgerow("restore", files[i], "--data", data).returncode, 0)
            verify = hedgerow("--data", data, "log", "verify")
            expect(verify.returncode, 0, verify.stdout + verify.stderr)
            held = len(hedgerow("--data", data, "log", "dump", "events/0").stdout.splitlines())
            open(os.path.join(data, "owner"), "w").close()
            with Farm(data=data) as other:
                adopt(farm, other)
                name = other.ask("GET", "/v1/fences/north", headers=farm.viewer)[2]["properties"]
                expect(name["name"], "North 2" if i else PADDOCK["properties"]["name"])
                expect("damage" in other.read_log(), False, other.read_log())
                all_records = farm.ask("GET", path, headers=farm.viewer)[2]["records"]
                records = other.ask("GET", path, headers=farm.viewer)[2]["records"]
                ids = [(r["offset"], r.get("event", r).get("id")) for r in records]
                wanted = [(r["offset"], r.get("event", r).get("id")) for r in all_records]
                # Behind what it holds, the partitions' events come as they come.
                shared = min(held, len(wanted))
                expect(shared > 20 and len(ids) >= shared, True, (held, len(ids)))
                expect(ids[:shared], wanted[:shared])


@test
def a_backup_takes_what_else_lies_in_the_folder_but_never_a_backup():
    with tempfile.TemporaryDirectory() as folder, harness.Service() as service:
        os.mkdir(os.path.join(service.data, "lost+found"), 0)
        os.mkdir(os.path.join(service.data, "tiles"))
        for name in ("the vet's list (old).txt", "tiles/Norra hagen+skogen å.mbtiles",
                     "lost+found/#12"):
            with open(os.path.join(service.data, name), "w") as out:
                out.write(name)
        os.symlink(service.data, os.path.join(folder, "beside"))
        for inside in (os.path.join(service.data, "farm.tar"),
                       os.path.join(service.data, "tiles", "farm.tar"),
                       os.path.join(folder, "beside", "farm.tar")):
            done = hedgerow("--data", service.data, "backup", inside)
            expect((done.returncode, "data folder" in done.stderr), (1, True), done.stderr)
            expect(os.path.exists(inside), False)
        file = os.path.join(folder, "farm.tar")
        with open(file + ".part", "w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)  # as another one has it that is being written
            done = hedgerow("--data", service.data, "backup", file)
            expect((done.returncode, "another backup" in done.stderr), (1, True), done.stderr)
            expect(os.path.getsize(file + ".part"), 0)
        pipe = os.path.join(folder, "pipe")
        os.mkfifo(pipe)
        done = hedgerow("--data", service.data, "backup", pipe)
        expect((done.returncode, stat.S_ISFIFO(os.stat(pipe).st_mode)), (1, True), done.stderr)
        done = hedgerow("--data", service.data, "backup", file)
        expect((done.returncode, done.stderr), (0, ""))
        restored = os.path.join(folder, "restored")
        done = hedgerow("restore", file, "--data", restored)
        expect((done.returncode, done.stderr), (0, ""))
        for name in ("the vet's list (old).txt", "tiles/Norra hagen+skogen å.mbtiles"):
            with open(os.path.join(restored, name)) as text:
                expect(text.read(), name)
        expect(os.path.exists(os.path.join(restored, "lost+found")), False, "the disk's, not ours")
        with open(os.path.join(service.data, "x" * 120), "w") as out:
            out.write("long")
        done = hedgerow("--data", service.data, "backup", file)
        expect((done.returncode, "xxxx is too long" in done.stderr), (1, True), done.stderr)


def traced(folder, *words):
    """What the command renamed and synced, in order, as (call, path)."""
    trace = os.path.join(folder, "trace")
    program = os.path.join(os.path.dirname(harness.PROGRAM), "hedgerow")
    tracer = ["strace", "-y", "-o", trace, "-e", "trace=rename,fsync"]
    done = subprocess.run([*tracer, program, *words], capture_output=True, text=True, timeout=60,
                          check=False)
    if done.returncode != 0 and "ptrace" in done.stderr:
        return None  # where this user may not trace
    expect(done.returncode, 0, done.stderr)
    with open(trace) as lines:
        return re.findall(r'^(rename|fsync)\(.*?[<"]([^<>"]*)[>"]\)', lines.read(), re.M)


@test
def a_backup_and_what_is_restored_are_there_for_good_and_where_a_link_leads():
    with tempfile.TemporaryDirectory() as folder, harness.Service() as service:
        folder = os.path.realpath(folder)
        file, real, link = (os.path.join(folder, name) for name in ("a.tar", "real", "link"))
        os.mkdir(real)
        os.symlink(real, link)  # as a service manager has it for its services
        for words in (("--data", service.data, "backup", file), ("restore", file, "--data", link)):
            calls = traced(folder, *words)
            if calls is None:
                return
            made = file if "backup" in words else real
            expect(calls[-2:], [("rename", made), ("fsync", folder)], calls)
        expect("catalog.db" in os.listdir(real), True)


@test
def a_folder_that_cannot_be_read_to_its_end_makes_no_backup():
    program = os.path.join(os.path.dirname(harness.PROGRAM), "hedgerow")
    with tempfile.TemporaryDirectory() as folder, harness.Service() as service:
        service.stop()
        file, trace = (os.path.join(folder, name) for name in ("a.tar", "trace"))
        whole = hedgerow("--data", service.data, "backup", file).stdout
        for nth in range(1, 100):
            tracer = ["strace", "-o", trace, "-e", "trace=getdents64", "-e",
                      "inject=getdents64:error=EIO:when=%d" % nth]
            done = subprocess.run([*tracer, program, "--data", service.data, "backup", file],
                                  capture_output=True, text=True, timeout=60, check=False)
            if "ptrace" in done.stderr:
                return  # where this user may not trace
            if done.returncode == 0:
                break
            expect("Input/output error" in done.stderr, True, (nth, done.stderr))
        expect((nth > 6, done.stdout), (True, whole))


@test
def who_logged_out_since_the_backup_is_not_logged_in_by_restoring_it():
    with tempfile.TemporaryDirectory() as folder, Farm() as farm:
        file = os.path.join(folder, "farm.tar")
        expect(hedgerow("--data", farm.data, "backup", file).returncode, 0)
        expect(farm.ask("GET", "/v1/me", headers=farm.owner)[0], 200)
        data = os.path.join(folder, "restored")
        done = hedgerow("restore", file, "--data", data)
        expect((done.returncode, "take away again" in done.stdout), (0, True), done.stdout)
        open(os.path.join(data, "owner"), "w").close()
        with Farm(data=data) as other:
            expect(other.ask("GET", "/v1/me", headers=farm.owner)[0], 401)
            expect(other.ask("GET", "/v1/me", headers=farm.viewer)[0], 200, "tokens stay")
            log_in(other, "owner", PASSWORD)


@test
def a_damaged_or_foreign_backup_restores_nothing():
    with tempfile.TemporaryDirectory() as folder, Farm() as farm:
        file = os.path.join(folder, "farm.tar")
        expect(hedgerow("--data", farm.data, "backup", file).returncode, 0)
        with open(file, "rb") as source:
            whole = source.read()
        bad = os.path.join(folder, "bad.tar")
        target = os.path.join(folder, "new")
        at = whole.index(b"SQLite format 3") + 5000
        for text, said in ((whole[:len(whole) // 2], "cut off or damaged"),
                           (whole[:at] + b"\x55\xaa" + whole[at + 2:], "cut off or damaged"),
                           (whole[:-2048], "cut off or damaged"),
                           (b"", "not a backup"), (b"x" * 4096, "not a backup")):
            with open(bad, "wb") as out:
                out.write(text)
            done = hedgerow("restore", bad, "--data", target)
            expect(done.returncode, 1)
            expect(said in done.stderr, True, done.stderr)
            expect(sorted(os.listdir(folder)), ["bad.tar", "farm.tar"])
        evil = os.path.join(folder, "evil.tar")
        shutil.copy(file, evil)
        with open(evil, "r+b") as out:
            out.seek(1024)  # the second member's header
            header = bytearray(out.read(512))
            header[:100] = b"../evil".ljust(100, b"\0")
            header[148:156] = b" " * 8
            header[148:156] = b"%06o\0 " % sum(header)
            out.seek(1024)
            out.write(header)
        expect(hedgerow("restore", evil, "--data", target).returncode, 1)
        expect(os.path.exists(os.path.join(folder, "evil")), False)
        done = hedgerow("restore", file, "--data", farm.data)
        expect((done.returncode, "not empty" in done.stderr), (1, True), done.stderr)
        os.mkdir(target)
        expect(hedgerow("restore", file, "--data", target).returncode, 0)
        expect(hedgerow("restore", file, "--data", target).returncode, 1)
        expect(hedgerow("restore", file).returncode, 2)
        expect(hedgerow("--data", "/nowhere", "backup", bad).returncode, 1)
        done = hedgerow("--data", farm.data, "backup", "/nowhere/farm.tar")
        expect((done.returncode, "/nowhere/farm.tar.part" in done.stderr), (1, True), done.stderr)
