"""tests/api/websocket.py - a small WebSocket client (RFC 6455) on Python's own library."""
import base64
import json
import os
import select
import socket
import struct
import time

from harness import PATIENCE_S


class Refused(Exception):
    """The upgrade was answered with another status than 101."""

    def __init__(self, status):
        super().__init__("refused with %d" % status)
        self.status = status


class WebSocket:
    def __init__(self, port, path="/v1/live", protocol="hedgerow.v1", headers=None,
                 receive_buffer=0, tls=None):
        self.link = socket.socket()
        if receive_buffer:
            self.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.link.settimeout(PATIENCE_S)
        self.link.connect(("127.0.0.1", port))
        if tls:
            self.link = tls.wrap_socket(self.link, server_hostname="localhost")
        self.data = b""
        self.closed_with = None
        lines = ["GET %s HTTP/1.1" % path, "Host: 127.0.0.1:%d" % port, "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        if protocol:
            lines.append("Sec-WebSocket-Protocol: " + protocol)
        lines += ["%s: %s" % item for item in (headers or {}).items()]
        self.link.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.data:
            part = self.link.recv(65536)
            if not part:
                raise Refused(0)
            self.data += part
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            raise Refused(status)

    def send(self, message, opcode=1, final=True):
        if not isinstance(message, (bytes, str)):
            message = json.dumps(message)
        if isinstance(message, str):
            message = message.encode()
        self.link.sendall(frame(message, opcode, final))

    def _need(self, size, deadline):
        while len(self.data) < size:
            wait = deadline - time.monotonic()
            pending = getattr(self.link, "pending", lambda: 0)()  # decrypted, not yet taken
            if wait <= 0 or not (pending or select.select([self.link], [], [], wait)[0]):
                return False
            part = self.link.recv(1 << 20)
            if not part:
                raise ConnectionResetError
            self.data += part
        return True

    def sip(self):
        """Read what is there, at most the buffer of a slow reader; it waits for its frame's end."""
        if select.select([self.link], [], [], 0)[0]:
            self.data += self.link.recv(4096)

    def receive(self, timeout=PATIENCE_S):
        """The next frame: JSON, or bytes of a binary one; None when nothing came in time."""
        deadline = time.monotonic() + timeout
        while True:
            if not self._need(2, deadline):
                return None
            opcode, size = self.data[0] & 15, self.data[1] & 127
            head = 2
            if size == 126:
                if not self._need(4, deadline):
                    return None
                size, head = struct.unpack(">H", self.data[2:4])[0], 4
            elif size == 127:
                if not self._need(10, deadline):
                    return None
                size, head = struct.unpack(">Q", self.data[2:10])[0], 10
            if not self._need(head + size, deadline):
                return None
            body, self.data = self.data[head:head + size], self.data[head + size:]
            if opcode == 9:
                self.send(body, 10)
            elif opcode == 8:
                self.closed_with = struct.unpack(">H", body[:2])[0] if len(body) >= 2 else 1005
                raise ConnectionResetError
            elif opcode == 1:
                return json.loads(body)
            elif opcode == 2:
                return body

    def receive_key(self, key, timeout=PATIENCE_S):
        """The next JSON frame with that member; others are passed over."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self.receive(max(0.01, deadline - time.monotonic()))
            if isinstance(message, dict) and key in message:
                return message[key]
        raise AssertionError("no %s within %s s" % (key, timeout))

    def close(self):
        self.link.close()


def frame(body, opcode, final=True):
    mask = os.urandom(4)
    head = bytes([(128 if final else 0) | opcode])
    if len(body) < 126:
        head += bytes([128 | len(body)])
    elif len(body) < 65536:
        head += bytes([128 | 126]) + struct.pack(">H", len(body))
    else:
        head += bytes([128 | 127]) + struct.pack(">Q", len(body))
    padded = body + b"\0" * (-len(body) % 4)
    key = int.from_bytes(mask, "little")
    words = struct.unpack("<%dI" % (len(padded) // 4), padded)
    masked = struct.pack("<%dI" % len(words), *(word ^ key for word in words))
    return head + mask + masked[:len(body)]
