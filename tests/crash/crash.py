#!/usr/bin/env python3
"""crash.py BUILD_FOLDER WALK - one call of a program fails, then the next (README.md).

DELTAFLOW_CRASH: how many points of each kind are tried, spread evenly; "all": every one. Default: what `make test` has time for.
DELTAFLOW_CRASH_AT=KIND:N tries one point and shows what the program said. DELTAFLOW_CRASH_JOBS: programs at the same time.
"""
import sys
import time

import program_walks
import store_walks

WALKS = {"store": store_walks.Store, "store_old": store_walks.StoreOld, "store_broken": store_walks.StoreBroken, "store_away": store_walks.StoreAway, "store_read": store_walks.StoreRead,
         "run": program_walks.Run, "sim_first": program_walks.SimFirst, "sim_state": program_walks.SimState,
         "books": program_walks.Books, "observe": program_walks.Observe, "policy": program_walks.Policy,
         "import": program_walks.Import, "verify": program_walks.Verify, "replay": program_walks.Replay, "sessions": program_walks.Sessions,
         "show": program_walks.Show, "export": program_walks.Export, "prune": program_walks.Prune, "drain": program_walks.Drain}


def main():
    name = sys.argv[2]
    began = time.time()
    bad = WALKS[name]().run()
    print(f"{name}: {'every point as it should be' if not bad else f'{bad} points are wrong'}, {time.time() - began:.0f} s")
    sys.exit(1 if bad else 0)


main()
