# SPDX-License-Identifier: BSD-2-Clause
"""Packets that a router meets and a mail session has none of, made by hand: what comes out
of mxlb is compared, byte by byte, with what a router that translates should make of it."""
import contextlib

import odd
import pytest
from lab import Lab, VIPS, exit_on_sigterm
from mxlb import SERVICE, Mxlb
from netns import wait_until
from odd import BACKEND, CLIENT, IN, LAYER, OUT, VIP_PORT, Connection, header
from scapy.layers.inet import ICMP, TCP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
                                ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN)
from scapy.packet import Raw

FAMILIES = pytest.mark.parametrize("family", [4, 6])
WAYS = pytest.mark.parametrize("way", [IN, OUT], ids=["in", "out"])
TEXT = bytes(range(256)) * 5
JUMBO = 9000


@pytest.fixture(scope="module")
def bare():
    exit_on_sigterm()
    with Lab(()) as made:
        yield made


def new_mxlb(lab, name):
    made = Mxlb(lab, name)
    made.conf["probes"] = {"none": {"type": "none"}}
    made.conf["services"] = {SERVICE: odd.Hands.service()}
    return made


@pytest.fixture(scope="module")
def both_hands(bare):
    with odd.Hands(bare) as made:
        yield made


@pytest.fixture(scope="module", params=["xdp", "tc"])
def started(bare, both_hands, request):
    with new_mxlb(bare, f"mxlb-{request.param}") as made:
        made.start_on(request.param)
        both_hands.offloads(on=request.param == "tc")
        yield made


@pytest.fixture
def hands(both_hands, started):
    both_hands.clear()
    return both_hands


@pytest.fixture(params=[False, True], ids=["elsewhere", "local"])
def vip_is_local(bare, request):
    """The VIPs are addresses of the router itself, or nobody's at all."""
    verb = "add" if request.param else None
    if verb:
        bare.router.ip(f"addr add {VIPS[4]}/32 dev lo", f"addr add {VIPS[6]}/128 dev lo nodad")
    yield request.param
    if verb:
        bare.router.ip(f"addr del {VIPS[4]}/32 dev lo", f"addr del {VIPS[6]}/128 dev lo")


@pytest.fixture
def passed_on(bare):
    """What mxlb lets pass shows: the kernel routes the VIPs to the backend, untranslated."""
    bare.router.ip(f"route add {VIPS[4]}/32 via {BACKEND[4]} dev eth1",
                   f"route add {VIPS[6]}/128 via {BACKEND[6]} dev eth1")
    yield
    bare.router.ip(f"route del {VIPS[4]}/32", f"route del {VIPS[6]}/128")


@contextlib.contextmanager
def dropped(started, reason, count=1):
    """What is sent in the block is dropped, for that reason and no other."""
    before = drops(started)
    yield
    wanted = {**before, reason: before.get(reason, 0) + count}
    wait_until(f"{count} drops for {reason}", lambda: drops(started) != before)
    assert drops(started) == wanted


def drops(started):
    """Of each reason that there has been."""
    return {labels["reason"]: value for name, labels, value in started.metrics().samples
            if name == "mxlb_dropped_packets_total" and value}


def heard_by(tap, source, destination):
    """The next packet between two addresses, whatever it is."""
    def test(frame):
        return any(layer in frame and (frame[layer].src, frame[layer].dst) ==
                   (source, destination) for layer in LAYER.values())
    return tap.get(f"from {source} to {destination}", test)


# ---- TTL, echo ----------------------------------------------------------------------


def assert_expired(hands, way, family, sent):
    """Its sender hears from the VIP that the packet's time is over, and the quote is what
    it sent: the headers, but for TCP's checksum, which cannot be checked in a part."""
    sender = (CLIENT, BACKEND)[way][family]
    packet = odd.ip_bytes(heard_by((hands.near, hands.far)[way], VIPS[family], sender))
    odd.assert_sums(packet)
    begin = (20, 40)[family == 6]
    assert packet[begin:begin + 2] == (b"\x0b\0", b"\3\0")[family == 6]
    assert packet[begin + 4:begin + 8] == bytes(4)
    quote = packet[begin + 8:]
    sent = bytes(sent)[:begin + 20]
    assert quote[:begin + 16] == sent[:begin + 16] and quote[begin + 18:] == sent[begin + 18:]


@FAMILIES
def test_a_syn_whose_ttl_ends_here(hands, vip_is_local, family):
    conn = Connection(hands, family)
    sent, _ = conn.packets(IN, conn.segment(IN, "S"), ttl=1)
    hands.send(IN, sent)
    assert_expired(hands, IN, family, sent)
    conn.open()


