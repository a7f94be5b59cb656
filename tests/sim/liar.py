"""tests/sim/liar.py - stands between the oracle and a service, and tells one lie at a time."""
import copy
import http.server
import json
import threading


class Liar:
    """Answers the oracle as the service did once, but for what a lie changes.

    A lie is a function of (answers), a dictionary from a path to its JSON body; it changes a copy.
    What the oracle asks for is kept by the first, honest, round."""

    def __init__(self, farm):
        self.farm = farm
        self.honest = {}
        self.answers = self.honest
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                liar.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def answer(self, request):
        body = self.answers.get(request.path)
        if body is None:
            body = self.farm.api("GET", request.path)
            self.answers[request.path] = body
        data = json.dumps(body).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def tell(self, lie):
        self.answers = copy.deepcopy(self.honest)
        lie(Answers(self.answers))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join(timeout=20)
        self.server.server_close()


class Answers:
    """What there is to lie about."""

    def __init__(self, bodies):
        self.bodies = bodies

    def records(self, topic):
        """The lists of records of a topic's pages."""
        return [body["records"] for path, body in self.bodies.items()
                if path.startswith("/v1/log/%s/" % topic)]

    def event_records(self, wanted=lambda event: True):
        """(page, index) of the events that are wanted."""
        return [(page, i) for page in self.records("events") for i, record in enumerate(page)
                if "event" in record and wanted(record["event"])]

    def event(self, wanted=lambda event: True):
        """One of them, from their middle."""
        found = self.event_records(wanted)
        page, i = found[len(found) // 2]
        return page[i]["event"]

    def fix_records(self):
        return [(page, i) for page in self.records("positions") for i, record in enumerate(page)
                if record["type"] == "fix"]

    def rules(self):
        """Versions of the rules, oldest first."""
        paths = [path for path in self.bodies if path.startswith("/v1/rules/")]
        return [self.bodies[path] for path in sorted(paths, key=lambda p: int(p.split("/")[-1]))]

    def rows(self, query):
        return self.bodies["/v1/queries/%s/rows" % query]["rows"]
