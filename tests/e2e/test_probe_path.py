# SPDX-License-Identifier: BSD-2-Clause
"""Probes by `forward: dsr` and `tunnel`: what they must not take for health, and what a change
of mode does to open sessions. That they go the way of the mail is test_forward.py's."""
import contextlib
import json
import re
import socket

import checks
import pytest
import smtp
from forward import ADDRESSES, FAR, ForwardLab, decap_all
from lab import VIP4, VIPS, exit_on_sigterm
from mxlb import SERVICE
from netns import wait_until
from wire import Wire

INTERFACES = ("eth0", "eth1")


@pytest.fixture(scope="module")
def lab():
    exit_on_sigterm()
    with ForwardLab() as made:
        yield made


def configure(mxlb, forward, *names, families=(4, 6)):
    mxlb.service_conf.update(forward=forward, backends={
        name: {"address": [ADDRESSES[name][f] for f in families]} for name in names})


def reload(mxlb, forward, *names):
    configure(mxlb, forward, *names)
    mxlb.write()
    assert mxlb.ctl("config", "reload").code == 0


def egress_programs(lab):
    """The names of the BPF programs that see what leaves, by interface."""
    found = {}
    for interface in INTERFACES:
        text = lab.router.run("tc", "-j", "filter", "show", "dev", interface, "egress").stdout
        found[interface] = [entry["options"]["prog"]["name"] for entry in json.loads(text or "[]")
                            if "prog" in entry.get("options", {})]
    return found


def egress_is(lab, *names):
    return egress_programs(lab) == {interface: list(names) for interface in INTERFACES}


def await_down(mxlb, name):
    """Until every address of it is; returns why."""
    doc = mxlb.await_backend(name, "to be down", lambda doc: all(
        family["state"] == "down" for family in doc["families"].values()))
    return {family["reason"] for family in doc["families"].values()}


@contextlib.contextmanager
def without_vip(lab, name, *families):
    """For the length of the block a backend does not have these VIPs."""
    ns = lab.backends[name].ns
    words = {4: f"{VIPS[4]}/32 dev lo", 6: f"{VIPS[6]}/128 dev lo"}
    ns.ip(*(f"addr del {words[family]}" for family in families))
    try:
        yield
    finally:
        ns.ip(*(f"addr add {words[family]}{' nodad' * (family == 6)}" for family in families))


def send_some(lab, name, families=(4, 6)):
    outcomes = smtp.send_all(lab, smtp.mails_from(lab.clients, 12, families))
    checks.all_accepted(outcomes)
    assert {o.backend for o in outcomes} == {name}


# ---- the egress filter ------------------------------------------------------------------


def test_the_egress_filter_is_there_while_it_is_needed(lab, mxlb, datapath):
    configure(mxlb, "nat", "mx1")
    mxlb.start_on(datapath)
    assert egress_is(lab)
    reload(mxlb, "dsr", "mx1")
    mxlb.await_serving("mx1")
    assert egress_is(lab, "mxlb_tc_out")
    reload(mxlb, "nat", "mx1")
    assert egress_is(lab)
    reload(mxlb, "tunnel", "mx1")
    assert egress_is(lab, "mxlb_tc_out")
    assert mxlb.stop() == 0
    assert egress_is(lab, "mxlb_tc_out")
    configure(mxlb, "nat", "mx1")
    mxlb.start()
    assert egress_is(lab), "a start takes off what the daemon before it has left"


def test_purge_takes_the_filter_off_the_operators_clsact(lab, mxlb):
    lab.router.run("tc", "qdisc", "add", "dev", "eth1", "clsact")
    configure(mxlb, "dsr", "mx1")
    mxlb.start_on("tc")
    assert egress_is(lab, "mxlb_tc_out")
    assert mxlb.stop() == 0 and mxlb.purge().code == 0
    assert egress_is(lab)
    assert "clsact" in lab.router.run("tc", "qdisc", "show", "dev", "eth1").stdout


# ---- what must not count as health ------------------------------------------------------


