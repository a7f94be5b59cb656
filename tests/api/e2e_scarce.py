"""tests/api/e2e_scarce.py - too many connections, and no files left: what must go on goes on."""
import http.client
import json
import os
import resource
import socket
import subprocess
import time

import harness
from e2e_accounts import set_up
from e2e_farm import Farm, START_MS
from harness import PATIENCE_S, Service, expect, test
from websocket import Refused, WebSocket

TELL_S = 10  # so seldom a lack of files is told
FEW_FILES = 600  # of which 256 are for the log, the databases and the broker's link


def hold(service, count):
    """So many connections that say nothing."""
    return [socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S)
            for _ in range(count)]


def open_files(service):
    return len(os.listdir("/proc/%d/fd" % service.process.pid))


@test
def a_crowd_is_told_so_and_the_rest_goes_on():
    with Service(before=["prlimit", "--nofile=%d:%d" % (FEW_FILES, FEW_FILES)]) as service:
        owner = set_up(service)
        inside = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
        expect(service.ask("GET", "/v1/me", headers=owner, connection=inside)[0], 200)
        served = FEW_FILES - 256 - 32
        held = hold(service, served - 1)
        try:
            status, headers, body = service.ask("GET", "/v1/health")
            expect((status, body["error"]["code"]), (503, "server.crowded"))
            expect((int(headers["retry-after"]) > 0, headers["connection"]), (True, "close"))
            expect(service.ask("GET", "/v1/me", headers=owner)[0], 503, "whoever asks")
            try:
                WebSocket(service.port, headers=owner)
                expect("let in", "refused")
            except Refused as refused:
                expect(refused.status, 503)
            held += hold(service, 200)
            expect(open_files(service) < FEW_FILES - 40, True, "files are left for the log")
            # Who is in already notices nothing.
            expect(service.ask("GET", "/v1/me", headers=owner, connection=inside)[0], 200)
            expect(service.ask("GET", "/v1/me", connection=inside)[0], 401)
        finally:
            for link in held:
                link.close()
        expect(until(lambda: service.ask("GET", "/v1/me")[0], 401), 401)
        expect(service.ask("GET", "/v1/me", headers=owner)[0], 200)


def until(ask, wanted, timeout=PATIENCE_S):
    """Ask until the answer is that; refused connections are no answer."""
    deadline = time.monotonic() + timeout
    got = None
    while got != wanted and time.monotonic() < deadline:
        try:
            got = ask()
        except OSError as error:
            got = error
        harness.select_briefly()
    return got


def take_files(service):
    """Leave the service none: from now on no file can be opened."""
    pid = service.process.pid
    highest = max(int(name) for name in os.listdir("/proc/%d/fd" % pid))
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    held = hold(service, highest + 1 - open_files(service))  # the gaps below the highest
    until(lambda: open_files(service) > highest, True)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_files(service), limits[1]))
    return limits, held


def cpu_s(service):
    with open("/proc/%d/stat" % service.process.pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@test
def with_no_file_left_fixes_are_kept_and_nobody_is_let_in_who_should_not():
    with Farm() as farm:
        publisher = subprocess.Popen(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(farm.mqtt_port), "-u", "gate", "-P",
             farm.password, "-q", "1", "-l", "-t", "hedgerow/v1/fix/gate"],
            stdin=subprocess.PIPE, text=True)
        link = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=PATIENCE_S)

        def publish(number):
            publisher.stdin.write(json.dumps({"device": "cow-%d" % number, "lon": 16, "lat": 59,
                                              "time": START_MS + number}) + "\n")
            publisher.stdin.flush()

        def fixes():
            partitions = farm.ask("GET", "/v1/log", headers=farm.viewer, connection=link)[2]
            return sum(p["end"] - p["start"] for t in partitions["topics"]
                       if t["topic"] == "positions" for p in t["partitions"])

        def devices():
            answer = farm.ask("GET", "/v1/devices?limit=1000", headers=farm.viewer,
                              connection=link)
            return len(answer[2]["devices"]) if answer[0] == 200 else answer[0]

        publish(0)
        expect(until(devices, 1), 1)
        limits, held = take_files(farm)
        try:
            waiting = socket.create_connection(("127.0.0.1", farm.port), timeout=PATIENCE_S)
            held.append(waiting)  # the kernel takes it; the service cannot
            before_s = cpu_s(farm)
            begun = time.monotonic()
            for number in range(1, 200):
                publish(number)
            expect(until(devices, 200), 200, "what was published is in the log and in view")
            expect(fixes() >= 200, True)
            for headers, wanted in (({}, 401), ({"Authorization": "Bearer x"}, 401),
                                    ({"Cookie": "hedgerow=" + "x" * 43}, 401)):
                for path in ("/v1/me", "/v1/devices", "/v1/log", "/v1/users"):
                    expect(farm.ask("GET", path, headers=headers, connection=link)[0], wanted)
            expect(farm.ask("GET", "/v1/users", headers=farm.viewer, connection=link)[0], 403)
            wrong = {"user": "owner", "password": "not this one"}
            expect(farm.ask("POST", "/v1/login", wrong, connection=link)[0] in (401, 503), True)
            status, headers, body = farm.ask("POST", "/v1/sql", {"sql": "select 1"}, farm.viewer,
                                             connection=link)
            expect((status, body["error"]["code"].split(".")[0]), (503, "sql"), body)
            expect(int(headers["retry-after"]) > 0, True)
            took_s = time.monotonic() - begun
            used = (cpu_s(farm) - before_s) / took_s
            expect(used < 0.8, True, "nobody spins for a file: %.2f cores" % used)
            told = farm.read_log().count("http.no_files")
            expect(1 <= told <= 2 + took_s // TELL_S, True, "told seldom: %d times" % told)
        finally:
            resource.prlimit(farm.process.pid, resource.RLIMIT_NOFILE, limits)
        waiting.sendall(b"GET /v1/health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        expect(waiting.recv(100).startswith(b"HTTP/1.1 200"), True, "whoever waited is served")
        for other in held:
            other.close()
        expect(farm.ask("POST", "/v1/sql", {"sql": "select 1"}, farm.viewer)[0], 200)
        publisher.stdin.close()
        expect(publisher.wait(timeout=20), 0)
