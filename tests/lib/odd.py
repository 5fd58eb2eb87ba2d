# SPDX-License-Identifier: BSD-2-Clause
"""Packets by hand: sent from an interface and read there, as scapy's.

A Tap sends and reads whole frames. Hands are two hosts that exist only as frames, a
client and a backend of the plain lab (lab.py), so that no kernel at either end answers
for them; what mxlb should make of a packet is written with the same scapy, from scratch.
"""
import contextlib
import ctypes
import itertools
import json
import socket
import struct
import time

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.utils import checksum

from lab import VIPS
from netns import LabError, NetNs
from wire import ETH_P_ALL, PACKET_OUTGOING

SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
MTU = 65536 + 64
SO_RCVBUFFORCE, SO_ATTACH_FILTER = 33, 26
# Classic BPF: ICMP of either family, or nothing.
ONLY_ICMP = ((0x28, 0, 0, 12), (0x15, 0, 2, 0x0800), (0x30, 0, 0, 23), (0x15, 3, 4, 1),
             (0x15, 0, 3, 0x86dd), (0x30, 0, 0, 20), (0x15, 0, 1, 58), (0x06, 0, 0, 0xffffffff),
             (0x06, 0, 0, 0))


class Tap:
    """An interface's frames. Those read and not asked for yet are kept."""

    def __init__(self, ns, interface="eth0", code=()):
        with ns.entered():
            self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)
        if code:
            self._filter(code)
        self._sock.bind((interface, ETH_P_ALL))
        self.mac = mac_of(ns, interface)
        self._kept = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._sock.close()

    def _filter(self, code):
        """Only the frames that the classic BPF code lets pass."""
        steps = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *s) for s in code))
        self._sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                              struct.pack("HL", len(code), ctypes.addressof(steps)))

    def send(self, frame):
        self._sock.send(bytes(frame))

    def clear(self):
        """Forget what has come so far."""
        self._kept = []
        self._sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._sock.recv(1)

    def get(self, what, test, timeout=10.0):
        """The first frame to come for which test(frame) is true."""
        end = time.monotonic() + timeout
        while True:
            for i, frame in enumerate(self._kept):
                if test(frame):
                    return self._kept.pop(i)
            self._kept = []
            self._sock.settimeout(max(0.001, end - time.monotonic()))
            try:
                self._read()
            except TimeoutError:
                raise LabError(f"waited {timeout:g} s in vain for a frame: {what}") from None

    def all_until(self, what, test, timeout=10.0):
        """All frames up to the one for which test is true, without that one."""
        found = []

        def look(frame):
            if test(frame):
                return True
            found.append(frame)
            return False
        self.get(what, look, timeout)
        return found

    def _read(self):
        data, extra, _, origin = self._sock.recvmsg(MTU, 64)
        if origin[2] != PACKET_OUTGOING:
            self._kept.append(Ether(with_tag(data, extra)))


def with_tag(data, extra):
    """The frame with the VLAN tag that the kernel has taken off."""
    for level, kind, value in extra:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, control, proto = struct.unpack("=IIIHHHH", value)
            if status & TP_STATUS_VLAN_VALID:
                proto = proto if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                return data[:12] + struct.pack("!HH", proto, control) + data[12:]
    return data


def mac_of(ns, interface):
    return json.loads(ns.run("ip", "-j", "link", "show", "dev", interface).stdout)[0]["address"]


def ip_bytes(frame):
    """From the IP header to its end, without padding."""
    ip = frame.getlayer(IP) or frame.getlayer(IPv6)
    raw = bytes(ip.original if ip.original else ip)
    length = struct.unpack_from("!H", raw, 2)[0] if raw[0] >> 4 == 4 else (
        40 + struct.unpack_from("!H", raw, 4)[0])
    return raw[:length]


