# SPDX-License-Identifier: BSD-2-Clause
"""Mail to backends that hold the VIPs themselves, by `forward: dsr` and `forward: tunnel`.

The router `kernel` is the control experiment: the kernel's own means in mxlb's place
(forward.standin), with which every expectation about the lab must hold too.
"""
import contextlib

import checks
import pytest
import smtp
from forward import (ADDRESSES, EXIT4, EXIT6, FAR, NEAR, Decap, ForwardLab, Frames, decap_all,
                     standin)
from lab import ROUTER4, ROUTER6, VIPS, exit_on_sigterm
from mxlb import SERVICE
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether
from wire import Wire

ROUTERS, EXITS = {4: ROUTER4, 6: ROUTER6}, {4: EXIT4, 6: EXIT6}
FROM = ("--from", "10.0.0.1", "--from", "fd00::1")
# What a tunnel's packets look like at the backend: outer source and destination, protocol
# (4: IPv4 inside, 41: IPv6), inner destination, inner TTL, which the router has lowered.
TUNNELLED = {
    ("mx1", None): {("10.0.0.1", "10.0.0.11", 4, "192.0.2.25", 63),
                    ("fd00::1", "fd00::11", 41, "2001:db8::25", 63)},
    ("mx1", 4): {("10.0.0.1", "10.0.0.11", 4, "192.0.2.25", 63),
                 ("10.0.0.1", "10.0.0.11", 41, "2001:db8::25", 63)},
    ("mx1", 6): {("fd00::1", "fd00::11", 4, "192.0.2.25", 63),
                 ("fd00::1", "fd00::11", 41, "2001:db8::25", 63)},
    ("mx3", 4): {("10.0.0.1", "10.0.1.13", 4, "192.0.2.25", 63),
                 ("10.0.0.1", "10.0.1.13", 41, "2001:db8::25", 63)},
    ("mx3", 6): {("fd00::1", "fd00:1::13", 4, "192.0.2.25", 63),
                 ("fd00::1", "fd00:1::13", 41, "2001:db8::25", 63)},
}


@pytest.fixture(scope="module")
def lab():
    exit_on_sigterm()
    with ForwardLab() as made:
        yield made


def start_mxlb(mxlb, datapath, forward, names, outer=None):
    """outer: the family of the backends' addresses; without it they have both."""
    mxlb.service_conf.update(forward=forward, backends={
        name: {"address": [ADDRESSES[name][f] for f in ([outer] if outer else [4, 6])]}
        for name in names})
    mxlb.start_on(datapath)


@pytest.fixture(params=["kernel", "xdp", "tc"])
def router(request):
    return request.param


@pytest.fixture
def forward_to(lab, mxlb, router):
    """forward_to(mode, name, outer): from then on mail to the VIPs goes to that backend."""
    with contextlib.ExitStack() as stack:
        def start(mode, name, outer=None):
            lab.forget_mtus()
            if mode == "tunnel":
                stack.enter_context(Decap(lab.backends[name].ns, *FROM))
            if router == "kernel":
                lab.offloads(on=True)
                stack.enter_context(standin(lab, mode, name, outer))
            else:
                start_mxlb(mxlb, router, mode, [name], outer)
                mxlb.await_serving(name)
        yield start


def exchange(lab, name, mails):
    """Send the mails; each must get to that backend, whole, once, and with its client's address."""
    outcomes = smtp.send_all(lab, mails)
    checks.all_accepted(outcomes)
    assert {o.backend for o in outcomes} == {name}
    checks.delivered_once(lab, mails)
    checks.true_clients(lab, mails)


def some_mails(lab):
    """Of both families, and large ones: whole trains of segments, in one piece with offloads."""
    return smtp.mails_from(lab.clients, 24) + smtp.mails_from(lab.clients[::5], 6, size=300_000)


def replies(wire):
    """The TTLs of what came in from a VIP."""
    vips = [(vip, 25) for vip in VIPS.values()]
    return [p.ttl for p in wire.seen(*vips) if not p.outgoing]


def tunnelled(frames, sources):
    """What TUNNELLED lists, of every tunnelled packet of these clients among the frames."""
    found = set()
    for frame in frames:
        outer = Ether(frame).payload
        inner = outer.payload
        if isinstance(inner, (IP, IPv6)) and inner.src in sources:
            proto, ttl = (outer.proto if outer.version == 4 else outer.nh,
                          inner.ttl if inner.version == 4 else inner.hlim)
            found.add((outer.src, outer.dst, proto, inner.dst, ttl))
    return found


