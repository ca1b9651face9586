#!/usr/bin/python3
"""The status page with made-up data, for its looks and its speed: no balancer needed.

    page-server.py PORT [SERVICES]     serves it on 127.0.0.1 until it is killed

Without a number it is a mail front end of a busy day with something wrong in it; with one, so
many services of four servers each. Figures come from a formula over the time, so that two runs look
alike. The page is put together anew for each request: edit control/page/ and reload.
"""

import importlib.machinery
import importlib.util
import json
import math
import sys
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "control/page", Path("/usr/share/javascript/dygraphs")]
BEGAN = time.time() - 3 * 86400 - 5000
CYCLES = 2.4e9
WORKERS = 2

MAIL = [("smtp", 25), ("submission", 587), ("smtps", 465), ("imap", 143), ("imaps", 993),
        ("pop3s", 995), ("xmpp", 5222), ("http", 80), ("https", 443)]
WEIGHTS = {"master": 1, "slave-1": 640, "slave-2": 640, "slave-3": 640}
# (service, family): server -> state, words of the check
WRONG = {
    ("imaps", 6): {"slave-2": ("down", "connect: no answer within 5 s")},
    ("imap", 4): {"slave-3": ("drain", "")},
    ("https", 4): {"slave-1": ("maint", "")},
}


def stamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds") \
        .replace("+00:00", "Z")


def load(at):
    """How busy it is: between 0 and 1 or so."""
    return (0.55 + 0.2 * math.sin(at / 97) + 0.12 * math.sin(at / 23) + 0.06 * math.sin(at * 1.7)
            + (0.3 if at % 311 < 12 else 0))


