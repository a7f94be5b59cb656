"""tests/sim/edges.py - real gateways send what simulated animals do, while kill -9 takes gateways,
broker and service in random order and links are cut; then the oracle, also on what a page received.

usage: edges.py HEDGEROWD [TEST...]
"""
import contextlib
import os
import random
import signal
import sys

from farm import Farm, LiveCopy, harness, scenario, wait_until
from field import Connected, Connecting, Gateway, StandardInput

from harness import test  # isort: skip  (farm.py says where it is)

IS_LONG = bool(os.environ.get("HR_LONG"))
ROUNDS = 1 if not IS_LONG else 15
TURNS = "6000" if not IS_LONG else "60000"


def make_gateways(farm, seed):
    """A herd each by JSON lines, and two lone receivers, which say neither device nor battery.

    Nobody tells a fix twice here: a receiver that goes on where its gateway stopped must know how
    many fixes that was."""
    path = os.path.join(farm.data, "edges.scenario")
    with open(scenario("faults")) as ours, open(path, "w") as theirs:
        theirs.write("".join(line for line in ours if not line.startswith("fault repeated-fix")))
        theirs.write("seed %d\n" % seed)
    kinds = [("cow", "json", StandardInput), ("sheep", "json", Connecting),
             ("quad-1", "nmea", Connected), ("drone-1", "nmea", Connecting)]
    return [Gateway(farm, path, what, form, source(form), TURNS) for what, form, source in kinds]


def work(gateways, chance):
    """Some fixes for everybody; now and then until they are safe."""
    for _ in range(chance.randrange(1, 6)):
        for gateway in gateways:
            gateway.give(chance.randrange(1, max(2, len(gateway.fixes) // (60 * ROUNDS))))
        if chance.random() < 0.5:
            wait_until("what was given is safe",
                       lambda: all(g.stored == g.given for g in gateways))


def kill_gateway(farm, gateways, chance):
    victim = chance.choice(gateways)
    victim.kill()
    victim.start()


def kill_service(farm, gateways, chance):
    farm.stop(signal.SIGKILL)
    for gateway in gateways:  # what comes meanwhile waits in the outboxes
        gateway.give(chance.randrange(1, 50))
    farm.start()


def cut_link(farm, gateways, chance):
    chance.choice(gateways).link.cut(chance.uniform(0.1, 0.6))


@test
def nothing_is_lost_or_doubled_between_real_gateways_and_the_events():
    seed = harness.new_seed()
    chance = random.Random(seed)
    with contextlib.ExitStack() as stack:
        farm = stack.enter_context(Farm())
        farm.make_fences("faults")
        live = stack.enter_context(LiveCopy(farm))
        gateways = [stack.enter_context(g) for g in make_gateways(farm, seed)]
        for _ in range(ROUNDS):
            disasters = [kill_gateway, kill_service, cut_link, kill_gateway,
                         lambda farm, *_: farm.kill_broker()]
            chance.shuffle(disasters)
            for disaster in disasters:
                work(gateways, chance)
                disaster(farm, gateways, chance)
        for gateway in gateways:
            while gateway.given < len(gateway.fixes):
                gateway.give(500)
        wait_until("everything is safe at the gateways", lambda: all(g.has_all() for g in gateways))
        flags = [word for g in gateways for word in ("--truth", g.truth)]
        farm.await_log(*flags, truth=None)
        print(farm.ask_oracle(*flags, truth=None).strip())
        if live.connections <= ROUNDS:
            raise AssertionError("the page was never away")
        print(farm.ask_oracle("--copy", live.path, truth=None).splitlines()[-1])


if __name__ == "__main__":
    sys.exit(harness.run_all(sys.argv[1], [sys.modules[__name__]], sys.argv[2:]))
