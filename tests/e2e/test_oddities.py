# SPDX-License-Identifier: BSD-2-Clause
"""Packets as a router meets them but no well-behaved kernel sends them: written by hand at
both ends (odd.py), each compared to the byte with what should come out of the other one.
The VIPs are addresses of the router, so that what mxlb passes is answered by its kernel."""
import contextlib

import odd
import pytest
from lab import VIPS
from mxlb import Mxlb
from netns import wait_until
from odd import IN, OUT, Connection
from scapy.layers.inet import ICMP, IP, TCP, IPerror, TCPerror
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
                                ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded,
                                ICMPv6Unknown, IPerror6, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN)
from scapy.layers.l2 import Dot1AD, Dot1Q
from scapy.packet import Raw

NOT_OURS_PORT = 27  # of the VIPs: nothing of mxlb's, nothing that listens


@pytest.fixture(scope="module")
def hands(lab):
    with odd.Hands(lab) as made:
        yield made


@pytest.fixture(scope="module", params=["xdp", "tc"])
def mxlb(lab, hands, request):
    """mxlbd with a service whose backend is made by hand; one for the whole module. What
    has been closed is forgotten within seconds."""
    with Mxlb(lab, f"mxlb-odd-{request.param}") as made:
        made.conf["vip_interface"] = "lo"
        made.conf["flows"] = {"closed_timeout": "1s"}
        made.conf["probes"]["none"] = {"type": "none"}
        made.conf["services"]["odd"] = hands.service()
        hands.offloads(on=request.param == "tc")
        made.start_on(request.param)
        yield made
        print(f"---- {made.log}\n{made.log_text()[-8000:]}")


@pytest.fixture(params=[4, 6])
def conn(hands, mxlb, request):
    """A connection to be opened, in each family."""
    hands.clear()
    return Connection(hands, request.param)


def only(family):
    return pytest.mark.parametrize("conn", [family], indirect=True)


def dropped(mxlb, reason):
    return mxlb.metrics().total("mxlb_dropped_packets_total", reason=reason)


@contextlib.contextmanager
def one_dropped(mxlb, reason):
    before = dropped(mxlb, reason)
    yield
    wait_until(f"a drop with reason {reason}", lambda: dropped(mxlb, reason) == before + 1)


def assert_nothing_came(hands, way, family):
    """Nothing that was sent before has come out: the next thing is what is sent now."""
    marker = Connection(hands, family)
    marker.next = [1, 1]
    if way == OUT:
        marker.carry(IN, "S")  # replies are forwarded when there is a flow
    marker.carry(way, "S" if way == IN else "SA")


# ---- segments -----------------------------------------------------------------------

ALL_OPTIONS = [("MSS", 1401), ("NOP", None), ("WScale", 9), ("SAckOK", b""),
               ("Timestamp", (0x01020304, 0)), (253, b"\xde\xad\xbe")]
STAMP = [("NOP", None), ("NOP", None), ("Timestamp", (5, 6))]


def test_options_and_ecn_stay_as_they_are(conn):
    """Congestion notification, urgent data, the reserved bits and options known and not."""
    ip = {"tos": 0x02} if conn.family == 4 else {"tc": 0x02, "fl": 0xabcde}
    conn.carry(IN, "SEC", options=ALL_OPTIONS, ip=ip)
    conn.carry(OUT, "SAE", options=ALL_OPTIONS, ip=ip)
    conn.carry(IN, "A", options=STAMP)
    conn.carry(IN, "PAUN", b"urgent", options=STAMP, urgptr=3, reserved=7, ip=ip)
    conn.carry(OUT, "PAC", b"250 ok\r\n", options=STAMP)
    conn.carry(IN, "A", options=[("NOP", None), ("NOP", None), ("SAck", (500_100, 500_200))])
    conn.carry(IN, "PA", b"x", options=[(253, b"\0" * 38)])  # the longest header there is


@pytest.mark.parametrize("size", [1, 2, 3, 19, 255, 1399])
def test_odd_lengths(conn, size):
    conn.open()
    conn.carry(IN, "PA", bytes(range(256)) * 6 and (bytes(range(256)) * 6)[:size])
    conn.carry(OUT, "PA", (bytes(range(255, -1, -1)) * 6)[:size])


