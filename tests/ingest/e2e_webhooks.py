"""tests/ingest/e2e_webhooks.py - a place on the web is told each event, through kill -9 of the
service, signed."""
import hashlib
import hmac
import http.server
import json
import os
import signal
import tempfile
import threading
import time

from harness import expect, test
from site_e2e import Site, mosquitto_pub, until

PADDOCK = {"type": "Feature", "id": "north", "properties": {"intent": "keep-in"},
           "geometry": {"type": "Polygon", "coordinates": [
               [[16.0, 59.0], [16.01, 59.0], [16.01, 59.01], [16.0, 59.01], [16.0, 59.0]]]}}


class Place:
    """A web server that keeps what it is told; every ninth request it refuses."""

    def __init__(self):
        place = self
        self.posts = []
        self.asked = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                place.asked += 1
                is_taken = place.asked % 9 != 0
                if is_taken:
                    place.posts.append((dict(self.headers), body))
                self.send_response(204 if is_taken else 503)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/told" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ids(self):
        return [json.loads(body)["id"] for _, body in self.posts]


def expect_signed(post, secret):
    headers, body = post
    code = hmac.new(secret, headers["X-Hedgerow-Time"].encode() + b"." + body, hashlib.sha256)
    expect(headers["X-Hedgerow-Signature"], "sha256=" + code.hexdigest())
    expect(headers["X-Hedgerow-Id"], json.loads(body)["id"])


@test
def a_place_on_the_web_is_told_each_event_through_crashes():
    place = Place()
    start_ms = int(time.time() * 1000) - 400_000  # nothing is late, and nothing of the future
    with tempfile.TemporaryDirectory(prefix="hr-e2e-") as folder:
        path = os.path.join(folder, "webhooks")
        with open(path, "w") as file:
            file.write("# told in the village\nvillage %s secret=hush private\n" % place.url)
        with Site("--webhooks", path) as site:
            login = site.add("barn")
            with open(os.path.join(site.data, "local-token")) as file:
                owner = {"Authorization": "Bearer " + file.read().strip()}
            expect(site.ask("POST", "/v1/fences", PADDOCK, owner)[0], 201)
            for turn in range(6):
                fixes = [{"device": "cow-%d" % cow, "time": start_ms + turn * 60_000,
                          "lon": 16.005 if turn % 2 == 0 else 16.02, "lat": 59.005}
                         for cow in range(5)]
                mosquitto_pub(login, "hedgerow/v1/fix/barn", json.dumps(fixes))
                if turn == 3:
                    site.stop(signal.SIGKILL)
                    site.start()

            def events():
                return [e["id"] for e in site.get("/v1/events?limit=100")[2]["events"]
                        if not e["late"]]
            until(lambda: len(events()) >= 30, "every crossing is an event")
            until(lambda: set(place.ids()) == set(events()), "each event is told")
            for post in place.posts:
                expect_signed(post, b"hush")
            for cow in range(5):
                first = list(dict.fromkeys(i for i in place.ids() if "/cow-%d/" % cow in i))
                expect(first, [i for i in events() if "/cow-%d/" % cow in i], "in order")
            expect(site.dead(), [])
    place.server.shutdown()
