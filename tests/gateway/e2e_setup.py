"""tests/gateway/e2e_setup.py - setting a gateway up: its configuration and its unit."""
import os
import shutil
import subprocess
import tempfile

from e2e_farm import Farm
from edge import Edge, gateway, program
from harness import expect, test


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=30)


def edge(*words):
    return run(program("hedgerow-edge"), *words)


@test
def the_help_names_every_setting_and_a_wrong_call_is_told():
    shown = edge("--help")
    expect(shown.returncode, 0)
    for word in ("broker", "user", "password", "ca_file", "data", "disk_mb", "keepalive_s",
                 "batch_ms", "batch_fixes", "source", "gpsd:", "nmea:", "json:", "lorawan:",
                 "listen://", "tcp://", "--check", "--config", "--confirm"):
        expect(word in shown.stdout, True, word)
    expect(edge("--version").stdout.startswith("hedgerow-edge "), True)
    for words in ((), ("--what",), ("--config",), ("--check",)):
        wrong = edge(*words)
        expect((wrong.returncode, "usage:" in wrong.stderr), (2, True), words)


@test
def a_bad_configuration_is_told_by_file_and_line():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "edge.conf")
        good = "# the barn\nbroker = tcp://127.0.0.1:1883\nuser = barn\ndata = %s/data\n" % folder
        cases = [
            (good + "source = json:-\ndisk_mb = lots\n",
             path + ":6: disk_mb must be a number from 4 to 1048576, not \"lots\""),
            (good + "sauce = json:-\n", path + ":5: there is no setting \"sauce\""),
            (good, path + ": there is no source; add a line"),
            (good + "source = json:-\nca_file = %s/ca.pem\n" % folder,
             "ca_file: %s/ca.pem cannot be read (No such file or directory); copy" % folder),
            (good + "\0\xff\n", path + ":5: a line is"),
        ]
        for text, wanted in cases:
            with open(path, "w", encoding="latin-1") as file:
                file.write(text)
            for words in (("--check", path), ("--config", path)):
                if "ca_file" in wanted and words[0] == "--config":
                    continue  # a file that is not there yet may come
                said = edge(*words)
                expect(said.returncode, 2, said.stderr)
                expect(wanted in said.stderr, True, said.stderr)
        missing = edge("--check", os.path.join(folder, "none"))
        expect((missing.returncode, "cannot open" in missing.stderr), (2, True))


@test
def what_gateway_add_prints_is_good_and_lets_it_in():
    with Farm() as farm:
        path = os.path.join(farm.folder, "barn.conf")
        made = run(program("hedgerow"), "--data", farm.data, "gateway", "add", "barn", "--config",
                   path)
        expect(made.returncode, 0, made.stderr)
        said = edge("--check", path)
        expect((said.returncode, said.stderr), (0, ""))
        expect("is good: user barn, 1 source," in said.stdout, True, said.stdout)
        # With another folder and another source it runs as it is.
        with open(path) as file:
            lines = [line for line in file if not line.startswith(("data", "source"))]
        ours = Edge(farm)
        with open(ours.config, "w") as file:
            file.write("".join(lines) + "data = %s/edge\nsource = json:-\n" % farm.folder)
        with ours:
            gateway(farm, lambda g: g.get("online"), "barn")


@test
def the_gateways_unit_is_hardened_and_systemd_finds_no_fault_with_it():
    with tempfile.TemporaryDirectory() as folder:
        prefix = os.path.join(folder, "prefix")
        os.makedirs(os.path.join(prefix, "bin"))
        os.symlink(program("hedgerow-edge"), os.path.join(prefix, "bin", "hedgerow-edge"))
        done = run(program("hedgerow"), "install", "--edge", "--print", "--prefix", prefix)
        expect(done.returncode, 0, done.stderr)
        for line in ("ExecStart=%s/bin/hedgerow-edge --config "
                     "${CREDENTIALS_DIRECTORY}/edge.conf\n" % prefix,
                     "LoadCredential=edge.conf:/etc/hedgerow/edge.conf\n", "Restart=always\n",
                     "RestartPreventExitStatus=2\n", "StateDirectory=hedgerow-edge\n",
                     "DynamicUser=yes\n", "SupplementaryGroups=dialout\n"):
            expect(line in done.stdout, True, done.stdout)
        expect("ProcSubset" in done.stdout, False, "it must see which boot this is")
        unit = os.path.join(folder, "hedgerow-edge.service")
        with open(unit, "w") as file:
            file.write(done.stdout)
        if shutil.which("systemd-analyze"):
            found = run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
            expect(found.returncode, 0, found.stdout[-2000:] + found.stderr)
            found = run("systemd-analyze", "verify", unit)
            expect((found.returncode, found.stderr), (0, ""))
