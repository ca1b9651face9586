#!/usr/bin/python3
"""Judges, from a capture of what passed a LAN, who held an address when. Sees VRRP adverts, ARP and
neighbour discovery; believes nobody's word about its own state.

    observer.py show PCAP                    a line for each packet: TIME NODE WHAT
    observer.py failover PCAP AFTER_MS FAMILY VRID [--stalls FILE]
        "MS OLD NEW STOOD": from the last advert of the master of that time to the first of
        another node, and for how much of it the machine stood still
    observer.py masters PCAP                 "FAMILY VRID NODE" of the last advert of each, if it
                                             is not older than 5 s
    observer.py spans PCAP                   a line for each time that a node held something
    observer.py judge PCAP... [--slack MS] [--down ADVERTS] [--together] [--events FILE]
                      [--stalls FILE]
        "two holders", "no holder" and, with --together, "split" (one node holds one thing, another
        one another): what was longer than allowed; exit status 1 if anything was
    observer.py gap REQUESTS FROM_MS [--stalls FILE]
        "MS FAILED STOOD": the longest time without an answer since then in what asker.py wrote
        down, how many failed, and for how much of it the machine stood still
    observer.py self-test

Nodes are named by their MACs: 02:00:00:00:XX:0N is lbN, as tests/e2e/vrrp.sh makes them. Where it
is a virtual router's, adverts are named by the source's last byte, and answers tell nothing. Times
are ms since 1970.

A node holds (family, VRID) while it sends adverts, priority 0 ends it, or answers for one of the
addresses in them; it is taken to have ended when it was silent for 1.5 adverts. Two nodes that can
hear each other may hold the same for one advert and --slack. Where --down is given, nobody may hold
it for no longer than that many adverts (and --slack) while there is a node that could. The interval
of adverts is what they say.

The events: lines "TIME WHAT NODE". A node is out of the LAN after "apart" until "together", after
"down" until "up", for IPv6 alone after "apart6" until "together6"; it cannot hold after "killed"
until "started", after "stopped" until "continued".
The stalls: lines "END_MS MS" of stalls.py: that much more is allowed.
"""

import argparse
import bisect
import collections
import ipaddress
import itertools
import struct
import sys

VRRP = 112
VIRTUAL_MAC = b"\0\0\x5e\0"  # RFC 9568 §7.3, of whoever is master
SILENT_ADVERTS = 1.5
LEAVING = {"apart": "together", "down": "up", "killed": "started", "stopped": "continued"}
RETURNING = {after: before for before, after in LEAVING.items()}
CUT_OFF = {"apart", "down"}

Seen = collections.namedtuple("Seen", "ms node kind family vrid priority interval addresses detail")
Span = collections.namedtuple("Span", "node first last ended")


# ---- packets -------------------------------------------------------------------------------------

def read_pcap(data):
    """Yields (ms, frame); ends at a record that is not whole yet."""
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    parts = 1e3 if b"\xa1\xb2\xc3\xd4" in (data[:4], data[3::-1]) else 1e6
    head = struct.Struct(order + "IIII")
    at = 24
    while at + 16 <= len(data):
        seconds, part, length, _ = head.unpack_from(data, at)
        at += 16
        if at + length > len(data):
            return
        yield seconds * 1000 + part / parts, data[at:at + length]
        at += length


def node_of(mac, source=None):
    if mac[:4] == b"\x02\0\0\0":
        return f"lb{mac[5]}"
    if source and mac[:4] == VIRTUAL_MAC:
        return f"lb{source.packed[-1]}"
    return mac.hex(":")


def decode_vrrp(family, message, source):
    """(VRID, priority, interval in ms, addresses, words) or None."""
    if len(message) < 8 or message[0] & 15 != 1:
        return None
    version, count = message[0] >> 4, message[3]
    size = 4 if family == 4 else 16
    raw = message[8:8 + size * count]
    addresses = [str(ipaddress.ip_address(raw[i:i + size]))
                 for i in range(0, len(raw) - size + 1, size)]
    interval = message[5] * 1000 if version == 2 else \
        (struct.unpack_from("!H", message, 4)[0] & 0xfff) * 10
    words = f"v{version} from {source} every {interval} ms"
    return message[1], message[2], interval, addresses, words


