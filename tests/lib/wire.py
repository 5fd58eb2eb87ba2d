# SPDX-License-Identifier: BSD-2-Clause
"""What is on a wire: the TCP packets an interface of a namespace sends and receives."""
import dataclasses
import ipaddress
import socket
import struct
import threading
import time

from netns import LabError

FIN, SYN, RST, ACK = 1, 2, 4, 16
ETH_P_ALL, PACKET_OUTGOING = 3, 4


@dataclasses.dataclass(frozen=True)
class Packet:
    outgoing: bool
    src: tuple
    dst: tuple
    flags: int
    ttl: int
    payload: int  # bytes

    def is_(self, *flags):
        """Exactly these of SYN, RST, FIN, ACK are set."""
        return self.flags & (FIN | SYN | RST | ACK) == sum(flags)


def parse(frame, outgoing):
    """A Packet, or None for anything but plain TCP."""
    proto = struct.unpack_from("!H", frame, 12)[0]
    if proto == 0x0800 and len(frame) >= 34 and frame[23] == socket.IPPROTO_TCP:
        tcp = 14 + (frame[14] & 15) * 4
        total = struct.unpack_from("!H", frame, 16)[0] + 14
        src, dst, ttl = frame[26:30], frame[30:34], frame[22]
    elif proto == 0x86dd and len(frame) >= 54 and frame[20] == socket.IPPROTO_TCP:
        tcp = 54
        total = struct.unpack_from("!H", frame, 18)[0] + 54
        src, dst, ttl = frame[22:38], frame[38:54], frame[21]
    else:
        return None
    sport, dport = struct.unpack_from("!HH", frame, tcp)
    src, dst = (str(ipaddress.ip_address(a)) for a in (src, dst))
    return Packet(outgoing, (src, sport), (dst, dport), frame[tcp + 13], ttl,
                  total - tcp - (frame[tcp + 12] >> 4) * 4)


class Wire:
    """Records from `with` to its end; wait() blocks until a matching packet was seen."""

    def __init__(self, ns, interface="eth0"):
        with ns.entered():
            self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._sock.bind((interface, ETH_P_ALL))
        self._sock.settimeout(0.1)
        self._packets = []
        self._grown = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._record, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._over = True
        self._thread.join()
        self._sock.close()

    def _record(self):
        while not self._over:
            try:
                frame, origin = self._sock.recvfrom(65536 + 64)
            except TimeoutError:
                continue
            packet = parse(frame, origin[2] == PACKET_OUTGOING)
            if packet:
                with self._grown:
                    self._packets.append(packet)
                    self._grown.notify_all()

    def seen(self, *endpoints):
        """The packets to or from any of the (address, port) pairs; all without any."""
        with self._grown:
            return [p for p in self._packets
                    if not endpoints or p.src in endpoints or p.dst in endpoints]

    def wait(self, what, test, timeout=15.0):
        """Block until test(list of all packets) is true; returns the list."""
        end = time.monotonic() + timeout
        with self._grown:
            while not test(self._packets):
                if not self._grown.wait(max(0.0, end - time.monotonic())):
                    raise LabError(f"waited {timeout:g} s in vain on the wire for: {what}")
            return list(self._packets)
