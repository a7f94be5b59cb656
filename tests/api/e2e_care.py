"""tests/api/e2e_care.py - doctor, status, broker status and install, as a keeper has them."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile

import harness
from e2e_backup import hedgerow
from e2e_farm import Farm, PADDOCK
from harness import Service, expect, test


def findings(*words):
    """The doctor's findings by their check, and whether all is well."""
    done = hedgerow(*words, "doctor", "--json")
    body = json.loads(done.stdout)
    expect(done.returncode, 0 if body["ok"] else 1)
    for finding in body["findings"]:
        expect(finding["level"] == "ok" or len(finding["do"]) > 10, True, finding)
    return {f["check"]: f for f in body["findings"]}, body["ok"]


def levels(*words):
    return {check: f["level"] for check, f in findings(*words)[0].items() if check != "clock"}


@test
def the_doctor_finds_a_healthy_service_well():
    with Farm() as farm:
        farm.wait_for("/v1/health", lambda body: body["reasons"] == [])
        found, is_well = findings("--data", farm.data)
        expect(is_well, True, found)
        expect(levels("--data", farm.data), dict.fromkeys(
            ("folder", "format", "journal", "disk", "service", "broker"), "ok"))
        words = hedgerow("--data", farm.data, "doctor")
        expect((words.returncode, words.stderr), (0, ""))
        expect("the service answers at http://127.0.0.1:%d" % farm.port in words.stdout, True)
        expect(hedgerow("--data", farm.data, "doctor", "--what").returncode, 2)


@test
def the_doctor_says_what_is_wrong_and_what_to_do():
    with Service() as service:
        expect(levels("--data", service.data)["setup"], "warning")
        os.chmod(service.data, 0o755)
        expect(levels("--data", service.data)["permissions"], "warning")
        os.chmod(service.data, 0o700)
        service.process.send_signal(signal.SIGSTOP)
        try:
            found = findings("--data", service.data)[0]["service"]
        finally:
            service.process.send_signal(signal.SIGCONT)
        expect((found["level"], "does not answer" in found["what"]), ("problem", True), found)
        service.stop()
        found, is_well = findings("--data", service.data)
        expect((is_well, found["service"]["level"]), (False, "problem"))
        check_backups_are_asked_for(service)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", service.mqtt_port))
            other.listen()
            expect(levels("--data", service.data)["ports"], "problem")
        full = subprocess.run(
            ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=1m none \"$1\" && exec \"$2\" "
             "--data \"$1\" doctor --json", "sh", service.data,
             os.path.join(os.path.dirname(harness.PROGRAM), "hedgerow")],
            capture_output=True, text=True, timeout=30, check=False)
        if full.stdout:  # where this user may mount
            disk = [f for f in json.loads(full.stdout)["findings"] if f["check"] == "disk"][0]
            expect((disk["level"], "Make room" in disk["do"]), ("problem", True), disk)
        without = subprocess.run(
            ["unshare", "-m", "sh", "-c", "mount --bind /dev/null \"$2\" && exec \"$1\" --data "
             "\"$3\" doctor --json", "sh",
             os.path.join(os.path.dirname(harness.PROGRAM), "hedgerow"), mosquitto(),
             service.data], capture_output=True, text=True, timeout=30, check=False)
        if without.stdout:
            broker = [f for f in json.loads(without.stdout)["findings"]
                      if f["check"] == "broker"][0]
            expect((broker["level"], "apt install mosquitto" in broker["do"]), ("problem", True))
        path = os.path.join(service.data, "FORMAT")
        with open(path, "w") as file:
            file.write("hedgerow 7\nid 0123456789abcdef\n")
        found = findings("--data", service.data)[0]["format"]
        expect((found["level"], "newer" in found["what"]), ("problem", True))
        with open(path, "w") as file:
            file.write("what?\n")
        expect(levels("--data", service.data)["format"], "problem")
        found = findings("--data", service.data + "-nowhere")[0]
        expect((list(found), found["folder"]["level"]), (["folder"], "problem"))


