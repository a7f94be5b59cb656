"""tests/gateway/e2e.py - hedgerow-edge and hedgerowd together, as the farm has them.

usage: e2e.py HEDGEROWD [TEST...]. hedgerow-edge and the rest lie beside it; the harness and the
helpers that log in are those of tests/api, which must be on PYTHONPATH.
"""
import sys

import e2e_setup
import e2e_status
import e2e_uplinks
from harness import run_all

if __name__ == "__main__":
    sys.exit(run_all(sys.argv[1], [e2e_setup, e2e_status, e2e_uplinks], sys.argv[2:]))
