#!/usr/bin/python3
"""A server that misbehaves, for the tests of health checks; both families.

bad-server.py [--tls CERT KEY] MODE=PORT[,PORT...]...: what a connection to PORT meets, whatever it
asks for:

  endless    a good start ("HTTP/1.1 200 OK", or else a greeting), then bytes without an end or a
             line end
  lines      the good start, a good answer to a mail probe's first command, then short lines
             without an end
  drip       the good start, one byte a second
  header     100 MB of header lines, or of lines of one greeting
  redirect   HTTP: look at this same address
  garbage    random bytes
  reset      a reset at once
  half       its end of the connection is closed, what comes is read
  slow       HTTP: after the connection's whole first request, 900 ms, then the answer

Ports above 10000 begin as HTTP does, 20000 as SMTP, 30000 as IMAP, 40000 as POP3; lower ones as
nothing at all. With --tls, TLS is spoken first. Prints "ready" when all ports listen. Runs until it
is killed.
"""

import os
import socket
import ssl
import struct
import sys
import threading
import time

STARTS = {
    1: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n",
    2: b"220 mail.example.com ESMTP\r\n",
    3: b"* OK ready\r\n",
    4: b"+OK ready\r\n",
}
LINES = {  # of which there may be many before the end
    1: (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + 1000 * b"x" + b"\r\n"),
    2: (b"", b"220-" + 500 * b"x" + b"\r\n"),
    3: (b"", b"* OK " + 500 * b"x" + b"\r\n"),
    4: (b"", 1000 * b"x"),
}
FIRST_ANSWERS = {  # TAG is the command's first word
    2: b"250 mail.example.com\r\n",
    3: b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n",
    4: b"+OK\r\n.\r\n",
}
SHORT_LINES = {2: b"221-\r\n", 4: b"+OK\r\n"}
HEADER_BYTES = 100 * 1000 * 1000


def start_of(port):
    return STARTS.get(port // 10000, b"hello\r\n")


def endless(conn, port):
    conn.sendall(start_of(port))
    filler = 16384 * b"x"
    while True:
        conn.sendall(filler)


def lines(conn, port):
    family = port // 10000
    conn.sendall(start_of(port))
    if family in FIRST_ANSWERS:
        tag = conn.recv(65536).split(b" ")[0]
        conn.sendall(FIRST_ANSWERS[family].replace(b"TAG", tag))
        conn.recv(65536)
    filler = 20000 * SHORT_LINES.get(family, b"* \n")
    while True:
        conn.sendall(filler)


def drip(conn, port):
    for byte in start_of(port):
        conn.sendall(bytes([byte]))
        time.sleep(1)


def header(conn, port):
    first, line = LINES.get(port // 10000, (b"", 1000 * b"x"))
    conn.sendall(first)
    block = line * (65536 // len(line))
    for _ in range(HEADER_BYTES // len(block)):
        conn.sendall(block)


def redirect(conn, _port):
    conn.recv(65536)
    conn.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")


def garbage(conn, _port):
    conn.sendall(os.urandom(512))
    conn.recv(65536)
    conn.sendall(os.urandom(512))


def reset(conn, _port):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half(conn, _port):
    conn.shutdown(socket.SHUT_WR)
    while conn.recv(65536):
        pass


def slow(conn, _port):
    conn.recv(65536)
    time.sleep(0.9)
    conn.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nslow.\n")


MODES = {f.__name__: f for f in (endless, lines, drip, header, redirect, garbage, reset, half,
                                 slow)}


def talk(conn, port, mode, context):
    try:
        with conn:
            if context:
                conn = context.wrap_socket(conn, server_side=True)
            with conn:
                mode(conn, port)
    except OSError:
        pass  # the other side has had enough


def serve(listener, port, mode, context):
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=talk, args=(conn, port, mode, context), daemon=True).start()


def listen(where):
    if where.startswith("/"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(where)
        listener.listen(128)
        return listener, 0
    port = int(where)
    return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True,
                                backlog=128), port


def main():
    args = sys.argv[1:]
    context = None
    if args[0] == "--tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args[1], args[2])
        args = args[3:]
    for arg in args:
        name, ports = arg.split("=")
        for where in ports.split(","):
            listener, port = listen(where)
            threading.Thread(target=serve, args=(listener, port, MODES[name], context)).start()
    print("ready", flush=True)


main()