def check_backups_are_asked_for(service):
    folder = os.path.join(service.folder, "backups")
    note = os.path.join(service.data, "last-backup")
    expect("backup" in levels("--data", service.data), False, "a new folder is let alone")
    os.utime(os.path.join(service.data, "FORMAT"), (0, 0))
    expect(levels("--data", service.data)["backup"], "warning")
    expect(hedgerow("--data", service.data, "backup", folder + "/").returncode, 1)
    expect(os.path.exists(note) or os.path.exists(folder), False)
    os.mkdir(folder)
    if os.geteuid() == 0:
        os.chown(service.data, 65534, -1)
    for _ in range(8):
        expect(hedgerow("--data", service.data, "backup", folder).returncode, 0)
    made = {os.stat(os.path.join(folder, name)).st_mtime_ns: name for name in os.listdir(folder)}
    expect([made[when] for when in sorted(made)],
           ["hedgerow-%d.tar" % n for n in (2, 3, 4, 5, 6, 7, 1)], "the oldest is replaced")
    with tarfile.open(os.path.join(folder, "hedgerow-1.tar")) as tar:
        expect("last-backup" in tar.getnames(), False)
    expect(os.stat(note).st_uid, os.stat(service.data).st_uid)
    expect(levels("--data", service.data)["backup"], "ok")
    os.utime(note, (0, 0))
    expect(levels("--data", service.data)["backup"], "warning")


def mosquitto():
    return shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")


def refusal(data):
    """What a service says that does not start."""
    done = subprocess.run([harness.PROGRAM, "--data", data, "--http", "127.0.0.1:0", "--mqtt",
                           "127.0.0.1:%d" % harness.free_port()], capture_output=True, text=True,
                          timeout=30, check=False)
    expect(done.returncode, 1, done.stderr)
    return done.stderr


@test
def what_is_damaged_is_named_with_what_to_do():
    with Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        farm.stop()
        expect(levels("--data", farm.data)["databases"], "ok")
        strange = os.path.join(farm.folder, "a%41 b?#")
        without_pipe = shutil.ignore_patterns("says")
        shutil.copytree(farm.data, strange, ignore=without_pipe)
        expect(levels("--data", strange)["databases"], "ok")
        for name, harm in (("catalog.db", b"garbage" * 9), ("accounts.db", b"garbage" * 9),
                           ("catalog.db", None), ("FORMAT", b"x")):
            data = os.path.join(farm.folder, "harmed")
            shutil.copytree(farm.data, data, ignore=without_pipe)
            if harm is None:
                os.unlink(os.path.join(data, name))
            else:
                with open(os.path.join(data, name), "r+b") as file:
                    file.write(harm)
            found = findings("--data", data)[0]["format" if name == "FORMAT" else "databases"]
            expect((found["level"], name in found["what"], "hedgerow restore" in found["do"]),
                   ("problem", True, True), found)
            said = refusal(data)
            expect((name in said, "hedgerow restore" in said), (True, True), said)
            shutil.rmtree(data)


@test
def nobody_else_reads_what_the_service_keeps():
    """Also in a folder that somebody made for it, with the rights that mkdir gives."""
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        os.mkdir(data)
        os.chmod(data, 0o755)
        with Service(data=data) as service:
            service.stop()
            for place, _, names in os.walk(data):
                for name in names:
                    mode = os.stat(os.path.join(place, name)).st_mode
                    expect(mode & 0o077, 0, os.path.join(place, name))


@test
def what_the_broker_reads_is_made_again_from_the_list_of_users():
    with Farm() as farm:
        farm.stop()
        with open(os.path.join(farm.data, "broker", "passwords"), "w") as file:
            file.write("nobody:$7$x\n")
        farm.start()
        farm.publish(("cow-1", 0, 16.005, 59.005))
        farm.wait_for("/v1/devices", lambda body: len(body["devices"]) == 1)