@WAYS
@FAMILIES
def test_data_whose_ttl_ends_here(hands, vip_is_local, family, way):
    conn = Connection(hands, family).open()
    sent, _ = conn.packets(way, conn.segment(way, "PA", TEXT), ttl=1)
    hands.send(way, sent)
    assert_expired(hands, way, family, sent)
    conn.carry(way, "PA", TEXT)


@FAMILIES
def test_a_ttl_of_two_is_enough(hands, family):
    conn = Connection(hands, family).open()
    sent, wanted = conn.packets(IN, conn.segment(IN, "PA", TEXT), ttl=2)
    hands.send(IN, sent)
    odd.assert_same(hands.heard(IN), wanted)


@FAMILIES
@pytest.mark.parametrize("vip_is_local", [True], indirect=True, ids=["local"])
def test_the_kernel_answers_an_echo_to_its_vip(hands, vip_is_local, family):
    echo = ICMP(id=7, seq=9) if family == 4 else ICMPv6EchoRequest(id=7, seq=9, data=TEXT)
    packet = header(family, CLIENT[family], VIPS[family]) / echo
    hands.send(IN, packet / TEXT if family == 4 else packet)
    frame = heard_by(hands.near, VIPS[family], CLIENT[family])
    if family == 4:
        assert (frame[ICMP].type, frame[ICMP].id, frame[ICMP].seq) == (0, 7, 9)
        assert bytes(frame[ICMP].payload) == TEXT
    else:
        reply = frame[ICMPv6EchoReply]
        assert (reply.id, reply.seq, reply.data) == (7, 9, TEXT)


# ---- fragments ----------------------------------------------------------------------

_frag_ids = iter(range(1, 1000))


def fragment(packet, number, begin, end, is_last):
    """A part of a packet's payload as a fragment of its own, cut by hand."""
    is_v4 = packet.version == 4
    payload = bytes(packet)[20 if is_v4 else 40:][begin:end]
    cut = packet.copy()
    cut.remove_payload()
    if is_v4:
        cut.len, cut.chksum, cut.id, cut.frag = None, None, number, begin // 8
        cut.flags, cut.proto = (0 if is_last else "MF"), 6
        return cut / Raw(payload)
    cut.plen, cut.nh = None, 44
    return cut / IPv6ExtHdrFragment(nh=6, offset=begin // 8, m=not is_last, id=number) / Raw(
        payload)


def fragments(conn, way, cuts, seq=None):
    """The pairs (as sent, as they should come out) of a data segment's fragments, each from
    one of the cuts to the next."""
    number = next(_frag_ids)
    pair = conn.packets(way, conn.segment(way, "PA", TEXT, seq=seq))
    return [tuple(fragment(packet, number, begin, end, end == cuts[-1]) for packet in pair)
            for begin, end in zip(cuts, cuts[1:])]


def carry_all(hands, way, parts):
    for sent, wanted in parts:
        hands.send(way, sent)
        odd.assert_same(hands.heard(way), wanted)


WHOLE = [0, 504, 1008, 20 + len(TEXT)]


@WAYS
@FAMILIES
def test_fragments_in_order(hands, family, way):
    conn = Connection(hands, family).open()
    carry_all(hands, way, fragments(conn, way, WHOLE))


@WAYS
@FAMILIES
def test_fragments_behind_the_first_in_any_order(hands, family, way):
    conn = Connection(hands, family).open()
    first, second, third = fragments(conn, way, WHOLE)
    carry_all(hands, way, [first, third, second, second])


@FAMILIES
def test_a_fragment_before_its_first_passes_untouched(hands, passed_on, family):
    """Nobody can tell whose it is. Sent again, behind the first, it follows that one."""
    conn = Connection(hands, family).open()
    first, second = fragments(conn, IN, [0, 504, 20 + len(TEXT)])
    hands.send(IN, second[0])
    frame = heard_by(hands.far, CLIENT[family], VIPS[family])
    untouched = second[0].copy()
    if family == 4:
        untouched.ttl, untouched.chksum = 63, None
    else:
        untouched.hlim = 63
    odd.assert_same(frame, untouched)
    carry_all(hands, IN, [first, second])


@WAYS
@FAMILIES
def test_a_fragment_that_overlaps_the_first_is_dropped(hands, started, family, way):
    conn = Connection(hands, family).open()
    hands.send(way, with_id(fragments(conn, way, [0, 504, 1008])[0][0], 900 + family * 2 + way))
    hands.heard(way)
    for begin in (8, 496):
        late = fragments(conn, way, [0, begin, 1008])[1][0]
        with dropped(started, "fragment_overlap"):
            hands.send(way, with_id(late, 900 + family * 2 + way))
    conn.carry(way, "PA", TEXT)