def test_data_in_the_syn(conn, mxlb):
    """TCP Fast Open (RFC 7413): data with the SYN, acknowledged by the SYN-ACK."""
    conn.carry(IN, "S", b"EHLO early.example\r\n", options=[("MSS", 1400), (34, b"12345678")])
    conn.carry(OUT, "SA", options=[("MSS", 1400)])
    conn.carry(OUT, "PA", b"250 ok\r\n")
    conn.carry(IN, "A")
    assert conn.state(mxlb) == "established"


def test_keep_alives(conn, mxlb):
    """An old byte, or none, that asks for an acknowledgement, from both sides."""
    conn.open()
    for way in (IN, OUT, IN):
        conn.carry(way, "A", seq=conn.next[way] - 1)
        conn.carry(1 - way, "A")
        conn.carry(way, "A", b"\0", seq=conn.next[way] - 1)
        conn.carry(1 - way, "A")
    assert conn.state(mxlb) == "established"


# ---- who may open a connection ------------------------------------------------------


def test_source_port_zero(conn, hands, mxlb):
    with one_dropped(mxlb, "zero_port"):
        nobody = Connection(hands, conn.family)
        nobody.port = 0
        hands.send(IN, nobody.packets(IN, nobody.segment(IN, "S"))[0])
    assert_nothing_came(hands, IN, conn.family)


MARTIANS = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
            VIPS[4], "::", "::1", "ff02::1", "fe80::1", VIPS[6]]


@pytest.mark.parametrize("source", MARTIANS)
def test_martian_sources(hands, mxlb, source):
    conn = Connection(hands, 6 if ":" in source else 4)
    hands.clear()
    conn.client = source
    with one_dropped(mxlb, "martian"):
        hands.send(IN, conn.packets(IN, conn.segment(IN, "S"))[0])
    assert_nothing_came(hands, IN, conn.family)


def test_a_v4_mapped_source(hands, mxlb):
    """It must not come out as IPv4, nor at the backend at all."""
    hands.clear()
    conn = Connection(hands, 6)
    conn.client = "::ffff:198.51.100.66"
    hands.send(IN, conn.packets(IN, conn.segment(IN, "S"))[0])
    assert_nothing_came(hands, IN, 6)
    assert_nothing_came(hands, IN, 4)


# ---- the end of a connection --------------------------------------------------------


def reset(conn, way, seq):
    """A RST goes through like any segment; what it does to the flow is the question."""
    conn.carry(way, "R", seq=seq)


@pytest.mark.parametrize("way", [IN, OUT], ids=["client", "backend"])
def test_a_reset_ends_the_flow_only_where_its_receiver_would_take_it(conn, mxlb, way):
    conn.open()
    conn.carry(IN, "PA", b"EHLO a.example\r\n")
    conn.carry(OUT, "PA", b"250 ok\r\n")
    conn.carry(IN, "A")
    edge = conn.next[way]
    for seq in (edge + 100_000, edge - 100_000, edge + 1):
        reset(conn, way, seq)
        assert conn.state(mxlb) == "established"
    reset(conn, way, edge)
    assert conn.state(mxlb) == "closing"


def close(conn, way):
    conn.carry(way, "FA")
    conn.carry(1 - way, "A")


def test_a_syn_on_a_closing_flow_opens_a_new_one(conn, mxlb):
    """Busy senders take a port again at once, with a higher sequence number."""
    conn.open()
    close(conn, IN)
    close(conn, OUT)
    assert conn.state(mxlb) == "closing"
    conn.next = [900_000_000, 50]
    conn.carry(IN, "S")
    assert conn.state(mxlb) == "half_open"
    conn.carry(OUT, "SA")
    conn.carry(IN, "A")
    conn.carry(IN, "PA", b"EHLO again.example\r\n")
    assert conn.state(mxlb) == "established"


def test_a_simultaneous_close(conn, mxlb):
    """The FINs cross on their way; each is acknowledged after it."""
    conn.open()
    acks = conn.next[OUT], conn.next[IN]
    conn.carry(IN, "FA", ack=acks[0])
    assert conn.state(mxlb) == "established"
    conn.carry(OUT, "FA", ack=acks[1])
    assert conn.state(mxlb) == "closing"
    conn.carry(IN, "A")
    conn.carry(OUT, "A")


