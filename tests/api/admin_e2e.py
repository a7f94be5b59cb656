"""tests/api/admin_e2e.py - the commands that look after a service: backup, restore and the like.

usage: admin_e2e.py HEDGEROWD [TEST...]. hedgerow lies beside it.
"""
import sys

import e2e_backup
import e2e_care
import e2e_commands
from harness import run_all

if __name__ == "__main__":
    sys.exit(run_all(sys.argv[1], [e2e_backup, e2e_care, e2e_commands], sys.argv[2:]))