def decode_arp(ms, mac, packet):
    kind, sender, target = struct.unpack_from("!6xH6x4s6x4s", packet)
    source = ipaddress.ip_address(sender)
    node = node_of(mac)
    if kind == 2 or sender == target:
        return Seen(ms, node, "answer", 4, None, None, None, [str(source)], "ARP")
    asked = [str(ipaddress.ip_address(target))]
    return Seen(ms, node, "question", 4, None, None, None, asked, "ARP")


def decode_icmp6(ms, mac, packet):
    if len(packet) < 64 or packet[40] not in (135, 136):
        return None
    target = str(ipaddress.ip_address(packet[48:64]))
    kind = "answer" if packet[40] == 136 else "question"
    return Seen(ms, node_of(mac), kind, 6, None, None, None, [target], "ND")


def decode(ms, frame):
    if len(frame) < 42:  # an ARP packet without padding
        return None
    mac, kind, packet = frame[6:12], frame[12:14], frame[14:]
    if kind == b"\x08\x06":
        return decode_arp(ms, mac, packet)
    if kind == b"\x08\0" and packet[9] == VRRP:
        family, source = 4, ipaddress.ip_address(packet[12:16])
        message = packet[(packet[0] & 15) * 4:]
    elif kind == b"\x86\xdd" and len(packet) > 40 and packet[6] == VRRP:
        family, source = 6, ipaddress.ip_address(packet[8:24])
        message = packet[40:]
    elif kind == b"\x86\xdd" and len(packet) > 40 and packet[6] == 58:
        return decode_icmp6(ms, mac, packet)
    else:
        return None
    advert = decode_vrrp(family, message, source)
    if not advert:
        return None
    return Seen(ms, node_of(mac, source), "advert", family, *advert)


def look(*paths):
    seen = []
    for path in paths:
        with open(path, "rb") as file:
            seen += filter(None, (decode(ms, frame) for ms, frame in read_pcap(file.read())))
    return sorted(seen, key=lambda s: s.ms)


# ---- who held what -------------------------------------------------------------------------------

def holdings(seen):
    """{(family, VRID): {node: [(ms, is the end)]}}; answers count for the address's owner."""
    owner = {a: (s.family, s.vrid) for s in seen if s.kind == "advert" for a in s.addresses}
    points = collections.defaultdict(lambda: collections.defaultdict(list))
    for s in seen:
        if s.kind == "advert":
            points[s.family, s.vrid][s.node].append((s.ms, s.priority == 0))
        elif s.kind == "answer" and s.addresses[0] in owner and s.node[:8] != "00:00:5e":
            points[owner[s.addresses[0]]][s.node].append((s.ms, False))
    return points


def spans_of(node, points, advert_ms):
    spans, first, last = [], None, None
    for ms, is_end in points:
        if first is not None and ms - last > SILENT_ADVERTS * advert_ms:
            spans.append(Span(node, first, last, "silent"))
            first = None
        if is_end:
            if first is not None:
                spans.append(Span(node, first, ms, "released"))
            first = None
            continue
        first, last = ms if first is None else first, ms
    if first is not None:
        spans.append(Span(node, first, last, "silent"))
    return spans


def intervals(seen):
    """{(family, VRID): ms}, the longest that was said."""
    longest = collections.defaultdict(int)
    for s in seen:
        if s.kind == "advert":
            longest[s.family, s.vrid] = max(longest[s.family, s.vrid], s.interval)
    return longest


def all_spans(by_node, advert_ms):
    return sorted((span for node, points in by_node.items()
                   for span in spans_of(node, points, advert_ms)), key=lambda s: s.first)