def test_a_half_closed_connection_may_be_idle(conn, hands, mxlb):
    """One that is closed on both sides is swept away after a second, here; one that is
    closed on one side, before it, is not."""
    conn.open()
    close(conn, IN)
    whole = Connection(hands, conn.family).open()
    close(whole, IN)
    close(whole, OUT)
    wait_until("the closed flow to be forgotten", lambda: not whole.state(mxlb))
    assert conn.state(mxlb) == "established"
    conn.carry(OUT, "PA", b"250 queued, after all\r\n")
    close(conn, OUT)
    assert conn.state(mxlb) == "closing"


# ---- TTL and echo -------------------------------------------------------------------


def is_time_exceeded(frame):
    return ICMPv6TimeExceeded in frame or (ICMP in frame and frame[ICMP].type == 11)


def assert_time_exceeded(conn, way, sent):
    """The sender is told, by the VIP, with its headers quoted as they came."""
    frame = conn.hands.heard(1 - way)
    packet = odd.ip_bytes(frame)
    assert is_time_exceeded(frame), frame.summary()
    odd.assert_sums(packet)
    outer = frame[odd.LAYER[conn.family]]
    assert (outer.src, outer.dst) == (conn.vip, (conn.client, conn.backend)[way])
    ip_size = 20 if conn.family == 4 else 40
    quote, wanted = packet[ip_size + 8:], bytes(sent)[:ip_size + 20]
    assert frame[ICMP].code == 0 if conn.family == 4 else frame[ICMPv6TimeExceeded].code == 0
    # The TCP checksum of a quote that is cut is nothing that anybody can check.
    assert quote[:ip_size + 16] == wanted[:ip_size + 16] and len(quote) >= ip_size + 20
    assert quote[ip_size + 18:ip_size + 20] == wanted[ip_size + 18:]


def test_a_traceroute_to_the_vip(conn, hands):
    """One hop further the probe arrives."""
    segment = conn.segment(IN, "S")
    sent, _ = conn.packets(IN, segment, ttl=1)
    hands.send(IN, sent)
    assert_time_exceeded(conn, IN, sent)
    sent, wanted = conn.packets(IN, segment, ttl=2)
    hands.send(IN, sent)
    odd.assert_same(hands.heard(IN), wanted)


@pytest.mark.parametrize("way", [IN, OUT], ids=["client", "backend"])
def test_the_ttl_ends_within_a_connection(conn, hands, way):
    conn.open()
    for payload in (b"", b"DATA\r\n", b"x" * 1001):
        sent, _ = conn.packets(way, conn.segment(way, "A", payload), ttl=1)
        hands.send(way, sent)
        assert_time_exceeded(conn, way, sent)
    assert_nothing_came(hands, way, conn.family)


def test_echo_to_a_vip_is_the_kernels(conn, hands):
    data = bytes(range(100))
    head = odd.header(conn.family, conn.client, conn.vip)
    ask = ICMP(id=9, seq=3) if conn.family == 4 else ICMPv6EchoRequest(id=9, seq=3)
    hands.send(IN, head / ask / data)
    frame = hands.near.get("an echo reply", lambda f: ICMPv6EchoReply in f or (
        ICMP in f and f[ICMP].type == 0))
    assert frame[odd.LAYER[conn.family]].src == conn.vip
    reply = frame[ICMP] if conn.family == 4 else frame[ICMPv6EchoReply]
    assert (reply.id, reply.seq) == (9, 3) and bytes(reply).endswith(data)


def test_another_port_of_a_vip_is_the_kernels(conn, hands):
    segment = conn.segment(IN, "S")
    segment.dport = NOT_OURS_PORT
    hands.send(IN, odd.header(conn.family, conn.client, conn.vip) / segment)
    frame = hands.heard(OUT)
    assert frame[TCP].flags == "RA" and frame[TCP].sport == NOT_OURS_PORT


# ---- fragments ----------------------------------------------------------------------

DATA = (bytes(range(256)) * 4)[:1000]


