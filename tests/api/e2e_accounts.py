"""tests/api/e2e_accounts.py - first steps, sessions, tokens, and the matrix of roles and routes."""
import http.client
import json
import os
import re
import resource
import socket
import subprocess
import time

from harness import Service, expect, select_briefly, test

PASSWORD = "a long enough one"


def set_up(service):
    """An owner, and headers that are the owner."""
    expect(service.ask("POST", "/v1/setup", {"user": "owner", "password": PASSWORD})[0], 201)
    return {"Cookie": log_in(service, "owner", PASSWORD)}


def log_in(service, user, password):
    status, headers, body = service.ask("POST", "/v1/login", {"user": user, "password": password})
    expect(status, 200, body)
    return headers["set-cookie"].split(";")[0]


def make_token(service, owner, role, **more):
    status, _, body = service.ask("POST", "/v1/tokens",
                                  {"name": role, "role": role, "expires_at": None, **more}, owner)
    expect(status, 201, body)
    return {"Authorization": "Bearer " + body["token"]}


@test
def first_steps_as_the_contract_has_them():
    with Service() as service:
        expect(service.ask("GET", "/v1/health")[2]["needs_setup"], True)
        expect(service.ask("GET", "/v1/me")[0], 401)
        owner = set_up(service)
        expect(service.ask("POST", "/v1/setup", {"user": "other", "password": PASSWORD})[0], 409)
        expect(service.ask("GET", "/v1/health")[2]["needs_setup"], False)
        status, _, body = service.ask("GET", "/v1/me", headers=owner)
        expect((status, body), (200, {"user": "owner", "role": "owner"}))
        token = make_token(service, owner, "editor")
        expect(service.ask("GET", "/v1/me", headers=token)[2], {"user": "owner", "role": "editor"})
        expect(service.ask("POST", "/v1/logout", body={}, headers=owner)[0], 204)
        expect(service.ask("GET", "/v1/me", headers=owner)[0], 401)
        expect(service.ask("GET", "/v1/me", headers=token)[0], 200)


@test
def accounts_survive_a_kill():
    with Service() as service:
        token = make_token(service, set_up(service), "viewer")
        service.stop(9)
        service.start()
        expect(service.ask("GET", "/v1/me", headers=token)[0], 200)
        expect(service.logged("service.setup", "link=") is None, True)


@test
def the_one_time_link_makes_one_owner():
    with Service() as service:
        link = service.logged("service.setup", "link=")
        code = re.search(r"#setup=(.*)$", link).group(1)
        body = {"user": "owner", "password": PASSWORD}
        proxied = {"X-Forwarded-For": "192.0.2.1"}
        status, headers, _ = service.ask("POST", "/v1/setup", body, proxied)
        expect((status, headers.get("connection")), (403, "close"), "not from this machine")
        wrong = {"user": "owner", "password": PASSWORD, "code": "x" + code[1:]}
        expect(service.ask("POST", "/v1/setup", wrong)[0], 403)
        right = {"user": "owner", "password": PASSWORD, "code": code}
        expect(service.ask("POST", "/v1/setup", right)[0], 201)
        expect(service.ask("POST", "/v1/login", {"code": code})[0], 401)


