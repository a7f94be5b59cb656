"""tests/ingest/e2e_users.py - gateways come and go while others publish: nothing may be lost, and
who is refused is told."""
import calendar
import json
import os
import signal
import socket
import time

from harness import expect, test
from site_e2e import Site, mosquitto_pub, until

ROUNDS = 10 if not os.environ.get("HR_LONG") else 200
START_MS = int(time.time() * 1000) - 10_000_000
FLOOD = 60


class Sender:
    """Publishes plain JSON at QoS 1, each message until the broker has taken it."""

    def __init__(self, login):
        self.login = login
        self.sent = []

    def send(self, count=1):
        for _ in range(count):
            when = START_MS + 1000 * len(self.sent)
            text = json.dumps({"device": "cow-1", "time": when, "lon": 16.37, "lat": 59.85})
            until(lambda: mosquitto_pub(self.login, "hedgerow/v1/fix/barn", text,
                                        wanted=None).returncode == 0, "a message is taken")
            self.sent.append(when)

    def expect_all_in(self, site):
        def missing():
            there = {fix["time"] for fix in site.fixes()}
            return sorted(set(self.sent) - {ms_of(t) for t in there})
        try:
            until(lambda: not missing(), "all messages in the log")
        except AssertionError:
            raise AssertionError("lost: %r" % [self.sent.index(t) for t in missing()])


def ms_of(text):
    seconds, fraction = text[:-1].split(".")
    return calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) * 1000 + int(fraction)


def broker_pid(site):
    try:
        with open(os.path.join(site.data, "broker", "mosquitto.pid")) as file:
            return int(file.read() or 0)
    except FileNotFoundError:
        return 0


def restart_broker(site):
    """A planned stop: what it has queued it keeps. The service starts it again."""
    old = broker_pid(site)
    os.kill(old, signal.SIGTERM)
    until(lambda: broker_pid(site) not in (0, old), "the broker runs again")


def expect_publishing(login, name, wanted):
    until(lambda: (mosquitto_pub(login, "hedgerow/v1/fix/" + name, "[]", wanted=None)
                   .returncode == 0) == wanted, "publishing is %s" % wanted)


@test
def users_change_and_no_message_is_lost():
    with Site() as site:
        sender = Sender(site.add("barn"))
        for i in range(ROUNDS):
            name = "g%d" % i
            if i % 10 == 4:
                # Before its session is back, the broker must not be told to read its users.
                restart_broker(site)
            if i % 10 == 7:
                site.stop(signal.SIGKILL)
                sender.send(1)
            login = site.add(name)
            sender.send(2)
            if i % 10 == 7:
                site.hedgerow("reader", "add", "r%d" % i)
                sender.send(1)
                site.start()
            # The new one is known soon, and when it is removed it is so no more.
            expect_publishing(login, name, True)
            site.hedgerow("gateway", "rm", name)
            sender.send(1)
            expect_publishing(login, name, False)
        sender.expect_all_in(site)


@test
def a_service_killed_before_it_met_its_restarted_broker_loses_nothing():
    with Site() as site:
        sender = Sender(site.add("barn"))
        sender.send(1)
        restart_broker(site)
        site.stop(signal.SIGKILL)
        # Nobody is there to say when it is safe: the change waits for the service.
        site.add("mill")
        sender.send(3)
        site.start()
        sender.send(1)
        sender.expect_all_in(site)
        expect(site.hedgerow("gateway", "list"), "barn\nmill\n")


def log_in_wrongly(login):
    """A CONNECT of MQTT 3.1.1; far quicker than a program for each."""
    words = b"".join(len(word).to_bytes(2, "big") + word
                     for word in (b"flood", login["user"].encode(), b"wrong"))
    head = b"\0\4MQTT\4\xc2\0\x3c"
    with socket.create_connection((login["host"], login["port"]), timeout=20) as link:
        link.sendall(bytes([0x10, len(head) + len(words)]) + head + words)
        expect(link.recv(4), b"\x20\x02\0\5", "not authorised")


@test
def who_is_refused_is_told_in_the_log():
    with Site() as site:
        barn, mill = site.add("barn"), site.add("mill")

        def logged(event, *words):
            return any(" warn %s " % event in line and all(w in line for w in words)
                       for line in site.read_log().splitlines())

        mosquitto_pub(dict(barn, password="wrong"), "hedgerow/v1/fix/barn", "[]", wanted=1)
        until(lambda: logged("broker.refused", "address=127.0.0.1"), "a wrong password is told")
        mosquitto_pub(barn, "hedgerow/v1/fix/mill", "{}", "-i", "barn-1", wanted=None)
        until(lambda: logged("broker.denied", 'client="barn-1"', 'topic="hedgerow/v1/fix/mill"'),
              "a foreign topic is told")
        # The orphan that a crash leaves is heard as well.
        site.stop(signal.SIGKILL)
        site.start()
        expect("broker.adopted" in site.read_log(), True)
        mosquitto_pub(mill, "owntracks/barn/phone", "{}", "-i", "mill-1", wanted=None)
        until(lambda: logged("broker.denied", 'client="mill-1"', 'topic="owntracks/barn/phone"'),
              "a foreign topic is told after a crash")
        site.hedgerow("gateway", "rm", "mill")
        before = site.read_log().count("broker.refused ")
        mosquitto_pub(mill, "hedgerow/v1/fix/mill", "[]", wanted=1)
        until(lambda: site.read_log().count("broker.refused ") > before, "the revoked one is told")
        counted = b"hedgerow_broker_refused_logins_total %d\n" % (1 + FLOOD)
        for _ in range(FLOOD):
            log_in_wrongly(barn)
        until(lambda: counted in site.get("/metrics")[2], "all are counted")
        # At most 20 lines in ten seconds, and the ten seconds may end amidst the flood.
        expect(site.read_log().count("broker.refused ") <= 45, True, "a flood is cut short")
        expect(site.dead(), [])


def mqtt_text(text):
    return len(text).to_bytes(2, "big") + text.encode()


@test
def who_writes_what_he_may_not_stays_connected():
    """As a phone does that tells of its own regions: one message is refused, not the phone."""
    with Site() as site:
        login = site.add("barn")
        who = (mqtt_text("MQTT") + bytes([4, 0xc2, 0, 60]) + mqtt_text("phone") +
               mqtt_text("barn") + mqtt_text(login["password"]))
        denied = mqtt_text("owntracks/barn/phone/event")
        with socket.create_connection((login["host"], login["port"]), timeout=20) as phone:
            phone.sendall(bytes([0x10, len(who)]) + who + bytes([0x30, len(denied)]) + denied +
                          b"\xc0\x00")
            answers = phone.makefile("rb").read(6)
        expect(answers, b"\x20\x02\x00\x00" + b"\xd0\x00", "let in, and a pong")
