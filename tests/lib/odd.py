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

from scapy.layers.inet import ICMP, IP, TCP, TCPerror, IPerror
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.l2 import Dot1Q, Ether
from scapy.utils import checksum

from lab import VIPS
from netns import LabError
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
