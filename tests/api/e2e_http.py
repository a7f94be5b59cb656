"""tests/api/e2e_http.py - HTTP as it should be, and as an attacker would have it."""
import http.client
import json
import os
import socket
import time

import harness
from e2e_accounts import make_token, set_up
from harness import Service, expect, test

GET = b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n"


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


@test
def keep_alive_pipelining_head_and_options():
    with Service() as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        for _ in range(50):
            expect(service.ask("GET", "/v1/health", connection=connection)[0], 200)
        status, headers, body = service.ask("HEAD", "/v1/health", connection=connection)
        expect((status, body), (200, b""))
        expect(int(headers["content-length"]) > 20, True)
        status, headers, _ = service.ask("OPTIONS", "/v1/health", connection=connection)
        expect((status, headers["allow"]), (204, "GET, HEAD, OPTIONS"))
        expect("access-control-allow-origin" in headers, False)
        answer = service.raw(GET % b"" * 20 + GET % b"Connection: close\r\n")
        expect(answer.count(b"HTTP/1.1 200 OK"), 21)


@test
def a_body_that_is_not_needed_passes_by():
    """lws tells of the body of a DELETE after its answer."""
    with Service() as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        for method, path, wanted in (("DELETE", "/v1/fences/x", 401), ("GET", "/v1/health", 413)):
            for size in (1, 5000, 200000):
                for _ in range(3):
                    expect(service.ask(method, path, b"x" * size, connection=connection)[0],
                           wanted, (method, size))
                    expect(service.ask("GET", "/v1/me", connection=connection)[0], 401)
        expect(service.ask("GET", "/v1/health", connection=connection)[0], 200)


@test
def an_answer_and_its_log_line_bear_the_same_id():
    with Service("--log-level", "debug") as service:
        ids = [service.ask("GET", path)[1]["x-request-id"]
               for path in ("/v1/health", "/v1/nothing%20status=200%22")]
        expect(len(set(ids)), 2)
        lines = [line for line in service.read_log().splitlines() if " http.answer " in line]
        expect([line for line in lines if "request=%s " % ids[0] in line][0].split(" path=")[1]
               .startswith('"/v1/health" status=200 '), True, lines)


@test
def refusals_before_any_handler_are_logged_under_their_id_too():
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
               "Sec-WebSocket-Protocol": "hedgerow.v1"}
    with Service("--log-level", "debug") as service:
        before = refused_count(service)
        for method, path, body, headers, wanted in (
                ("GET", "/v1/nothing", None, {}, 404),
                ("DELETE", "/v1/health", None, {}, 405),
                ("GET", "/v1/me", None, {}, 401),
                ("GET", "/v1/health", None, {"Host": "evil.example"}, 421),
                ("GET", "/v1/health", None, {"If-Match": "x" * 300}, 431),
                ("GET", "/v1/health?" + "a=1&" * 40, None, {}, 414),
                ("POST", "/v1/login", b"x" * 5000, {}, 413),
                ("POST", "/v1/login", b"x", {"Content-Type": "text/plain"}, 415),
                ("DELETE", "/v1/fences/x", b"x" * 5000, {}, 401),
                ("GET", "/v1/live", None, upgrade, 401)):
            status, headers, _ = service.ask(method, path, body, headers)
            expect(status, wanted, path)
            mark = "request=%s method=%s path=" % (headers["x-request-id"], method)
            lines = [line for line in service.read_log().splitlines() if mark in line]
            expect(len(lines), 1, (path, mark))
            expect(" status=%d " % wanted in lines[0], True, lines)
        expect(refused_count(service) - before, 10)


def refused_count(service):
    """Answers of the class 4xx so far."""
    text = service.ask("GET", "/metrics")[2].decode()
    return int([line.split()[1] for line in text.splitlines()
                if line.startswith('hedgerow_http_answers_total{class="4xx"}')][0])


@test
def a_head_is_read_whole_or_refused():
    """A header that was left out because it is long would be a check that was left out."""
    with Service() as service:
        owner = set_up(service)
        others = "; ".join("other%d=%s" % (i, "x" * 90) for i in range(60))
        crowded = {"Cookie": others + "; " + owner["Cookie"]}
        expect(service.ask("GET", "/v1/me", headers=crowded)[0], 200)
        long_name = "https://%s.example" % ".".join(["a" * 60] * 4)
        for headers in ({"Origin": long_name}, {"If-Match": '"' + "1" * 300 + '"'},
                        {"Authorization": "Bearer " + "x" * 9000}, {"Cookie": "a=" + "x" * 9000}):
            status, _, body = service.ask("POST", "/v1/logout", {}, {**owner, **headers})
            expect((status, body["error"]["code"]), (431, "head.too_big"), list(headers))
            expect(body["error"]["field"], list(headers)[0])
        expect(service.ask("GET", "/v1/me", headers=owner)[0], 200)
        known = GET % (b"Connection: close\r\nX-Other: " + b"x" * 20000 + b"\r\n")
        expect(status_of(service.raw(known)), 200, "what we do not read may be long")
        # Above this libwebsockets ends the connection and gives nobody the chance to say why.
        expect(service.raw(GET % (b"X-Other: " + b"x" * 40000 + b"\r\n")), b"")