def cut(packet, family, number, sizes=(400, 320)):
    """A packet's fragments, the last as long as is left. scapy's own fragment() does not
    let one choose where."""
    head = packet[odd.LAYER[family]].copy()
    head.remove_payload()
    packet = odd.LAYER[family](bytes(packet))  # with every checksum
    body, pieces, at = bytes(packet.payload), [], 0
    for size in (*sizes, len(body)):
        piece, more = body[at:at + size], at + size < len(body)
        pieces.append(fragment(head, family, number, at, piece, more))
        at += size
    return pieces


def fragment(head, family, number, at, piece, more):
    head = head.copy()
    if family == 4:
        head.id, head.flags, head.frag, head.proto = number, "MF" if more else 0, at // 8, 6
        return head / Raw(piece)
    return head / IPv6ExtHdrFragment(nh=6, offset=at // 8, m=int(more), id=number) / Raw(piece)


def cut_data(conn, number, sizes=(400, 320)):
    """A segment in fragments, as sent and as they should come out."""
    segment = conn.segment(IN, "PA", DATA)
    return segment, [cut(packet, conn.family, number, sizes)
                     for packet in conn.packets(IN, segment)]


def test_fragments_in_order(conn, hands):
    conn.open()
    segment, (sent, wanted) = cut_data(conn, 77)
    assert len(sent) == 3
    for before, after in zip(sent, wanted):
        hands.send(IN, before)
        odd.assert_same(hands.heard(IN), after)
    conn.advance(IN, segment)
    conn.carry(OUT, "A")


def test_fragments_to_the_client(conn, hands):
    conn.open()
    segment = conn.segment(OUT, "PA", DATA)
    sent, wanted = (cut(packet, conn.family, 78) for packet in conn.packets(OUT, segment))
    for before, after in zip(sent, wanted):
        hands.send(OUT, before)
        odd.assert_same(hands.heard(OUT), after)


def test_a_later_fragment_before_its_first_is_left_to_the_kernel(conn, hands):
    """Nobody can tell whose it is. The first one finds its way, as do those behind it."""
    conn.open()
    _, (sent, wanted) = cut_data(conn, 79)
    hands.send(IN, sent[2])
    hands.send(IN, sent[0])
    odd.assert_same(hands.heard(IN), wanted[0])
    for i in (1, 2):
        hands.send(IN, sent[i])
        odd.assert_same(hands.heard(IN), wanted[i])


def test_a_fragment_over_the_first_one(conn, hands, mxlb):
    """It could change the header that has been judged."""
    conn.open()
    _, (sent, wanted) = cut_data(conn, 80)
    hands.send(IN, sent[0])
    odd.assert_same(hands.heard(IN), wanted[0])
    head = odd.header(conn.family, conn.client, conn.vip)
    with one_dropped(mxlb, "fragment_overlap"):
        hands.send(IN, fragment(head, conn.family, 80, 392, b"overlaps", True))
    assert_nothing_came(hands, IN, conn.family)


@pytest.mark.parametrize("size", [8, 16, 24])
def test_a_first_fragment_within_the_tcp_header(conn, hands, mxlb, size):
    """Whether it ends before the flags, before the checksum or in the options."""
    segment = conn.segment(IN, "S", options=[("MSS", 1400), ("NOP", None), ("NOP", None),
                                             ("Timestamp", (1, 2))])
    assert len(bytes(segment)) == 36
    sent, _ = conn.packets(IN, segment)
    with one_dropped(mxlb, "fragment_tiny"):
        hands.send(IN, cut(sent, conn.family, 81, (size,))[0])
    assert_nothing_came(hands, IN, conn.family)


@only(6)
def test_an_atomic_fragment_is_a_plain_packet(conn, mxlb):
    """RFC 6946: a fragment header in front of a packet that is whole."""
    atomic = [IPv6ExtHdrFragment(id=5)]
    conn.open(ext=atomic)
    conn.carry(IN, "PA", b"EHLO a.example\r\n", ext=atomic)
    assert conn.state(mxlb) == "established"


# ---- VLAN tags ----------------------------------------------------------------------


@pytest.mark.parametrize("tags", [(Dot1Q(vlan=7),), (Dot1AD(vlan=100), Dot1Q(vlan=7)),
                                  (Dot1Q(vlan=100), Dot1Q(vlan=7)), (Dot1Q(vlan=7, prio=5),)],
                         ids=["one", "two", "two of a kind", "with priority"])
def test_tags_are_kept_on_the_way(conn, mxlb, tags):
    conn.open(tags=tags)
    conn.carry(IN, "PA", b"EHLO a.example\r\n", tags=tags)
    conn.carry(OUT, "PA", b"250 ok\r\n", tags=tags)
    assert conn.state(mxlb) == "established"


def test_a_tag_of_a_vlan_device_is_left_to_it(conn, lab, hands, mxlb):
    """The kernel's device gets the frame, and the kernel answers for the VIP's port."""
    lab.router.ip("link add link eth0 name eth0.25 type vlan id 25", "link set eth0.25 up",
                  "addr add 172.30.0.1/24 dev eth0.25", "addr add fd00:25::1/64 dev eth0.25 nodad")
    gateway = {4: "172.30.0.2", 6: "fd00:25::2"}[conn.family]
    route = f"{conn.client}/{32 if conn.family == 4 else 128}"
    lab.router.ip(f"neigh add {gateway} lladdr {hands.near.mac} dev eth0.25 nud permanent",
                  f"route add {route} via {gateway}")
    try:
        hands.send(IN, conn.packets(IN, conn.segment(IN, "S"))[0], (Dot1Q(vlan=25),))
        frame = hands.heard(OUT)
        assert odd.tags_of(frame) == [(0x8100, 25)]
        assert frame[TCP].flags == "RA" and frame[TCP].sport == odd.VIP_PORT
        assert not conn.state(mxlb)
    finally:
        lab.router.ip("link del eth0.25")
    assert_nothing_came(hands, IN, conn.family)


# ---- IPv6 extension headers ---------------------------------------------------------

PAD = PadN(optdata=b"\0" * 4)
HOP, DEST = IPv6ExtHdrHopByHop(options=[PAD]), IPv6ExtHdrDestOpt(options=[PAD])
ARRIVED = IPv6ExtHdrRouting(type=253, segleft=0, addresses=["2001:db8::9"])
CHAINS = [[HOP], [DEST], [HOP, DEST], [ARRIVED], [HOP, DEST, ARRIVED, DEST],
          [DEST, DEST, DEST, DEST, DEST, DEST]]


@only(6)
@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: "+".join(
    type(header).__name__[10:] for header in chain))
