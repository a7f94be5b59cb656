"""tests/api/e2e_commands.py - every command as somebody meets it who has never seen it."""
import json
import os
import pty
import subprocess
import tempfile

import harness
from e2e_backup import hedgerow
from e2e_care import hedgerow_commands
from e2e_farm import Farm, PADDOCK
from harness import Service, expect, test


def on_terminal(*words, environment=None):
    """What a command shows to a terminal."""
    own, theirs = pty.openpty()
    program = os.path.join(os.path.dirname(harness.PROGRAM), "hedgerow")
    done = subprocess.run([program, *words], stdout=theirs, stderr=theirs, timeout=20,
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
        for path, why in (("/nowhere", "No such file"), (service.data, "Is a directory")):
            done = hedgerow("--data", service.data, "fence", "add", path)
            expect((done.returncode, why in done.stderr), (1, True), (path, done.stderr))
        service.stop()
        for words in asking:
            done = hedgerow("--data", service.data, *words)
            expect((done.returncode, "does not answer" in done.stderr), (1, True), done.stderr)
            done = hedgerow("--data", service.data + "-nowhere", *words)
            expect((done.returncode, "--data DIR" in done.stderr), (1, True), done.stderr)