# ---- mail ---------------------------------------------------------------------------


def test_mail_by_dsr(lab, forward_to):
    forward_to("dsr", "mx1")
    mails = some_mails(lab)
    with Wire(lab.client, "eth0") as by_router, Wire(lab.client, "eth1") as by_exit, \
            Wire(lab.backends["mx1"].ns) as at_backend:
        exchange(lab, "mx1", mails)
    assert not replies(by_router), "answers pass mxlb by"
    assert len(replies(by_exit)) > 5 * len(mails)
    sources = {m.source for m in mails}
    arrived = [p for p in at_backend.seen() if p.src[0] in sources]
    assert {(p.dst, p.ttl) for p in arrived} == {((vip, 25), 63) for vip in VIPS.values()}


@pytest.mark.parametrize("name, outer", [
    ("mx1", 4), ("mx1", 6), ("mx1", None), (FAR, 4), (FAR, 6)])
def test_mail_by_tunnel(lab, forward_to, name, outer):
    """outer: the only family that the backend has an address of; None: it has both."""
    forward_to("tunnel", name, outer)
    mails = some_mails(lab)
    with Wire(lab.client, "eth0") as by_router, Wire(lab.client, "eth1") as by_exit, \
            Frames(lab.backends[name].ns) as at_backend:
        exchange(lab, name, mails)
    sources = {m.source for m in mails}
    assert tunnelled(at_backend.seen_frames(), sources) == TUNNELLED[name, outer]
    assert not replies(by_router), "answers pass mxlb by"
    assert len(replies(by_exit)) > 5 * len(mails)


@pytest.mark.parametrize("mode", ["dsr", "tunnel"])
def test_replies_that_come_through_the_router(lab, forward_to, mode):
    """A backend whose default route leads to the mxlb router answers through it, unchanged."""
    lab.reply_by("mx1", "router")
    try:
        forward_to(mode, "mx1")
        mails = some_mails(lab)
        with Wire(lab.client, "eth0") as by_router, Wire(lab.client, "eth1") as by_exit:
            exchange(lab, "mx1", mails)
        assert len(replies(by_router)) > 5 * len(mails)
        assert set(replies(by_router)) == {63}
        assert not replies(by_exit)
    finally:
        lab.reply_by("mx1", "exit")


# ---- what does not fit -----------------------------------------------------------------


def too_big(frame):
    """(source, destination, MTU) of an ICMP error that says so, or None; by tunnel too."""
    packet = Ether(frame)
    if isinstance(packet.payload.payload, (IP, IPv6)):
        packet = packet.payload.payload
    if ICMP in packet and (packet[ICMP].type, packet[ICMP].code) == (3, 4):
        return packet[IP].src, packet[IP].dst, packet[ICMP].nexthopmtu
    if ICMPv6PacketTooBig in packet:
        return packet[IPv6].src, packet[IPv6].dst, packet[ICMPv6PacketTooBig].mtu
    return None


def all_told(wire):
    """Every such error that was seen; waits for the first, as reading may lag behind."""
    frames = wire.wait("an ICMP error", lambda frames: any(map(too_big, frames)))
    return {too_big(frame) for frame in frames} - {None}


@pytest.mark.parametrize("outer, family, mtu", [
    (4, 4, 1480), (4, 6, 1480), (6, 4, 1460), (6, 6, 1460)])
def test_a_full_segment_does_not_fit_beside_the_outer_header(lab, forward_to, router, outer,
                                                             family, mtu):
    """Links of 1500 bytes everywhere: the sender is told of the smaller MTU, and obeys."""
    forward_to("tunnel", "mx1", outer)
    mail = smtp.Mail(lab.clients[9].addr[family], family, size=4_000_000)
    says_who = ROUTERS[family] if router == "kernel" else VIPS[family]
    with Frames(lab.client) as wire:
        exchange(lab, "mx1", [mail])
        told = all_told(wire)
    assert told == {(says_who, mail.source, mtu)}


