#!/usr/bin/python3
"""Writes down what this machine took from poised: a line "END_MS LOST_MS", by the clock of `date`
(tests measure by it, and it alone tells of a time in which a virtual machine was not run), for each
time that a sleep of 10 ms took at least 60 ms (an ordinary process that wants next to nothing: what
delays it has delayed the servers and the checks of a test as well), or, with --of, that poised's
health thread was ready to run and waited for a CPU.

    stalls.py FILE [--of PID_FILE] [STEP_MS WORTH_MS]
                until it is killed; poised may start later, and again
    stalls.py FILE --lock
                how long whoever changes addresses had to wait for the kernel's one lock of them
                (RTNL). Balancers of a test share it, those of a site do not: one that ends holds it
                while its XDP programs are taken off, and the other cannot add its addresses.
"""

import os
import socket
import sys
import time

WAITED_WORTH_S = 0.005
THREAD = "poise-health"


def schedstat_of(pid_file):
    """The path of the thread's statistics, or None if there is no such thread (yet)."""
    try:
        with open(pid_file) as file:
            tasks = f"/proc/{int(file.read())}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/comm") as comm:
                if comm.read().strip() == THREAD:
                    return f"{tasks}/{task}/schedstat"
    except (OSError, ValueError):
        pass
    return None


def waited_s(path):
    """Since the thread's start, ready but not running; None if it has ended."""
    try:
        with open(path) as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return None


class Thread:
    """How long the health thread waited since the last look."""

    def __init__(self, pid_file):
        self.pid_file, self.path, self.before = pid_file, None, 0.0

    def look(self):
        if not self.path:
            self.path, self.before = schedstat_of(self.pid_file), 0.0
        now = waited_s(self.path) if self.path else None
        if now is None:
            self.path = None
            return 0.0
        waited, self.before = now - self.before, now
        return waited


class Nobody:
    """Waits for nothing."""

    def look(self):
        return 0.0


def watch(out, thread, step_s, worth_s):
    lost_s, last = 0.0, time.time()
    while True:
        time.sleep(step_s)
        now = time.time()
        lost_s += thread.look()
        if now - last >= worth_s:
            lost_s = max(lost_s, now - last - step_s)
        if lost_s >= WAITED_WORTH_S:
            out.write(f"{int(now * 1000)} {round(lost_s * 1000)}\n")
            lost_s = 0.0
        last = now


# Joining and leaving a group takes the lock and does next to nothing with it.
LOCK_STEP_S = 0.002
LOCK_WORTH_S = 0.003
NO_GROUP = socket.inet_aton("233.252.0.1") + socket.inet_aton("127.0.0.1")


def watch_lock(out):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while True:
            began = time.time()
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, NO_GROUP)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, NO_GROUP)
            now = time.time()
            if now - began >= LOCK_WORTH_S:
                out.write(f"{round(now * 1000)} {round((now - began) * 1000)}\n")
            time.sleep(LOCK_STEP_S)


def main():
    file, args, thread = sys.argv[1], sys.argv[2:], Nobody()
    with open(file, "a", buffering=1) as out:
        if args == ["--lock"]:
            watch_lock(out)
        if args[:1] == ["--of"]:
            thread, args = Thread(args[1]), args[2:]
        step_s, worth_s = (int(ms) / 1000 for ms in args or (10, 60))
        watch(out, thread, step_s, worth_s)


main()
