# SPDX-License-Identifier: BSD-2-Clause
"""mxlb-decap by itself: what it takes, what it leaves, and that it goes when it is told to.

    peer ──eth0 eth0── host, with the VIPs on its lo

Datagrams in crafted tunnel packets; a socket of the host's receives what was taken.
The host's rp_filter is strict, as the manual says it may be.
"""
import contextlib
import os
import re
import signal
import socket

import kernel
import pytest
from forward import Decap
from lab import VIP4, VIP6
from mxlb import BUILD, NOBODY
from netns import NetNs
from scapy.layers.inet import IP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

HOST_MAC, PEER_MAC = "02:00:00:00:00:02", "02:00:00:00:00:01"
HOST = {4: "10.9.0.2", 6: "fd09::2"}
PEER = {4: "10.9.0.1", 6: "fd09::1"}
CLIENT = {4: "203.0.113.7", 6: "2001:db8:7::7"}
VIPS = {4: VIP4, 6: VIP6}
IP_RECVTOS, CE, ECT0, NOT_ECT = 13, 3, 2, 0


@pytest.fixture(scope="module")
def host():
    with contextlib.ExitStack() as stack:
        made, peer = (NetNs(f"mxlb-{os.getpid()}-decap-{role}") for role in ("host", "peer"))
        stack.callback(made.close)
        stack.callback(peer.close)
        made.ip(f"link add eth0 address {HOST_MAC} type veth peer name eth0 netns {peer.name} "
                f"address {PEER_MAC}")
        for ns, addresses in ((made, HOST), (peer, PEER)):
            ns.ip("link set eth0 up", f"addr add {addresses[4]}/24 dev eth0",
                  f"addr add {addresses[6]}/64 dev eth0 nodad")
        made.ip(f"route add default via {PEER[4]}", f"route add ::/0 via {PEER[6]}",
                f"addr add {VIP4}/32 dev lo", f"addr add {VIP6}/128 dev lo nodad")
        made.sysctl(ipv4__conf__all__rp_filter=1, ipv4__conf__eth0__rp_filter=1)
        with peer.entered():
            made.wire = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        made.wire.bind(("eth0", 0))
        with made.entered():
            for family, kind in ((4, socket.AF_INET), (6, socket.AF_INET6)):
                sock = stack.enter_context(socket.socket(kind, socket.SOCK_DGRAM))
                sock.bind((("0.0.0.0", "::")[family == 6], 2500 + family))
                sock.settimeout(10)
                setattr(made, f"inbox{family}", sock)
            made.inbox4.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
        yield made


def datagram(family, text, dst=None, ecn=NOT_ECT):
    ip = (IP(src=CLIENT[4], dst=dst or VIP4, tos=ecn, flags="DF") if family == 4 else
          IPv6(src=CLIENT[6], dst=dst or VIP6, tc=ecn))
    return ip / UDP(sport=7777, dport=2500 + family) / Raw(text)


def tunnel(outer, inner, src=None, ecn=NOT_ECT, **more):
    if outer == 4:
        more.setdefault("flags", "DF")
        ip = IP(src=src or PEER[4], dst=HOST[4], tos=ecn, proto=4 if IP in inner else 41, **more)
    else:
        ip = IPv6(src=src or PEER[6], dst=HOST[6], tc=ecn, nh=4 if IP in inner else 41, **more)
    return ip / inner


def put(host, *packets, dst=HOST_MAC):
    for packet in packets:
        host.wire.send(bytes(Ether(src=PEER_MAC, dst=dst) / packet))


def get(host, family):
    """(text, client address) of the next datagram."""
    data, (address, port, *_) = getattr(host, f"inbox{family}").recvfrom(2048)
    assert port == 7777
    return data.decode(), address


def counts(decap):
    """(taken, to no VIP, not from, damaged), as it said at its end."""
    assert decap.end() == 0
    return tuple(int(n) for n in re.findall(r"(\d+) (?:packets|left|dropped)", decap.said))


