"""tests/sim/farm.py - a service with a simulated fleet and the oracle, for the end-to-end tests."""
import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
import harness  # noqa: E402  (found through the line above)
from websocket import Refused, WebSocket  # noqa: E402

SCENARIOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "firmware-sim",
                         "scenarios")
SIM_TIMEOUT_S = 300


def wait_until(what, condition, timeout=harness.PATIENCE_S):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("in vain: " + what)
        harness.select_briefly()


def wait_for(condition, timeout=harness.PATIENCE_S):
    """A moment for it to come true: what is wrong if it does not, a comparison is to tell."""
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        harness.select_briefly()


def program(name):
    return os.path.join(os.path.dirname(harness.PROGRAM), name)


def scenario(name):
    """A shipped one by its name, or any file."""
    return name if "/" in name else os.path.join(SCENARIOS, name + ".scenario")


class Farm(harness.Service):
    """A service on free ports; what it needs to be spoken to is made at its first start."""

    def start(self):
        super().start()
        self.login = os.path.join(self.data, "gate.json")
        if not os.path.exists(self.login):
            with open(self.login, "w") as out:
                subprocess.run([program("hedgerow"), "--data", self.data, "gateway", "add", "gate",
                                "--json"], check=True, stdout=out, timeout=20)
        return self

    def token(self):
        with open(os.path.join(self.data, "local-token")) as file:
            return file.read().strip()

    def api(self, method, path, body=None, wanted=(200, 201, 204)):
        status, _, answer = self.ask(method, path, body,
                                     {"Authorization": "Bearer " + self.token()})
        if status not in wanted:
            raise AssertionError("%s %s: %d %r" % (method, path, status, answer))
        return answer

    def make_fences(self, name):
        listed = subprocess.run([program("hedgerow-sim"), scenario(name), "--fences"], check=True,
                                capture_output=True, text=True, timeout=20).stdout
        fences = json.loads(listed)["features"]
        for fence in fences:
            self.api("POST", "/v1/fences", fence)
        return fences

    def truth(self, name="truth"):
        return os.path.join(self.data, name)

    def start_sim(self, name, *flags, truth="truth"):
        command = [program("hedgerow-sim"), scenario(name), "--login", self.login, "--truth",
                   self.truth(truth), "--quiet", "--json", *flags]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True)

    def await_sim(self, sim):
        said, _ = sim.communicate(timeout=SIM_TIMEOUT_S)
        if sim.returncode != 0:
            raise AssertionError("hedgerow-sim: %d: %s" % (sim.returncode, said))
        return json.loads(said.splitlines()[-1])

    def events_end(self):
        """The offset of the next event."""
        topics = self.api("GET", "/v1/log")["topics"]
        return [topic for topic in topics if topic["topic"] == "events"][0]["partitions"][0]["end"]

    def ask_oracle(self, *flags, truth="truth"):
        """The oracle's last words; an AssertionError with its stories if anything is wrong. A flag
        may be a function that makes it.

        A tick may bring an event while the oracle looks, which it then finds in one place and not
        yet, or already, in another: as long as that is so, it is asked again."""
        while True:
            before = self.events_end()
            command = [program("hedgerow-oracle"), "--http", "127.0.0.1:%d" % self.port,
                       "--token", self.token(), *(["--truth", self.truth(truth)] if truth else []),
                       *(flag() if callable(flag) else flag for flag in flags)]
            result = subprocess.run(command, capture_output=True, text=True,
                                    timeout=SIM_TIMEOUT_S)
            if result.returncode == 0:
                return result.stdout
            if self.events_end() == before:
                raise AssertionError("hedgerow-oracle: %d\n%s%s" % (
                    result.returncode, result.stdout, result.stderr))

    def await_log(self, *flags, truth="truth", timeout=harness.PATIENCE_S):
        """Until every fix of the truth is in the log, or for so long: what is wrong then, or beside
        that, the oracle is to tell."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                self.ask_oracle("--wait", "0", *flags, truth=truth)
                return
            except AssertionError as verdict:
                if any(line.startswith("fixes: ") and ", missing 0," in line
                       for line in str(verdict).splitlines()):
                    return
            harness.select_briefly()

    def kill_broker(self):
        """It may be on its way up from the last time: then its pid file is empty or of the past."""
        deadline = time.monotonic() + harness.PATIENCE_S
        while True:
            try:
                with open(os.path.join(self.data, "broker", "mosquitto.pid")) as file:
                    pid = int(file.read())
                with open("/proc/%d/comm" % pid) as file:
                    if file.read().strip() != "mosquitto":
                        raise OSError("another program has that number by now")
                os.kill(pid, signal.SIGKILL)
                return
            except (ValueError, OSError):
                if time.monotonic() > deadline:
                    raise
                harness.select_briefly()

    def all_events(self):
        """By GET /v1/events, page after page."""
        events, after = [], -1
        while True:
            page = self.api("GET", "/v1/events?limit=500" + ("&after=%d" % after
                                                            if after >= 0 else ""))
            if not page["events"]:
                return events
            events += page["events"]
            after = page["next"]

    def path(self):
        """A file of them, for the oracle."""
        return write_lines(self.truth("copy-http"), self.all_events())


class MqttCopy:
    """What a reader receives over MQTT, kept in a file."""

    def __init__(self, farm):
        self.farm = farm
        made = subprocess.run([program("hedgerow"), "--data", farm.data, "reader", "add", "reader",
                               "--json"], check=True, capture_output=True, text=True, timeout=20)
        password = json.loads(made.stdout)["password"]
        self.said = os.path.join(farm.data, "copy-mqtt-said")  # "Subscribed" and the like, too
        self.file = open(self.said, "w")
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "mosquitto_sub", "-d", "-h", "127.0.0.1", "-p", str(farm.mqtt_port),
             "-u", "reader", "-P", password, "-q", "1", "-i", "copy", "-c", "-t",
             "hedgerow/v1/event/#"],
            stdout=self.file)

    def lines(self):
        with open(self.said) as file:
            return [line for line in file.read().split("\n")[:-1]]

    def events(self):
        """As they came."""
        return [json.loads(line) for line in self.lines() if line.startswith("{")]

    def path(self):
        """A file of them, for the oracle, once it has the news there are."""
        wait_for(self.has_the_news)
        return write_lines(os.path.join(self.farm.data, "copy-mqtt"), self.events())

    def times_listening(self):
        """How often the broker has said yes to its subscription."""
        return sum(line.startswith("Subscribed") for line in self.lines())

    def has(self, offset):
        """Has it got that event, or one after it where that is nothing to be told?"""
        return offset < 0 or any(event["offset"] >= offset for event in self.events())

    def has_the_news(self):
        """Has it got every event that was not late? Those are told to nobody."""
        news = {event["id"] for event in self.farm.all_events() if not event["late"]}
        return news <= {event["id"] for event in self.events()}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.file.close()


class LiveCopy:
    """What a page receives over the WebSocket, kept in a file; it comes again where the service
    went, and says how far it had come."""

    def __init__(self, farm):
        self.farm = farm
        self.file = os.path.join(farm.data, "copy-live")
        self.socket = None
        self.resume = None
        self.connections = 0
        self.is_stopping = False
        self.connect()
        self.thread = threading.Thread(target=self.receive, daemon=True)
        self.thread.start()

    def connect(self):
        self.socket = WebSocket(self.farm.port,
                                headers={"Authorization": "Bearer " + self.farm.token()})
        hello = self.socket.receive_key("hello")
        self.resume = self.resume or {"epoch": hello["epoch"], "seq": hello["seq"]}
        self.socket.send({"subscribe": {"events": {}}, "resume": self.resume})
        self.connections += 1

    def receive(self):
        with open(self.file, "w") as file:
            while True:
                try:
                    if self.socket is None:
                        self.connect()
                    message = self.socket.receive(timeout=0.2)
                except (OSError, Refused, AssertionError):
                    self.close()
                    harness.select_briefly()
                    message = None
                if message is None and self.is_stopping:
                    return
                if isinstance(message, dict) and "event" in message:
                    file.write(json.dumps(message["event"]) + "\n")
                    file.flush()
                    self.resume["seq"] = message["event"]["offset"]

    def path(self):
        """The file, for the oracle, once it has the events there are."""
        events = self.farm.all_events()
        wait_for(lambda: not events or self.resume["seq"] >= events[-1]["offset"])
        return self.file

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_stopping = True
        self.thread.join(timeout=20)
        self.close()


def write_lines(path, items):
    with open(path, "w") as file:
        for item in items:
            file.write(json.dumps(item) + "\n")
    return path