class World:
    """What was done to the nodes, and when, as far as it concerns a family."""

    def __init__(self, events=(), stalls=(), family=4):
        events = [(ms, what.removesuffix("6"), node) for ms, what, node in events
                  if family == 6 or not what.endswith("6")]
        self.changes = sorted(events)
        self.times = [ms for ms, _, _ in self.changes]
        self.states = [frozenset()]  # of (what, node): what is the matter with whom
        for _, what, node in self.changes:
            now = set(self.states[-1])
            if what in LEAVING:
                now.add((what, node))
            else:
                now.discard((RETURNING.get(what), node))
            self.states.append(frozenset(now))
        self.nodes = {node for _, _, node in self.changes}
        self.stalls = stalls

    def pieces(self, first, last):
        """Yields (from, to, what is the matter) without a change in between."""
        cuts = [first, *(t for t in self.times if first < t < last), last]
        for a, b in zip(cuts, cuts[1:]):
            yield a, b, self.states[bisect.bisect_right(self.times, a)]

    def stalled(self, first, last):
        """How long any CPU stood still in between."""
        total, until = 0, first
        for begin, end in sorted((end - ms, min(end, last)) for end, ms in self.stalls
                                 if end > first and end - ms < last):
            total += max(0, end - max(begin, until))
            until = max(until, end)
        return total


def hears(matter, node):
    return not any((what, node) in matter for what in CUT_OFF)


def is_able(matter, node):
    return not any((what, node) in matter for what in LEAVING)


def both_hold(world, a, b):
    """Yields (from, to) of the times when both held and could hear each other."""
    began = None
    first, last = max(a.first, b.first), min(a.last, b.last)
    if first >= last:
        return
    for start, end, matter in world.pieces(first, last):
        if hears(matter, a.node) and hears(matter, b.node):
            began = start if began is None else began
            continue
        if began is not None:
            yield began, start
        began = None
    if began is not None:
        yield began, last


def overlapping(spans):
    """Yields pairs of spans of two nodes; the spans in the order of their beginning."""
    for number, a in enumerate(spans):
        later = itertools.islice(spans, number + 1, None)
        for b in itertools.takewhile(lambda s, end=a.last: s.first < end, later):
            if a.node != b.node:
                yield a, b


def find_two_nodes(spans, world, within_ms):
    for a, b in overlapping(spans):
        for first, last in both_hold(world, a, b):
            if last - first > within_ms + world.stalled(first, last):
                yield first, last, f"{a.node} and {b.node}"


def find_no_holder(by_node, world, down_ms):
    """Silences of all nodes that are in the LAN; each change in the world begins a new one."""
    points = sorted((ms, node) for node, list_ in by_node.items() for ms, is_end in list_
                    if not is_end)
    heard = [ms for ms, node in points
             if hears(world.states[bisect.bisect_right(world.times, ms)], node)]
    nodes = world.nodes | set(by_node)
    for a, b in zip(heard, heard[1:]):
        for first, last, matter in world.pieces(a, b):
            able = [n for n in nodes if is_able(matter, n)]
            if able and last - first > down_ms + world.stalled(first, last):
                yield first, last, "able: " + ", ".join(sorted(able))


def judge_together(seen, events, stalls, slack_ms):
    """Likewise, of nodes that hold different things at the same time."""
    interval = intervals(seen)
    spans = sorted((span for key, by_node in holdings(seen).items()
                    for span in all_spans(by_node, interval[key])), key=lambda s: s.first)
    within_ms = max(interval.values(), default=0) + slack_ms
    found = find_two_nodes(spans, World(events, stalls), within_ms)
    return [f"split for {last - first:.1f} ms from {first:.1f}: {who}"
            for first, last, who in found]


def judge(seen, events, stalls, slack_ms, down_adverts):
    """Lines of what is wrong."""
    wrong = []
    interval = intervals(seen)
    for (family, vrid), by_node in sorted(holdings(seen).items()):
        what = f"IPv{family} VRID {vrid}"
        world = World(events, stalls, family)
        advert_ms = interval[family, vrid]
        found = [("two holders", find_two_nodes(
            all_spans(by_node, advert_ms), world, advert_ms + slack_ms))]
        if down_adverts is not None:
            found.append(("no holder", find_no_holder(
                by_node, world, down_adverts * advert_ms + slack_ms)))
        wrong += [f"{name} of {what} for {last - first:.1f} ms from {first:.1f}: {who}"
                  for name, list_ in found for first, last, who in list_]
    return wrong


