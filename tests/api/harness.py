"""tests/api/harness.py - starts hedgerowd on free ports in its own folder, and asks it things."""
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = None
PATIENCE_S = 60  # for what comes sooner or later, however slow the machine is
kept_ports = []  # see free_port()


class Service:
    """One running hedgerowd. Use with `with`."""

    def __init__(self, *flags, data=None, environment=None, before=()):
        self.folder = None if data else tempfile.mkdtemp(prefix="hr-e2e-")
        self.data = data or os.path.join(self.folder, "data")
        self.flags = flags
        self.environment = environment
        self.before = list(before)  # words in front of the command
        self.log = tempfile.NamedTemporaryFile(prefix="hr-e2e-log-", mode="r", delete=False)
        self.process = None
        self.port = 0
        self.mqtt_port = 0

    def start(self):
        self.mqtt_port = self.mqtt_port or free_port()
        command = [*self.before, PROGRAM, "--data", self.data, "--http", "127.0.0.1:0", "--mqtt",
                   "127.0.0.1:%d" % self.mqtt_port, *self.flags]
        with open(self.log.name, "w") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log,
                                            env=self.environment)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            port = self.logged("service.ready", "http=")
            if port:
                self.port = int(port.rsplit(":", 1)[1])
                return self
            if self.process.poll() is not None:
                raise AssertionError("hedgerowd ended with %s: %s" %
                                     (self.process.returncode, self.read_log()))
            select_briefly()
        raise AssertionError("hedgerowd is not ready: " + self.read_log())

    def read_log(self):
        with open(self.log.name) as log:
            return log.read()

    def logged(self, event, key):
        """The value of key in the first line of that event."""
        for line in self.read_log().splitlines():
            if " %s " % event in line:
                for word in line.split():
                    if word.startswith(key):
                        return word[len(key):]
        return None

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)
        return self.process.returncode if self.process else None

    def end_broker(self):
        """A service that was killed leaves its broker to the next one; here is no next one."""
        try:
            with open(os.path.join(self.data, "broker", "mosquitto.pid")) as file:
                os.kill(int(file.read()), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            pass

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.end_broker()
            log = self.read_log()
            if kind is not None:
                print("".join("    | %s\n" % line for line in log.splitlines()[-40:]), end="")
            for mark in ("Sanitizer", "runtime error:"):
                if mark in log:
                    raise AssertionError(log[:20000])
        finally:
            os.unlink(self.log.name)
            if self.folder:
                shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None, headers=None, connection=None):
        """(status, headers, body as JSON if it is JSON)."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        own.request(method, path, body=body, headers=headers)
        answer = own.getresponse()
        data = answer.read()
        if not connection:
            own.close()
        kind = answer.getheader("Content-Type") or ""
        plain = answer.getheader("Content-Encoding") is None
        if "json" in kind and data and plain:
            data = json.loads(data)
        return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), data

    def raw(self, data, timeout=PATIENCE_S):
        """Send bytes, read until the other side ends or nothing has come for so many seconds."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as link:
            link.sendall(data)
            link.settimeout(timeout)
            got = b""
            try:
                while True:
                    part = link.recv(65536)
                    if not part:
                        break
                    got += part
            except (socket.timeout, ConnectionResetError):
                pass
            return got


def select_briefly():
    """Give the other process a moment; what is waited for is checked by the caller's loop."""
    import select
    select.select([], [], [], 0.02)


def free_port():
    """A port for a server that is started later. It stays bound here, so that the system gives it
    to nobody meanwhile, as it does with ports for the near end of a connection; a server that asks
    for SO_REUSEADDR gets it all the same, because nobody listens."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    kept_ports.append(probe)
    return probe.getsockname()[1]


def new_seed():
    """HR_SEED; else always the same one, but under HR_LONG another each time. Printed."""
    seed = 20261120 if not os.environ.get("HR_LONG") else random.randrange(1 << 30)
    seed = int(os.environ.get("HR_SEED", seed))
    print("HR_SEED=%d" % seed)
    return seed


def expect(actual, wanted, what=""):
    if actual != wanted:
        raise AssertionError(("%s: got %r" % (what, actual))[:1000] +
                             (", wanted %r" % (wanted,))[:1000])


def wanted_tests(modules, words):
    """All, those that are named, or those of a part: every N-th for `--part K/N`, so that several
    parts run at once and none is forgotten; those that measure, for `--part measured`."""
    tests = list(dict.fromkeys(test for module in modules for test in vars(module).values()
                               if getattr(test, "is_test", False)))
    if words[:1] != ["--part"]:
        return [test for test in tests if not words or test.__name__ in words]
    if words[1] == "measured":
        return [test for test in tests if test.is_measured]
    part, parts = map(int, words[1].split("/"))
    return [test for test in tests if not test.is_measured][part - 1::parts]


def run_all(program, modules, words):
    global PROGRAM
    PROGRAM = program
    failed = 0
    tests = wanted_tests(modules, words)
    for test in tests:
        started = time.monotonic()
        try:
            test()
            print("ok      %s (%.2f s)" % (test.__name__, time.monotonic() - started))
        except Exception:
            failed += 1
            print("FAILED  %s" % test.__name__)
            traceback.print_exc(file=sys.stdout)
        sys.stdout.flush()
    print("%d end-to-end tests, %d failed" % (len(tests), failed))
    return 1 if failed or not tests else 0


def test(function):
    function.is_test = True
    function.is_measured = False
    return function


def measured(function):
    """A test that compares times: nothing else runs beside it."""
    test(function).is_measured = True
    return function
