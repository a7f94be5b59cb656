"""tests/api/e2e_service.py - starting and stopping."""
import json
import os
import signal
import subprocess
import time

import harness
from harness import Service, expect, free_port, test


@test
def health_says_ready():
    with Service() as service:
        status, headers, body = service.ask("GET", "/v1/health")
        expect(status, 200)
        expect(body["ready"], True)
        expect(body["status"] in ("ok", "degraded"), True)
        expect(isinstance(body["reasons"], list), True)
        expect("x-request-id" in headers, True)


@test
def it_stops_cleanly_within_a_second():
    """The best of three, because the machine may be busy with other things."""
    for how in (signal.SIGTERM, signal.SIGINT):
        took_s = []
        for _ in range(3):
            with Service() as service:
                service.ask("GET", "/v1/health")
                begun = time.monotonic()
                expect(service.stop(how), 0, "exit code")
                took_s.append(time.monotonic() - begun)
                expect("service.stopped" in service.read_log(), True)
            if took_s[-1] < 1.0:
                break
        expect(min(took_s) < 1.0, True, "stopped in time: %s" % took_s)


@test
def a_second_instance_and_a_taken_port_are_clear_errors():
    with Service() as service:
        def run(*flags):
            return subprocess.run([harness.PROGRAM, *flags], capture_output=True, text=True,
                                  timeout=20)
        other = run("--data", service.data, "--http", "127.0.0.1:%d" % free_port())
        expect(other.returncode, 3)
        expect("in use by another hedgerowd" in other.stderr, True, other.stderr)
        other = run("--data", service.data + "2", "--http", "127.0.0.1:%d" % service.port)
        expect(other.returncode, 4)
        expect("is in use by another program" in other.stderr, True, other.stderr)
        other = run("--htp", "x")
        expect(other.returncode, 2)
        expect("did you mean \"--http\"" in other.stderr, True, other.stderr)
        other = run("--data", service.data + "2", "--http", "127.0.0.1:0", "--tiles", __file__)
        expect((other.returncode, "restore" in other.stderr), (2, False), other.stderr)
        expect(run("--version").returncode, 0)
        expect("--no-demo" in run("--help").stdout, True)


@test
def a_newer_data_folder_is_refused_by_name():
    with Service() as service:
        service.stop()
        with open(os.path.join(service.data, "FORMAT"), "w") as file:
            file.write("hedgerow 7\nid 0123456789abcdef\n")
        other = subprocess.run([harness.PROGRAM, "--data", service.data, "--http", "127.0.0.1:0"],
                               capture_output=True, text=True, timeout=20)
        expect(other.returncode, 1)
        expect("format 7" in other.stderr, True, other.stderr)


@test
def configuration_comes_from_a_file_too():
    with Service() as service:
        path = os.path.join(service.folder, "hedgerow.conf")
        with open(path, "w") as file:
            file.write("log-level = debug\n")
        with Service("--config", path) as other:
            other.ask("GET", "/v1/health")
            expect(" debug http.answer " in other.read_log(), True)
            json.dumps(other.port)