@pytest.mark.parametrize("inner", [4, 6])
@pytest.mark.parametrize("outer", [4, 6])
def test_either_family_in_either(host, outer, inner):
    with Decap(host) as decap:
        put(host, tunnel(outer, datagram(inner, "hello")))
        assert get(host, inner) == ("hello", CLIENT[inner])
        assert counts(decap) == (1, 0, 0, 0)


def test_an_outer_header_with_options(host):
    with Decap(host) as decap:
        put(host, tunnel(4, datagram(4, "four"), options=[IPOption_NOP()] * 4),
            tunnel(4, datagram(6, "six"), options=[IPOption_NOP()] * 40))
        assert get(host, 4) == ("four", CLIENT[4])
        assert get(host, 6) == ("six", CLIENT[6])
        assert counts(decap) == (2, 0, 0, 0)


@pytest.mark.parametrize("family", [4, 6])
def test_what_is_to_no_vip_is_left_alone(host, family):
    """The host's own addresses are none; nor are the VIPs that --vip does not name."""
    with Decap(host, "--vip", VIPS[family]) as decap:
        other = 10 - family
        put(host, tunnel(4, datagram(family, "own", dst=HOST[family])),
            tunnel(6, datagram(other, "the other VIP")), datagram(family, "plain"),
            tunnel(6, datagram(family, "taken")), datagram(other, "plain"))
        assert [get(host, family)[0] for _ in range(2)] == ["plain", "taken"]
        assert get(host, other)[0] == "plain"
        assert counts(decap) == (1, 2, 0, 0)


def test_what_is_from_another_router_is_dropped(host):
    with Decap(host, "--from", PEER[4], "--from", PEER[6]) as decap:
        put(host, tunnel(4, datagram(4, "forged"), src="10.9.0.66"),
            tunnel(6, datagram(4, "forged too"), src="fd09::66"),
            tunnel(4, datagram(4, "by IPv4")), tunnel(6, datagram(4, "by IPv6")))
        assert [get(host, 4)[0] for _ in range(2)] == ["by IPv4", "by IPv6"]
        assert counts(decap) == (2, 0, 2, 0)


def test_what_is_no_whole_packet_to_this_host_is_left_alone(host):
    """Fragments of tunnelled packets, headers cut short, frames to others' MAC addresses."""
    with Decap(host) as decap:
        cut = Raw(bytes(datagram(6, "cut"))[:39])
        put(host, tunnel(4, datagram(4, "first fragment"), flags="MF"),
            tunnel(4, datagram(4, "later fragment"), flags="", frag=1),
            IP(src=PEER[4], dst=HOST[4], proto=41) / cut,
            IPv6(src=PEER[6], dst=HOST[6], nh=41) / cut,
            # IPv4 where the outer header says IPv6
            IPv6(src=PEER[6], dst=HOST[6], nh=41) / datagram(4, "wrong family" + "." * 20))
        put(host, tunnel(4, datagram(4, "not to us")), dst="02:00:00:00:00:77")
        put(host, tunnel(4, datagram(4, "whole")))
        assert get(host, 4)[0] == "whole"
        assert counts(decap) == (1, 3, 0, 0)


def test_a_congestion_mark_is_handed_on(host):
    """RFC 6040, 4.2: to a packet whose sender knows the mark; another one is dropped."""
    with Decap(host) as decap:
        put(host, tunnel(4, datagram(4, "marked", ecn=ECT0), ecn=CE),
            tunnel(6, datagram(4, "marked too", ecn=ECT0), ecn=CE),
            tunnel(4, datagram(4, "dropped", ecn=NOT_ECT), ecn=CE),
            tunnel(6, datagram(4, "unmarked", ecn=ECT0), ecn=ECT0))
        seen = []
        for _ in range(3):
            data, ((_, _, tos),), _, _ = host.inbox4.recvmsg(2048, 64)
            seen.append((data.decode(), tos[0]))
        assert seen == [("marked", CE), ("marked too", CE), ("unmarked", ECT0)]
        assert counts(decap) == (3, 0, 0, 1)


