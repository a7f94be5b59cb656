"""tests/ingest/e2e_publishers.py - publishers that are not ours, in every way that MQTT knows; and
clocks that are set while they publish."""
import calendar
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import harness
from harness import expect, test
from site_e2e import Site, mosquitto_pub, until


def ms_of(text):
    seconds, fraction = text[:-1].split(".")
    return calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) * 1000 + int(fraction)


def stored(site):
    """A fix has its device's name once a worker has met it."""
    return {(fix.get("device"), ms_of(fix["time"])) for fix in site.fixes()}


@test
def mosquitto_pub_and_the_npm_package_are_understood():
    with Site() as site:
        node = shutil.which("node")
        if node is None:
            return
        login = site.add("barn")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "publish.mjs")
        done = subprocess.run([node, script, login["host"], str(login["port"]), login["user"],
                               login["password"]], capture_output=True, text=True, timeout=30)
        expect(done.returncode, 0, done.stderr)
        sent = {tuple(pair) for pair in json.loads(done.stdout)}
        expect(len(sent), 2 * 6 * 2 + 5)
        now_ms = int(time.time() * 1000) - 500_000
        for version in ("mqttv311", "mqttv5"):
            for qos in "012":
                for keep in ([], ["-r"]):
                    now_ms += 1000
                    fix = {"device": "pub", "time": now_ms, "lon": 16.37, "lat": 59.85}
                    done = mosquitto_pub(login, "hedgerow/v1/fix/barn", json.dumps(fix), "-V",
                                         version, "-q", qos, *keep)
                    sent.add(("pub", now_ms))
        until(lambda: sent <= stored(site), "everything is in the log")
        until(lambda: stored(site) == sent, "nothing else is in the log")
        expect(site.dead(), [])
        # A kept message comes again with each connection; it is no news.
        site.stop(signal.SIGTERM)
        site.start()
        until(lambda: stored(site) == sent, "the same after a start")


def clock_in_file(path):
    """An environment in which a program's clock is what the file says, while it runs."""
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    with open(harness.PROGRAM, "rb") as file:
        if b"__asan_init" in file.read():
            return None  # it must be the first library itself
    return dict(os.environ, LD_PRELOAD=found[0], FAKETIME_TIMESTAMP_FILE=path,
                FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1") if found else None


@test
def a_clock_that_is_set_loses_nothing():
    with tempfile.TemporaryDirectory(prefix="hr-e2e-") as folder:
        path = os.path.join(folder, "clock")

        def set_clock(step_s):
            with open(path + ".new", "w") as file:
                file.write("%+ds" % step_s)
            os.rename(path + ".new", path)
        set_clock(0)
        environment = clock_in_file(path)
        if environment is None:
            return
        sent = set()
        now_ms = int(time.time()) * 1000 - 5000

        def publish(login, when_ms):
            fix = {"device": "cow", "time": when_ms, "lon": 16.37, "lat": 59.85}
            mosquitto_pub(login, "hedgerow/v1/fix/barn", json.dumps(fix))
            sent.add(("cow", when_ms))
        with Site(environment=environment) as site:
            login = site.add("barn")
            publish(login, now_ms)
            until(lambda: sent <= stored(site), "a fix")
            for step_s in (86400, -3600, 0):
                set_clock(step_s)
                for i in range(3):
                    publish(login, now_ms + step_s * 1000 + i * 1000)
                until(lambda: sent <= stored(site), "fixes with the clock at %+d s" % step_s)
                expect(site.health()["ready"], True)
            said = [fix["append_ms"] for fix in site.fixes()]
            expect(max(said) - min(said) > 80_000_000, True, "the clock was set")
            # What was appended while it was wrong is still there after a crash.
            site.stop(signal.SIGKILL)
            site.start()
            until(lambda: stored(site) == sent, "the same after a crash")
            expect(site.dead(), [])
