#!/usr/bin/python3
"""Asks over HTTP at a steady pace, and tells of each request that failed where it was.

asker.py ADDRESS PORT --rate R --kept N --log FILE: R requests a second on connections of their own,
and N connections that stay open and ask ten times a second each (one that fails is opened again).
A request fails if its answer is not whole within 1.5 s. Each line of FILE is one request:

  TIME KIND LOCAL_PORT OUTCOME MILLISECONDS   TIME in ms since 1970, of its end; KIND "new" or
                                              "kept"; OUTCOME: the first word of the body, or
                                              "failed:WHY"

Runs until SIGTERM, then waits for what is under way.
"""

import argparse
import selectors
import signal
import socket
import time

TIMEOUT_S = 1.5
KEPT_PAUSE_S = 0.1


class Request:
    """One connection with at most one request under way."""

    def __init__(self, asker, is_kept):
        self.asker = asker
        self.is_kept = is_kept
        self.sock = None
        self.is_asking = False

    def start(self):
        self.started = time.monotonic()
        self.answer = b""
        self.is_asking = True
        if self.sock:
            self.ask()
            return
        self.sock = socket.socket(self.asker.family)
        self.sock.setblocking(False)
        self.sock.connect_ex((self.asker.address, self.asker.port))
        self.port = self.sock.getsockname()[1]
        self.asker.selector.register(self.sock, selectors.EVENT_WRITE, self)

    def ask(self):
        try:
            end = b"keep-alive" if self.is_kept else b"close"
            self.sock.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: " + end + b"\r\n\r\n")
            self.asker.selector.modify(self.sock, selectors.EVENT_READ, self)
        except OSError as error:
            self.end("failed:" + type(error).__name__)

    def ready(self, what):
        if what & selectors.EVENT_WRITE:
            error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error == 0:
                self.ask()
            else:
                self.end(f"failed:connect-{error}")
            return
        try:
            data = self.sock.recv(65536)
        except OSError as error:
            self.end("failed:" + type(error).__name__)
            return
        if not data:
            self.end("failed:closed")
            return
        if not self.is_asking:
            return
        self.answer += data
        header, found, body = self.answer.partition(b"\r\n\r\n")
        if found and body.endswith(b"\n"):
            ok = header.split(b" ")[1] == b"200"
            self.end((body.split() or [b"?"])[0].decode() if ok else "failed:status")

    def end(self, outcome):
        now = time.monotonic()
        if self.is_asking:
            kind = "kept" if self.is_kept else "new"
            self.asker.log.write(f"{int(time.time() * 1000)} {kind} {self.port} {outcome} "
                                 f"{int((now - self.started) * 1000)}\n")
        self.is_asking = False
        self.ended = now
        if self.is_kept and not outcome.startswith("failed"):
            return
        self.asker.selector.unregister(self.sock)
        self.sock.close()
        self.sock = None
        if not self.is_kept:
            self.asker.requests.discard(self)


class Asker:
    def __init__(self, args):
        self.address, self.port = args.address, args.port
        self.family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
        self.selector = selectors.DefaultSelector()
        self.log = open(args.log, "w", encoding="ascii", buffering=1)
        self.requests = {Request(self, True) for _ in range(args.kept)}
        for request in self.requests:
            request.ended = 0
        self.pause = 1 / args.rate
        self.is_ending = False
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_):
        self.is_ending = True

    def start_what_is_due(self, now):
        for request in self.requests:
            if request.is_kept and not request.is_asking and \
                    now - request.ended >= KEPT_PAUSE_S:
                request.start()
        while self.next <= now:
            self.next += self.pause
            request = Request(self, False)
            self.requests.add(request)
            request.start()

    def run(self):
        self.next = time.monotonic()
        print("ready", flush=True)
        while True:
            now = time.monotonic()
            if not self.is_ending:
                self.start_what_is_due(now)
            elif not any(r.is_asking for r in self.requests):
                return
            for key, what in self.selector.select(0.005):
                if key.data.sock:
                    key.data.ready(what)
            for request in list(self.requests):
                if request.is_asking and now - request.started > TIMEOUT_S:
                    request.end("failed:timeout")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--kept", type=int, default=10)
    parser.add_argument("--log", required=True)
    Asker(parser.parse_args()).run()


main()
