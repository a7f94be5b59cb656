"""tests/api/e2e_commands.py - every command as somebody meets it who has never seen it."""
import contextlib
import http.server
import json
import os
import pty
import re
import signal
import subprocess
import tempfile
import termios
import threading

import harness
from e2e_backup import hedgerow
from e2e_care import hedgerow_commands
from e2e_farm import Farm, PADDOCK
from harness import Service, expect, test


def program():
    return os.path.join(os.path.dirname(harness.PROGRAM), "hedgerow")


@contextlib.contextmanager
def started(*words, **more):
    """A command that runs for long; it is ended with the block at the latest."""
    with subprocess.Popen([program(), *words], **more) as process:
        try:
            yield process
        finally:
            process.kill()


def on_terminal(*words, environment=None):
    """What a command shows to a terminal."""
    own, theirs = pty.openpty()
    done = subprocess.run([program(), *words], stdout=theirs, stderr=theirs, timeout=20,
                          env={**os.environ, **(environment or {})}, check=False)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(own, 65536):
            shown += part
    except OSError:  # Linux says so when nobody holds the other end
        pass
    os.close(own)
    return done.returncode, shown.decode()


@test
def each_question_has_a_table_for_people_and_json_for_programs():
    with Farm() as farm:
        farm.let_graze()
        at = ("--data", farm.data)
        for words, key, head in (
                (("fence", "list"), "features", "id"), (("device", "list"), "devices", "device"),
                (("query", "nearby", "16.005", "59.005", "50"), "devices", "device"),
                (("query", "inside", "cow-1"), "fences", "fence"),
                (("user", "list"), "users", "user"), (("log", "list"), "partitions", "topic")):
            shown = hedgerow(*at, *words)
            expect((shown.returncode, shown.stderr), (0, ""), words)
            expect(shown.stdout.split()[0], head, words)
            told = hedgerow(*at, *words, "--json")
            expect((told.returncode, told.stderr), (0, ""), words)
            expect(len(json.loads(told.stdout)[key]) > 0, True, words)
            expect("\033" in shown.stdout + told.stdout, False, "colours in a pipe")
        for words in (("fence", "show", "north"), ("device", "show", "cow-1"), ("status",),
                      ("doctor",), ("broker", "status"), ("log", "verify"), ("gateway", "list"),
                      ("sql", "select id from fence"), ("events",)):
            told = hedgerow(*at, *words, "--json")
            expect((told.returncode, told.stderr), (0, ""), words)
            json.loads(told.stdout.splitlines()[0])
        expect(hedgerow(*at, "log", "verify").stdout.endswith(": whole\n"), True)
        groups = json.loads(hedgerow(*at, "log", "list", "--json").stdout)["groups"]
        expect({"group", "topic", "partition", "offset", "behind"} <= set(groups[0]), True)


@test
def a_terminal_gets_tables_and_colours_and_nothing_that_moves_its_cursor():
    with Farm() as farm:
        named = {**PADDOCK, "properties": {**PADDOCK["properties"], "name": "Ångström"}}
        expect(farm.ask("POST", "/v1/fences", named, farm.editor)[0], 201)
        farm.publish(("cow-1", 0, 16.5, 59.5), ("cow-1", 10, 16.005, 59.005),
                     ("cow-1", 20, 16.006, 59.006))
        farm.wait_for("/v1/events", lambda body: len(body["events"]) > 0)
        at = ("--data", farm.data)
        code, shown = on_terminal(*at, "sql", "select name, char(27) || '[2Jx' as odd, "
                                  "1795161600123 as ms from fence")
        expect((code, shown.split("\r\n")), (0, ["name      odd    ms",
                                                 "Ångström  ?[2Jx  1795161600123", ""]))
        names = {"a": "\u5317\u306e\u7267\u5834", "b": "Fa\u0308ri", "c": "odd\u009b2J"}
        for fence, name in names.items():
            expect(farm.ask("PUT", "/v1/fences/" + fence,
                            {**PADDOCK, "id": fence, "properties": {"name": name}},
                            farm.editor)[0], 201)
        shown = hedgerow(*at, "fence", "list").stdout.splitlines()
        expect([line[:line.index("info")] for line in shown[1:4]],
               ["a      \u5317\u306e\u7267\u5834  ", "b      Fa\u0308ri      ",
                "c      odd?2J    "])
        code, shown = on_terminal(*at, "events")
        expect((code, " cow-1 " in shown, "Ångström" in shown, "{" in shown),
               (0, True, True, False), shown)
        code, shown = on_terminal(*at, "fence", "list")
        expect((code, "\033" in shown, "Ångström  " in shown), (0, False, True), shown)
        farm.stop()
        code, shown = on_terminal(*at, "doctor")
        expect((code, "\033[31mproblem" in shown), (1, True), shown)
        code, shown = on_terminal(*at, "doctor", environment={"NO_COLOR": "1"})
        expect((code, "\033" in shown, "problem" in shown), (1, False, True), shown)