def check_nobody_reads_the_next_ones_answer(service):
    """A body whose length is hidden so would be a request, and its answer the next client's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, but tells an address of this machine
        except OSError:
            return  # which has no other than its own
        here = probe.getsockname()[0]
    hidden = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((here, service.port), timeout=60) as link:
        head = "GET /v1/health HTTP/1.1\r\nHost: x\r\nA: 1\r\nContent-Length: %d\r\n\r\n"
        link.sendall((head % len(hidden) + hidden).encode())
        got = b"".join(iter(lambda: link.recv(65536), b""))
    expect(got.count(b"HTTP/1.1 "), 1, got)


@test
def behind_a_proxy_the_link_is_always_needed():
    for flag, name in (("--hosts", "farm.example"), ("--origins", "https://farm.example")):
        with Service(flag, name, "--http", "0.0.0.0:0") as service:
            check_nobody_reads_the_next_ones_answer(service)
            link = service.logged("service.setup", "link=")
            body = {"user": "owner", "password": PASSWORD}
            # The header in front hides the proxy's own from libwebsockets.
            hidden = {"X": "1", "X-Forwarded-For": "192.0.2.1"}
            status, headers, _ = service.ask("POST", "/v1/setup", body, hidden)
            # A next request on that connection could be somebody else's.
            expect((status, headers.get("connection")), (403, "close"))
            body["code"] = re.search(r"#setup=(.*)$", link).group(1)
            expect(service.ask("POST", "/v1/setup", body)[0], 201)


@test
def a_forgotten_password_is_no_end():
    with Service() as service:
        owner = set_up(service)
        viewer = make_token(service, owner, "viewer")
        expect(service.ask("POST", "/v1/login-link", {}, viewer)[0], 403)
        status, _, body = service.ask("POST", "/v1/login-link", {}, owner)
        expect((status, body["path"]), (201, "/#login=" + body["code"]))
        status, headers, me = service.ask("POST", "/v1/login", {"code": body["code"]})
        expect((status, me["role"]), (200, "owner"))
        fresh = {"Cookie": headers["set-cookie"].split(";")[0]}
        expect(service.ask("GET", "/v1/me", headers=fresh)[0], 200)
        expect(service.ask("POST", "/v1/login", {"code": body["code"]})[0], 401)


@test
def the_cookie_is_for_this_site_only():
    with Service() as service:
        service.ask("POST", "/v1/setup", {"user": "owner", "password": PASSWORD})
        login = {"user": "owner", "password": PASSWORD}
        cookie = service.ask("POST", "/v1/login", login)[1]["set-cookie"]
        for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
            expect(part in cookie, True, cookie)
        other = service.ask("POST", "/v1/login", login)[1]["set-cookie"]
        expect(other.split(";")[0] != cookie.split(";")[0], True, "a login makes a new session")


@test
def guessing_is_slowed_down():
    with Service() as service:
        set_up(service)
        statuses = [service.ask("POST", "/v1/login", {"user": "owner", "password": "wrong-%d" % i})
                    for i in range(7)]
        codes = [status for status, _, _ in statuses]
        expect(codes[:4], [401] * 4)
        expect(429 in codes, True, codes)
        expect(int(statuses[-1][1]["retry-after"]) >= 1, True)


@test
def a_guesser_behind_our_proxy_locks_out_nobody_else():
    with Service() as service:
        owner = set_up(service)
        expect(service.ask("POST", "/v1/users", {"user": "anna", "password": PASSWORD,
                                                 "role": "viewer"}, owner)[0], 201)
        wrong = {"user": "bertil", "password": "wrong"}
        # What a client says of itself stands before what the proxy says of it.
        far = {"X-Forwarded-For": "198.51.100.4, 192.0.2.66"}
        codes = [service.ask("POST", "/v1/login", wrong, far)[0] for _ in range(7)]
        expect(429 in codes, True, codes)
        right = {"user": "anna", "password": PASSWORD}
        expect(service.ask("POST", "/v1/login", right, far)[0], 429, "the place is known")
        near = {"X-Forwarded-For": "192.0.2.66, 198.51.100.4"}
        expect(service.ask("POST", "/v1/login", right, near)[0], 200)
        peers = {deed["action"]: deed["peer"] for deed in
                 service.ask("GET", "/v1/audit", headers=owner)[2]["audit"][:2]}
        expect(peers, {"login": "198.51.100.4", "login.wrong": "192.0.2.66"})


@test
def bad_bodies_are_refused_and_change_nothing():
    with Service() as service:
        for body in ("", "{", "[]", "1", "null", '"x"', "{}", '{"user":1,"password":2}',
                     '{"user":"owner","password":"short"}', '{"user":"../x","password":"%s"}' %
                     PASSWORD, '{"user":"a\\u0000b","password":"%s"}' % PASSWORD,
                     '{"user":"owner","password":"%s"} x' % PASSWORD, "[" * 2000, "{" * 3000):
            status = service.ask("POST", "/v1/setup", body.encode(),
                                 {"Content-Type": "application/json"})[0]
            expect(status, 400, body[:60])
        # What tells two cases of one code apart, and what a sentence in any language needs.
        short = service.ask("POST", "/v1/setup", {"user": "owner", "password": "short"})[2]["error"]
        expect((short["code"], short["reason"], short["values"]),
               ("setup.invalid", "user.password", {"min": 8, "max": 256}))
        name = service.ask("POST", "/v1/setup", {"user": "../x", "password": PASSWORD})[2]["error"]
        expect((name["reason"], name["values"]), ("user.name", {"max": 64}))
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        expect(service.ask("POST", "/v1/setup", b"user=owner", kind)[0], 415)
        expect(service.ask("POST", "/v1/setup", b"x" * 5000,
                           {"Content-Type": "application/json"})[0], 413)
        expect(service.ask("GET", "/v1/health")[2]["needs_setup"], True)


@test
def bodies_without_a_length_get_411():
    with Service() as service:
        head = b"POST /v1/login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        for more in (b"\r\n", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"):
            answer = service.raw(head + more)
            expect(b" 411 " in answer[:20], True, answer[:60])


@test
def curl_need_not_wait_for_100_continue():
    with Service() as service:
        token = make_token(service, set_up(service), "viewer")
        body = json.dumps({"type": "Polygon", "more": "x" * 2000, "coordinates": [
            [[1, 1], [2, 1], [2, 2], [1, 1]]]})
        done = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", "-d", body,
             "-H", "Content-Type: application/json", "-H", "Expect: 100-continue",
             "--expect100-timeout", "30",
             "-H", "Authorization: " + token["Authorization"],
             "http://127.0.0.1:%d/v1/query/within" % service.port],
            capture_output=True, text=True, timeout=20)
        status, seconds = done.stdout.split()
        expect(status, "200")
        expect(float(seconds) < 20, True, seconds)


@test
def changes_from_other_origins_are_refused():
    with Service() as service:
        owner = set_up(service)
        body = {"name": "x", "role": "viewer"}
        ours = "http://127.0.0.1:%d" % service.port
        for origin, wanted in ((ours, 201), ("http://evil.example", 403), ("null", 403),
                               ("http://127.0.0.1:1", 403), (ours + ".evil.example", 403)):
            status = service.ask("POST", "/v1/tokens", body, {**owner, "Origin": origin})[0]
            expect(status, wanted, origin)
        expect(service.ask("GET", "/v1/me", headers={**owner, "Origin": "null"})[0], 200)


def example_path(path):
    return re.sub(r"\{[^}]*\}", "999", path)


def short_lived_token(service, owner):
    """One that ends as soon as this machine is able to make one that has not ended yet."""
    for lifetime_s in (1, 3, 10, 30):
        end_ms = int((time.time() + lifetime_s) * 1000)
        expires = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(end_ms // 1000))
        body = {"name": "expired", "role": "owner",
                "expires_at": "%s.%03dZ" % (expires, end_ms % 1000)}
        status, _, answer = service.ask("POST", "/v1/tokens", body, owner)
        if status == 201:
            return {"Authorization": "Bearer " + answer["token"]}
    raise AssertionError("no token: %d %r" % (status, answer))


def ended_tokens(service, owner):
    """Tokens that were good once: expired, revoked, of a user who is gone."""
    expired = short_lived_token(service, owner)
    body = {"name": "revoked", "role": "owner", "expires_at": None}
    made = service.ask("POST", "/v1/tokens", body, owner)[2]
    revoked = {"Authorization": "Bearer " + made["token"]}
    expect(service.ask("GET", "/v1/me", headers=revoked)[0], 200)
    expect(service.ask("DELETE", "/v1/tokens/%d" % made["id"], headers=owner)[0], 204)
    gone = {"user": "gone", "password": PASSWORD, "role": "owner"}
    expect(service.ask("POST", "/v1/users", gone, owner)[0], 201)
    cookie = {"Cookie": log_in(service, "gone", PASSWORD)}
    orphan = make_token(service, cookie, "owner")
    expect(service.ask("DELETE", "/v1/users/gone", headers=owner)[0], 204)
    while service.ask("GET", "/v1/me", headers=expired)[0] == 200:
        select_briefly()
    return {"expired": expired, "revoked": revoked, "orphan": orphan, "ended session": cookie}


@test
def every_route_demands_its_role():
    """Made from the table of routes: role x route x Origin x how a token stands. No row of the
    table can be left out."""
    ranks = {"none": 0, "viewer": 1, "editor": 2, "owner": 3}
    with Service() as service:
        owner = set_up(service)
        callers = {"none": {}, "rubbish": {"Authorization": "Bearer " + "x" * 43},
                   **ended_tokens(service, owner)}
        for role in ("viewer", "editor", "owner"):
            callers[role] = make_token(service, owner, role)
        origins = {"": True, "http://127.0.0.1:%d" % service.port: True,
                   "http://evil.example": False, "null": False}
        paths = service.ask("GET", "/v1/openapi.json")[2]["paths"]
        link = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        count = 0
        for path, method, operation in ((path, method, operation)
                                        for path, methods in paths.items()
                                        for method, operation in methods.items()
                                        if path not in ("/v1/login", "/v1/setup")):
            # A body that no handler takes, so that nothing is changed on the way.
            body = b"[]" if method in ("post", "put", "patch") else None
            kind = {"Content-Type": "application/json"} if body else {}
            for name, headers in callers.items():
                rank = ranks.get(name, 0)
                for origin, is_ours in origins.items():
                    extra = {"Origin": origin} if origin else {}
                    status = service.ask(method.upper(), example_path(path), body,
                                         {**headers, **kind, **extra}, link)[0]
                    refused = 401 if rank == 0 else 403
                    if method != "get" and not is_ours:
                        expect(status, 403, (method, path, name, origin))
                    else:
                        expect(status == refused, rank < ranks[operation["x-role"]],
                               (method, path, name, origin, status))
                    count += 1
        expect(count > 1500, True, count)
        for bad in ("Bearer", "Bearer x", "Bearer " + "x" * 5000, "Basic b3duZXI6"):
            expect(service.ask("GET", "/v1/me", headers={"Authorization": bad})[0], 401)


@test
def a_right_password_is_not_called_wrong_for_want_of_memory():
    with Service() as service:
        set_up(service)
        pid = service.process.pid
        with open("/proc/%d/statm" % pid) as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        limits = resource.prlimit(pid, resource.RLIMIT_AS, (now + (48 << 20), -1))
        given = {"user": "owner", "password": PASSWORD}
        for _ in range(8):  # nor does it lock anybody out
            status, _, body = service.ask("POST", "/v1/login", given)
            expect((status, "memory" in body["error"]["message"]), (503, True), body)
        resource.prlimit(pid, resource.RLIMIT_AS, limits)
        expect(service.ask("POST", "/v1/login", given)[0], 200)


@test
def a_token_ends_and_never_outgrows_its_user():
    with Service() as service:
        owner = set_up(service)
        with open(os.path.join(service.data, "local-token")) as file:
            local = {"Authorization": "Bearer " + file.read().strip()}
        status, _, body = service.ask("POST", "/v1/tokens", {"name": "x", "role": "viewer"}, local)
        expect((status, "log in first" in body["error"]["message"]), (403, True), body)
        expect(service.ask("POST", "/v1/users", {"user": "eve", "password": PASSWORD,
                                                 "role": "editor"}, owner)[0], 201)
        eve = {"Cookie": log_in(service, "eve", PASSWORD)}
        status = service.ask("POST", "/v1/tokens", {"name": "x", "role": "owner"}, eve)[0]
        expect(status, 403)
        token = make_token(service, eve, "editor")
        expect(service.ask("PATCH", "/v1/users/eve", {"role": "viewer"}, owner)[0], 200)
        expect(service.ask("GET", "/v1/me", headers=eve)[0], 401, "her session ended")
        expect(service.ask("GET", "/v1/me", headers=token)[2]["role"], "viewer")
        ids = [t["id"] for t in service.ask("GET", "/v1/tokens", headers=owner)[2]["tokens"]]
        expect(service.ask("DELETE", "/v1/tokens/%d" % ids[-1], headers=owner)[0], 204)
        expect(service.ask("GET", "/v1/me", headers=token)[0], 401)
        expect(service.ask("DELETE", "/v1/users/owner", headers=owner)[0], 409)
        expect(service.ask("PATCH", "/v1/users/owner", {"role": "viewer"}, owner)[0], 409)
        expect(service.ask("DELETE", "/v1/users/eve", headers=owner)[0], 204)
        past = {"name": "x", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"}
        expect(service.ask("POST", "/v1/tokens", past, owner)[0], 400)
        actions = [d["action"] for d in service.ask("GET", "/v1/audit", headers=owner)[2]["audit"]]
        for action in ("setup", "login", "user.change", "token.add", "token.remove", "user.remove"):
            expect(action in actions, True, actions)


@test
def ones_own_password_can_be_changed():
    with Service() as service:
        owner = set_up(service)
        other = {"Cookie": log_in(service, "owner", PASSWORD)}
        change = {"old_password": "not the old one", "password": "another long one"}
        expect(service.ask("PATCH", "/v1/me", change, owner)[0], 401)
        change["old_password"] = PASSWORD
        status, headers, _ = service.ask("PATCH", "/v1/me", change, owner)
        expect(status, 200)
        expect(service.ask("GET", "/v1/me", headers=other)[0], 401, "other sessions ended")
        fresh = {"Cookie": headers["set-cookie"].split(";")[0]}
        expect(service.ask("GET", "/v1/me", headers=fresh)[0], 200)


@test
def a_repeated_post_with_a_key_is_done_once():
    with Service() as service:
        owner = set_up(service)
        keyed = {**owner, "Idempotency-Key": "k-1"}
        body = {"name": "x", "role": "viewer"}
        first = service.ask("POST", "/v1/tokens", body, keyed)
        again = service.ask("POST", "/v1/tokens", body, keyed)
        expect((first[0], again[0]), (201, 201))
        expect(first[2], again[2])
        expect(len(service.ask("GET", "/v1/tokens", headers=owner)[2]["tokens"]), 1)
        expect(service.ask("POST", "/v1/tokens", {"name": "y", "role": "viewer"}, keyed)[0], 422)
        fences = {"type": "FeatureCollection", "features": []}
        first = service.ask("POST", "/v1/fences/import", fences, keyed)
        again = service.ask("POST", "/v1/fences/import?replace=true", fences, keyed)
        expect(again[0], 422, first)


@test
def work_for_the_pool_may_be_pipelined():
    with Service() as service:
        token = make_token(service, set_up(service), "viewer")
        line = "GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n%s\r\n"
        one = line % (token["Authorization"], "")
        last = line % (token["Authorization"], "Connection: close\r\n")
        answer = service.raw((one * 30 + last).encode())
        expect(answer.count(b"HTTP/1.1 200 OK"), 31)
        # Whoever hangs up in the middle leaves nothing behind.
        for _ in range(20):
            service.raw(one.encode(), 0.0001)
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        expect(service.ask("GET", "/v1/me", headers=token, connection=connection)[0], 200)
