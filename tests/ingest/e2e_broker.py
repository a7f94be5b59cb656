"""tests/ingest/e2e_broker.py - a broker that is not ours: TLS, client certificates, several
addresses, one that knows nothing newer than MQTT 3.1.1."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading

from harness import expect, free_port, test
from site_e2e import Site, until

FIX = json.dumps({"device": "cow-17", "lon": 16.37, "lat": 59.85})
TOPIC = "hedgerow/v1/fix/barn"


class Broker:
    """mosquitto with a configuration of the test's own."""

    def __init__(self, folder, port, *lines):
        self.port = port
        self.path = os.path.join(folder, "%d.conf" % port)
        self.process = None
        with open(self.path, "w") as file:
            file.write("\n".join(["listener %d 127.0.0.1" % port, "user root",
                                  "log_dest file " + self.path + ".log", *lines, ""]))

    def __enter__(self):
        self.process = subprocess.Popen(["/usr/sbin/mosquitto", "-c", self.path],
                                        stderr=subprocess.DEVNULL)
        until(lambda: answers(self.port), "mosquitto listens")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def has_met(self, client):
        with open(self.path + ".log") as file:
            return " as %s (" % client in file.read()


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def publish(port, *flags):
    subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", TOPIC,
                    "-m", FIX, *flags], check=True, timeout=20, capture_output=True)


def fix_count(site):
    return len(site.fixes())


def is_fine(site):
    return site.health()["status"] == "ok"


def openssl(folder, *words):
    subprocess.run(["openssl", *words], check=True, cwd=folder, capture_output=True, timeout=20)


def make_certificates(folder):
    """An authority "ca", and of it "server" for 127.0.0.1 and "farm" for a client."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=authority")
    for name in ("server", "farm"):
        with open(os.path.join(folder, name + ".ext"), "w") as file:
            file.write("subjectAltName=IP:127.0.0.1\n")
        openssl(folder, "req", *key, "-keyout", name + ".key", "-out", name + ".csr", "-subj",
                "/CN=" + name)
        openssl(folder, "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", name + ".pem", "-days", "2", "-extfile", name + ".ext")


@test
def a_foreign_broker_is_reached_by_tls_with_a_certificate_of_ours():
    with tempfile.TemporaryDirectory(prefix="hr-e2e-") as folder:
        make_certificates(folder)

        def at(name):
            return os.path.join(folder, name)
        lines = ["cafile " + at("ca.pem"), "certfile " + at("server.pem"),
                 "keyfile " + at("server.key"), "require_certificate true",
                 "use_identity_as_username true"]
        port = free_port()
        with Broker(folder, port, *lines):
            url = "mqtts://127.0.0.1:%d" % port
            own = ["--broker-cert", at("farm.pem"), "--broker-key", at("farm.key")]
            with Site("--broker", url, "--broker-ca", at("ca.pem"), *own) as site:
                until(lambda: is_fine(site), "connected by TLS")
                publish(port, "--cafile", at("ca.pem"), "--cert", at("farm.pem"), "--key",
                        at("farm.key"))
                until(lambda: fix_count(site) == 1, "a fix through TLS")
            # Without our certificate, and trusting another authority, there is no way in; the
            # service waits a while for it before it says so.
            for flags in (["--broker-ca", at("ca.pem")], own) if os.environ.get("HR_LONG") else ():
                with Site("--broker", url, *flags) as site:
                    health = until(lambda: site.health()["reasons"] and site.health(), "a reason")
                    expect(health["status"], "degraded")


@test
def of_several_brokers_the_one_that_answers_is_taken():
    with tempfile.TemporaryDirectory(prefix="hr-e2e-") as folder:
        with open(os.path.join(folder, "pw"), "w") as file:
            file.write("hedgerow:s@cret,\n")
        subprocess.run(["mosquitto_passwd", "-U", os.path.join(folder, "pw")], check=True)
        lines = ["allow_anonymous false", "password_file " + os.path.join(folder, "pw")]
        first, second = (Broker(folder, free_port(), *lines) for _ in range(2))
        login = ["-u", "hedgerow", "-P", "s@cret,"]
        url = "mqtt://hedgerow:s@cret,@127.0.0.1:%d,127.0.0.1:%d" % (first.port, second.port)
        with second:
            with Site("--broker", url) as site:
                until(lambda: is_fine(site), "the second is taken")
                # Its owner lets names in, and a key made of his password is not for its log.
                expect([second.has_met(client) for client in ("hedgerow-ingest",
                                                              "hedgerow-notify")], [True, True])
                publish(second.port, *login)
                until(lambda: fix_count(site) == 1, "a fix through the second")
                # Its users are not ours to add.
                site.hedgerow("gateway", "add", "barn", wanted=1)
                with first:
                    second.process.send_signal(signal.SIGKILL)
                    until(lambda: is_fine(site) and site.read_log().count("mqtt.up") >= 4,
                          "the first is taken")
                    publish(first.port, *login)
                    until(lambda: fix_count(site) == 2, "a fix through the first")


class OldBroker:
    """Stands before a broker and refuses MQTT 5 as one that does not know it (3.1.1, 3.2.2.3)."""

    def __init__(self, to_port):
        self.to_port = to_port
        self.refused = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.meet, args=(client,), daemon=True).start()

    def meet(self, client):
        hello = client.recv(4096)
        level = hello[hello.index(b"MQTT") + 4] if b"MQTT" in hello else 0
        if level != 4:
            self.refused += 1
            client.sendall(b"\x20\x02\x00\x01")
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", self.to_port))
        server.sendall(hello)
        threading.Thread(target=copy, args=(server, client), daemon=True).start()
        copy(client, server)


def copy(source, target):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        end.close()


@test
def a_broker_of_mqtt_3_1_1_is_spoken_to_in_its_words():
    with tempfile.TemporaryDirectory(prefix="hr-e2e-") as folder:
        with Broker(folder, free_port(), "allow_anonymous true") as broker:
            old = OldBroker(broker.port)
            with Site("--broker", "mqtt://127.0.0.1:%d" % old.port) as site:
                until(lambda: is_fine(site), "connected with 3.1.1")
                expect(old.refused >= 1, True)
                expect("version=3.1.1" in site.read_log(), True)
                publish(broker.port)
                until(lambda: fix_count(site) == 1, "a fix through 3.1.1")
            old.listener.close()
