"""tests/sim/deaths.py - kill -9 of every process while a fleet with a bad radio is at work.

usage: deaths.py HEDGEROWD [TEST...]
"""
import contextlib
import os
import random
import signal
import sys
import time

from farm import Farm, MqttCopy, harness

from harness import test  # isort: skip  (farm.py says where it is)

IS_LONG = bool(os.environ.get("HR_LONG"))
KILLS = 6 if not IS_LONG else 40


def wait_for_growth(farm, by):
    """Until that many bytes more of truth are written: the fleet is at work."""
    deadline = time.monotonic() + 60
    goal = size_of(farm.truth()) + by
    while size_of(farm.truth()) < goal:
        if time.monotonic() > deadline:
            raise AssertionError("the fleet stands still")
        harness.select_briefly()


def size_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def run_with(killings, kills=KILLS, rate=3000):
    """A fleet, and one killing after another; then the oracle, also on what a reader received over
    MQTT, unless it was the broker that died: it forgets what it had not delivered yet."""
    seed = harness.new_seed()
    chance = random.Random(seed)
    with contextlib.ExitStack() as stack:
        farm = stack.enter_context(Farm())
        farm.make_fences("faults")
        farm.api("POST", "/v1/queries/battery-days/start")
        copy = None if kill_broker in killings else stack.enter_context(MqttCopy(farm))
        flags = ["--fixes", str(5000 * kills), "--rate", str(rate), "--batch", "50", "--linger",
                 "30", "--drain", "90"]
        sims = [farm.start_sim("faults", *flags)]
        turns = (killings * kills)[:kills]
        chance.shuffle(turns)
        for kill in turns:
            wait_for_growth(farm, 48 * chance.randrange(500, 3500))
            if sims[0].poll() is not None:
                raise AssertionError("the fleet had ended before it could be disturbed")
            kill(farm, sims, flags)
        farm.await_sim(sims[0])
        print(farm.ask_oracle("--wait", "20", "--windows").strip())
        if copy:
            print(farm.ask_oracle("--mqtt-copy", copy.path).splitlines()[-1])


def kill_service(farm, sims, flags):
    farm.stop(signal.SIGKILL)
    farm.start()


def kill_broker(farm, sims, flags):
    farm.kill_broker()


def kill_fleet(farm, sims, flags):
    sims[0].kill()
    sims[0].wait(timeout=20)
    sims[0].stdout.close()
    sims[0] = farm.start_sim("faults", *flags, "--resume")


@test
def nothing_is_lost_or_doubled_when_anything_is_killed():
    run_with([kill_service, kill_broker, kill_fleet])


def nothing_is_lost_or_doubled_when_the_service_is_killed():
    run_with([kill_service])


def nothing_is_lost_or_doubled_when_the_broker_is_killed():
    """It is started again after ever longer pauses, 10 s at last: the fleet must live as long."""
    run_with([kill_broker], kills=12, rate=500)


def nothing_is_lost_or_doubled_when_the_gateways_are_killed():
    run_with([kill_fleet])


if IS_LONG:
    for alone in (nothing_is_lost_or_doubled_when_the_service_is_killed,
                  nothing_is_lost_or_doubled_when_the_broker_is_killed,
                  nothing_is_lost_or_doubled_when_the_gateways_are_killed):
        test(alone)


if __name__ == "__main__":
    sys.exit(harness.run_all(sys.argv[1], [sys.modules[__name__]], sys.argv[2:]))