@test
def lists_are_whole_however_many_pages_they_have():
    with Farm() as farm:
        features = [{**PADDOCK, "id": "f%04d" % i} for i in range(1001)]
        with tempfile.NamedTemporaryFile("w", suffix=".geojson") as file:
            json.dump({"type": "FeatureCollection", "features": features}, file)
            file.flush()
            expect(hedgerow("--data", farm.data, "fence", "import", file.name).returncode, 0)
        shown = hedgerow("--data", farm.data, "fence", "list").stdout.splitlines()
        expect([line.split()[0] for line in shown[1:]], [f["id"] for f in features])
        told = json.loads(hedgerow("--data", farm.data, "fence", "list", "--json").stdout)
        expect([f["id"] for f in told["features"]], [f["id"] for f in features])
        expect(told["next"], None)


@test
def a_wrong_command_line_is_told_before_anything_is_asked():
    for data in ("/nowhere", None):
        for name in hedgerow_commands():
            done = hedgerow(*(("--data", data) if data else ()), name, "--no-such-option")
            expect((done.returncode, done.stdout), (2, ""), name)
            expect(len(done.stderr) > 10, True, name)
            told = hedgerow(name, "--help")
            expect((told.returncode, told.stderr), (0, ""), name)
    expect(hedgerow().returncode, 2)
    expect(hedgerow("no-such-command").returncode, 2)
    expect(hedgerow("--data").returncode, 2)


@test
def what_stands_in_the_way_is_said_in_words():
    asking = (("status",), ("fence", "list"), ("device", "list"), ("events",), ("sql", "select 1"),
              ("query", "inside", "cow-1"), ("user", "list"))
    with Service() as service:
        for words in asking:
            done = hedgerow("--data", service.data, "--token", "wrong", *words)
            is_open = words == ("status",)  # how the service is, is told to everyone
            expect((done.returncode, done.stdout != ""), (0 if is_open else 1, is_open), words)
            expect("log in" in done.stderr, True, (words, done.stderr))
        for words in (("fence", "rm", "../users/x"), ("device", "show", ".."),
                      ("user", "rm", "../fences/north"), ("fence", "show", "")):
            done = hedgerow("--data", service.data, *words)
            expect((done.returncode, "is no id" in done.stderr), (1, True), (words, done.stderr))
        for path, why in (("/nowhere", "No such file"), (service.data, "Is a directory"),
                          ("/dev/zero", "above a limit")):
            done = hedgerow("--data", service.data, "fence", "add", path)
            expect((done.returncode, why in done.stderr), (1, True), (path, done.stderr))
        at = ("--data", service.data)
        for words in (("log", "verify", "events"), ("log", "list", "events")):
            expect(hedgerow(*at, *words).returncode, 2, words)
        expect(hedgerow(*at, "gateway", "add", "barn").returncode, 0)
        done = hedgerow(*at, "reader", "rm", "barn")
        expect((done.returncode, "barn is no reader" in done.stderr), (1, True), done.stderr)
        expect(hedgerow(*at, "gateway", "list").stdout, "barn\n")
        service.stop()
        for words in asking:
            done = hedgerow("--data", service.data, *words)
            expect((done.returncode, "does not answer" in done.stderr), (1, True), done.stderr)
            done = hedgerow("--data", service.data + "-nowhere", *words)
            expect((done.returncode, "--data DIR" in done.stderr), (1, True), done.stderr)


