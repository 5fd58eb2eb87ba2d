# SPDX-License-Identifier: BSD-2-Clause
"""Connections that turn round at the router: from a backend to the VIP that it serves
itself, from the router, and from clients that share their interface with a backend.

    client, mx1 ── near (bridge) ──eth0 router eth1── far (bridge) ── mx2
"""
import contextlib
import itertools
import socket

import crowd
import pytest
from lab import CLIENT_NETS4, VIPS, Lab, exit_on_sigterm
from mxlb import Mxlb
from netns import wait_until
from nets import set_offloads

HOSTS = {"mx1": {4: "10.1.1.11", 6: "fd00:11::11"}, "mx2": {4: "10.1.2.12", 6: "fd00:12::12"}}
SERVED_AT = 2525
BOTH, ONLY_MX1, ONLY_MX2 = 25, 26, 27  # ports of the VIPs, by who serves there
MODES = {"xdp": ("xdp", "xdp"), "tc": ("tc", "tc"), "xdp and tc": ("xdp", "tc"),
         "tc and xdp": ("tc", "xdp")}  # of eth0, of eth1

FAMILIES = pytest.mark.parametrize("family", [4, 6])
_ports = itertools.count(20000)


class Turn(Lab):
    """Every host has a network of its own, so all their ways lead through the router."""

    def __init__(self):
        super().__init__(())

    def _build_router(self):
        self.router.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1,
                           ipv4__conf__all__send_redirects=0,
                           ipv4__conf__default__send_redirects=0)
        for n, bridge in enumerate(("near", "far")):
            self.lan.ip(f"link add {bridge} type bridge stp_state 0 forward_delay 0"
                        " mcast_snooping 0", f"link set {bridge} up",
                        f"link add up{n} type veth peer name eth{n} netns {self.router.name}",
                        f"link set up{n} master {bridge}", f"link set up{n} up")
            self.router.ip(f"link set eth{n} up", f"addr add 10.1.{n + 1}.1/24 dev eth{n}",
                           f"addr add fd00:1{n + 1}::1/64 dev eth{n} nodad")
        self.router.ip(*(f"addr add {vip} dev lo" for vip in VIPS.values()))

    def _build_client(self):
        self.hosts = {name: self._netns(name) for name in HOSTS}
        self._join("mx1", self.hosts["mx1"], "near", "10.1.1", "fd00:11", HOSTS["mx1"])
        self._join("mx2", self.hosts["mx2"], "far", "10.1.2", "fd00:12", HOSTS["mx2"])
        self.router.ip("addr add 172.31.0.1/24 dev eth0", "addr add fd00:9::1/64 dev eth0 nodad")
        self._join("client", self.client, "near", "172.31.0", "fd00:9",
                   {4: "172.31.0.2", 6: "fd00:9::2"})
        for client in self.clients:
            self.client.ip(f"addr add {client.addr[4]}/32 dev lo",
                           f"addr add {client.addr[6]}/128 dev lo nodad")
        for net, net4 in enumerate(CLIENT_NETS4):
            self.router.ip(f"route add {net4}.0/24 via 172.31.0.2",
                           f"route add 2001:db8:{net + 1}::/64 via fd00:9::2")

    def _join(self, name, ns, bridge, net4, net6, addresses):
        self.lan.ip(f"link add {name} type veth peer name eth0 netns {ns.name}",
                    f"link set {name} master {bridge}", f"link set {name} up")
        ns.ip("link set eth0 up", f"addr add {addresses[4]}/24 dev eth0",
              f"addr add {addresses[6]}/64 dev eth0 nodad",
              f"route add default via {net4}.1", f"route add ::/0 via {net6}::1")

    def offloads(self, on):
        for ns in (self.client, *self.hosts.values()):
            set_offloads(ns, "eth0", on)
        for n in (0, 1):
            set_offloads(self.lan, f"up{n}", on)


@pytest.fixture(scope="module")
def turn():
    exit_on_sigterm()
    with Turn() as made, contextlib.ExitStack() as servers:
        for name, ns in made.hosts.items():
            servers.enter_context(crowd.serving(ns, name, *HOSTS[name].values(), port=SERVED_AT))
        yield made


def service(port, *names):
    """Round robin, so that every other connection would be the caller's own turn."""
    return {"address": list(VIPS.values()), "port": port, "probe": "none",
            "scheduler": "round-robin",
            "backends": {name: {"address": list(HOSTS[name].values()), "port": SERVED_AT}
                         for name in names}}


@pytest.fixture(scope="module", params=MODES.values(), ids=MODES)
def started(turn, request):
    with Mxlb(turn, f"mxlb-{'-'.join(request.param)}") as made:
        made.conf["interfaces"] = [{"name": f"eth{n}", "datapath": mode}
                                   for n, mode in enumerate(request.param)]
        made.conf["probes"] = {"none": {"type": "none"}}
        made.conf["services"] = {"both": service(BOTH, "mx1", "mx2"),
                                 "only1": service(ONLY_MX1, "mx1"),
                                 "only2": service(ONLY_MX2, "mx2")}
        turn.offloads(on="xdp" not in request.param)
        made.start()
        wanted = {f"eth{n}": mode for n, mode in enumerate(request.param)}
        assert {i["name"]: i["datapath"] for i in made.json("status")["interfaces"]} == wanted
        yield made


def mail(ns, sources, port):
    """A mail from each source; the backends that took them."""
    with crowd.Crowd(ns) as group:
        group.open([(source, next(_ports)) for source in sources],
                   {family: (vip, port) for family, vip in VIPS.items()})
        assert not group.faults(), group.faults()[:5]
        group.finish()
        assert not group.faults(), group.faults()[:5]
        return {session.backend for session in group.sessions}


def assert_refused(ns, family, port):
    """By a RST: silence would end in another exception."""
    with ns.entered():
        sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
    with sock:
        sock.settimeout(10)
        with pytest.raises(ConnectionRefusedError):
            sock.connect((VIPS[family], port))


def refused(started):
    return started.metrics().total("mxlb_service_refused_connections_total")


@FAMILIES
@pytest.mark.parametrize("caller, other", [("mx1", "mx2"), ("mx2", "mx1")])
def test_a_backend_reaches_the_other_never_itself(turn, started, family, caller, other):
    assert mail(turn.hosts[caller], [HOSTS[caller][family]] * 20, BOTH) == {other}


@FAMILIES
@pytest.mark.parametrize("caller, port", [("mx1", ONLY_MX1), ("mx2", ONLY_MX2)])
def test_with_only_itself_left_it_is_refused(turn, started, family, caller, port):
    before = refused(started)
    assert_refused(turn.hosts[caller], family, port)
    wait_until("the refusal to be counted", lambda: refused(started) > before)
    assert refused(started) == before + 1


@FAMILIES
def test_the_router_itself_is_refused(turn, started, family):
    """What it sends to its own address never is on a wire, where mxlb could see it."""
    assert_refused(turn.router, family, BOTH)


@FAMILIES
@pytest.mark.parametrize("port, backends", [(ONLY_MX1, {"mx1"}), (ONLY_MX2, {"mx2"}),
                                            (BOTH, {"mx1", "mx2"})],
                         ids=["one arm", "through", "either"])
def test_mail_of_clients(turn, started, family, port, backends):
    """One arm: mx1 is behind the interface that the clients' packets come in by."""
    assert mail(turn.client, [c.addr[family] for c in turn.clients], port) == backends
