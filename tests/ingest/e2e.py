"""tests/ingest/e2e.py - MQTT in and its broker, as the outside sees them: the service, the command
line, and publishers that are not ours.

usage: e2e.py HEDGEROWD [TEST...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
import e2e_broker  # noqa: E402  (found through the line above, as what it imports)
import e2e_lan  # noqa: E402
import e2e_publishers  # noqa: E402
import e2e_users  # noqa: E402
import e2e_webhooks  # noqa: E402
from harness import run_all  # noqa: E402

if __name__ == "__main__":
    modules = [e2e_broker, e2e_lan, e2e_publishers, e2e_users, e2e_webhooks]
    sys.exit(run_all(sys.argv[1], modules, sys.argv[2:]))
