#!/usr/bin/python3
"""Compares what Poise's VRRP messages say with what tcpdump and scapy read in them.

    vrrp-packets.py LINES PCAP     LINES: what tests/unit/vrrp/vrrp_packets prints

Every field, and the verdict on the checksum; of each message also a copy with one bit changed
outside of the header, whose checksum must be found wrong by both (so that they do look). Over IPv4
both judge version 3 by the form with a pseudo-header: a message of RFC 9568's form must be wrong
for them, and right by the plain sum. PCAP is written for tcpdump. Prints a table of what was
compared, and the first differences; exit status 1 if there are any.
"""

import collections
import ipaddress
import json
import logging
import re
import subprocess
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)  # it speaks while it is imported

from scapy.all import IP, Ether, IPv6, PcapWriter  # noqa: E402
from scapy.layers.vrrp import VRRP, VRRPv3  # noqa: E402
from scapy.utils import checksum  # noqa: E402

PROTOCOL = 112
SHOWN_DIFFERENCES = 10

HEAD = re.compile(
    r"(?P<source>\S+) > (?P<destination>\S+): VRRPv(?P<version>\d), Advertisement, "
    r"vrid (?P<vrid>\d+), prio (?P<priority>\d+), "
    r"(authtype (?P<authtype>\w+), )?intvl (?P<interval>\d+)(?P<unit>c?s), length (?P<length>\d+)"
    r"(?P<bad>[^:]*bad vrrp cksum \w+[^:]*)?, addrs(\((?P<count>\d+)\))?: "
    r"(?P<addresses>[0-9a-f.:,]+)( auth \"(?P<password>.*)\")?$")


def read_messages(path):
    """Each message, followed by its damaged copy."""
    with open(path, encoding="ascii") as lines:
        for line in lines:
            message = json.loads(line)
            message["bytes"] = bytes.fromhex(message["bytes"])
            message["is_damaged"] = False
            yield message
            damaged = bytearray(message["bytes"])
            damaged[8] ^= 1  # the first address
            first = 4 if message["family"] == 4 else 16
            address = str(ipaddress.ip_address(bytes(damaged[8:8 + first])))
            yield message | {"bytes": bytes(damaged), "is_damaged": True,
                             "addresses": [address] + message["addresses"][1:]}


def frame(message):
    if message["family"] == 4:
        ip = IP(src=message["source"], dst=message["destination"], ttl=255, proto=PROTOCOL)
    else:
        ip = IPv6(src=message["source"], dst=message["destination"], hlim=255, nh=PROTOCOL)
    ether = Ether(src="02:00:00:00:00:02", dst="01:00:5e:00:00:12",
                  type=0x800 if message["family"] == 4 else 0x86dd)
    return bytes(ether / ip / message["bytes"])


def said(message, is_sum_right):
    """What a reader should say of the message, and of its checksum."""
    return {"source": message["source"], "destination": message["destination"],
            "version": message["version"], "vrid": message["vrid"],
            "priority": message["priority"], "interval_ms": message["interval_ms"],
            "addresses": message["addresses"], "password": message["password"],
            "is_sum_right": is_sum_right}


def expected(message):
    is_rfc_form = (message["version"], message["family"], message["form"]) == (3, 4, "message")
    return said(message, not message["is_damaged"] and not is_rfc_form)


def tcpdump_reads(pcap, frames):
    """A list of what tcpdump says of each."""
    writer = PcapWriter(pcap, linktype=1)
    for one in frames:
        writer.write(one)
    writer.close()
    text = subprocess.run(["tcpdump", "-nvvv", "-r", pcap], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    text = re.sub(r"\n\s+", " ", text)  # one line each
    return [tcpdump_line(line) for line in text.splitlines()]


def tcpdump_line(line):
    match = HEAD.search(line)
    if not match:
        return {"line": line}
    addresses = [str(ipaddress.ip_address(a)) for a in match["addresses"].split(",")]
    if len(addresses) != int(match["count"] or 1):
        return {"line": line}
    unit_ms = 1000 if match["unit"] == "s" else 10
    password = match["password"] if match["authtype"] == "simple" else ""
    return {"source": match["source"], "destination": match["destination"],
            "version": int(match["version"]), "vrid": int(match["vrid"]),
            "priority": int(match["priority"]),
            "interval_ms": int(match["interval"]) * unit_ms,
            "addresses": addresses, "password": password,
            "is_sum_right": match["bad"] is None}


def scapy_reads(one):
    packet = Ether(one)
    ip = packet[IP] if IP in packet else packet[IPv6]
    layer = ip[VRRPv3] if VRRPv3 in ip else ip[VRRP]
    password = b""
    if layer.version == 2:
        both = layer.auth1.to_bytes(4, "big") + layer.auth2.to_bytes(4, "big")
        password = both.rstrip(b"\0")
        if layer.authtype != (1 if password else 0):
            return {"authtype": layer.authtype}
    again = layer.copy()
    again.chksum = None
    again.underlayer = ip
    sum_is = int.from_bytes(bytes(again)[6:8], "big")
    return {"source": ip.src, "destination": ip.dst, "version": layer.version,
            "vrid": layer.vrid, "priority": layer.priority,
            "interval_ms": layer.adv * (1000 if layer.version == 2 else 10),
            "addresses": [str(ipaddress.ip_address(a)) for a in layer.addrlist],
            "password": password.decode(), "is_sum_right": layer.chksum == sum_is}


def plain_sum_reads(message):
    """The RFCs' own words, where neither knows them: RFC 9568 §5.2.8, RFC 3768 §5.3.8."""
    if message["family"] == 6 or message["form"] != "message":
        return None
    return checksum(message["bytes"]) == 0


def main(lines, pcap):
    messages = list(read_messages(lines))
    frames = [frame(message) for message in messages]
    dumped = tcpdump_reads(pcap, frames)
    differences = []
    table = collections.Counter()
    if len(dumped) != len(messages):
        differences.append(f"tcpdump read {len(dumped)} packets of {len(messages)}")
    for message, one, by_tcpdump in zip(messages, frames, dumped):
        want = expected(message)
        verdicts = {"tcpdump": by_tcpdump, "scapy": scapy_reads(one)}
        for reader, is_read in verdicts.items():
            if is_read != want:
                differences.append(f"{reader}: {is_read}\n  expected: {want}")
        plain = plain_sum_reads(message)
        if plain is not None and plain == message["is_damaged"]:
            differences.append(f"plain sum is {plain}: {want}")
        table[(message["version"], message["family"], message["form"],
               "damaged" if message["is_damaged"] else "whole",
               *("right" if v.get("is_sum_right") else "wrong" for v in verdicts.values()),
               {None: "-", True: "right", False: "wrong"}[plain])] += 1
    print("version family form           message   tcpdump scapy  plain sum  messages")
    for (version, family, form, state, *sums), n in sorted(table.items()):
        print(f"{version:<7} IPv{family}   {form:<14} {state:<9} "
              f"{sums[0]:<7} {sums[1]:<6} {sums[2]:<10} {n}")
    for text in differences[:SHOWN_DIFFERENCES]:
        print(text)
    print(f"{len(messages)} messages, {len(differences)} differences")
    return 1 if differences or not messages else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