def failover(seen, after_ms, family, vrid):
    """(from, to, old node, new node) or None: there is no other node yet."""
    adverts = [s for s in seen if (s.kind, s.family, s.vrid) == ("advert", family, vrid)]
    old = next((s.node for s in reversed(adverts) if s.ms <= after_ms and s.priority), None)
    new = next((s for s in adverts if s.ms > after_ms and s.priority and s.node != old), None)
    if not old or not new:
        return None
    last = max(s.ms for s in adverts if s.node == old and s.ms < new.ms)
    return last, new.ms, old, new.node


# ---- self test -----------------------------------------------------------------------------------

class Script:
    """Makes packets up: adverts of VRID 7 for 203.0.113.10 every 100 ms."""

    def __init__(self):
        self.seen = []

    def advert(self, node, times, priority=100):
        self.seen += [Seen(float(ms), node, "advert", 4, 7, priority, 100, ["203.0.113.10"], "")
                      for ms in times]
        return self

    def answer(self, node, times):
        self.seen += [Seen(float(ms), node, "answer", 4, None, None, None, ["203.0.113.10"], "ARP")
                      for ms in times]
        return self

    def wrong(self, events=(), stalls=(), down=None):
        return judge(sorted(self.seen, key=lambda s: s.ms), events, stalls, 0, down)


def take_over(at):
    """lb1 until then, lb2 361 ms after its last advert."""
    return Script().advert("lb1", range(0, at + 1, 100)).advert("lb2", range(at + 361, 3000, 100))


def self_test_judge():
    events = [(500.0, "apart", "lb1"), (1500.0, "together", "lb1")]
    split = Script().advert("lb1", range(0, 3000, 100))
    split.advert("lb2", range(850, 1560, 100))
    cases = [
        ("a take-over is in order", take_over(500).wrong(down=4), 0),
        ("a take-over that took too long", take_over(500).wrong(down=3), 1),
        ("unless the machine stood still", take_over(500).wrong([], [(700, 100)], 3), 0),
        ("or nobody could", take_over(500).wrong(
            [(501, "killed", "lb1"), (501, "stopped", "lb2"), (800, "continued", "lb2")],
            [], 3), 0),
        ("two holders while apart, and one advert more", split.wrong(events), 0),
        ("two holders while only IPv6 was cut", split.wrong(
            [(500.0, "apart6", "lb1"), (1500.0, "together6", "lb1")]), 1),
        ("two holders without reason", split.wrong(), 1),
        ("two holders for long after it healed", split.wrong(
            [(500.0, "apart", "lb1"), (1300.0, "together", "lb1")]), 1),
        ("two that answer for an address",
         Script().advert("lb1", range(0, 3000, 100)).answer("lb2", [1000, 1150]).wrong(), 1),
        ("priority 0 ends it at once", Script().advert("lb1", range(0, 1000, 100)).advert(
            "lb1", [1001], 0).advert("lb2", range(990, 3000, 100)).wrong(), 0),
        ("a node that was in fault the whole time is silent", Script().advert(
            "lb1", range(0, 3000, 100)).wrong([(0.0, "down", "lb2")], [], 2), 0),
        ("a node without link does not count as a holder", Script().advert(
            "lb1", range(0, 3000, 100)).wrong(
                [(0.0, "killed", "lb2"), (1000.0, "apart", "lb1"), (1100.0, "started", "lb2")],
                [], 2), 0),
    ]
    split = take_over(500).seen + [
        s._replace(family=6, node="lb1") for s in take_over(500).seen]
    cases.append(("members of a group on two nodes", judge_together(split, [], [], 0), 1))
    return [f"{name}: {wrong}" for name, wrong, n in cases if len(wrong) != n]


def frame(mac, kind, packet):
    return b"\xff" * 6 + bytes.fromhex(mac.replace(":", "")) + kind + packet


