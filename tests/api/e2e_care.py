"""tests/api/e2e_care.py - doctor, status, broker status and install, as a keeper has them."""
import json
import os
import signal
import socket
import subprocess
import tempfile

import harness
from e2e_backup import hedgerow
from e2e_farm import Farm, PADDOCK
from harness import Service, expect, free_port, test


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
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", service.mqtt_port))
            other.listen()
            expect(levels("--data", service.data)["ports"], "problem")
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