def with_id(packet, number):
    """The same fragment, but of another packet."""
    packet = packet.copy()
    if packet.version == 4:
        packet.id, packet.chksum = number, None
    else:
        packet[IPv6ExtHdrFragment].id = number
    return packet


@FAMILIES
@pytest.mark.parametrize("size", [8, 16])
def test_a_first_fragment_too_small_for_tcp_is_dropped(hands, started, family, size):
    conn = Connection(hands, family).open()
    with dropped(started, "fragment_tiny"):
        hands.send(IN, fragments(conn, IN, [0, size, 504])[0][0])
    conn.carry(IN, "PA", TEXT)


# ---- tags, extension headers --------------------------------------------------------


EXTENSIONS = {"hop by hop": [IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)])],
              "destination": [IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 12)])],
              "both": [IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]),
                       IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)])],
              "atomic fragment": [IPv6ExtHdrFragment(id=0x1234)]}


@pytest.mark.parametrize("ext", EXTENSIONS.values(), ids=EXTENSIONS)
def test_ipv6_extension_headers(hands, ext):
    conn = Connection(hands, 6).open(ext=ext)
    conn.carry(IN, "PA", TEXT, ext=ext)
    conn.carry(OUT, "PA", TEXT, ext=ext)


# ---- ICMP errors --------------------------------------------------------------------

ROUTERS = ({4: "198.51.100.9", 6: "2001:db8:1::9"}, {4: "10.0.0.77", 6: "fd00::77"})
ERRORS = {4: [ICMP(type=3, code=4, nexthopmtu=1280), ICMP(type=3, code=1), ICMP(type=11),
              ICMP(type=12, ptr=20)],
          6: [ICMPv6DestUnreach(code=3), ICMPv6PacketTooBig(mtu=1280), ICMPv6TimeExceeded(),
              ICMPv6ParamProblem(ptr=40)]}


def error(family, ends, kind, quoted, ttl=64):
    """An ICMP error with the IP header and the first 8 bytes of TCP, all that must be
    quoted; the sum of the quoted IP header is that of the whole packet's."""
    quote = bytes(quoted)[:(20, 40)[family == 6] + 8]
    return header(family, *ends, ttl=ttl) / kind.copy() / Raw(quote)


def quoted_segment(conn, way, seen_by):
    """A data segment that went that way, as the client's or the backend's side saw it."""
    sent, translated = conn.packets(way, conn.segment(way, "PA", TEXT))
    inside = translated if way == IN else sent
    outside = sent if way == IN else translated
    if conn.family == 4:  # the TTL that it had there is the same in both, for a quote that is
        inside.ttl = outside.ttl = 60
    else:
        inside.hlim = outside.hlim = 60
    return inside if seen_by == "backend" else outside


@WAYS
@FAMILIES
def test_an_icmp_error_reaches_whom_it_is_about(hands, family, way):
    """Which way: the error's. It is about a segment that went the other way."""
    conn = Connection(hands, family).open()
    router, backend, client, vip = ROUTERS[way][family], BACKEND[family], CLIENT[family], VIPS[
        family]
    outside = quoted_segment(conn, 1 - way, "client")
    inside = quoted_segment(conn, 1 - way, "backend")
    for kind in ERRORS[family]:
        if way == IN:
            sent = error(family, (router, vip), kind, outside)
            wanted = error(family, (router, backend), kind, inside, ttl=63)
        else:
            sent = error(family, (router, client), kind, inside)
            wanted = error(family, (vip, client), kind, outside, ttl=63)
        hands.send(way, sent)
        odd.assert_same(hands.heard(way), wanted)
    assert_carries(conn)


@WAYS
@FAMILIES
def test_an_icmp_error_about_nothing_known_is_left_alone(hands, passed_on, family, way):
    conn = Connection(hands, family)  # never opened
    outside = quoted_segment(conn, 1 - way, "client")
    inside = quoted_segment(conn, 1 - way, "backend")
    ends = (ROUTERS[way][family], (VIPS, CLIENT)[way][family])
    for kind in ERRORS[family]:
        quoted = outside if way == IN else inside
        hands.send(way, error(family, ends, kind, quoted))
        frame = heard_by((hands.far, hands.near)[way], *ends)
        odd.assert_same(frame, error(family, ends, kind, quoted, ttl=63))


# ---- the life of a connection -------------------------------------------------------


def assert_carries(conn):
    conn.carry(IN, "PA", TEXT)
    conn.carry(OUT, "PA", TEXT)


def fill(conn, way, total):
    """Acknowledged data, so that the window in which a RST counts has a place of its own."""
    for _ in range(total):
        conn.carry(way, "PA", TEXT)
        conn.carry(1 - way, "A")