@pytest.mark.parametrize("mode", ["dsr", "tunnel"])
def test_a_probe_by_an_interface_that_is_not_ours_proves_nothing(lab, mxlb, mode):
    """mxlb isn't at eth1: the probe gets to the backend, but as no mail ever would."""
    mxlb.conf["interfaces"] = ["eth0"]
    configure(mxlb, mode, "mx1")
    mxlb.start_on("tc")
    assert await_down(mxlb, "mx1") == {"unreachable"}
    wait_until("some more probes", lambda: mxlb.metrics().total(
        "mxlb_probe_attempts_total", reason="unreachable") >= 8)
    said = [line for line in mxlb.log_text().splitlines()
            if "list that interface under interfaces" in line]
    assert len(said) == 2, "once for each address"
    reply = mxlb.ctl("--json", "probe", "mx1")
    assert reply.code == 1
    assert {doc["reason"] for doc in reply.doc} == {"unreachable"}


def test_dsr_does_not_reach_behind_a_gateway(lab, mxlb, datapath):
    configure(mxlb, "dsr", FAR)
    mxlb.start_on(datapath)
    assert await_down(mxlb, FAR) == {"connect_timeout"}
    assert mxlb.metrics().total("mxlb_dropped_packets_total", reason="not_on_link") > 0


@pytest.mark.parametrize("mode", ["dsr", "tunnel"])
def test_a_backend_without_the_vip_is_down(lab, mxlb, mode):
    """It is up by itself; taking the VIP away is what the probe must see, and what comes back."""
    with decap_all(lab, ["mx1"] if mode == "tunnel" else [], "--vip", VIPS[4], "--vip", VIPS[6]):
        configure(mxlb, mode, "mx1")
        mxlb.start_on("tc")
        mxlb.await_serving("mx1")
        with without_vip(lab, "mx1", 4):
            doc = mxlb.await_backend("mx1", "to be down for IPv4",
                                     lambda doc: doc["families"]["4"]["state"] == "down")
        assert doc["families"]["4"]["reason"] == "connect_timeout"
        assert doc["families"]["6"]["state"] == "up" and doc["families"]["6"]["serving"]
        mxlb.await_serving("mx1")


def test_a_backend_that_takes_no_tunnels_is_down(lab, mxlb, datapath):
    """It has the VIPs and is on the same link: a probe without its outer header would do."""
    configure(mxlb, "tunnel", "mx1")
    mxlb.start_on(datapath)
    assert await_down(mxlb, "mx1") == {"connect_timeout"}


def test_probe_now(lab, mxlb):
    configure(mxlb, "dsr", "mx1")
    mxlb.start_on("tc")
    with Wire(lab.backends["mx1"].ns) as wire:
        reply = mxlb.ctl("--json", "probe", "mx1")
        assert reply.code == 0
        assert [doc["address"] for doc in reply.doc] == ["10.0.0.11:25", "[fd00::11]:25"]
        packets = wire.wait("a probe to each VIP", lambda packets: (
            set(VIPS.values()) <= {p.dst[0] for p in packets if not p.outgoing}))
    met = {p.dst for p in packets if not p.outgoing}
    assert not met & {(address, 25) for address in ADDRESSES["mx1"].values()}


# ---- borrowed addresses -----------------------------------------------------------------


@pytest.mark.parametrize("family", [4, 6])
def test_an_address_serves_vips_of_both_families(lab, mxlb, family):
    with decap_all(lab, ["mx1"]):
        configure(mxlb, "tunnel", "mx1", families=[family])
        mxlb.start_on("tc")
        mxlb.await_serving("mx1")
        doc = mxlb.backend("mx1")
        assert len(doc["addresses"]) == 1 and set(doc["families"]) == {"4", "6"}
        send_some(lab, "mx1")
        with without_vip(lab, "mx1", family):
            assert await_down(mxlb, "mx1") == {"connect_timeout"}
        mxlb.await_serving("mx1")


