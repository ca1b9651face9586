#!/usr/bin/python3
"""Bad manners towards a web server.

http-rough.py malformed HOST PORT        requests that are none; each must be answered with an error
                                         or closed
http-rough.py slow HOST PORT COUNT       COUNT connections that send a byte a second and never end;
                                         prints how many seconds each was borne, as a list
http-rough.py crowd HOST PORT COUNT PATH COUNT clients at once, each asking until it was answered
                                         10 times; prints how many answers came
"""

import json
import socket
import sys
import threading
import time

MALFORMED = [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    b"GET " + b"/" * 20000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"GET /metrics HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"F" * 17,
    b"GET http:///%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"BREW /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"\x00" * 4096, b"\xff" * 100000,
]


def connect(host, port):
    s = socket.create_connection((host, port), timeout=20)
    return s


def malformed(host, port):
    for number, request in enumerate(MALFORMED):
        s = connect(host, port)
        answer = b""
        try:
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
            while piece := s.recv(65536):
                answer += piece
        except OSError:
            pass
        s.close()
        status = answer.split(b" ")[1:2]
        if answer and (not status or not status[0].startswith((b"4", b"5"))):
            print(f"request {number}: {answer[:200]!r}")
            return 1
    print(len(MALFORMED))
    return 0


def slow(host, port, count):
    """Each gets one byte of a header a second, for at most 30 seconds."""
    socks = {connect(host, port): time.monotonic() for _ in range(count)}
    borne = []
    for s in socks:
        s.setblocking(False)
    end = time.monotonic() + 30
    text = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
    at = 0
    while socks and time.monotonic() < end:
        for s, since in list(socks.items()):
            try:
                s.sendall(text[at:at + 1] or b"x")
                if s.recv(1000) == b"":
                    raise ConnectionError
            except BlockingIOError:
                continue
            except OSError:
                borne.append(round(time.monotonic() - since, 1))
                s.close()
                del socks[s]
        at += 1
        time.sleep(1)
    print(json.dumps({"closed": len(borne), "left": len(socks), "longest": max(borne, default=0)}))
    return 0


def crowd(host, port, count, path):
    answers = [0]
    lock = threading.Lock()
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()

    def client():
        done = 0
        end = time.monotonic() + 60
        while done < 10 and time.monotonic() < end:
            try:
                s = connect(host, port)
                s.sendall(request)
                data = b""
                while piece := s.recv(65536):
                    data += piece
                s.close()
                if data.startswith(b"HTTP/1.1 200"):
                    done += 1
            except OSError:
                time.sleep(0.05)
        with lock:
            answers[0] += done

    threads = [threading.Thread(target=client) for _ in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(answers[0])
    return 0


def main():
    match sys.argv[1:]:
        case ["malformed", host, port]:
            return malformed(host, int(port))
        case ["slow", host, port, count]:
            return slow(host, int(port), int(count))
        case ["crowd", host, port, count, path]:
            return crowd(host, int(port), int(count), path)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
