"""tests/sim/attack_send.py - an MQTT client of its own (3.1.1), and every form of a fix."""
import json
import queue
import random
import socket
import struct
import threading
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal

UNANSWERED_MAX = 50

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 255] ^ value >> 8
    return value ^ 0xFFFFFFFF


def iso(ms):
    at = datetime.fromtimestamp(ms // 1000, timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S") + ".%03dZ" % (ms % 1000)


def ms_of(text):
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    return round((at - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(milliseconds=1))


def e7(value):
    return round(value * 1e7)


def text(value):
    return struct.pack(">H", len(value)) + value.encode()


class Mqtt:
    def __init__(self, port, user, password, client):
        self.where = port, user, password, client
        self.acks = queue.Queue()
        self.messages = queue.Queue()
        self.lock = threading.Lock()
        self.number = self.unanswered = 0
        self.connect()

    def connect(self):
        port, user, password, client = self.where
        self.link = socket.create_connection(("127.0.0.1", port), timeout=20)
        body = text("MQTT") + bytes([4, 0xC2]) + struct.pack(">H", 0) + text(client) + \
            text(user) + text(password)
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.link.sendall(self.packet(0x10, body))
        self.data = b""
        kind, answer = self.read()
        assert kind == 0x20 and answer[1] == 0, answer
        self.link.settimeout(None)
        threading.Thread(target=self.listen, daemon=True).start()

    @staticmethod
    def packet(kind, body):
        size, length = b"", len(body)
        while True:
            length, rest = length >> 7, length & 127
            size += bytes([rest | (128 if length else 0)])
            if not length:
                return bytes([kind]) + size + body

    def need(self, size):
        while len(self.data) < size:
            part = self.link.recv(65536)
            if not part:
                raise OSError("the broker hung up")
            self.data += part
        head, self.data = self.data[:size], self.data[size:]
        return head

    def read(self):
        kind = self.need(1)[0]
        size = shift = 0
        while True:
            byte = self.need(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return kind & 0xF0, self.need(size)

    def listen(self):
        try:
            while True:
                kind, body = self.read()
                if kind == 0x40:
                    self.acks.put(struct.unpack(">H", body)[0])
                elif kind == 0x90:
                    self.acks.put("subscribed")
                elif kind == 0x30:
                    size = struct.unpack(">H", body[:2])[0]
                    self.link.sendall(self.packet(0x40, body[2 + size:4 + size]))
                    self.messages.put((body[2:2 + size].decode(), body[4 + size:]))
        except OSError:
            self.acks.put("gone")

    def subscribe(self, topic):
        self.link.sendall(self.packet(0x82, b"\0\1" + text(topic) + b"\1"))
        assert self.acks.get(timeout=20) == "subscribed"

    def await_broker(self, left=0):
        """Until it has taken all that was sent, but for so many."""
        while self.unanswered > left:
            assert isinstance(self.acks.get(timeout=60), int)
            self.unanswered -= 1

    def publish(self, topic, payload):
        self.await_broker(left=UNANSWERED_MAX)
        self.unanswered += 1
        self.number = self.number % 60000 + 1
        self.link.sendall(self.packet(0x32, text(topic) + struct.pack(">H", self.number) +
                                      payload))

    def close(self):
        self.await_broker()
        self.link.shutdown(socket.SHUT_RDWR)
        self.link.close()


def decimal(e7, chance, more=True):
    """A coordinate as text; with digits that rounding half away from zero brings back to it."""
    value = Decimal(e7) / Decimal(10 ** 7)
    if more and chance.random() < 0.3:
        nudge = Decimal(chance.choice([-4, -1, 0, 1, 4])) / Decimal(10 ** 8)
        if chance.random() < 0.3:  # half, away from zero
            nudge = Decimal(-5 if value > 0 else 5) / Decimal(10 ** 8)
        value += nudge
    return format(value, "f")


def json_fix(fix, chance):
    members = ['"device":"%s"' % fix["device"], '"lon":%s' % decimal(fix["at"][0], chance),
               '"lat":%s' % decimal(fix["at"][1], chance)]
    members.append('"time":%d' % fix["time"] if chance.random() < 0.5
                   else '"time":"%s"' % iso(fix["time"]))
    if fix["accuracy_dm"] is not None:
        members.append('"accuracy_m":%s' % (Decimal(fix["accuracy_dm"]) / 10))
    if chance.random() < 0.5:
        members.append('"speed_mps":1.5')
    if chance.random() < 0.3:
        members.append('"more":{"x":[1,2,{"y":"}"}]}')
    chance.shuffle(members)
    return "{" + ",".join(members) + "}"


def owntracks(fix, chance):
    members = {"_type": "location", "tst": fix["time"] // 1000, "tid": "xx", "batt": 50, "t": "u",
               "acc": fix["accuracy_dm"] // 10 if fix["accuracy_dm"] is not None else None}
    if members["acc"] is None:
        del members["acc"]
    return json.dumps(members)[:-1] + ',"lat":%s,"lon":%s}' % (
        decimal(fix["at"][1], chance), decimal(fix["at"][0], chance))


class Outbox:
    """HRF1, as the contract says it: numbered, told again until it is acknowledged."""

    def __init__(self, mqtt, user, chance):
        self.mqtt, self.user, self.chance = mqtt, user, chance
        self.epoch = chance.getrandbits(64)
        self.fixes = []
        self.sent = self.acked = 0

    def put(self, fix):
        self.fixes.append(fix)

    def batch(self, start, count):
        part = self.fixes[start:start + count]
        names = sorted({fix["device"] for fix in part})
        base = min([fix["time"] for fix in part], default=0)
        body = b"".join(bytes([len(name)]) + name.encode() for name in names)
        for fix in part:
            accuracy = 0xFFFF if fix["accuracy_dm"] is None else fix["accuracy_dm"]
            body += struct.pack("<HHIiiHHBBH", names.index(fix["device"]), accuracy,
                                fix["time"] - base, *fix["at"], 0xFFFF, 0xFFFF, 77, 0, 0)
        head = struct.pack("<4sBBHIQQQq", b"HRF1", 1, 0, len(names), len(part), self.epoch, start,
                           self.acked, base)
        sum_ = crc32c(head + b"\0\0\0\0" + body)
        return head + struct.pack("<I", sum_) + body

    def take_acks(self):
        while not self.mqtt.messages.empty():
            _, payload = self.mqtt.messages.get()
            ack = json.loads(payload)
            if int(ack["epoch"]) == self.epoch:
                self.acked = max(self.acked, ack["seq"] + 1)
                self.sent = max(self.sent, self.acked)

    def send(self):
        """Some of it; a message may get lost, come twice, or overlap with the one before."""
        self.take_acks()
        while self.sent < len(self.fixes):
            start = self.sent
            if self.chance.random() < 0.1 and start > self.acked:
                start = self.chance.randrange(self.acked, start)
            count = self.chance.randrange(1, 40)
            message = self.batch(start, count)
            self.sent = min(len(self.fixes), start + count)
            if self.chance.random() < 0.1:
                continue  # the radio lost it
            for _ in range(2 if self.chance.random() < 0.1 else 1):
                self.mqtt.publish("hedgerow/v1/fixes/" + self.user, message)

    def drain(self, timeout=60):
        """True once everything is acknowledged."""
        deadline = time.monotonic() + timeout
        self.send()
        while self.acked < len(self.fixes) and time.monotonic() < deadline:
            before = self.acked
            try:
                self.mqtt.messages.put(self.mqtt.messages.get(timeout=0.5))
            except queue.Empty:
                pass
            self.take_acks()
            if self.acked == before:
                self.sent = self.acked
                self.send()
        return self.acked == len(self.fixes)


class Sender:
    """Fixes in all forms; each device keeps to a form, since an OwnTracks id has its user."""

    def __init__(self, port, login, chance):
        self.chance = chance
        self.user = login["user"]
        self.mqtt = Mqtt(port, login["user"], login["password"],
                         "attack-%d" % random.getrandbits(32))
        self.mqtt.subscribe("hedgerow/v1/ack/" + self.user)
        self.outbox = Outbox(self.mqtt, self.user, chance)
        self.json = []

    def send(self, fix, form):
        if form == "hrf1":
            self.outbox.put(fix)
            if self.chance.random() < 0.1:
                self.outbox.send()
            return
        self.json.append(fix)
        if form == "owntracks":
            name = fix["device"].split(".", 1)[1]
            self.mqtt.publish("owntracks/%s/%s" % (self.user, name),
                              owntracks(fix, self.chance).encode())
        elif form == "json":
            self.mqtt.publish("hedgerow/v1/fix/" + self.user, json_fix(fix, self.chance).encode())
        if form == "array":
            self.mqtt.publish("hedgerow/v1/fix/" + self.user,
                              ("[%s]" % json_fix(fix, self.chance)).encode())