@contextlib.contextmanager
def pretended_service(answer):
    """The words that lead to a service of which every answer is made here, of the path asked."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            text = json.dumps(answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield "--url", "http://127.0.0.1:%d" % server.server_port, "--token", "t"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@test
def events_are_read_to_their_end_and_no_further():
    asked = []

    def answer(path):
        """Long looked for in vain, then found, then some that came meanwhile."""
        asked.append(path)
        page = len(asked)
        events = [{"id": "e%d" % page, "kind": "exit"}] if page > 1 else []
        return {"events": events, "next": page, "more": page < 2}

    with pretended_service(answer) as at:
        done = hedgerow(*at, "events", "--fence", "north")
    expect((done.returncode, done.stderr), (0, ""))
    expect([json.loads(line)["id"] for line in done.stdout.splitlines()], ["e2"])
    named = [{"fence": "a", "fence_name": "-"}, {"fence": "b", "fence_name": "-dash"},
             {"fence": "c", "fence_name": ""}]
    with pretended_service(lambda path: {"events": named, "next": 1, "more": False}) as at:
        code, shown = on_terminal(*at, "events")
    expect((code, [line.split()[-1] for line in shown.splitlines()]), (0, ["a", "-dash", "c"]))
    first = "/v1/events?limit=1000&fence=north"
    expect(asked, [first, first + "&after=1"])


@test
def a_service_that_is_not_ready_is_no_success_in_either_form():
    with pretended_service(lambda path: {"ready": False, "reasons": []}) as at:
        shown = hedgerow(*at, "status")
        told = hedgerow(*at, "status", "--json")
    expect((shown.returncode, "not ready yet" in shown.stdout), (1, True))
    expect((told.returncode, json.loads(told.stdout)["ready"]), (1, False))


@test
def who_follows_events_outlives_the_service_and_ends_when_told():
    with Farm() as farm:
        farm.let_graze()
        with started("--data", farm.data, "events", "--follow", stdout=subprocess.PIPE,
                     stderr=subprocess.DEVNULL) as follower:
            expect(json.loads(follower.stdout.readline())["kind"], "enter")
            farm.stop()
            farm.start()  # at another port, with another token
            farm.publish(("cow-1", 20, 16.5, 59.5), ("cow-1", 30, 16.5, 59.5))
            expect(json.loads(follower.stdout.readline())["kind"], "exit")
            farm.process.send_signal(signal.SIGSTOP)
            try:
                follower.send_signal(signal.SIGINT)
                expect(follower.wait(timeout=harness.PATIENCE_S), 0)
            finally:
                farm.process.send_signal(signal.SIGCONT)


@test
def what_prints_for_long_ends_when_told_or_not_read():
    with Farm() as farm:
        farm.publish(*(("cow-%d" % (i % 50), i / 100, 16.5, 59.5) for i in range(1500)))
        farm.wait_for("/v1/devices", lambda body: len(body["devices"]) == 50)
        with started("--data", farm.data, "log", "dump", stdout=subprocess.PIPE) as dump:
            dump.stdout.read(1)  # and no more: it waits for a reader
            dump.send_signal(signal.SIGINT)
            expect(dump.wait(timeout=harness.PATIENCE_S), -signal.SIGINT)
        # Nothing happens here: who follows must see by itself that nobody reads any more.
        for words in (("events", "--follow"), ("log", "tail", "positions/0", "--follow")):
            with started("--data", farm.data, *words, stdout=subprocess.PIPE) as follower:
                follower.stdout.close()
                follower.wait(timeout=harness.PATIENCE_S)


@test
def an_answer_that_cannot_be_written_is_a_failure():
    with Service() as service, open("/dev/full", "w") as full:
        for words in (("--help",), ("status",), ("fence", "export"), ("fence", "list"),
                      ("sql", "select 1"), ("doctor",), ("gateway", "list", "--json"),
                      ("log", "list"), ("broker", "status", "--json"), ("man",),
                      ("completion", "bash")):
            done = subprocess.run([program(), "--data", service.data, *words], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=20, check=False)
            expect((done.returncode, "No space left" in done.stderr), (1, True),
                   (words, done.stderr))


@test
def no_proxy_is_asked_for_a_service_of_this_machine():
    with Service() as service:
        nobody = "http://127.0.0.1:1"
        environment = {**os.environ, "http_proxy": nobody, "ALL_PROXY": nobody}
        for words in (("status",), ("fence", "list"), ("doctor",)):
            done = hedgerow("--data", service.data, *words, env=environment)
            expect(done.returncode, 0, (words, done.stdout, done.stderr))


@test
def a_service_with_a_certificate_for_its_name_is_found_on_its_own_machine():
    with tempfile.TemporaryDirectory() as folder:
        key, cert = (os.path.join(folder, name) for name in ("key.pem", "cert.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                        "-days", "30", "-subj", "/CN=farm.local"], check=True,
                       stderr=subprocess.DEVNULL)
        with Service("--tls-cert", cert, "--tls-key", key) as service:
            for words in (("status",), ("fence", "list"), ("doctor",)):
                done = hedgerow("--data", service.data, *words)
                expect(done.returncode, 0, (words, done.stdout, done.stderr))
            elsewhere = "https://127.0.0.1:%d" % service.port
            done = hedgerow("--data", service.data, "--url", elsewhere, "status")
            expect((done.returncode, "certificate" in done.stderr), (1, True), done.stderr)


@test
def a_password_is_taken_whole_or_not_at_all():
    with Service() as service:
        for size, code in ((256, 0), (257, 1), (3000, 1)):
            done = hedgerow("--data", service.data, "user", "add", "u%d" % size, "--json",
                            input="p" * size + "\n")
            expect((done.returncode, "256" in done.stderr), (code, code == 1), done.stderr)
        login = {"user": "u256", "password": "p" * 256}
        expect(service.ask("POST", "/v1/login", login)[0], 200)


@test
def a_terminal_shows_again_what_is_typed_when_a_password_is_not_given():
    own, theirs = pty.openpty()
    with started("--data", "/nowhere", "user", "add", "someone", stdin=theirs,
                 stderr=subprocess.PIPE) as asking:
        expect(asking.stderr.read(10), b"Password: ")
        deadline = harness.time.monotonic() + harness.PATIENCE_S
        while termios.tcgetattr(theirs)[3] & termios.ECHO:
            expect(harness.time.monotonic() < deadline, True)
            harness.select_briefly()
        asking.send_signal(signal.SIGINT)
        expect(asking.wait(timeout=harness.PATIENCE_S), 1)
    expect(termios.tcgetattr(theirs)[3] & termios.ECHO != 0, True)
    os.close(own)
    os.close(theirs)


@test
def help_manual_and_completion_know_the_same_words():
    script = hedgerow("completion", "bash").stdout
    completed = dict(re.findall(r"^ +([a-z]+)\) words='([^']*)'", script, re.MULTILINE))
    manual = hedgerow("man").stdout.replace("\\-", "-")
    others = [hedgerow("completion", shell).stdout for shell in ("zsh", "fish")]
    expect(sorted(completed), sorted(hedgerow_commands()))
    for name in hedgerow_commands():
        told = hedgerow(name, "--help").stdout
        words = completed[name].split()
        options = {word for word in words if word.startswith("--")} - {"--help", "--data"}
        expect(options, set(re.findall(r"--[a-z][a-z-]+", told)) - {"--help", "--data"}, name)
        for verb in set(words) - options - {"--help", "--data"}:
            found = name == "man" or re.search(r"\b%s\b" % verb, told)
            expect(bool(found), True, (name, verb))
        expect(told.splitlines()[0] in manual, True, name)
        expect([completed[name] in other for other in others], [True, True], name)
