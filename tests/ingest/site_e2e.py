"""tests/ingest/site.py - a service, its gateways, and what came of what they sent."""
import json
import os
import subprocess
import time

import harness
from harness import Service, expect, select_briefly

TIMEOUT_S = harness.PATIENCE_S


def program(name):
    return os.path.join(os.path.dirname(harness.PROGRAM), name)


class Site(Service):
    """A service that is asked with its own local token."""

    def hedgerow(self, *words, wanted=0):
        done = subprocess.run([program("hedgerow"), "--data", self.data, *words],
                              capture_output=True, text=True, timeout=60)
        expect(done.returncode, wanted, "hedgerow %s: %s%s" % (" ".join(words), done.stdout,
                                                                done.stderr))
        return done.stdout

    def add(self, name):
        return json.loads(self.hedgerow("gateway", "add", name, "--json"))

    def get(self, path):
        with open(os.path.join(self.data, "local-token")) as file:
            headers = {"Authorization": "Bearer " + file.read().strip()}
        return self.ask("GET", path, headers=headers)

    def health(self):
        return self.ask("GET", "/v1/health")[2]

    def records(self, topic, kind, partitions=8):
        """Every record of that kind in a topic of the log, decoded."""
        found = []
        for partition in range(partitions):
            offset = None
            while True:
                query = "?limit=1000" + ("&offset=%d" % offset if offset is not None else "")
                _, _, answer = self.get("/v1/log/%s/%d%s" % (topic, partition, query))
                found += [r for r in answer["records"] if r["type"] == kind]
                if not answer["records"] or answer["next"] >= answer["end"]:
                    break
                offset = answer["next"]
        return found

    def fixes(self):
        return self.records("positions", "fix")

    def dead(self):
        return self.records("dead", "dead", 1)


def until(check, what, timeout_s=TIMEOUT_S):
    """Ask until the answer is true; it is given back."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError("never: " + what)
        select_briefly()


def mosquitto_pub(login, topic, text, *flags, wanted=0):
    done = subprocess.run(["mosquitto_pub", "-h", login["host"], "-p", str(login["port"]), "-u",
                           login["user"], "-P", login["password"], "-t", topic, "-m", text, "-q",
                           "1", *flags], capture_output=True, text=True, timeout=TIMEOUT_S)
    if wanted is not None:
        expect(done.returncode == 0, wanted == 0, "mosquitto_pub: " + done.stderr)
    return done