def self_test_packets():
    """Bytes in, what was seen out; and the same through a file's head and records."""
    ip = ipaddress.ip_address
    v4 = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 32, 0, 0, 255, VRRP, 0, ip("203.0.113.1").packed,
                     ip("224.0.0.18").packed)
    v6 = struct.pack("!IHBB16s16s", 6 << 28, 24, VRRP, 255, ip("fe80::2").packed,
                     ip("ff02::12").packed)
    na = struct.pack("!IHBB16s16s", 6 << 28, 24, 58, 255, ip("fe80::2").packed,
                     ip("ff02::1").packed) + struct.pack(
                         "!BBHI16s", 136, 0, 0, 0xa0000000, ip("2001:db8:0:1::10").packed)
    vip4, vip6 = ip("203.0.113.10").packed, ip("2001:db8:0:1::10").packed
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 2, b"\2\0\0\0\0\1", vip4,
                      b"\2\0\0\0\0\x20", ip("203.0.113.20").packed)
    frames = [
        frame("02:00:00:00:00:01", b"\x08\0",
              v4 + struct.pack("!BBBBHH4s", 0x31, 7, 200, 1, 10, 0, vip4)),
        frame("00:00:5e:00:01:07", b"\x08\0",
              v4 + struct.pack("!BBBBBBH4s", 0x21, 7, 0, 1, 0, 1, 0, vip4)),
        frame("02:00:00:00:01:02", b"\x86\xdd",
              v6 + struct.pack("!BBBBHH16s", 0x31, 9, 1, 1, 100, 0, vip6)),
        frame("02:00:00:00:00:02", b"\x86\xdd", na),
        frame("02:00:00:00:00:01", b"\x08\x06", arp),
        frame("02:00:00:00:00:01", b"\x08\x06", arp[:7] + b"\1" + arp[8:]),
    ]
    expected = [
        ("lb1", "advert", 4, 7, 200, 100, ["203.0.113.10"], "v3 from 203.0.113.1 every 100 ms"),
        ("lb1", "advert", 4, 7, 0, 1000, ["203.0.113.10"], "v2 from 203.0.113.1 every 1000 ms"),
        ("lb2", "advert", 6, 9, 1, 1000, ["2001:db8:0:1::10"], "v3 from fe80::2 every 1000 ms"),
        ("lb2", "answer", 6, None, None, None, ["2001:db8:0:1::10"], "ND"),
        ("lb1", "answer", 4, None, None, None, ["203.0.113.10"], "ARP"),
        ("lb1", "question", 4, None, None, None, ["203.0.113.20"], "ARP"),
    ]
    wrong = []
    for order, magic, part in ("<", 0xa1b2c3d4, 500), (">", 0xa1b23c4d, 500000):
        data = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, 1)
        for number, bytes_ in enumerate(frames):
            data += struct.pack(order + "IIII", number, part, len(bytes_), len(bytes_)) + bytes_
        seen = [decode(ms, bytes_) for ms, bytes_ in read_pcap(data + b"\0" * 10)]
        wrong += [f"{tuple(s)} is not {e}" for s, e in zip(seen, expected) if s[1:] != e]
        if [s.ms for s in seen] != [n * 1000 + 0.5 for n in range(len(frames))]:
            wrong.append(f"times: {[s.ms for s in seen]}")
    return wrong


def self_test_failover():
    seen = sorted(take_over(500).advert("lb1", [503], 0).seen, key=lambda s: s.ms)
    wrong = []
    if failover(seen, 502, 4, 7) != (503.0, 861.0, "lb1", "lb2"):
        wrong.append(f"failover: {failover(seen, 502, 4, 7)}")
    if gap([(0, "s0"), (5, "s1"), (50, "failed:x"), (90, "s0"), (95, "s0")], 10) != (5, 90, 1):
        wrong.append("gap")
    if World([], [(700, 100), (690, 50), (900, 100)]).stalled(650, 850) != 100:
        wrong.append("stalls that overlap")
    if failover(seen, 2000, 4, 7) is not None or failover(seen, 502, 6, 7) is not None:
        wrong.append("failover: one that was not")
    return wrong


