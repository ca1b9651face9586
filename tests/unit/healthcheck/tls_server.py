"""A TLS server for tests of probes: python3 tls_server.py CERT KEY PROTOCOL.

Listens on a free port of 127.0.0.1, prints it, and serves one connection after the other until its
input ends. PROTOCOL: http, text, smtp, smtps, imap, imaps, pop3, pop3s; the last six answer as such
servers do, smtp, imap and pop3 with STARTTLS; ldap: ldaps with a bind for everyone. Every line that comes in is printed, as is the name
(SNI) that was asked for.
"""

import os
import socket
import ssl
import sys
import threading

CERT, KEY, PROTOCOL = sys.argv[1:4]


def say(text):
    print(text, flush=True)


def make_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERT, KEY)
    context.sni_callback = lambda sock, name, _: say(f"sni {name}")
    return context


def secure(context, conn):
    """In place of the plain one."""
    return context.wrap_socket(conn, server_side=True)


def lines_of(conn):
    buffer = b""
    while True:
        data = conn.recv(4096)
        if not data:
            return
        buffer += data
        while b"\n" in buffer:
            line, buffer = buffer.split(b"\n", 1)
            text = line.rstrip(b"\r").decode(errors="replace")
            say(f"line {text}")
            yield text


def serve_http(conn):
    for line in lines_of(conn):
        if not line:
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return


def serve_text(conn):
    for line in lines_of(conn):
        conn.sendall(b"you said " + line.encode() + b"\r\n")


def serve_ldap(context, conn):
    """Ends with an error unless the client ends TLS itself."""
    conn = context.wrap_socket(conn, server_side=True, suppress_ragged_eofs=False)
    conn.recv(4096)
    conn.sendall(bytes.fromhex("300c02010161070a010004000400"))
    data = conn.recv(4096)
    if data.endswith(b"\x42\x00"):
        say("line unbind")
    while data:
        data = conn.recv(4096)


def reply(protocol, words, is_secure):
    """What is said to one line, and whether TLS or the end follows."""
    if protocol == "smtp":
        verb = words[0].upper()
        if verb == "EHLO":
            return ("250 ok" if is_secure else "250-hello\r\n250 STARTTLS"), ""
        if verb == "STARTTLS":
            return "220 go ahead", "tls"
        return ("221 bye", "end") if verb == "QUIT" else ("502 what", "")
    if protocol == "pop3":
        verb = words[0].upper()
        if verb == "CAPA":
            return "+OK\r\nSTLS\r\nUSER\r\n.", ""
        if verb == "STLS":
            return "+OK go ahead", "tls"
        return "+OK", "end" if verb == "QUIT" else ""
    tag, verb = words[0], words[1].upper()
    if verb == "CAPABILITY":
        return f"* CAPABILITY IMAP4rev1 STARTTLS\r\n{tag} OK done", ""
    if verb == "STARTTLS":
        return f"{tag} OK go ahead", "tls"
    if verb == "LOGOUT":
        return f"* BYE\r\n{tag} OK done", "end"
    return f"{tag} OK done", ""


GREETINGS = {"smtp": b"220 mail.example.org ESMTP\r\n", "pop3": b"+OK hello\r\n",
             "imap": b"* OK hello\r\n"}


def serve_mail(context, conn, protocol, is_secure):
    if not is_secure or PROTOCOL.endswith("s"):
        conn.sendall(GREETINGS[protocol])
    for line in lines_of(conn):
        text, then = reply(protocol, line.split(), is_secure)
        conn.sendall(text.encode() + b"\r\n")
        if then == "tls":
            serve_mail(context, secure(context, conn), protocol, True)
        if then:
            return


def serve(context, conn):
    if PROTOCOL == "http":
        serve_http(secure(context, conn))
    elif PROTOCOL == "text":
        serve_text(secure(context, conn))
    elif PROTOCOL == "ldap":
        serve_ldap(context, conn)
    elif PROTOCOL.endswith("s"):
        serve_mail(context, secure(context, conn), PROTOCOL[:-1], True)
    else:
        serve_mail(context, conn, PROTOCOL, False)


def end_with_input():
    while os.read(0, 1):
        pass
    os._exit(0)


def main():
    context = make_context()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        say(f"port {listener.getsockname()[1]}")
        threading.Thread(target=end_with_input, daemon=True).start()
        while True:
            conn, _ = listener.accept()
            conn.settimeout(5)
            try:
                serve(context, conn)
                say("end clean")
            except OSError as error:
                say(f"end {error}")


main()