def assert_sums(packet):
    """Every checksum of an ICMP error that can be checked is right: of the IP header, of
    ICMP, and of the quoted IP header."""
    if packet[0] >> 4 == 4:
        assert checksum(packet[:20]) == 0, f"IP header's checksum: {packet.hex()}"
        assert checksum(packet[20:]) == 0, f"ICMP checksum: {packet.hex()}"
        quoted = packet[28:28 + (packet[28] & 15) * 4]
        assert checksum(quoted) == 0, f"quoted IP header's checksum: {packet.hex()}"
    else:
        whole = in6_chksum(58, IPv6(packet[:40]), packet[40:])
        assert whole in (0, 0xffff), f"ICMPv6 checksum: {packet.hex()}"


def assert_same(got, wanted):
    """Two packets are the same from the IP header on; else both are shown."""
    got, wanted = ip_bytes(got), bytes(wanted)
    if got != wanted:
        layer = IP if wanted[0] >> 4 == 4 else IPv6
        raise AssertionError(f"not as expected; is:\n{layer(got).show(dump=True)}\n{got.hex()}\n"
                             f"should be:\n{layer(wanted).show(dump=True)}\n{wanted.hex()}")


# ---- two hosts by hand --------------------------------------------------------------

IN, OUT = 0, 1  # which way a packet goes: to the backend, to the client
VIP_PORT, BACKEND_PORT = 26, 2600
CLIENT = {4: "198.51.100.66", 6: "2001:db8:1::66"}  # of a client network, but nobody's
BACKEND = {4: "10.0.0.50", 6: "fd00::50"}
LAYER = {4: IP, 6: IPv6}
_ports = itertools.count(10000)


def header(family, src, dst, ttl=64, **fields):
    """An IP header; IPv4's has DF, as TCP's have."""
    if family == 4:
        return IP(**{"src": src, "dst": dst, "ttl": ttl, "flags": "DF", "id": 7, **fields})
    return IPv6(src=src, dst=dst, hlim=ttl, **fields)


class Hands:
    """Client and backend by hand; `near` and `far` are their interfaces. What goes in at
    one end and should come out at the other is described by Connection."""

    def __init__(self, lab):
        self.lab = lab
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._ns = NetNs(f"mxlb-{self.lab.tag}-hand")
            stack.callback(self._ns.close)
            self.lab.lan.ip(f"link add phand type veth peer name eth0 netns {self._ns.name}",
                            "link set phand master br0", "link set phand up")
            self._ns.sysctl(ipv6__conf__all__disable_ipv6=1)
            self._ns.ip("link set eth0 up")
            self.near = stack.enter_context(Tap(self.lab.client))
            self.far = stack.enter_context(Tap(self._ns))
            self._introduce()
            self.macs = [mac_of(self.lab.router, "eth0"), mac_of(self.lab.router, "eth1")]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc):
        self._stack.close()

    def _introduce(self):
        """The router knows the backend's MAC address, for nobody would answer it."""
        for address in BACKEND.values():
            self.lab.router.ip(f"neigh replace {address} lladdr {self.far.mac} dev eth1"
                               " nud permanent")

    def offloads(self, on):
        tx, gro = ("on", "off") if on else ("off", "on")
        self._ns.run("ethtool", "-K", "eth0", "tx", tx, "gro", gro)

    @staticmethod
    def service():
        """The configuration's part: mail to the backend by hand, which nobody probes."""
        return {"address": list(VIPS.values()), "port": VIP_PORT, "probe": "none",
                "backends": {"hand": {"address": list(BACKEND.values()), "port": BACKEND_PORT}}}

    def send(self, way, packet, tags=()):
        """A packet, from the IP header on, into the router; tags are scapy's Dot1Q."""
        tap = (self.near, self.far)[way]
        frame = Ether(src=tap.mac, dst=self.macs[way])
        for tag in tags:
            frame /= tag
        tap.send(frame / packet)

    def heard(self, way, timeout=10.0):
        """The next frame that comes to the host at that way's end."""
        tap, host = ((self.far, BACKEND), (self.near, CLIENT))[way]
        what = f"for {'backend' if way == IN else 'client'} by hand"
        return tap.get(what, lambda frame: is_to(frame, host), timeout)

    def clear(self):
        self.near.clear()
        self.far.clear()


