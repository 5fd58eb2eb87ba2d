# SPDX-License-Identifier: BSD-2-Clause
"""Which hook carries the packets, and that what is not ours passes as if mxlb were not there."""
import contextlib
import json
import socket
import struct

import checks
import kernel
import pytest
import smtp
from lab import ROUTER4, ROUTER6, VIP4, VIP6, VIPS

MX1 = {4: "10.0.0.11", 6: "fd00::11"}


@pytest.mark.parametrize("datapath, wanted", [
    ("xdp", "xdp"), ("xdp-generic", "xdp-generic"), ("tc", "tc"), ("auto", "xdp")])
def test_the_hook_asked_for_is_the_one_in_use(lab, served, datapath, wanted):
    assert {i["name"]: i["datapath"] for i in served.json("status")["interfaces"]} == {
        "eth0": wanted, "eth1": wanted}
    before = kernel.xdp_redirects(lab.router, "eth0", "eth1")
    outcomes = smtp.send_all(lab, smtp.mails_from(lab.clients, 20))
    checks.all_accepted(outcomes)
    for interface in ("eth0", "eth1"):
        mode, _ = kernel.xdp(lab.router, interface)
        assert mode == (wanted if wanted != "tc" else "")
        assert kernel.tc_programs(lab.router, interface), "TC is attached wherever XDP is"
        assert served.metrics().total("mxlb_interface_attached", interface=interface,
                                      mode=wanted) == 1
    # A mail is some twenty packets, nearly all of which native XDP must carry itself.
    redirected = kernel.xdp_redirects(lab.router, "eth0", "eth1") - before
    assert (redirected > 10 * len(outcomes)) == (wanted == "xdp")


def test_a_datapath_for_one_interface(lab, mxlb):
    mxlb.conf["interfaces"] = [{"name": "eth0", "datapath": "tc"}, "eth1"]
    mxlb.start_on("xdp")
    mxlb.await_serving()
    assert {i["name"]: i["datapath"] for i in mxlb.json("status")["interfaces"]} == {
        "eth0": "tc", "eth1": "xdp"}
    assert [kernel.xdp(lab.router, i)[0] for i in ("eth0", "eth1")] == ["", "xdp"]
    outcomes = smtp.send_all(lab, smtp.mails_from(lab.clients, 60))
    checks.all_accepted(outcomes)
    checks.true_clients(lab, [o.mail for o in outcomes])


# ---- what is not ours -------------------------------------------------------------


def ping(lab, source, target):
    """One echo request; True when the reply came."""
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    proto, request, reply = (socket.IPPROTO_ICMPV6, 128, 129) if ":" in target else (
        socket.IPPROTO_ICMP, 8, 0)
    packet = struct.pack("!BBHHH", request, 0, 0, 77, 1)
    if family == socket.AF_INET:  # ICMPv6's sum is the kernel's to fill in
        total = sum(struct.unpack("!4H", packet))
        packet = struct.pack("!BBHHH", request, 0, ~total & 0xffff, 77, 1)
    with lab.client.entered():
        sock = socket.socket(family, socket.SOCK_RAW, proto)
    with sock:
        sock.settimeout(10)
        sock.bind((source, 0))
        sock.sendto(packet, (target, 0))
        while True:
            data, origin = sock.recvfrom(2048)
            kind = data[(data[0] & 15) * 4] if family == socket.AF_INET else data[0]
            if origin[0] == target and kind == reply:
                return True


@contextlib.contextmanager
def listener(ns, address, port):
    with ns.entered():
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.create_server((address, port), family=family)
    with sock:
        sock.settimeout(10)
        yield sock


def talk(lab, source, address, port, server):
    """A connection from a client to a listener of the router; what the listener saw of it."""
    with lab.client.entered():
        client = socket.create_connection((address, port), 10, (source, 0))
    with client, server.accept()[0] as accepted:
        accepted.settimeout(10)
        client.sendall(b"SSH-2.0-not-mail\r\n")
        assert accepted.recv(100) == b"SSH-2.0-not-mail\r\n"
        accepted.sendall(b"SSH-2.0-nor-this\r\n")
        assert client.recv(100) == b"SSH-2.0-nor-this\r\n"
        return accepted.getpeername()[0]


@pytest.mark.parametrize("datapath", ["xdp", "xdp-generic", "tc"])
def test_what_is_not_ours_passes(lab, mxlb, datapath):
    mxlb.conf["vip_interface"] = "lo"
    mxlb.start_on(datapath)
    mxlb.await_serving()
    for family, router in ((4, ROUTER4), (6, ROUTER6)):
        source, vip, host = lab.clients[3].addr[family], VIPS[family], MX1[family]
        assert ping(lab, source, router)
        assert ping(lab, source, vip)
        with listener(lab.router, vip, 2222) as server:
            assert talk(lab, source, vip, 2222, server) == source
        with listener(lab.router, router, 25) as server:
            assert talk(lab, source, router, 25, server) == source
        with listener(lab.backends["mx1"].ns, host, 2222) as server:
            assert talk(lab, source, host, 2222, server) == source
        # A backend's own port 25 too, reached through the router by its own address.
        checks.all_accepted([smtp.send(lab, smtp.Mail(source, family), server=host)])
        # And a host that can ping a VIP can also mail to it.
        checks.all_accepted([smtp.send(lab, smtp.Mail(source, family))])
    assert mxlb.metrics().total("mxlb_service_connections_total") == 2


def test_vip_interface_holds_the_vips_until_purge(lab, mxlb):
    def on_lo():
        links = json.loads(lab.router.run("ip", "-j", "addr", "show", "dev", "lo").stdout)
        return {(a["local"], a["prefixlen"]) for a in links[0]["addr_info"]}

    before = on_lo()
    mxlb.conf["vip_interface"] = "lo"
    mxlb.start()
    assert on_lo() - before == {(VIP4, 32), (VIP6, 128)}
    mxlb.stop()
    assert mxlb.purge().code == 0
    assert on_lo() == before