@WAYS
@FAMILIES
@pytest.mark.parametrize("offset", [-1_000_000, 1_000_000, 0x7fffffff])
def test_a_rst_out_of_window_ends_nothing(hands, started, family, way, offset):
    conn = Connection(hands, family).open()
    fill(conn, way, 2)
    conn.carry(way, "R", seq=(conn.next[way] + offset) % 2**32)
    conn.next = [100_001 + (2 * len(TEXT) if way == IN else 0),
                 500_001 + (2 * len(TEXT) if way == OUT else 0)]
    assert conn.state(started) == "established"
    assert_carries(conn)


@WAYS
@FAMILIES
def test_a_rst_in_window_ends_it(hands, started, family, way):
    conn = Connection(hands, family).open()
    fill(conn, way, 2)
    assert conn.state(started) == "established"
    conn.carry(way, "R")
    assert conn.state(started) == "closing"


@FAMILIES
def test_a_port_is_used_again_at_once(hands, started, family):
    conn = Connection(hands, family).open()
    conn.carry(IN, "R")
    assert conn.state(started) == "closing"
    again = Connection(hands, family, conn.port)
    again.next = [2_000_000_000, 3_000_000_000]
    again.open()
    assert again.state(started) == "established"
    assert_carries(again)


@WAYS
@FAMILIES
def test_half_closed_one_end_goes_on(hands, started, family, way):
    """From the FIN of the first end to that of the other the session is a session."""
    conn = Connection(hands, family).open()
    conn.carry(way, "FA")
    conn.carry(1 - way, "A")
    for _ in range(3):
        conn.carry(1 - way, "PA", TEXT)
        conn.carry(way, "A")
    assert conn.state(started) == "established"
    conn.carry(1 - way, "FA")
    assert conn.state(started) == "closing"
    conn.carry(way, "A")


@FAMILIES
def test_data_in_the_syn(hands, started, family):
    """TCP Fast Open: with the cookie, and all of the data acknowledged by the SYN-ACK."""
    conn = Connection(hands, family)
    conn.carry(IN, "S", b"EHLO client.example\r\n", options=[("MSS", 1400), (34, b"8bytes!!")])
    conn.carry(OUT, "SA", options=[("MSS", 1400)])
    conn.carry(IN, "A")
    assert conn.state(started) == "established"
    assert_carries(conn)


# ---- bits that are none of a router's business --------------------------------------

SYN_OPTIONS = [("MSS", 1400), ("SAckOK", b""), ("Timestamp", (0x01020304, 0)), ("NOP", None),
               ("WScale", 7), (30, b"\0\x81abcdefgh"), (254, b"\xf9\x89")]
DATA_OPTIONS = [("NOP", None), (19, b"0123456789abcdef"), (29, b"\1\2ao"), (5, b"\0" * 8)]


@FAMILIES
def test_congestion_marks_and_options_stay(hands, family):
    marks = ["tos", "tc"][family == 6]
    conn = Connection(hands, family)
    conn.carry(IN, "SEC", options=SYN_OPTIONS, ip={marks: 0x28})
    conn.carry(OUT, "SAE", options=SYN_OPTIONS, ip={marks: 0xb8})
    conn.carry(IN, "A")
    for mark in (0, 1, 2, 3):
        for way in (IN, OUT):
            conn.carry(way, "PA", TEXT, options=DATA_OPTIONS, ip={marks: 0x88 | mark})
            conn.carry(way, "PAEC", TEXT, ip={marks: mark})
    conn.carry(IN, "PAU", TEXT, urgptr=5, reserved=0)


@WAYS
@FAMILIES
def test_data_of_any_length(hands, family, way):
    """One byte, odd lengths, a full segment, and a header with nothing behind it."""
    conn = Connection(hands, family).open()
    for length in (1, 3, 5, 7, 6, 535, 1429, 0):
        conn.carry(way, "PA", TEXT[:1] * length)


# ---- what no sender sends -----------------------------------------------------------

MARTIANS = {4: ["0.1.2.3", "127.0.0.1", "127.255.0.9", "169.254.1.1", "224.0.0.1", "240.0.0.1",
                "255.255.255.255", VIPS[4]],
            6: ["::", "::1", "ff02::1", "fe80::1", VIPS[6]]}


@FAMILIES
def test_sources_that_cannot_be_are_dropped(hands, started, family):
    for source in MARTIANS[family]:
        with dropped(started, "martian"):
            hands.send(IN, header(family, source, VIPS[family]) / TCP(
                sport=1025, dport=VIP_PORT, flags="S", seq=1))
    Connection(hands, family).open()


@FAMILIES
def test_source_port_zero_is_dropped(hands, started, family):
    with dropped(started, "zero_port"):
        hands.send(IN, header(family, CLIENT[family], VIPS[family]) / TCP(
            sport=0, dport=VIP_PORT, flags="S", seq=1))
    Connection(hands, family).open()