@test
def the_doctor_asks_the_kernel_whether_the_clock_is_right():
    """What adjtimex says is put into its mouth: 5 is TIME_ERROR, 0 is TIME_OK."""
    with tempfile.TemporaryDirectory() as data:
        for said, level in ((5, "warning"), (0, "ok")):
            calls = ["adjtimex", "clock_adjtime"]
            inject = [word for call in calls
                      for word in ("-e", "inject=%s:retval=%d" % (call, said))]
            done = subprocess.run(
                ["strace", "-o", "/dev/null", "-e", "trace=" + ",".join(calls), *inject,
                 os.path.join(os.path.dirname(harness.PROGRAM), "hedgerow"), "--data", data,
                 "doctor", "--json"], capture_output=True, text=True, timeout=30, check=False)
            if not done.stdout and "ptrace" in done.stderr:
                return  # where this user may not trace
            clock = [f for f in json.loads(done.stdout)["findings"] if f["check"] == "clock"][0]
            expect((clock["level"], "time server" in clock["do"]), (level, level != "ok"), clock)


@test
def a_journal_of_another_user_is_not_called_damaged():
    """As after a start with sudo, which makes files for root alone."""
    with Service() as service:
        service.stop()
        path = os.path.join(service.data, "journal", "side-0")
        done = subprocess.run(
            ["strace", "-o", "/dev/null", "-P", path, "-e", "trace=openat", "-e",
             "inject=openat:error=EACCES", os.path.join(os.path.dirname(harness.PROGRAM),
                                                        "hedgerow"),
             "--data", service.data, "doctor", "--json"],
            capture_output=True, text=True, timeout=30, check=False)
        if not done.stdout and "ptrace" in done.stderr:
            return  # where this user may not trace
        found = [f for f in json.loads(done.stdout)["findings"] if f["check"] == "journal"][0]
        expect((found["level"], "chown -R" in found["do"]), ("problem", True), found)


@test
def the_unit_is_hardened_and_systemd_finds_no_fault_with_it():
    with tempfile.TemporaryDirectory() as folder:
        prefix = os.path.join(folder, "prefix")
        os.makedirs(os.path.join(prefix, "bin"))
        os.makedirs(os.path.join(prefix, "share", "hedgerow"))
        os.symlink(harness.PROGRAM, os.path.join(prefix, "bin", "hedgerowd"))
        done = hedgerow("install", "--print", "--prefix", prefix)
        expect(done.returncode, 0, done.stderr)
        wanted = "ExecStart=%s/bin/hedgerowd --data /var/lib/hedgerow --assets %s/share/hedgerow\n"
        for line in (wanted % (prefix, prefix), "Restart=always\n", "WatchdogSec=30\n",
                     "StateDirectory=hedgerow\n", "DynamicUser=yes\n"):
            expect(line in done.stdout, True, done.stdout)
        unit = os.path.join(folder, "hedgerow.service")
        with open(unit, "w") as file:
            file.write(done.stdout)
        if shutil.which("systemd-analyze"):
            found = subprocess.run(["systemd-analyze", "security", "--offline=true",
                                    "--threshold=15", unit], capture_output=True, text=True)
            expect(found.returncode, 0, found.stdout[-2000:] + found.stderr)
            found = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True,
                                   text=True)
            expect((found.returncode, found.stderr), (0, ""))
        done = hedgerow("--data", folder, "install", "--print", "--prefix", prefix)
        expect("ReadWritePaths=%s\n" % folder in done.stdout, True, done.stdout)
        expect("DynamicUser" in done.stdout, False)
        for bad in ("relative", "/", "//", "/home/me/data", "/var/lib/with blank", "/nowhere/data",
                    "/srv/..", "/.", "/var/lib/..", "/var/./lib"):
            expect(hedgerow("--data", bad, "install", "--print", "--prefix", prefix).returncode, 1)
        expect(hedgerow("install", "--print", "--prefix", "/nowhere").returncode, 1)
        expect(hedgerow("install", "--what").returncode, 2)


