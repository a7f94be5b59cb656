"""tests/sim/field.py - real hedgerow-edge processes in the field, with a simulated herd before each
and a radio link behind it that can be cut."""
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time

from farm import harness, program

START_TIMEOUT_S = harness.PATIENCE_S


class Link:
    """A TCP connection's way from a gateway to the broker, which somebody can cut."""

    def __init__(self, port):
        self.far_port = port
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.cut_until = 0
        self.is_stopping = False
        self.pairs = {}  # each end of a connection to its other end
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def cut(self, seconds):
        self.cut_until = time.monotonic() + seconds

    def stop(self):
        self.is_stopping = True
        self.thread.join(timeout=20)
        self.door.close()

    def carry(self):
        while not self.is_stopping:
            is_cut = time.monotonic() < self.cut_until
            if is_cut:
                for end in list(self.pairs):
                    self.hang_up(end)
            ready, _, _ = select.select([self.door, *self.pairs], [], [], 0.02)
            for end in ready:
                if end is self.door:
                    self.pick_up(is_cut)
                elif end in self.pairs:
                    self.pass_on(end)
        for end in list(self.pairs):
            self.hang_up(end)

    def pick_up(self, is_cut):
        near, _ = self.door.accept()
        try:
            if is_cut:
                raise OSError("no radio")
            far = socket.create_connection(("127.0.0.1", self.far_port), timeout=20)
        except OSError:
            near.close()
            return
        self.pairs[near], self.pairs[far] = far, near

    def pass_on(self, end):
        try:
            part = end.recv(65536)
            if part:
                self.pairs[end].sendall(part)
                return
        except OSError:
            pass
        self.hang_up(end)

    def hang_up(self, end):
        other = self.pairs.pop(end, None)
        if other is not None:
            self.pairs.pop(other, None)
            other.close()
            end.close()


class StandardInput:
    """JSON lines as another program on the gateway writes them."""

    def __init__(self, form):
        self.source = form + ":-"

    def open(self, process):
        self.pipe = process.stdin

    def write(self, data):
        self.pipe.write(data)
        self.pipe.flush()

    def close(self):
        try:
            self.pipe.close()
        except OSError:
            pass  # what it still held is for nobody


class Connected:
    """A receiver on the network, which the gateway connects to."""

    def __init__(self, form):
        self.door = socket.create_server(("127.0.0.1", 0))
        self.door.settimeout(START_TIMEOUT_S)
        self.source = "%s:tcp://127.0.0.1:%d" % (form, self.door.getsockname()[1])

    def open(self, process):
        self.wire, _ = self.door.accept()

    def write(self, data):
        self.wire.sendall(data)

    def close(self):
        self.wire.close()


class Connecting:
    """A receiver that connects to the gateway."""

    def __init__(self, form):
        self.port = harness.free_port()
        self.source = "%s:listen://127.0.0.1:%d" % (form, self.port)

    def open(self, process):
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self.wire = socket.create_connection(("127.0.0.1", self.port), timeout=20)
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                harness.select_briefly()

    def write(self, data):
        self.wire.sendall(data)

    def close(self):
        self.wire.close()


class Gateway:
    """One hedgerow-edge, what it hears, and how much of that it has said to be safe.

    What is said to a gateway that dies is heard by nobody, unless it was safe: `stored` is how much
    that is, so the receiver goes on from there, and the truth remains what hedgerow-sim says."""

    def __init__(self, farm, scenario, what, form, source, turns):
        self.name = "at-" + what
        self.source = source
        self.given = self.stored = 0
        self.process = None
        self.truth = os.path.join(farm.data, "truth-" + what)
        said = subprocess.run(
            [program("hedgerow-sim"), scenario, "--as", form, "--only", what, "--fixes", turns,
             "--speedup", "0", "--truth", self.truth], check=True, capture_output=True, timeout=60)
        lines = said.stdout.splitlines(keepends=True)
        size = 2 if form == "nmea" else 1
        self.fixes = [b"".join(lines[i:i + size]) for i in range(0, len(lines), size)]
        self.link = Link(farm.mqtt_port)
        made = subprocess.run([program("hedgerow"), "--data", farm.data, "gateway", "add",
                               self.name, "--json"], check=True, capture_output=True, timeout=20)
        self.log = os.path.join(farm.data, self.name + ".log")
        self.config = os.path.join(farm.data, self.name + ".conf")
        with open(self.config, "w") as file:
            file.write("broker = tcp://127.0.0.1:%d\nuser = %s\npassword = %s\ndata = %s\n"
                       "batch_ms = 20\nbatch_fixes = 100\nsource = %s %s\n" %
                       (self.link.port, self.name, json.loads(made.stdout)["password"],
                        os.path.join(farm.data, self.name), self.source.source, what))

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [program("hedgerow-edge"), "--config", self.config, "--confirm"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("hedgerow-edge did not start: " + open(self.log).read())
        self.hear(line)
        if self.stored > self.given:
            raise AssertionError("%s has %d fixes and was given %d" %
                                 (self.name, self.stored, self.given))
        self.given = self.stored
        self.listener = threading.Thread(target=self.listen, args=(self.process.stdout,),
                                         daemon=True)
        self.listener.start()
        self.source.open(self.process)
        return self

    def hear(self, line):
        self.stored = json.loads(line)["stored"]

    def listen(self, stream):
        for line in stream:
            self.hear(line)

    def give(self, count):
        part = self.fixes[self.given:self.given + count]
        self.given += len(part)
        self.source.write(b"".join(part))

    def has_all(self):
        return self.stored == len(self.fixes)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.end()

    def end(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.wait(timeout=20)
        self.listener.join(timeout=20)
        self.process.stdout.close()
        self.source.close()
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.end()
        self.link.stop()
