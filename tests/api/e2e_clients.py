"""tests/api/e2e_clients.py - the programs of others, from npm: clients/ says which."""
import os
import shutil
import subprocess

from e2e_farm import PADDOCK, Farm
from harness import expect, test

CLIENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")


@test
def clients_of_others_are_answered_as_the_description_says():
    """Where there is Node and ./check has fetched the packages."""
    node = shutil.which("node")
    if node is None or not os.path.isdir(os.path.join(CLIENTS, "node_modules")):
        return
    with Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        farm.publish(("cow-1", 0, 16.005, 59.005), ("cow-1", 60, 16.03, 59.005))
        farm.wait_for("/v1/alerts", lambda body: body["alerts"])
        done = subprocess.run([node, "--no-warnings", os.path.join(CLIENTS, "clients.mjs"),
                               str(farm.port), farm.owner["Cookie"]],
                              capture_output=True, text=True, timeout=120, check=False)
        expect(done.returncode, 0, done.stdout + done.stderr)
