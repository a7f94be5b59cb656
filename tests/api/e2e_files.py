"""tests/api/e2e_files.py - the page's files, map tiles, packed answers, HTTPS, scarce files."""
import gzip
import http.client
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess

import harness
from e2e_accounts import PASSWORD, make_token, set_up
from harness import Service, expect, test
from websocket import WebSocket


def make_assets(folder):
    os.makedirs(os.path.join(folder, "sub"))
    files = {"index.html": b"<!doctype html><title>x</title>", "app-0123abcd.js": b"1;" * 3000,
             "sub/a.css": b"p{}", ".hidden": b"no"}
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    with open(os.path.join(folder, "app-0123abcd.js.gz"), "wb") as file:
        file.write(gzip.compress(files["app-0123abcd.js"]))
    with open(os.path.join(folder, "..", "secret"), "wb") as file:
        file.write(b"root:x")
    os.symlink("/etc/passwd", os.path.join(folder, "..", "link"))


@test
def the_page_is_served_with_types_tags_and_packed():
    with Service() as outer:
        folder = os.path.join(outer.folder, "assets")
        make_assets(folder)
        with Service("--assets", folder) as service:
            status, headers, body = service.ask("GET", "/")
            expect((status, body[:15]), (200, b"<!doctype html>"))
            expect(headers["content-type"], "text/html; charset=utf-8")
            expect("frame-ancestors 'none'" in headers["content-security-policy"], True)
            expect(service.ask("GET", "/index.html")[2], body)
            again = service.ask("GET", "/", headers={"If-None-Match": headers["etag"]})
            expect((again[0], again[2]), (304, b""))
            expect(service.ask("GET", "/sub/a.css")[1]["content-type"], "text/css; charset=utf-8")
            status, headers, body = service.ask("GET", "/app-0123abcd.js",
                                                headers={"Accept-Encoding": "br, gzip"})
            expect((headers["content-encoding"], gzip.decompress(body)), ("gzip", b"1;" * 3000))
            expect("immutable" in headers["cache-control"], True)
            expect(service.ask("GET", "/app-0123abcd.js")[2], b"1;" * 3000)
            for path in ("/.hidden", "/nothing", "/../secret", "/sub/../../secret",
                         "/%2e%2e/secret",
                         "/sub/..%2f..%2fsecret", "/..\\secret", "/link", "/sub", "/sub/",
                         "//etc/passwd", "/sub/a.css/", "/v1/../../secret", "/index.html%00.js"):
                answer = service.raw(("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close"
                                      "\r\n\r\n" % path).encode(), 3)
                expect(b"root:" in answer, False, path)
                expect(b" 200 " in answer[:15], False, path)
            expect(service.ask("POST", "/index.html", body={})[0], 405)


@test
def large_answers_are_packed_for_who_takes_them():
    with Service() as service:
        plain = service.ask("GET", "/v1/openapi.json")[2]
        status, headers, body = service.ask("GET", "/v1/openapi.json",
                                            headers={"Accept-Encoding": "gzip"})
        expect((status, headers["content-encoding"], headers["vary"]),
               (200, "gzip", "Accept-Encoding"))
        expect(len(body) < 20000 and b"openapi" in gzip.decompress(body), True)
        check_openapi(plain)


def check_openapi(description):
    """What a validator of OpenAPI 3.1 looks at first."""
    expect(description["openapi"][:4], "3.1.")
    expect(sorted(description["info"]), ["title", "version"])
    schemas = description["components"]["schemas"]
    for path, methods in description["paths"].items():
        expect(path[0], "/")
        for method, operation in methods.items():
            expect(method in ("get", "post", "put", "patch", "delete"), True)
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            expect(named, set(re.findall(r"\{(\w+)\}", path)))
            expect("default" in operation["responses"], True)
            for scheme in operation["security"]:
                expect(set(scheme) <= set(description["components"]["securitySchemes"]), True)
    for ref in re.findall(r"'#/components/schemas/(\w+)'", repr(description)):
        expect(ref in schemas, True, ref)


@test
def tiles_come_out_of_an_mbtiles_file():
    with Service() as outer:
        path = os.path.join(outer.folder, "map.mbtiles")
        with sqlite3.connect(path) as db:
            db.execute("create table tiles(zoom_level, tile_column, tile_row, tile_data)")
            db.execute("insert into tiles values (3, 4, 5, ?)", (b"\x89PNG\r\n rest",))
        with Service("--tiles", path) as service:
            token = make_token(service, set_up(service), "viewer")
            status, headers, body = service.ask("GET", "/tiles/3/4/2", headers=token)
            expect((status, headers["content-type"], body), (200, "image/png", b"\x89PNG\r\n rest"))
            expect(service.ask("GET", "/tiles/3/4/2.png", headers=token)[0], 200)
            for path in ("/tiles/3/4/5", "/tiles/3/9/2", "/tiles/99/0/0", "/tiles/-1/0/0",
                         "/tiles/a/b/c", "/tiles/3/4/99999999999999999999"):
                expect(service.ask("GET", path, headers=token)[0], 404, path)
            expect(service.ask("GET", "/tiles/3/4/2")[0], 401)
        done = subprocess.run([harness.PROGRAM, "--data", outer.data + "3", "--tiles", "/nowhere",
                               "--http", "127.0.0.1:0", "--mqtt",
                               "127.0.0.1:%d" % harness.free_port()],
                              capture_output=True, text=True, timeout=30)
        expect((done.returncode != 0, "/nowhere" in done.stderr), (True, True), done.stderr)