def check_the_timer(prefix, unit):
    backups = os.path.join(prefix, "backups")
    words = ["install", "--prefix", prefix, "--unit", unit, "--backups", backups]
    expect(hedgerow(*words).returncode, 1, "a disk that is not there")
    os.mkdir(backups)
    done = hedgerow(*words)
    expect((done.returncode, done.stderr), (0, ""))
    expect("enable --now hedgerow hedgerow-backup.timer\n" in done.stdout, True, done.stdout)
    units = [os.path.join(prefix, "hedgerow-backup." + kind) for kind in ("service", "timer")]
    with open(units[0]) as file:
        line = "ExecStart=%s/bin/hedgerow --data /var/lib/hedgerow backup %s/\n"
        expect(line % (prefix, backups) in file.read(), True)
    if shutil.which("systemd-analyze"):
        found = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True,
                               text=True)
        expect((found.returncode, found.stderr), (0, ""))
    for bad in ("/tmp", "relative", "/home/me", "/var/lib/.."):
        expect(hedgerow(*words[:-1], bad).returncode, 1, bad)
    expect(hedgerow("install", "--edge", "--backups", backups).returncode, 2)


@test
def a_unit_is_written_but_never_over_somebodys_own():
    if os.geteuid() != 0:
        return  # every place that others may write to is hidden from services
    with tempfile.TemporaryDirectory(dir="/var/lib") as prefix:
        os.makedirs(os.path.join(prefix, "bin"))
        for name in ("hedgerow", "hedgerowd", "hedgerow-edge"):
            shutil.copy(os.path.join(os.path.dirname(harness.PROGRAM), name),
                        os.path.join(prefix, "bin", name))
        unit = os.path.join(prefix, "hedgerow.service")
        for _ in range(2):
            done = hedgerow("install", "--prefix", prefix, "--unit", unit)
            expect((done.returncode, done.stderr), (0, ""))
            expect("systemctl enable --now hedgerow" in done.stdout, True)
        check_the_timer(prefix, unit)
        done = hedgerow("install", "--edge", "--prefix", prefix, "--unit", unit + "-edge")
        expect((done.returncode, done.stderr), (0, ""))
        for page in ("man1/hedgerow.1", "man8/hedgerowd.8", "man8/hedgerow-edge.8"):
            with open(os.path.join(prefix, "share", "man", page)) as file:
                name = os.path.basename(page).split(".")[0]
                words = ("man",) if name == "hedgerow" else ("man", name)
                expect(file.read(), hedgerow(*words).stdout)
        shutil.rmtree(os.path.join(prefix, "share"))
        with open(os.path.join(prefix, "share"), "w"):
            done = hedgerow("install", "--prefix", prefix, "--unit", unit)
        expect((done.returncode, "page hedgerow is not written" in done.stderr), (0, True))
        with open(unit, "w") as file:
            file.write("[Unit]\n")
        done = hedgerow("install", "--prefix", prefix, "--unit", unit)
        expect((done.returncode, "not made by this command" in done.stderr), (1, True))
        with open(unit) as file:
            expect(file.read(), "[Unit]\n")


