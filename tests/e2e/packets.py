#!/usr/bin/python3
"""Packets made by hand, for what no ordinary socket sends. Run in the namespace of the sender.

    packets.py ask-vips SECONDS VIP4 VIP6      ARP requests and neighbour solicitations, 50/s
    packets.py probe VIP PORT FLAGS [TTL]      one TCP segment; prints what came back as JSON
    packets.py ask-tagged MAC VIP4 VIP6 PORT   ARP, ND and SYNs behind tags of several kinds
    packets.py syn-flood MAC VIP4 VIP6 PORT COUNT PER_SECOND
                                               SYNs from many addresses, half of each family

`probe` prints {"answer": "tcp"|"icmp"|null, ...}: for TCP "flags" and whether the answer's
sequence number is our acknowledgement number; for ICMP type, code and who sent it.
`ask-tagged` prints which of them were answered, e.g. {"vlan": [], "priority": ["arp", "nd",
"tcp4 SA", "tcp6 SA"], ...}; MAC is the balancer's.
`syn-flood` comes from 192.0.2.0/24 (all but .20) and 2001:db8:0:9::/64, from where nobody
answers; it prints {"sent": COUNT, "seconds": ...}.
"""

import ipaddress
import json
import logging
import random
import socket
import struct
import sys
import time

logging.getLogger("scapy").setLevel(logging.ERROR)  # it speaks while it is imported

from scapy.all import (  # noqa: E402
    ARP, IP, TCP, AsyncSniffer, Dot1AD, Dot1Q, Ether, ICMPv6ND_NA, ICMPv6ND_NS,
    ICMPv6NDOptSrcLLAddr, IPv6, conf, get_if_addr, get_if_addr6, get_if_hwaddr, srp1)
from scapy.layers.inet6 import in6_getnsma, in6_getnsmac  # noqa: E402

INTERFACE = "eth0"
GAP_SECONDS = 0.02

# By name, outermost first; a tag without a VLAN is a priority tag.
TAGS = {
    "none": [],
    "priority": [Dot1Q(vlan=0, prio=5)],
    "priority-ad": [Dot1AD(vlan=0)],
    "priority-twice": [Dot1AD(vlan=0), Dot1Q(vlan=0)],
    "priority-thrice": [Dot1Q(vlan=0), Dot1Q(vlan=0), Dot1Q(vlan=0)],
    "vlan": [Dot1Q(vlan=7)],
    "priority-vlan": [Dot1Q(vlan=0), Dot1Q(vlan=7)],
}


def solicitation(vip, own_mac):
    group = in6_getnsma(socket.inet_pton(socket.AF_INET6, vip))
    return (Ether(src=own_mac, dst=in6_getnsmac(group))
            / IPv6(src=get_if_addr6(INTERFACE), hlim=255,
                   dst=socket.inet_ntop(socket.AF_INET6, group))
            / ICMPv6ND_NS(tgt=vip) / ICMPv6NDOptSrcLLAddr(lladdr=own_mac))


def ask_vips(seconds, vip4, vip6):
    mac = get_if_hwaddr(INTERFACE)
    out = conf.L2socket(iface=INTERFACE)
    frames = [
        bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff")
              / ARP(hwsrc=mac, psrc=get_if_addr(INTERFACE), pdst=vip4)),
        bytes(solicitation(vip6, mac)),
    ]
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for frame in frames:
            out.send(frame)
        time.sleep(GAP_SECONDS)


def describe(segment, answer):
    if answer is None:
        return {"answer": None}
    if TCP in answer:  # inside an ICMP error it would be TCPerror
        return {"answer": "tcp", "flags": str(answer[TCP].flags),
                "seq_is_our_ack": answer[TCP].seq == segment[TCP].ack,
                "source": answer[1].src}
    message = answer[2]
    return {"answer": "icmp", "type": message.type, "code": message.code,
            "source": answer[1].src}


def probe(vip, port, flags, ttl="64"):
    tcp = TCP(sport=random.randint(20000, 60000), dport=int(port), flags=flags,
              seq=random.getrandbits(32), ack=random.getrandbits(32) if "A" in flags else 0)
    if ipaddress.ip_address(vip).version == 4:
        segment = Ether() / IP(dst=vip, ttl=int(ttl)) / tcp
    else:
        segment = Ether() / IPv6(dst=vip, hlim=int(ttl)) / tcp
    print(json.dumps(describe(segment, srp1(segment, iface=INTERFACE, timeout=1, verbose=0))))


def tagged(frame, tags):
    packet = frame.payload
    for tag in reversed(tags):
        packet = tag / packet
    return Ether(src=frame.src, dst=frame.dst) / packet