@test
def errors_have_the_status_they_should():
    with Service() as service:
        expect(service.ask("GET", "/v1/nothing")[0], 404)
        expect(service.ask("POST", "/v1/health", body={})[0], 405)
        status, _, body = service.ask("GET", "/v1/nothing")
        expect(sorted(body["error"]), ["code", "message"])
        expect(service.ask("GET", "/v1/health?" + "&".join("a%d=1" % i for i in range(40)))[0], 414)
        expect(status_of(service.raw(b"GET /v1/%zz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 2)) in
               (0, 400, 403, 404), True)


@test
def parameters_may_end_sloppily_and_numbers_are_whole():
    with Service() as service:
        owner = set_up(service)
        for path, status in (("/v1/events?", 200), ("/v1/events?limit=1&", 200),
                             ("/v1/events?limit=1&&", 200), ("/v1/events?limit=1.5", 400),
                             ("/v1/events?limit=1e1", 400), ("/v1/events?x=1", 400),
                             ("/v1/devices/cow-1/track?to=-9223372036854775807", 200),
                             ("/v1/health?probe=7", 200), ("/v1/openapi.json?v=2", 200)):
            expect(service.ask("GET", path, headers=owner)[0], status, path)
        lacks = {"offsets": [{"topic": "positions", "offset": 0}]}
        status, _, body = service.ask("PUT", "/v1/groups/mine/offsets", lacks, owner)
        expect((status, body["error"]["code"]), (400, "group.offset"))


@test
def only_names_of_ours_are_served():
    with Service() as service:
        expect(service.ask("GET", "/v1/health", headers={"Host": "evil.example"})[0], 421)
        expect(service.ask("GET", "/v1/health", headers={"Host": "localhost:1"})[0], 200)


@test
def other_origins_get_nothing_unless_they_are_configured():
    friend = {"Origin": "https://farm.example"}
    with Service() as service:
        headers = service.ask("GET", "/v1/health", headers=friend)[1]
        expect("access-control-allow-origin" in headers, False)
    with Service("--origins", "https://farm.example") as service:
        headers = service.ask("OPTIONS", "/v1/fences", headers=friend)[1]
        expect(headers["access-control-allow-origin"], "https://farm.example")
        expect("POST" in headers["access-control-allow-methods"], True)
        other = {"Origin": "https://farm.example.evil"}
        headers = service.ask("GET", "/v1/health", headers=other)[1]
        expect("access-control-allow-origin" in headers, False)


@test
def http2_is_never_spoken():
    with Service() as service:
        upgrade = (b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                   b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n")
        answer = service.raw(GET % upgrade, 2)
        expect(b"101" in answer[:20], False, "h2c upgrade")
        answer = service.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 2)
        expect(answer[:3] in (b"", b"HTT"), True, "h2 by prior knowledge")
        expect(service.ask("GET", "/v1/health")[0], 200)


@test
def foreign_upgrades_do_no_harm():
    """What CVE-2025-11677 needs: an upgrade that lws does not know, again and again."""
    with Service() as service:
        for name in (b"foo", b"TLS/1.2", b"h2c", b"websockets", b"x" * 3000, b""):
            for _ in range(20):
                request = GET % (b"Connection: Upgrade\r\nUpgrade: " + name + b"\r\n")
                with socket.create_connection(("127.0.0.1", service.port), timeout=60) as link:
                    link.sendall(request + request)
                    link.shutdown(socket.SHUT_WR)
                    while True:
                        try:
                            part = link.recv(65536)
                        except ConnectionResetError:
                            break
                        if not part:
                            break
                        expect(b" 101 " in part[:20], False)
        expect(service.ask("GET", "/v1/health")[0], 200)


@test
def an_upgrade_that_is_refused_is_told_why():
    def upgrade(*lines, path=b"/v1/live", version=b"13"):
        return (b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: " + version + b"\r\n" +
                b"".join(line + b"\r\n" for line in lines) + b"\r\n")
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    ours = b"Sec-WebSocket-Protocol: chat, hedgerow.v1"
    with Service() as service:
        for request, status, code in (
                (upgrade(key), 400, "live.subprotocol"),
                (upgrade(key, b"Sec-WebSocket-Protocol: chat"), 400, "live.subprotocol"),
                (upgrade(key, b"Sec-WebSocket-Protocol: http"), 400, "live.subprotocol"),
                (upgrade(key, b"Sec-WebSocket-Protocol: " + b"x" * 3000), 400, "live.subprotocol"),
                (upgrade(ours), 400, "live.key"),
                (upgrade(key, ours, version=b"8"), 426, "live.version"),
                (upgrade(key, ours), 401, "auth.required"),
                (upgrade(key, ours, path=b"/v1/live?token=x"), 401, "auth.required"),
                (upgrade(key, ours, path=b"/v1/events"), 404, "route.not_found"),
                (upgrade(key, ours, b"Origin: http://evil.example"), 403, "origin.denied")):
            answer = service.raw(request)
            expect(status_of(answer), status, answer)
            head, body = answer.split(b"\r\n\r\n", 1)
            expect(json.loads(body)["error"]["code"], code)
            expect(b"connection: close" in head.lower(), True, head)
            expect(b"Sec-WebSocket-Version: 13" in head, status == 426, head)
        expect(service.ask("GET", "/v1/health")[0], 200)


@test
def malformed_heads_are_survived():
    with Service() as service:
        for head in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                     b"GET " + b"/" * 20000 + b" HTTP/1.1\r\n\r\n",
                     b"GET /v1/health HTTP/1.1\r\n" + b"A: " + b"b" * 30000 + b"\r\n\r\n",
                     b"GET /v1/health HTTP/1.1\r\n" + b"A: b\r\n" * 3000 + b"\r\n",
                     b"GET /v1/health HTTP/1.1\r\nContent-Length: -5\r\nHost: 127.0.0.1\r\n\r\n",
                     b"POST /v1/health HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n"
                     b"Host: 127.0.0.1\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
                     b"GET /v1/../../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                     b"GET /..%2f..%2fetc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                     b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):
            answer = service.raw(head, 0.5)
            expect(status_of(answer) in (0, 400, 403, 404, 405, 413, 414, 421, 431, 200), True,
                   (head[:40], answer[:60]))
            expect(b"root:" in answer, False)
        expect(service.ask("GET", "/v1/health")[0], 200)


@test
def nothing_is_read_behind_a_body_whose_end_is_unknown():
    """A refused request without a length swallowed the next one; one in chunks was read as one."""
    follower = "GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    chunks = "%x\r\n%s\r\n0\r\n\r\n" % (len(follower), follower)
    with Service() as service:
        for target, wanted in (("POST /v1/logout", b"401"), ("POST /v1/none", b"404"),
                               ("PUT /v1/health", b"405"), ("DELETE /v1/health", b"405"),
                               ("GET /v1/none", b"404")):
            head = "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n" % target
            texts = [head + "Transfer-Encoding: chunked\r\n\r\n" + chunks]
            if target[:2] in ("PO", "PU"):
                texts.append(head + "\r\n" + follower)
            for text in texts:
                got = service.raw(text.encode())
                expect((got.count(b"HTTP/1.1 "), got[9:12], b"Connection: close" in got),
                       (1, wanted, True), text)
        check_blanks_beside_names(service)
        got = service.raw(("POST /v1/logout HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n"
                           "\r\n{}" + follower).encode())
        expect(got.count(b"HTTP/1.1 "), 2, got)


def check_blanks_beside_names(service):
    """A condition that nobody reads is none, and a length that only proxies read is worse."""
    for method, name, value in (("PUT", b"If-Match", b'"9"'), ("PUT", b"If-None-Match", b"*"),
                                ("POST", b"Idempotency-Key", b"k"), ("DELETE", b"Origin", b"x"),
                                ("GET", b"Transfer-Encoding", b"chunked"),
                                ("GET", b"Content-Length", b"5")):
        for form in (b"%s : %s", b"%s\t:%s", b"%s  : %s", b" %s: %s", b"\t%s: %s"):
            got = service.raw(b"%s /v1/fences/x HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Foo: b\r\n%s\r\n"
                              b"\r\n" % (method.encode(), form % (name, value)))
            expect((got.count(b"HTTP/1.1 "), status_of(got)), (1, 400), (method, form, name))
            expect(b"onnection: close" in got, True, got)
    # An encoded end of line in the address ended the line, and began a header of its sender's own.
    for target in (b"/v1/fences/north%0D", b"/v1/health%0Acookie:a=b", b"/v1/health?a%0D%0Ahost:b"):
        got = service.raw(b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        expect((got.count(b"HTTP/1.1 "), status_of(got)), (1, 400), target)


@test
def who_does_not_read_an_answer_is_ended():
    if not os.environ.get("HR_LONG"):
        return
    with Service() as service:
        token = make_token(service, set_up(service), "viewer")["Authorization"]
        sql = "SELECT printf('%.*c', 1900000, 'x') FROM json_each('[1,2,3,4,5,6,7,8,9]')"
        body = json.dumps({"sql": sql})
        with socket.create_connection(("127.0.0.1", service.port)) as link:
            link.sendall(("POST /v1/sql HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n"
                          "Content-Length: %d\r\n\r\n%s" % (token, len(body), body)).encode())
            link.setblocking(False)
            deadline = time.monotonic() + 160
            while "hedgerow_http_connections 1\n" in service.ask("GET", "/metrics")[2].decode():
                expect(time.monotonic() < deadline, True, "it is there")
            while "hedgerow_http_connections 2\n" in service.ask("GET", "/metrics")[2].decode():
                expect(time.monotonic() < deadline, True, "it is ended")
                harness.select_briefly()