@test
def a_service_manager_hears_that_it_is_ready_alive_and_stopping():
    with tempfile.TemporaryDirectory() as folder, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = os.path.join(folder, "notify")
        manager.bind(path)
        manager.settimeout(20)
        environment = {**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"}
        with Service(environment=environment) as service:
            said = [manager.recv(100) for _ in range(3)]
            expect(said, [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"])
            service.stop()
            while said[-1] == b"WATCHDOG=1":
                said.append(manager.recv(100))
            expect(said[-1], b"STOPPING=1")


@test
def status_is_in_words_and_the_raw_answer_with_json():
    with Farm() as farm:
        farm.let_graze()
        done = hedgerow("--data", farm.data, "status")
        expect((done.returncode, done.stderr), (0, ""))
        for line in ("service   ", "version   ", "running   ", "fences    1\n",
                     "devices   2, 1 of them inside a fence\n"):
            expect(line in done.stdout, True, done.stdout)
        done = hedgerow("--data", farm.data, "status", "--json")
        expect(json.loads(done.stdout)["ready"], True)
        done = hedgerow("--data", farm.data, "device", "list")
        head = done.stdout.splitlines()[0].split()
        expect(head[0], "device")
        expect([word for word in head if word in ("distance_m", "groups")], [])
        farm.stop()
        done = hedgerow("--data", farm.data, "status")
        expect((done.returncode, "does not answer" in done.stderr), (1, True), done.stderr)


@test
def broker_status_says_who_listens_and_how_many_may_come():
    with Farm() as farm:
        done = hedgerow("--data", farm.data, "broker", "status", "--json")
        body = json.loads(done.stdout)
        expect((done.returncode, body["running"], body["listening"]), (0, True, True))
        expect((body["port"], body["gateways"], body["readers"]), (farm.mqtt_port, 1, 0))
        expect("lan" in body, False)
        done = hedgerow("--data", farm.data, "broker", "status")
        expect("127.0.0.1:%d\n" % farm.mqtt_port in done.stdout, True, done.stdout)
        farm.stop()
        done = hedgerow("--data", farm.data, "broker", "status")
        expect((done.returncode, "nothing listens" in done.stdout), (1, True), done.stdout)
        done = hedgerow("--data", farm.data + "-nowhere", "broker", "status")
        expect((done.returncode, "--data" in done.stderr), (1, True), done.stderr)
        expect(hedgerow("broker", "what").returncode, 2)


@test
def what_prints_json_in_any_case_understands_json_too():
    with Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        farm.publish(("cow-1", 0, 16.005, 59.005))
        farm.wait_for("/v1/events", lambda body: body["events"])
        for words in (("fence", "show", "north"), ("fence", "export"), ("events",)):
            plain, asked = (hedgerow("--data", farm.data, *words, *more)
                            for more in ((), ("--json",)))
            expect((asked.returncode, asked.stdout), (0, plain.stdout), words)
            expect(bool(json.loads(asked.stdout)), True, words)
        expect(hedgerow("--data", farm.data, "events", "--what").returncode, 2)
        expect(hedgerow("--data", farm.data, "fence", "show", "--json").returncode, 2)


@test
def a_shell_completes_commands_and_their_words():
    program = os.path.join(os.path.dirname(harness.PROGRAM), "hedgerow")

    def offered(*words):
        line = "source <(%s completion bash); COMP_WORDS=(hedgerow %s); COMP_CWORD=%d; " \
            "_hedgerow; echo ${COMPREPLY[@]}" % (program, " ".join(w or "''" for w in words),
                                                 len(words))
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=20)
        expect(done.stderr, "")
        return done.stdout.split()
    expect(offered("do"), ["doctor"])
    expect(offered("--data", "do", "re"), ["reader", "restore", "replay"])
    expect(offered("fence", "ex"), ["export"])
    expect(offered("broker", "st"), ["status"])
    expect(offered("nonsense", ""), [])
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "api", "cli.h")) as header:
        commands = [line.split("(")[0][8:] for line in header if line.startswith("int cli_")]
    expect(len(offered("")) >= len(commands) + 4, True, "each command of the header is offered")
    for shell in ("zsh", "fish"):
        script = hedgerow("completion", shell).stdout
        for word in [*offered("fence", "")[:-1], "doctor", "--data"]:
            expect(word.lstrip("-") in script, True, (shell, word))
        if shutil.which(shell):
            done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True,
                                  timeout=20)
            expect((done.returncode, done.stderr), (0, ""))
    expect(hedgerow("completion", "tcsh").returncode, 2)


@test
def the_manual_says_what_help_says():
    for words, section in ((("man",), 1), (("man", "hedgerowd"), 8),
                           (("man", "hedgerow-edge"), 8)):
        page = hedgerow(*words)
        expect((page.returncode, page.stderr), (0, ""))
        expect(page.stdout.startswith(".TH %s %d " % (words[-1] if section == 8 else "hedgerow",
                                                      section)), True, page.stdout[:80])
        shown = page.stdout.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")
        program = os.path.join(os.path.dirname(harness.PROGRAM),
                               words[-1] if section == 8 else "hedgerow")
        helps = [[program, "--help"]]
        if section == 1:
            helps += [[program, name, "--help"] for name in hedgerow_commands()]
        for command in helps:
            told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
            expect(told.stdout.split("\n", 2)[-1] in shown, True, command)
    expect(hedgerow("man", "no-such-program").returncode, 1)
    expect(hedgerow("man", "../bin/hedgerowd").returncode, 1)


def hedgerow_commands():
    lines = hedgerow("--help").stdout.split("commands:\n")[1].split("\n\n")[0].splitlines()
    return [line.split()[0] for line in lines]