def test_without_a_vip_of_its_family_the_address_itself_is_probed(lab, mxlb):
    with decap_all(lab, ["mx1"]):
        mxlb.service_conf["address"] = [VIP4]
        configure(mxlb, "tunnel", "mx1", families=[6])
        mxlb.start_on("tc")
        with Wire(lab.backends["mx1"].ns) as wire:
            mxlb.await_serving("mx1")
            wire.wait("a probe of the address itself", lambda packets: any(
                p.dst == (ADDRESSES["mx1"][6], 25) for p in packets))
        send_some(lab, "mx1", families=[4])
    said = [line for line in mxlb.log_text().splitlines() if "probed directly" in line]
    assert len(said) == 1 and "fd00::11" in said[0]


# ---- the router's own connections -------------------------------------------------------


def test_the_routers_own_mail_to_a_vip_elsewhere_is_not_taken_for_a_probe(lab, mxlb):
    """A standby router sends mail to the VIP by its routes, from a port that a probe has had:
    what comes back is no answer to a probe."""
    configure(mxlb, "dsr", "mx1")
    mxlb.start_on("tc")
    with Wire(lab.router, "eth1") as wire:
        mxlb.await_serving("mx1")
        assert mxlb.stop() == 0
        ports = {p.src[1] for p in wire.seen((VIP4, 25)) if p.outgoing and p.dst == (VIP4, 25)}
    assert ports
    port = wait_until("a probe's port to be free", lambda: free_port(lab, ports), timeout=70.0)
    lab.router.ip(f"route add {VIP4} via {ADDRESSES['mx1'][4]}")
    try:
        with lab.router.entered():
            sock = socket.create_connection((VIP4, 25), 10.0, (ADDRESSES["router"][4], port))
        with sock:
            assert sock.recv(100).startswith(b"220 mx1")
    finally:
        lab.router.ip(f"route del {VIP4}")


def free_port(lab, ports):
    busy = re.findall(r"10\.0\.0\.1:(\d+)\s", lab.router.run("ss", "-Htan").stdout)
    return next((port for port in sorted(ports) if str(port) not in busy), None)


# ---- a change of mode -------------------------------------------------------------------


def test_open_sessions_keep_the_mode_in_which_they_began(lab, mxlb, datapath):
    mails = [smtp.Mail(lab.clients[i].addr[f], f) for i in range(4) for f in (4, 6)]
    with decap_all(lab, ["mx1"]) as decap:
        configure(mxlb, "dsr", "mx1")
        mxlb.start_on(datapath)
        mxlb.await_serving("mx1")
        held = smtp.hold(lab, mails)
        reload(mxlb, "tunnel", "mx1")
        mxlb.await_serving("mx1")
        wait_until("the backend of the old mode to be listed as removed", lambda: sorted(
            doc["admin"]["state"] for doc in mxlb.json("backend", "list")) == ["ready", "removed"])
        with Wire(lab.backends["mx1"].ns) as wire:
            for session in held:
                session.finish()
            wire.wait("packets of each session without an outer header", lambda packets: (
                {m.source for m in mails} <= {p.src[0] for p in packets if not p.outgoing}))
        send_some(lab, "mx1")
        wait_until("the removed backend to be forgotten",
                   lambda: len(mxlb.json("backend", "list")) == 1, timeout=60.0)
    checks.delivered_once(lab, mails)
    taken = int(re.search(r"(\d+) packets taken", decap["mx1"].said)[1])
    assert taken > 0


@pytest.mark.parametrize("mode", ["dsr", "tunnel"])
def test_a_restart_goes_on(lab, mxlb, mode):
    with decap_all(lab, ["mx1"] if mode == "tunnel" else []):
        configure(mxlb, mode, "mx1")
        mxlb.start_on("tc")
        mxlb.await_serving("mx1")
        mails = smtp.mails_from(lab.clients, 6)
        held = smtp.hold(lab, mails)
        mxlb.kill()
        send_some(lab, "mx1")
        mxlb.start()
        assert mxlb.backend("mx1")["serving"]
        assert mxlb.flow_count("--state", "established") == 6
        for session in held:
            session.finish()
        checks.delivered_once(lab, mails)
        assert mxlb.json("service", "show", SERVICE)["backends"][0]["admin"]["state"] == "ready"