def questions(mac, vip4, vip6, port):
    """Yields (name of the tags, frame, what an answer to it is like: a function)."""
    own_mac, own4, own6 = get_if_hwaddr(INTERFACE), get_if_addr(INTERFACE), get_if_addr6(INTERFACE)
    for number, (name, tags) in enumerate(TAGS.items()):
        # the answers are told apart by whom they are for
        asker4 = str(ipaddress.ip_address(own4) + 100 + number)
        asker6 = str(ipaddress.ip_address(own6) + 0x100 + number)
        request = (Ether(src=own_mac, dst="ff:ff:ff:ff:ff:ff")
                   / ARP(hwsrc=own_mac, psrc=asker4, pdst=vip4))
        yield name, tagged(request, tags), (
            lambda a, to=asker4: "arp" if ARP in a and a[ARP].op == 2 and a[ARP].pdst == to
            else None)
        request = solicitation(vip6, own_mac)
        request[IPv6].src = asker6
        yield name, tagged(request, tags), (
            lambda a, to=asker6: "nd" if ICMPv6ND_NA in a and a[IPv6].dst == to else None)
        own_port = 20000 + number
        for kind, packet in ("tcp4", IP(src=own4, dst=vip4)), ("tcp6", IPv6(src=own6, dst=vip6)):
            syn = (Ether(src=own_mac, dst=mac) / packet
                   / TCP(sport=own_port, dport=int(port), flags="S", seq=random.getrandbits(32)))
            yield name, tagged(syn, tags), (
                lambda a, kind=kind, layer=type(packet), to=own_port:
                f"{kind} {a[TCP].flags}"
                if layer in a and TCP in a and a[TCP].dport == to and a[TCP].sport == int(port)
                else None)


def ask_tagged(mac, vip4, vip6, port):
    asked = list(questions(mac, vip4, vip6, port))
    out = conf.L2socket(iface=INTERFACE)
    # what we send ourselves would be taken for an answer to nobody: only what is for us
    sniffer = AsyncSniffer(iface=INTERFACE, store=True, filter="inbound",
                           started_callback=lambda: [out.send(bytes(f)) for _, f, _ in asked])
    sniffer.start()
    sniffer.join(timeout=1.5)
    answered = {name: set() for name in TAGS}
    for answer in sniffer.stop():
        for name, _, match in asked:
            if match(answer):
                answered[name].add(match(answer))
    print(json.dumps({name: sorted(kinds) for name, kinds in answered.items()}))


def ones_sum(data):
    """RFC 1071, without the complement; of an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return (total & 0xffff) + (total >> 16)


class Syns:
    """SYNs to one VIP, each from an end of its own: made once, then written over."""

    def __init__(self, mac, vip, port, numbers):
        self.numbers = numbers
        self.is_v4 = ipaddress.ip_address(vip).version == 4
        # the sums of a template whose own ends are zero are those of all that stays
        ip = (IP(src="0.0.0.0", dst=vip) if self.is_v4 else IPv6(src="::", dst=vip))
        self.frame = bytearray(bytes(Ether(src=get_if_hwaddr(INTERFACE), dst=mac) / ip
                                     / TCP(sport=0, dport=int(port), seq=0, flags="S")))
        self.tcp = 34 if self.is_v4 else 54

    def source(self):
        if self.is_v4:
            host = self.numbers.choice([n for n in range(1, 255) if n != 20])
            return bytes([192, 0, 2, host])
        return (socket.inet_pton(socket.AF_INET6, "2001:db8:0:9::")[:8]
                + self.numbers.randbytes(8))

    def add_to_sum(self, at, changes):
        was, = struct.unpack_from("!H", self.frame, at)
        total = (was ^ 0xffff) + ones_sum(changes)
        return struct.pack("!H", ((total & 0xffff) + (total >> 16)) ^ 0xffff)

    def next(self):
        source = self.source()
        ends = struct.pack("!H", self.numbers.randrange(1024, 65536))
        sequence = self.numbers.randbytes(4)
        at = self.tcp
        frame = self.frame.copy()
        if self.is_v4:
            frame[26:30] = source
            frame[24:26] = self.add_to_sum(24, source)
        else:
            frame[22:38] = source
        frame[at:at + 2] = ends
        frame[at + 4:at + 8] = sequence
        frame[at + 16:at + 18] = self.add_to_sum(at + 16, source + ends + sequence)
        return bytes(frame)


def syn_flood(mac, vip4, vip6, port, count, per_second):
    chunk = 50
    numbers = random.Random(25)
    kinds = [Syns(mac, vip, port, numbers) for vip in (vip4, vip6)]
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((INTERFACE, 0))
    start = time.monotonic()
    for number in range(int(count)):
        if number % chunk == 0:
            time.sleep(max(0.0, start + number / int(per_second) - time.monotonic()))
        out.send(kinds[number % 2].next())
    print(json.dumps({"sent": int(count), "seconds": time.monotonic() - start}))


COMMANDS = {"ask-tagged": ask_tagged, "ask-vips": ask_vips, "probe": probe,
            "syn-flood": syn_flood}


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