@test
def https_speaks_http_1_only():
    with Service() as outer:
        cert, key = (os.path.join(outer.folder, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                        "-subj", "/CN=localhost", "-days", "2", "-addext",
                        "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        with Service("--tls-cert", cert, "--tls-key", key) as service:
            context = ssl.create_default_context(cafile=cert)
            context.check_hostname = False
            context.set_alpn_protocols(["h2", "http/1.1"])
            with socket.create_connection(("127.0.0.1", service.port)) as link:
                with context.wrap_socket(link) as tls:
                    expect(tls.selected_alpn_protocol(), "http/1.1")
            link = http.client.HTTPSConnection("127.0.0.1", service.port, context=context)
            body = {"user": "owner", "password": PASSWORD}
            expect(service.ask("POST", "/v1/setup", body, connection=link)[0], 201)
            headers = service.ask("POST", "/v1/login", body, connection=link)[1]
            expect("; Secure" in headers["set-cookie"], True)
            cookie = {"Cookie": headers["set-cookie"].split(";")[0]}
            live = WebSocket(service.port, headers=cookie, tls=context)
            expect(live.receive()["hello"]["user"], "owner")
            live.send([{"id": i, "get": "/v1/openapi.json"} for i in range(20)])
            expect(len(live.receive()), 20, "an answer of many records")
            live.close()
            command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{http_version}",
                       "https://localhost:%d/v1/health" % service.port, "--resolve",
                       "localhost:%d:127.0.0.1" % service.port]
            for trust, wanted in ((["--cacert", cert, "--http2"], "200 1.1"), ([], "000 0")):
                done = subprocess.run([*command, *trust], capture_output=True, text=True,
                                      timeout=20, check=False)
                expect(done.stdout, wanted, trust)
            expect(service.raw(b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 1)[:12] ==
                   b"HTTP/1.1 200", False, "plain HTTP on the TLS port")
            expect(service.ask("GET", "/v1/health", connection=link)[0], 200)


@test
def the_farm_has_a_name_and_the_page_may_draw_the_owners_map():
    with Service() as outer:
        folder = os.path.join(outer.folder, "assets")
        make_assets(folder)
        with Service("--assets", folder) as service:
            owner = set_up(service)
            editor = make_token(service, owner, "editor")
            expect(service.ask("GET", "/v1/farm", headers=editor)[2],
                   {"name": "", "map_url": "", "map_attribution": "", "tiles": False})
            expect(service.ask("GET", "/v1/farm")[0], 401)
            farm = {"name": "Björkö", "map_url": "https://tiles.example:8443/{z}/{x}/{y}.png",
                    "map_attribution": "© Somebody"}
            expect(service.ask("PUT", "/v1/farm", farm, headers=editor)[0], 403)
            tag = service.ask("GET", "/")[1]["etag"]
            status, _, answer = service.ask("PUT", "/v1/farm", farm, headers=owner)
            expect((status, answer), (200, {**farm, "tiles": False}))
            status, headers, _ = service.ask("GET", "/", headers={"If-None-Match": tag})
            expect(status, 200)
            expect(headers["content-security-policy"].endswith(
                "img-src 'self' data: blob: https://tiles.example:8443"), True)
            for bad in ("tiles.example/{z}/{x}/{y}", "https://tiles.example/{z}/{x}",
                        "https://a b/{z}/{x}/{y}", "https://a;script-src *;/{z}/{x}/{y}",
                        "javascript:alert(1)//{z}{x}{y}", "https://{x}.example/{z}/{x}/{y}",
                        "https:///{z}/{x}/{y}", "https://a:999999/{z}/{x}/{y}",
                        "https://u@b/{z}/{x}/{y}", "https://a/{z}/{x}/{y}\r\nX: 1"):
                status, _, answer = service.ask("PUT", "/v1/farm", {**farm, "map_url": bad},
                                                headers=owner)
                expect((status, answer["error"]["code"]), (400, "farm.invalid"), bad)
            expect(service.ask("PUT", "/v1/farm", {"name": "x" * 201}, headers=owner)[0], 400)
            service.stop(signal.SIGKILL)
            service.start()
            expect(service.ask("GET", "/v1/farm", headers=editor)[2], {**farm, "tiles": False})
            service.ask("PUT", "/v1/farm", {"name": "Björkö"}, headers=owner)
            headers = service.ask("GET", "/")[1]
            expect("example" in headers["content-security-policy"], False)
            expect(headers["etag"], tag)