def self_test():
    wrong = self_test_packets() + self_test_judge() + self_test_failover()
    print("\n".join(wrong) or "ok")
    return 1 if wrong else 0


# ---- commands ------------------------------------------------------------------------------------

def read_lines(path, kinds):
    if not path:
        return []
    with open(path, encoding="ascii") as file:
        return [tuple(kind(word) for kind, word in zip(kinds, line.split())) for line in file]


def show(args):
    for s in look(args.pcap):
        of = f" VRID {s.vrid} priority {s.priority}" if s.kind == "advert" else ""
        print(f"{s.ms:.3f} {s.node} {s.kind}{of} of {' '.join(s.addresses)}: {s.detail}")
    return 0


def show_failover(args):
    found = failover(look(args.pcap), args.after, args.family, args.vrid)
    if not found:
        return 1
    first, last, old, new = found
    stood = World([], read_lines(args.stalls, (float, float))).stalled(first, last)
    print(f"{last - first:.2f} {old} {new} {stood:.0f}")
    return 0


def show_masters(args):
    with open(args.pcap, "rb") as file:
        frames = list(read_pcap(file.read()))
    lately = (decode(ms, frame) for ms, frame in frames if ms > frames[-1][0] - 5000)
    last = {(s.family, s.vrid): s for s in lately if s and s.kind == "advert"}
    for (family, vrid), s in sorted(last.items()):
        print(family, vrid, s.node if s.priority else "-")
    return 0


def show_spans(args):
    seen = look(args.pcap)
    interval = intervals(seen)
    for (family, vrid), by_node in sorted(holdings(seen).items()):
        for s in all_spans(by_node, interval[family, vrid]):
            print(f"IPv{family} {vrid} {s.node} {s.first:.1f} {s.last:.1f} {s.ended}")
    return 0


def gap(requests, since_ms):
    """(from, to, failed) of (ms, outcome): the longest time between two answers."""
    good = sorted(ms for ms, outcome in requests if not outcome.startswith("failed"))
    failed = sum(ms >= since_ms and outcome.startswith("failed") for ms, outcome in requests)
    pairs = [(a, b) for a, b in zip(good, good[1:]) if b >= since_ms]
    first, last = max(pairs, key=lambda pair: pair[1] - pair[0])
    return first, last, failed


def show_gap(args):
    with open(args.pcap, encoding="ascii") as file:
        lines = [line.split() for line in file if line.endswith("\n")]
    first, last, failed = gap([(float(l[0]), l[3]) for l in lines], args.since)
    stood = World([], read_lines(args.stalls, (float, float))).stalled(first, last)
    print(f"{last - first:.0f} {failed} {stood:.0f}")
    return 0


def show_judgement(args):
    events = read_lines(args.events, (float, str, str))
    stalls = read_lines(args.stalls, (float, float))
    seen = look(*args.pcap)
    wrong = judge(seen, events, stalls, args.slack, args.down)
    if args.together:
        wrong += judge_together(seen, events, stalls, args.slack)
    print("\n".join(wrong) or "ok")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def add(name, run, *numbers):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        if name != "self-test":
            command.add_argument("pcap", nargs="+" if name == "judge" else None)
        for number, kind in numbers:
            command.add_argument(number, type=kind)
        return command

    add("show", show)
    add("failover", show_failover, ("after", float), ("family", int), ("vrid", int)).add_argument(
        "--stalls")
    add("gap", show_gap, ("since", float)).add_argument("--stalls")
    add("masters", show_masters)
    add("spans", show_spans)
    command = add("judge", show_judgement)
    command.add_argument("--slack", type=float, default=0)
    command.add_argument("--down", type=float)
    command.add_argument("--together", action="store_true")
    for option in "--events", "--stalls":
        command.add_argument(option)
    add("self-test", lambda _: self_test())
    args = parser.parse_args()
    sys.exit(args.run(args))


if __name__ == "__main__":
    main()