# ---- start and end -----------------------------------------------------------------


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_goes_when_told(host, sig):
    with Decap(host) as decap:
        assert len(kernel.tc_programs(host, "eth0")) == 1
        assert decap.end(sig) == 0
    assert not kernel.tc_programs(host, "eth0")


def test_a_killed_one_is_replaced(host):
    with Decap(host) as decap:
        killed = kernel.tc_programs(host, "eth0")
        decap.end(signal.SIGKILL)
        assert kernel.tc_programs(host, "eth0") == killed, "taken further on, without it"
        with Decap(host) as later:
            now = kernel.tc_programs(host, "eth0")
            assert len(now) == 1 and now != killed
            put(host, tunnel(4, datagram(4, "hello")))
            assert get(host, 4)[0] == "hello"
            assert counts(later) == (1, 0, 0, 0)
    assert not kernel.tc_programs(host, "eth0")


def test_a_replaced_one_leaves_the_filter_of_its_successor(host):
    with Decap(host) as first, Decap(host, "--vip", VIP4) as second:
        assert first.end() == 0
        assert len(kernel.tc_programs(host, "eth0")) == 1
        assert second.end() == 0
    assert not kernel.tc_programs(host, "eth0")


def test_what_it_says_at_the_start(host):
    with Decap(host) as decap:
        assert decap.said.splitlines()[0] == (
            f"mxlb-decap: eth0: takes packets to {VIP4} {VIP6} from anybody")
    with Decap(host, "--vip", VIP4, "--vip", "192.0.2.26", "--from", "10.9.0.1") as decap:
        assert decap.said.splitlines() == [
            "mxlb-decap: 192.0.2.26 is not an address of this host, so its packets will not be "
            "served; add it: ip addr add 192.0.2.26/32 dev lo",
            "mxlb-decap: eth0: takes packets to 192.0.2.25 192.0.2.26 from 10.9.0.1"]


@pytest.mark.parametrize("args, code, message", [
    (["eth7"], 1, "eth7: no such interface; `ip link` lists them"),
    ([], 2, "give one interface, the one that tunnelled packets come in by; see --help"),
    (["eth0", "eth1"], 2, "give one interface, .*"),
    (["--vip", "mx1", "eth0"], 2, "--vip mx1: not an IPv4 or IPv6 address"),
    (["--from", "10.0.0.0/24", "eth0"], 2, "--from 10.0.0.0/24: not an IPv4 or IPv6 address"),
])
def test_what_it_says_when_it_cannot(host, args, code, message):
    done = host.run(BUILD / "mxlb-decap", *args, check=False)
    assert done.returncode == code
    assert re.fullmatch(f"mxlb-decap: {message}\n", done.stderr), done.stderr


def test_without_a_vip_it_does_not_start():
    with contextlib.closing(NetNs(f"mxlb-{os.getpid()}-decap-bare")) as bare:
        done = bare.run(BUILD / "mxlb-decap", "lo", check=False)
    assert done.returncode == 1
    assert done.stderr == ("mxlb-decap: no VIP: lo has no address but its own; add them, as in "
                           "`ip addr add 192.0.2.25/32 dev lo`, or give --vip\n")


def test_without_root_it_does_not_start(host):
    done = host.run(*NOBODY, BUILD / "mxlb-decap", "eth0", check=False)
    assert done.returncode == 1
    assert done.stderr == "mxlb-decap: not permitted to load a BPF program; run it as root\n"


def test_help_and_version(host):
    done = host.run(BUILD / "mxlb-decap", "--help")
    assert done.stdout.startswith("usage: mxlb-decap [OPTIONS] INTERFACE\n") and not done.stderr
    assert re.fullmatch(r"mxlb-decap \d+\.\d+\.\d+\n",
                        host.run(BUILD / "mxlb-decap", "--version").stdout)
