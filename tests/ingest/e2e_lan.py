"""tests/ingest/e2e_lan.py - letting the local network in, and what a new gateway is told."""
import base64
import ctypes
import json
import os
import re
import stat
import subprocess
import tempfile

from harness import expect, free_port, test
from site_e2e import Site, mosquitto_pub, program, until


def has_fix(site, device):
    return any(fix["device"] == device for fix in site.get("/v1/devices")[2]["devices"])


@test
def the_local_network_is_let_in_with_a_certificate_of_our_own():
    with Site() as site:
        port = free_port()
        expect("let in" in site.hedgerow("broker", "status"), True)
        inside = site.add("shed")
        expect((inside["host"], inside["port"], inside["tls"]), ("127.0.0.1", site.mqtt_port,
                                                                False))
        said = site.hedgerow("broker", "open-lan", "--port", str(port))
        ca_file = re.search(r"authority +(.*)", said)[1]
        print_of_ca = subprocess.run(["openssl", "x509", "-in", ca_file, "-noout", "-fingerprint",
                                      "-sha256"], check=True, capture_output=True,
                                     text=True).stdout.strip().split("=")[1]
        expect(print_of_ca in said, True, said)
        lan = json.loads(site.hedgerow("broker", "status", "--json"))["lan"]
        expect((lan["port"], lan["ca_file"], lan["fingerprint"]), (port, ca_file, print_of_ca))
        login = site.add("barn")
        expect(sorted(login), ["host", "password", "port", "tls", "user"])
        expect((login["port"], login["tls"]), (port, True))
        fix = json.dumps({"device": "cow-17", "lon": 16.37, "lat": 59.85})
        mosquitto_pub(login, "hedgerow/v1/fix/barn", fix, "--cafile", ca_file)
        until(lambda: has_fix(site, "cow-17"), "a fix through TLS")
        # Neither without TLS, nor for one who trusts another authority.
        mosquitto_pub(login, "hedgerow/v1/fix/barn", fix, wanted=1)
        mosquitto_pub(login, "hedgerow/v1/fix/barn", fix, "--capath", "/etc/ssl/certs", wanted=1)
        site.hedgerow("broker", "close-lan")
        mosquitto_pub(login, "hedgerow/v1/fix/barn", fix, "--cafile", ca_file, wanted=1)
        mosquitto_pub(dict(inside), "hedgerow/v1/fix/shed", fix)
        expect(site.add("byre")["tls"], False)
        until(lambda: site.health()["status"] == "ok", "health")


@test
def a_gateway_is_given_a_configuration_that_works():
    with Site() as site, tempfile.TemporaryDirectory(prefix="hr-e2e-") as folder:
        path = os.path.join(folder, "edge.conf")
        site.hedgerow("broker", "open-lan", "--port", str(free_port()))
        expect(site.hedgerow("gateway", "add", "barn", "--config", path), "")
        expect(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path) as file:
            text = file.read()
        expect(len(text.splitlines()) <= 12, True, text)
        text = re.sub("(?m)^data = .*", "data = %s/edge" % folder, text)
        text = re.sub("(?m)^source = .*", "source = json:-", text)
        with open(path, "w") as file:
            file.write(text)
        edge = subprocess.Popen([program("hedgerow-edge"), "--config", path], stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL)
        try:
            edge.stdin.write(b'{"device":"cow-3","lon":16.37,"lat":59.85}\n')
            edge.stdin.flush()
            until(lambda: has_fix(site, "cow-3"), "a fix by hedgerow-edge through TLS")
        finally:
            edge.kill()
            edge.wait()
        # A file that is there is not written over, and nobody is added then.
        site.hedgerow("gateway", "add", "mill", "--config", path, wanted=1)
        expect(site.hedgerow("gateway", "list"), "barn\n")
        # For eyes: where to put the authority's certificate, by its fingerprint.
        said = site.hedgerow("gateway", "add", "mill")
        lan = json.loads(site.hedgerow("broker", "status", "--json"))["lan"]
        expect((lan["fingerprint"] in said, "ca_file = /etc/hedgerow/ca.pem" in said),
               (True, True), said)


def modules_of(text):
    """The code's modules, read off the half blocks."""
    rows = []
    for line in text.splitlines():
        line = re.sub("\033\\[[0-9;]*m", "", line)
        rows.append([c in "\u2580\u2588" for c in line])
        rows.append([c in "\u2584\u2588" for c in line])
    return [row[2:-2] for row in rows[2:2 + len(rows[0]) - 4]]


class Code(ctypes.Structure):
    """QRcode of libqrencode."""
    _fields_ = [("version", ctypes.c_int), ("width", ctypes.c_int),
                ("data", ctypes.POINTER(ctypes.c_ubyte))]


@test
def a_phone_is_set_up_by_a_code_on_the_screen():
    with Site() as site:
        said = site.hedgerow("gateway", "add", "ann", "--qr")
        password = re.search("password = (.*)", said)[1]
        link = "owntracks:///config?inline=" + base64.b64encode(json.dumps(
            {"_type": "configuration", "mode": 0, "host": "127.0.0.1", "port": site.mqtt_port,
             "tls": False, "auth": True, "username": "ann", "password": password,
             "deviceId": "phone", "pubTopicBase": "owntracks/%u/%d"},
            separators=(",", ":")).encode()).decode()
        library = ctypes.CDLL("libqrencode.so.4")
        library.QRcode_encodeString8bit.restype = ctypes.POINTER(Code)
        code = library.QRcode_encodeString8bit(link.encode(), 0, 0).contents
        drawn = modules_of(said[said.index("\033"):])
        expect(len(drawn), code.width)
        expect(drawn, [[bool(code.data[row * code.width + column] & 1)
                        for column in range(code.width)] for row in range(code.width)])
        # Where nobody looks, the output is the configuration alone.
        expect("\033" in site.hedgerow("gateway", "add", "eve"), False)


@test
def what_root_does_for_the_service_belongs_to_the_service():
    if os.geteuid() != 0:
        return
    with tempfile.TemporaryDirectory(prefix="hr-e2e-") as folder:
        site = Site(data=os.path.join(folder, "data"))
        os.mkdir(site.data)
        os.chown(site.data, 65534, 65534)
        # Before the service's first start: the folder is made by root's command.
        site.add("barn")
        for name in ("", "users", "passwords", "acl", "lock"):
            found = os.stat(os.path.join(site.data, "broker", name))
            expect((name, found.st_uid, found.st_gid), (name, 65534, 65534))
        # A trap laid for root: what the link names must stay as it is.
        victim = os.path.join(folder, "victim")
        with open(victim, "w") as file:
            file.write("whole")
        os.symlink(victim, os.path.join(site.data, "broker", "users.new"))
        site.add("mill")
        with open(victim) as file:
            expect((file.read(), os.stat(victim).st_uid), ("whole", 0))