def total(at, per_second):
    """Its integral over time, near enough, as a counter."""
    base = 0.55 * at - 0.2 * 97 * math.cos(at / 97) - 0.12 * 23 * math.cos(at / 23) \
        - 0.06 / 1.7 * math.cos(at * 1.7) + 0.3 * (at // 311 * 12 + min(at % 311, 12))
    return int((base + 100) * per_second)


def counters(at, part):
    new = total(at, 420 * part)
    return {
        "connections": {"established": int(load(at) * 31000 * part),
                        "closing": int(load(at) * 900 * part)},
        "connections_total": new,
        "packets_in_total": total(at, 52000 * part), "bytes_in_total": total(at, 21e6 * part),
        "packets_out_total": total(at, 88000 * part),
        "bytes_out_total": total(at + 40, 96e6 * part),
    }


def server(name, address, port, state, words, share, at):
    is_ok = state != "down"
    weight = WEIGHTS.get(name, 640)
    since = time.time() - (260000 if is_ok else 194)
    return {
        "server": name, "address": address, "port": port, "state": state,
        "admin": state if state in ("drain", "maint") else "ready",
        "admin_reason": {"drain": "file", "maint": "command"}.get(state),
        "weight": weight if state == "up" else 0, "weight_set": weight,
        "weight_configured": weight,
        **counters(at, share if is_ok and state != "maint" else share / 100),
        "check": {
            "name": "mail", "type": "imap", "tls": "no", "verify": None, "ok": is_ok,
            "duration_seconds": 0.0031 + 0.0017 * math.sin(at + len(address)) if is_ok else 5.0,
            "last": stamp(time.time() - 3), "since": stamp(since),
            "detail": words or "passed", "weight": None},
    }


def half(name, port, family, share, at):
    wrong = WRONG.get((name, family), {})
    prefix = "10.0.0.1" if family == 4 else "2001:db8:0:2::1"
    servers = []
    for i, server_name in enumerate(WEIGHTS):
        state, words = wrong.get(server_name, ("up", ""))
        part = share * (0.0006 if i == 0 else (1 + 0.06 * math.sin(at / 50 + i * 2)) / 3)
        servers.append(server(server_name, f"{prefix}{i}", port, state, words, part, at))
    return {
        "service": name, "family": family, "protocol": "tcp",
        "vips": ["203.0.113.10" if family == 4 else "2001:db8:0:1::10"],
        "ports": [{"first": port, "last": port}], "pool": "mail",
        "scheduler": "wrr", "forward": "nat",
        "state": "up", "servers_up": sum(s["state"] == "up" for s in servers),
        "quorum": {"state": "up", "weight": sum(s["weight"] for s in servers), "needed": 1,
                   "hysteresis": 0},
        **counters(at, share), "servers": servers,
    }


def services(count, at):
    if count:
        names = [(f"service-{i:03}", 1000 + i) for i in range(count)]
        return [half(name, port, 4, 1 / count, at) for name, port in names]
    return [half(name, port, family, (1.6 if family == 4 else 0.6) / (2 + i) / 4, at)
            for i, (name, port) in enumerate(MAIL) for family in (4, 6)]


def group(at):
    return {
        "group": "mail", "state": "master", "since": stamp(BEGAN + 3),
        "why": "no other master was heard",
        "priority": 150, "priority_base": 150, "priority_configured": 150, "preempt": True,
        "tracks": [{"track": "wan", "type": "interface", "state": "up", "is_known": True,
                    "weight": 0, "reverse": False, "adjustment": 0, "why": ""}],
        "instances": [
            {"vrrp": "mail-4", "state": "master", "interface": "wan", "device": "eth0",
             "family": 4, "vrid": 51, "addresses": ["203.0.113.10"], "master": None},
            {"vrrp": "mail-6", "state": "master", "interface": "wan", "device": "eth0",
             "family": 6, "vrid": 51, "addresses": ["fe80::5:33", "2001:db8:0:1::10"],
             "master": None}],
    }


def busy(at):
    return {"busy_cycles_total": total(at, CYCLES * 0.5),
            "idle_cycles_total": int(at * CYCLES - total(at, CYCLES * 0.5))}


def worker(number, at):
    packets = {"rx_total": total(at + number * 9, 70000), "dropped_total": total(at, 0.8)}
    return {"worker": number, "cpu": number + 2, "is_stuck": False,
            "connections": int(load(at) * 15900), "half_open": 41, "packets": packets,
            "drops_total": {"no_connection": packets["dropped_total"], "ttl": 3},
            **busy(at + number * 31)}


def port(name, device, rates, at):
    return {"port": name, "device": device, "driver": "net_af_xdp", "tap": None,
            "mac": "02:00:00:00:00:01", "mtu": 1500, "up": True, "queues": 2,
            "receive_packets_total": total(at, rates[0] / 700),
            "receive_bytes_total": total(at, rates[0]),
            "transmit_packets_total": total(at, rates[1] / 700),
            "transmit_bytes_total": total(at, rates[1]),
            "receive_missed_total": 0, "transmit_errors_total": 0}


def event(number, ago, kind, level, message):
    return {"event": number, "at": stamp(time.time() - ago), "kind": kind, "level": level,
            "object": None, "before": None, "after": None, "message": message}


def events():
    return [
        event(1, 264200, "start", "info", "poised 0.1.0 starts: node=lb-1"),
        event(2, 264197, "vrrp", "notice", "vrrp mail: backup to master: nobody else is"),
        event(3, 264197, "vips", "notice", "vips: taken: count=2"),
        event(4, 5100, "maintenance", "notice",
              "server imap/slave-3 (IPv4, tcp): drain: held by a file"),
        event(5, 960, "command", "notice",
              "server https/slave-1 (IPv4, tcp): ready to maint: uid=0"),
        event(6, 194, "server", "warn",
              "server imaps/slave-2 (IPv6, tcp): up to down: connect: no answer within 5 s"),
    ]


def status(count):
    now = time.time()
    at = now - BEGAN
    halves = services(count, at)
    every = [s for h in halves for s in h["servers"]]
    states = {state: sum(s["state"] == state for s in every)
              for state in ("up", "down", "drain", "maint", "unknown")}
    workers = [worker(i, at) for i in range(WORKERS)]
    return {
        "schema": 1, "time": stamp(now),
        "status": {
            "node": "lb-1", "version": "0.1.0", "driver_version": "DPDK 22.11.11",
            "vips": {"state": "serving", "lapses_total": 0}, "start_time": stamp(BEGAN),
            "uptime_seconds": at, "config": {"path": "/etc/poise/poise.conf", "changes": 1},
            "vrrp": [{"group": "mail", "state": "master", "since": stamp(BEGAN + 3)}],
            "services": {"count": len(halves), "up": len(halves), "configured": len(halves)},
            "servers": {"count": len(every), **states}, "warnings": [],
            "connections": {"count": sum(w["connections"] for w in workers), "max": 262144},
            **{k: v for k, v in counters(at, 1).items() if k != "connections"},
            "workers": workers},
        "services": halves, "groups": [group(at)], "workers": workers,
        "ports": [port("wan", "eth0", (117e6, 117e6), at), port("lan", "eth1", (96e6, 21e6), at)],
        "events": events(),
    }


def sample(at):
    cycles = [busy(at + i * 31) for i in range(WORKERS)]
    return {"time": stamp(BEGAN + at), "connections": int(load(at) * 15900) * WORKERS,
            **{k: v for k, v in counters(at, 1).items() if k != "connections"},
            **{k: sum(c[k] for c in cycles) for k in cycles[0]}}


def history():
    now = time.time()
    return {"schema": 1, "time": stamp(now), "interval_seconds": 1,
            "samples": [sample(int(now - BEGAN) - i) for i in range(600, 0, -1)]}


def embedder():
    path = str(ROOT / "tools/embed-page")
    loader = importlib.machinery.SourceFileLoader("embed_page", path)
    spec = importlib.util.spec_from_loader("embed_page", loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


class Handler(BaseHTTPRequestHandler):
    count = 0
    embed = None

    def answer(self, kind, body, policy=None):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/":
            page = (ROOT / "control/page/status.html").read_text()
            html, scripts = self.embed.put_together(page, FOLDERS)
            self.answer("text/html; charset=utf-8", html.encode(), self.embed.policy_of(scripts))
        elif self.path == "/api/v1/status":
            self.answer("application/json", json.dumps(status(self.count)).encode())
        elif self.path == "/api/v1/history":
            self.answer("application/json", json.dumps(history()).encode())
        else:
            self.send_error(404)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # the browser went away


def main():
    Handler.count = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    Handler.embed = embedder()
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
