"""tests/gateway/edge.py - starts hedgerow-edge beside a Farm, feeds it, ends it."""
import json
import os
import signal
import subprocess
import time

import harness

TIME_MS = int(time.time() * 1000) - 3600000


def program(name):
    return os.path.join(os.path.dirname(harness.PROGRAM), name)


class Edge:
    """One hedgerow-edge of the user "gate", with JSON lines on its standard input."""

    def __init__(self, farm, *lines, port=None):
        self.farm = farm
        self.given = 0
        self.process = None
        self.config = os.path.join(farm.folder, "edge.conf")
        self.log = os.path.join(farm.folder, "edge.log")
        with open(self.config, "w") as file:
            file.write("broker = tcp://127.0.0.1:%d\nuser = gate\npassword = %s\ndata = %s\n"
                       "batch_ms = 20\nsource = json:-\n" %
                       (port or farm.mqtt_port, farm.password, os.path.join(farm.folder, "edge")))
            file.write("".join(line + "\n" for line in lines))

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([program("hedgerow-edge"), "--config", self.config],
                                            stdin=subprocess.PIPE, stderr=log)
        return self

    def give(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def give_fixes(self, count):
        for _ in range(count):
            self.give(json.dumps({"device": "cow-%d" % (self.given % 7), "lon": 16.5,
                                  "lat": self.given / 1e7,
                                  "time": TIME_MS + self.given * 1000}) + "\n")
            self.given += 1

    def end(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=20)
        if self.process and self.process.stdin:
            self.process.stdin.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.end(signal.SIGKILL)


def gateway(farm, wanted, name="gate"):
    """Wait until GET /v1/gateways says of it what is wanted; returns what it says."""
    deadline = time.monotonic() + harness.PATIENCE_S
    while True:
        status, _, body = farm.ask("GET", "/v1/gateways", headers=farm.owner)
        found = [g for g in body["gateways"] if g["user"] == name]
        if status == 200 and found and wanted(found[0]):
            return found[0]
        if time.monotonic() > deadline:
            raise AssertionError("%r" % body)
        harness.select_briefly()