@pytest.mark.parametrize("outer, advmss", [(4, {4: 1440, 6: 1420}), (6, {4: 1420, 6: 1400})])
def test_a_lower_mss_of_the_backend_avoids_that(lab, forward_to, outer, advmss):
    """What docs/backends.md advises: the room for the outer header, asked for beforehand."""
    lab.reply_by("mx1", "exit", advmss=advmss)
    try:
        forward_to("tunnel", "mx1", outer)
        with Frames(lab.client) as wire:
            exchange(lab, "mx1", [smtp.Mail(lab.clients[9].addr[family], family, size=1_000_000)
                                  for family in (4, 6)])
            told = {too_big(frame) for frame in wire.seen_frames()} - {None}
        assert not told
    finally:
        lab.reply_by("mx1", "exit")


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("mode", ["dsr", "tunnel"])
def test_a_reply_that_is_too_big_for_a_link(lab, forward_to, mode, family):
    """Replies pass mxlb by, the ICMP errors about them don't: these are sent to the VIP, and
    must get to the backend, or it would never learn what the path takes."""
    with lab.narrow_exit(1280):
        forward_to(mode, "mx1")
        with Frames(lab.backends["mx1"].ns) as at_backend, contextlib.closing(
                smtp.open_session(lab, smtp.Mail(lab.clients[4].addr[family], family))) as session:
            session.send("EHLO client.example\r\n" * 20)  # one answer of more than 3000 bytes
            assert [session.getreply()[0] for _ in range(20)] == [250] * 20
            told = all_told(at_backend)
    assert told == {(EXITS[family], VIPS[family], 1280)}


# ---- probes ----------------------------------------------------------------------------


@contextlib.contextmanager
def listening_on(lab, name, *addresses):
    lab.listen_on(name, "127.0.0.1", *addresses)
    try:
        yield
    finally:
        lab.listen_on(name)


@pytest.fixture(params=["elsewhere", "on the router"])
def vips(request, mxlb):
    """Where the VIPs are, but on the backends: nowhere, or on the router's lo as well."""
    if request.param == "on the router":
        mxlb.conf["vip_interface"] = "lo"


@pytest.mark.parametrize("mode", ["dsr", "tunnel"])
@pytest.mark.usefixtures("vips")
def test_probes_go_the_way_of_the_mail(lab, mxlb, datapath, mode):
    """mx1 answers on its own addresses and not on the VIPs, mx2 the other way round."""
    with listening_on(lab, "mx1", *ADDRESSES["mx1"].values()), \
            listening_on(lab, "mx2", *VIPS.values()), \
            decap_all(lab, NEAR if mode == "tunnel" else ()):
        start_mxlb(mxlb, datapath, mode, NEAR)
        mxlb.await_serving("mx2")
        doc = mxlb.await_backend("mx1", "to be down",
                                 lambda doc: doc["health"]["state"] == "down")
        assert doc["health"]["reason"] == "connect_refused"
        assert [mxlb.ctl("probe", name).code for name in NEAR] == [1, 0]
        own = [smtp.send(lab, smtp.Mail(lab.clients[0].addr[family], family), server=address)
               for family, address in ADDRESSES["mx1"].items()]
        checks.all_accepted(own)
        assert {o.backend for o in own} == {"mx1"}
        exchange(lab, "mx2", smtp.mails_from(lab.clients, 12))


def test_a_backend_behind_a_gateway_is_none_for_dsr(lab, mxlb, datapath):
    """A frame to the VIP would go to the gateway, which has no reason to bring it to mx3."""
    start_mxlb(mxlb, datapath, "dsr", ["mx1", FAR])
    mxlb.await_serving("mx1")
    mxlb.await_backend(FAR, "to be down", lambda doc: doc["health"]["state"] == "down")
    exchange(lab, "mx1", smtp.mails_from(lab.clients, 12))
    assert mxlb.metrics().total("mxlb_dropped_packets_total", reason="not_on_link") > 0


@pytest.mark.parametrize("mode, names", [("dsr", NEAR), ("tunnel", (*NEAR, FAR))])
def test_backends_share_the_mail(lab, mxlb, datapath, mode, names):
    with decap_all(lab, names if mode == "tunnel" else (), *FROM):
        start_mxlb(mxlb, datapath, mode, names)
        mxlb.await_serving(*names)
        mails = smtp.mails_from(lab.clients, 120)
        outcomes = smtp.send_all(lab, mails)
        checks.all_accepted(outcomes)
        checks.delivered_once(lab, mails)
        checks.true_clients(lab, mails)
        nets = checks.backend_of_each_net(lab, outcomes)
        assert len(nets) == 12 and set(nets.values()) == set(names)
        assert mxlb.json("service", "show", SERVICE)["connections"]["total"] == 120


def test_a_backend_that_stops_is_left(lab, mxlb, datapath):
    start_mxlb(mxlb, datapath, "dsr", NEAR)
    mxlb.await_serving(*NEAR)
    lab.backends["mx1"].stop()
    mxlb.await_not_serving("mx1")
    exchange(lab, "mx2", smtp.mails_from(lab.clients, 24))
    lab.backends["mx1"].start()
    mxlb.await_serving("mx1")
