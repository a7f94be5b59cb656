"""tests/gateway/e2e_status.py - what the service knows of a gateway, and tells."""
import json
import signal
import subprocess

from e2e_farm import Farm
from edge import Edge, gateway, program
from harness import expect, test


@test
def a_gateway_is_seen_to_come_work_die_and_part():
    with Farm() as farm:
        expect([g for g in gateway_list(farm)], [{"user": "gate", "role": "gateway"}], "at first")
        with Edge(farm) as edge:
            came = gateway(farm, lambda g: g.get("online"))
            expect((came["state"], came["waiting"], came["dropped"], came["lost"]),
                   ("online", 0, 0, 0), "online")
            expect(came["version"], farm.ask("GET", "/v1/health")[2]["version"], "version")
            edge.give_fixes(10)
            gateway(farm, lambda g: g["last_seen"] > came["last_seen"])
            edge.end(signal.SIGKILL)
            died = gateway(farm, lambda g: not g["online"])
            expect(died["state"], "offline", "after kill -9")
            edge.start()
            gateway(farm, lambda g: g["online"])
            edge.end()
            gone = gateway(farm, lambda g: not g["online"])
            expect(gone["state"], "stopped", "after its end")
            text = farm.ask("GET", "/metrics")[2].decode()
            for line in ('hedgerow_gateway_online{gateway="gate"} 0', "hedgerow_gateways_online 0",
                         'hedgerow_gateway_waiting_fixes{gateway="gate"} 0'):
                if line not in text:
                    raise AssertionError(line)


@test
def what_a_gateway_told_outlives_the_service():
    with Farm() as farm:
        with Edge(farm) as edge:
            gateway(farm, lambda g: g.get("online"))
            edge.give("this is no fix\n" + '{"device":"cow-1"}\n')
            farm.stop()
            farm.start()
            # Its broker ends and starts with the service: the gateway comes again and tells.
            back = gateway(farm, lambda g: g.get("online"))
            expect(back["refused"], 2, "refused lines")
            edge.end()
            with open(edge.log) as log:
                counts = [line for line in log if " source.counts " in line][-1]
            expect("fixes=0 too-long=0 checksum=0 format=2 fix=0" in counts, True, counts)


@test
def what_is_no_status_is_kept_as_dead():
    with Farm() as farm:
        for text in ("asleep", '{"state":"tired"}'):
            subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(farm.mqtt_port), "-u",
                            "gate", "-P", farm.password, "-q", "1", "-t",
                            "hedgerow/v1/status/gate", "-m", text], check=True, timeout=20)
        dead = farm.wait_for("/v1/log/dead/0?offset=0&limit=10", lambda b: len(b["records"]) == 2)
        for record in dead["records"]:
            expect(record["topic"], "hedgerow/v1/status/gate")
        expect(gateway_list(farm)[0].get("online"), None)


@test
def what_a_sensor_sent_is_seen_where_the_owner_looks():
    with Farm() as farm, Edge(farm) as edge:
        edge.give('{"device":"cow-1","lat":59.85}\n')
        farm.wait_for("/v1/log/dead/0?offset=0&limit=10", lambda b: len(b["records"]) == 1)
        said = subprocess.run([program("hedgerow"), "--data", farm.data, "log", "tail", "dead"],
                              check=True, capture_output=True, text=True, timeout=20).stdout
        record = json.loads(said)
        expect((record["mqtt_topic"], record["reason"], record["text"]),
               ("hedgerow/v1/dead/gate", "json:-: format: lon is missing",
                '{"device":"cow-1","lat":59.85}'))


@test
def a_second_one_of_the_same_folder_is_refused():
    with Farm() as farm:
        with Edge(farm) as edge:
            gateway(farm, lambda g: g.get("online"))
            second = subprocess.run([program("hedgerow-edge"), "--config", edge.config],
                                    stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                    timeout=20)
            expect(second.returncode, 1, second.stderr)
            expect("another process" in second.stderr, True, second.stderr)


def gateway_list(farm):
    return farm.ask("GET", "/v1/gateways", headers=farm.owner)[2]["gateways"]