def test_extension_headers_are_looked_through(conn, mxlb, chain):
    conn.open(ext=chain)
    conn.carry(IN, "PA", b"EHLO a.example\r\n", ext=chain)
    conn.carry(OUT, "PA", b"250 ok\r\n", ext=chain)
    assert conn.state(mxlb) == "established"


AH = Raw(bytes([6, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]) + b"\0" * 12)  # RFC 4302: next, length
NOT_LOOKED_INTO = {
    "seven": [DEST] * 7,
    "a route not yet travelled": [IPv6ExtHdrRouting(type=253, segleft=1,
                                                    addresses=["2001:db8::9"])],
}


@only(6)
@pytest.mark.parametrize("chain", NOT_LOOKED_INTO.values(), ids=NOT_LOOKED_INTO)
def test_what_is_not_looked_into_is_left_to_the_kernel(conn, hands, mxlb, chain):
    hands.send(IN, conn.packets(IN, conn.segment(IN, "S"), ext=chain)[0])
    assert_nothing_came(hands, IN, 6)
    assert not conn.state(mxlb)


@only(6)
def test_an_authentication_header_is_left_to_the_kernel(conn, hands, mxlb):
    head = odd.header(6, conn.client, conn.vip, nh=51)
    hands.send(IN, head / AH / Raw(bytes(conn.segment(IN, "S"))))
    assert_nothing_came(hands, IN, 6)
    assert not conn.state(mxlb)


# ---- ICMP errors --------------------------------------------------------------------

ERRORS = {
    4: [ICMP(type=3, code=code) for code in (0, 1, 2, 3, 5, 9, 10, 13)]
    + [ICMP(type=3, code=4, nexthopmtu=1234), ICMP(type=11, code=0), ICMP(type=11, code=1),
       ICMP(type=12, code=0, ptr=9)],
    6: [ICMPv6DestUnreach(code=code) for code in (0, 1, 2, 3, 4, 5, 6)]
    + [ICMPv6PacketTooBig(mtu=1280), ICMPv6TimeExceeded(code=0), ICMPv6TimeExceeded(code=1),
       ICMPv6ParamProblem(code=0, ptr=40), ICMPv6ParamProblem(code=1), ICMPv6ParamProblem(code=2)],
}
REPORTERS = [{4: "172.31.0.2", 6: "fd00:9::2"}, {4: "10.0.0.77", 6: "fd00::77"}]


