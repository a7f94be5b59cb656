"""tests/api/e2e.py - hedgerowd as the outside sees it: started, asked, attacked, stopped.

usage: e2e.py HEDGEROWD [--part K/N | TEST...]. Uses Python's own library only, on free ports of
127.0.0.1.
"""
import sys

import e2e_accounts
import e2e_clients
import e2e_contract
import e2e_errors
import e2e_farm
import e2e_files
import e2e_history
import e2e_http
import e2e_live
import e2e_queries
import e2e_scarce
import e2e_service
from harness import run_all

if __name__ == "__main__":
    modules = [e2e_service, e2e_http, e2e_accounts, e2e_clients, e2e_contract, e2e_errors,
               e2e_files, e2e_live, e2e_farm, e2e_history, e2e_queries, e2e_scarce]
    sys.exit(run_all(sys.argv[1], modules, sys.argv[2:]))
