"""tests/gateway/e2e_uplinks.py - a network server forgets an uplink as soon as it is answered."""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time

import harness
from edge import program
from harness import expect, free_port, test

UPLINKS = 20


@contextlib.contextmanager
def network_server(folder):
    """A broker as such a server has one; its port, and how many answers it has had so far."""
    port = free_port()
    path = os.path.join(folder, "server.log")
    with open(path, "w") as log, subprocess.Popen(
            ["mosquitto", "-v", "-p", str(port)], stdout=log, stderr=log) as server:
        def answers():
            with open(path) as file:
                return file.read().count("Received PUBACK from hedgerow-edge")
        try:
            wait_until(lambda: publish(port, 0) == 0)
            yield port, answers
        finally:
            server.kill()


def publish(port, number):
    uplink = {"end_device_ids": {"device_id": "cow-%d" % number},
              "uplink_message": {"decoded_payload": {"lat": 59.85, "lon": 16.37},
                                 "received_at": "2026-11-20T08:00:02.250Z"}}
    topic = "v3/farm@ttn/devices/cow-%d/up" % number
    return subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t",
                           topic, "-m", json.dumps(uplink)], stderr=subprocess.DEVNULL,
                          timeout=20, check=False).returncode


def wait_until(wanted):
    deadline = time.monotonic() + harness.PATIENCE_S
    while not wanted():
        expect(time.monotonic() < deadline, True)
        harness.select_briefly()


@contextlib.contextmanager
def running_gateway(folder, port, *flags):
    config = os.path.join(folder, "edge.conf")
    with open(config, "w") as file:
        file.write("broker = tcp://127.0.0.1:1\nuser = gate\ndata = %s/edge\nbatch_ms = 600000\n"
                   "source = lorawan:tcp://127.0.0.1:%d\n" % (folder, port))
    with subprocess.Popen([program("hedgerow-edge"), "--config", config, *flags],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as gateway:
        try:
            yield gateway
        finally:
            gateway.kill()


@test
def an_uplink_is_answered_when_it_is_on_the_disk():
    folder = tempfile.mkdtemp(prefix="hr-uplinks-")
    try:
        with network_server(folder) as (port, answers):
            with running_gateway(folder, port) as gateway:
                while "source.open" not in gateway.stderr.readline():
                    pass
                for number in range(UPLINKS):
                    expect(publish(port, number), 0)
                wait_until(lambda: answers() == UPLINKS)
            with running_gateway(folder, port, "--confirm") as gateway:
                expect(json.loads(gateway.stdout.readline()), {"stored": UPLINKS})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
