#!/usr/bin/python3
"""Writes down when this machine stood still: a line "END_MS GAP_MS" for each time that a sleep of
10 ms took at least 60 ms, by the clock of `date`. An ordinary process that wants next to nothing:
what delays it has delayed the servers and the checks of a test as well.

    stalls.py FILE [STEP_MS WORTH_MS]      until it is killed
"""

import sys
import time

step_s, worth_s = (int(ms) / 1000 for ms in sys.argv[2:] or (10, 60))

with open(sys.argv[1], "a", buffering=1) as out:
    last = time.monotonic()
    while True:
        time.sleep(step_s)
        now = time.monotonic()
        if now - last >= worth_s:
            out.write(f"{int(time.time() * 1000)} {int((now - last - step_s) * 1000)}\n")
        last = now