def is_to(frame, addresses):
    """Is it TCP, a fragment or an ICMP error to one of the addresses?"""
    ip = frame.getlayer(IP) or frame.getlayer(IPv6)
    if ip is None or ip.dst not in addresses.values():
        return False
    if IPv6 in frame and ip.nh == 58:
        return bytes(ip.payload)[0] < 128
    return True


class Connection:
    """One TCP connection by hand. A segment is built as one end sends it, and again as the
    other end should get it."""

    def __init__(self, hands, family, port=0):
        self.hands, self.family = hands, family
        self.port = port or next(_ports)
        self.client, self.backend, self.vip = CLIENT[family], BACKEND[family], VIPS[family]
        self.next = [100_000, 500_000]  # sequence numbers: of the client, of the backend

    def segment(self, way, flags, payload=b"", seq=None, ack=None, **tcp):
        """The TCP part as sent; ports are those of the sender's view."""
        sport, dport = ((self.port, VIP_PORT), (BACKEND_PORT, self.port))[way]
        seq = self.next[way] if seq is None else seq
        ack = (self.next[1 - way] if "A" in flags else 0) if ack is None else ack
        head = TCP(sport=sport, dport=dport, flags=flags, seq=seq, ack=ack, window=5000, **tcp)
        return head / payload if payload else head

    def ends(self, way):
        """(source, destination) as sent, and as they should come out."""
        if way == IN:
            return (self.client, self.vip), (self.client, self.backend)
        return (self.backend, self.client), (self.vip, self.client)

    def translated(self, way, segment):
        """The segment as it should come out; its checksum is to be computed."""
        segment = segment.copy()
        segment.chksum = None
        if way == IN:
            segment.dport = BACKEND_PORT
        else:
            segment.sport = VIP_PORT
        return segment

    def packets(self, way, segment, ttl=64, ext=(), **ip):
        """The packet as sent, and as it should come out. ext: IPv6 extension headers."""
        sent, wanted = self.ends(way)
        built = []
        for ends, left, part in ((sent, ttl, segment),
                                 (wanted, ttl - 1, self.translated(way, segment))):
            packet = header(self.family, *ends, ttl=left, **ip)
            for extension in ext:
                packet /= extension
            built.append(packet / part)
        return built

    def carry(self, way, flags, payload=b"", tags=(), ip=None, ext=(), **tcp):
        """One segment goes through, and comes out as it should; returns it as sent."""
        segment = self.segment(way, flags, payload, **tcp)
        sent, wanted = self.packets(way, segment, ext=ext, **(ip or {}))
        self.hands.send(way, sent, tags)
        frame = self.hands.heard(way)
        assert_same(frame, wanted)
        assert tags_of(frame) == [(0x88a8 if isinstance(tag, Dot1AD) else 0x8100, tag.vlan)
                                  for tag in tags]
        self.advance(way, segment)
        return sent

    def advance(self, way, segment):
        """Whoever sent it goes on behind it."""
        end = segment.seq + len(bytes(segment.payload)) + sum(f in segment.flags for f in "SF")
        self.next[way] = max(self.next[way], end)

    def open(self, **how):
        """The three-way handshake."""
        self.carry(IN, "S", **how)
        self.carry(OUT, "SA", **how)
        self.carry(IN, "A", **how)
        return self

    def state(self, mxlb):
        """As mxlbctl lists it; "" when there is no such flow."""
        name = f"[{self.client}]" if self.family == 6 else self.client
        found = [flow["state"] for flow in mxlb.json("flow", "list", "--client", self.client)
                 if flow["client"] == f"{name}:{self.port}"]
        return found[0] if found else ""


def tags_of(frame):
    """(Ethernet type, VLAN id) of each tag."""
    found = []
    kind, layer = frame.type, frame.payload
    while isinstance(layer, Dot1Q):
        found.append((kind, layer.vlan))
        kind, layer = layer.type, layer.payload
    return found
