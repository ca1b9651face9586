#!/usr/bin/python3
"""Stops one thread of a process and lets it go again, as nothing else can: by ptrace.

hold-thread.py PID NAME MILLISECONDS: the thread whose name (/proc/PID/task/*/comm) is NAME. Prints
"held" when it stands. SIGSTOP would stop the whole process; a stopped tracee alone stands.
"""

import ctypes
import os
import sys
import time

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000  # wait for threads that are not children

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, tid):
    if libc.ptrace(request, tid, None, None) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def find_thread(pid, name):
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii") as comm:
            if comm.read().strip() == name:
                return int(tid)
    sys.exit(f"hold-thread.py: no thread {name} in process {pid}")


def main():
    pid, name, hold_ms = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    tid = find_thread(pid, name)
    ptrace(PTRACE_SEIZE, tid)
    ptrace(PTRACE_INTERRUPT, tid)
    os.waitpid(tid, WALL)
    print("held", flush=True)
    time.sleep(hold_ms / 1000)
    ptrace(PTRACE_DETACH, tid)
    print("let go", flush=True)


main()