def error_about(conn, way, error, quoted_tcp, reporter=None):
    """An ICMP error on the way IN or OUT, about a segment that went the other way: as sent
    by a router on that side, and as it should come out. The quote is what that router saw,
    and what the end had sent; both with their true checksums, then cut."""
    as_sent, as_seen = (bytes(p) for p in reversed(conn.packets(
        1 - way, conn.segment(1 - way, "PA", b"x" * 200), ttl=60)))
    keep = (20 if conn.family == 4 else 40) + quoted_tcp
    # The TTL has gone down by one on its way through mxlb, which does not turn it back.
    as_heard = with_ttl_of(conn.family, as_seen, as_sent)
    reporter = reporter or REPORTERS[way][conn.family]
    speaker, hearer = ((reporter, conn.backend), (conn.vip, conn.client))[way]
    asked = (conn.vip, conn.client)[way]
    if way == OUT:
        asked = conn.client
    error = error.copy()
    return (odd.header(conn.family, reporter, asked, ttl=50) / error / Raw(as_sent[:keep]),
            odd.header(conn.family, speaker, hearer, ttl=49) / error / Raw(as_heard[:keep]))


def with_ttl_of(family, packet, other):
    """The packet with the other's TTL."""
    layer = odd.LAYER[family](packet)
    if family == 4:
        layer.ttl, layer.chksum = IP(other).ttl, None
    else:
        layer.hlim = IPv6(other).hlim
    return bytes(layer)


@pytest.mark.parametrize("quoted_tcp", [8, 20, 220])
@pytest.mark.parametrize("way", [IN, OUT], ids=["clients'", "backends'"])
def test_errors_of_every_kind_reach_who_sent_the_packet(conn, hands, mxlb, way, quoted_tcp):
    """With eight bytes of TCP, as routers must quote; the header; the packet."""
    conn.open()
    for error in ERRORS[conn.family]:
        sent, wanted = error_about(conn, way, error, quoted_tcp)
        hands.send(way, sent)
        odd.assert_same(hands.heard(way), wanted)
    assert conn.state(mxlb) == "established"


def test_an_error_of_the_backends_own(conn, hands):
    """Its address must not be seen outside."""
    conn.open()
    error = ERRORS[conn.family][3]
    sent, wanted = error_about(conn, OUT, error, 8, reporter=conn.backend)
    hands.send(OUT, sent)
    odd.assert_same(hands.heard(OUT), wanted)


def test_errors_about_unknown_connections_are_not_touched(conn, hands):
    """On the way in the kernel gets it, and is silent; on the way out it is forwarded."""
    error = ERRORS[conn.family][1]
    sent, _ = error_about(conn, IN, error, 8)
    hands.send(IN, sent)
    sent, _ = error_about(conn, OUT, error, 8)
    hands.send(OUT, sent)
    ours = sent.copy()
    if conn.family == 4:
        ours.ttl = 49
    else:
        ours.hlim = 49
    odd.assert_same(hands.heard(OUT), ours)
    assert_nothing_came(hands, IN, conn.family)


def test_what_is_no_error_is_not_touched(conn, hands):
    """An echo request whose data look like a quote of a known connection."""
    conn.open()
    sent, _ = error_about(conn, OUT, ERRORS[conn.family][0], 20)
    quote = bytes(sent)[(28 if conn.family == 4 else 48):]
    ask = ICMP(type=8, id=4) if conn.family == 4 else ICMPv6EchoRequest(id=4)
    reporter = REPORTERS[OUT][conn.family]
    hands.send(OUT, odd.header(conn.family, reporter, conn.client, ttl=50) / ask / Raw(quote))
    frame = hands.near.get("the echo request", lambda f: ICMPv6EchoRequest in f or (
        ICMP in f and f[ICMP].type == 8))
    odd.assert_same(frame, odd.header(conn.family, reporter, conn.client, ttl=49) / ask / Raw(quote))
