#!/usr/bin/python3
"""Writes down when this machine stood still: a line "END_MS GAP_MS" for each time that a sleep of
10 ms took at least 60 ms, by the clock of `date`. An ordinary process that wants next to nothing:
what delays it has delayed the servers and the checks of a test as well.

    stalls.py FILE      until it is killed
"""

import sys
import time

STEP_S, WORTH_S = 0.010, 0.060

with open(sys.argv[1], "a", buffering=1) as out:
    last = time.monotonic()
    while True:
        time.sleep(STEP_S)
        now = time.monotonic()
        if now - last >= WORTH_S:
            out.write(f"{int(time.time() * 1000)} {int((now - last - STEP_S) * 1000)}\n")
        last = now
