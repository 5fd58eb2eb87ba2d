# SPDX-License-Identifier: BSD-2-Clause
"""Backends that stop, return, are drained, or are all gone."""
import contextlib
import errno
import select
import socket

import checks
import pytest
import smtp
import wire
from lab import VIPS
from mxlb import SERVICE


def mails_everywhere(lab):
    """One mail from each of the thirty clients over each family."""
    return smtp.mails_from(lab.clients, 60)


def test_a_stopped_mta_gets_no_new_mail_until_it_is_back(lab, served):
    before = smtp.send_all(lab, mails_everywhere(lab))
    checks.all_accepted(before)
    home = checks.backend_of_each_net(lab, before)
    assert "mx2" in home.values()

    lab.backends["mx2"].stop()
    doc = served.await_backend("mx2", "to be down", lambda doc: doc["health"]["state"] == "down")
    assert doc["health"]["reason"] == "connect_refused"
    assert not doc["serving"]
    assert served.ctl("status").code == 1
    during = smtp.send_all(lab, mails_everywhere(lab))
    checks.all_accepted(during)
    moved = checks.backend_of_each_net(lab, during)
    assert "mx2" not in moved.values()
    kept = {net for net, backend in home.items() if backend != "mx2"}
    assert {net: moved[net] for net in kept} == {net: home[net] for net in kept}

    lab.backends["mx2"].start()
    served.await_serving()
    assert served.ctl("status").code == 0
    after = smtp.send_all(lab, mails_everywhere(lab))
    checks.all_accepted(after)
    assert checks.backend_of_each_net(lab, after) == home
    checks.delivered_once(lab, [o.mail for o in before + during + after])


def test_a_frozen_mta_gets_no_new_mail(lab, mxlb):
    """The kernel accepts and nothing greets: only a probe that waits for 220 sees it."""
    mxlb.conf["probes"]["mail"].update(greeting_timeout="500ms", timeout="1500ms")
    mxlb.start()
    mxlb.await_serving()
    lab.backends["mx1"].freeze()
    doc = mxlb.await_backend("mx1", "to be down", lambda doc: doc["health"]["state"] == "down")
    assert doc["health"]["reason"] == "greeting_timeout"
    outcomes = smtp.send_all(lab, mails_everywhere(lab))
    checks.all_accepted(outcomes)
    assert {o.backend for o in outcomes} == {"mx2", "mx3"}
    lab.backends["mx1"].thaw()
    mxlb.await_serving("mx1")


def test_a_standby_serves_only_when_all_the_preferred_are_down(lab, mxlb):
    mxlb.service_conf["backends"]["mx3"]["preference"] = 20
    mxlb.start()
    mxlb.await_serving("mx1", "mx2")
    outcomes = smtp.send_all(lab, mails_everywhere(lab))
    assert {o.backend for o in outcomes} == {"mx1", "mx2"}

    lab.backends["mx1"].stop()
    lab.backends["mx2"].stop()
    mxlb.await_not_serving("mx1", "mx2")
    mxlb.await_serving("mx3")
    assert mxlb.json("service", "show", SERVICE)["active_preference"] == 20
    standby = smtp.send_all(lab, mails_everywhere(lab))
    assert {o.backend for o in standby} == {"mx3"}

    lab.start_all()
    mxlb.await_serving("mx1", "mx2")
    assert mxlb.json("service", "show", SERVICE)["active_preference"] == 10
    again = smtp.send_all(lab, mails_everywhere(lab))
    assert {o.backend for o in again} == {"mx1", "mx2"}
    checks.all_accepted(outcomes + standby + again)
    checks.delivered_once(lab, [o.mail for o in outcomes + standby + again])


# ---- drain ------------------------------------------------------------------------


def test_a_drain_sends_nothing_new_and_cuts_nothing(lab, served):
    held = smtp.hold(lab, smtp.mails_from(lab.clients, 30))
    on_mx2 = [session for session in held if session.backend == "mx2"]
    assert on_mx2

    assert served.ctl("backend", "drain", "mx2", "-m", "new disk").code == 0
    doc = served.backend("mx2")
    assert (doc["admin"]["state"], doc["admin"]["message"]) == ("drain", "new disk")
    assert not doc["serving"] and doc["weight"]["effective"] == 0
    assert doc["connections"]["open"] == len(on_mx2)
    assert doc["health"]["state"] == "up", "a drained backend is still probed"
    assert served.ctl("status").code == 0, "a drain is wanted; it does not count"
    mails = assert_spared(lab, "mx2")

    served.kill()
    mails += assert_spared(lab, "mx2")
    served.start()
    assert_drained(served)
    mails += assert_spared(lab, "mx2")
    served.restart()
    assert_drained(served)
    assert served.ctl("config", "reload").code == 0
    assert_drained(served)
    mails += assert_spared(lab, "mx2")

    for session in held:
        session.finish()
    served.await_backend("mx2", "to be empty", lambda doc: doc["connections"]["open"] == 0)
    assert served.ctl("backend", "ready", "mx2").code == 0
    served.await_serving("mx2")
    outcomes = smtp.send_all(lab, mails_everywhere(lab))
    checks.all_accepted(outcomes)
    assert "mx2" in {o.backend for o in outcomes}
    checks.delivered_once(lab, mails + [s.mail for s in held] + [o.mail for o in outcomes])


def assert_spared(lab, name):
    outcomes = smtp.send_all(lab, mails_everywhere(lab))
    checks.all_accepted(outcomes)
    assert name not in {o.backend for o in outcomes}
    return [o.mail for o in outcomes]


def assert_drained(mxlb):
    doc = mxlb.backend("mx2")
    assert (doc["admin"]["state"], doc["admin"]["message"]) == ("drain", "new disk")


def test_drain_wait_ends_with_the_last_session(lab, mxlb):
    mxlb.start()
    mxlb.await_serving()
    held = smtp.hold(lab, smtp.mails_from(lab.clients, 20))
    assert "mx1" in {session.backend for session in held}
    reply = mxlb.ctl("--json", "backend", "drain", "mx1", "--wait", "--timeout", "500ms")
    assert reply.code == 5, "some session is still open"
    assert mxlb.backend("mx1")["admin"]["state"] == "drain", "the drain stays"
    for session in held:
        session.finish()
    reply = mxlb.ctl("--json", "backend", "drain", "mx1", "--wait", "--timeout", "30s")
    assert reply.code == 0
    assert (reply.doc["backend"], reply.doc["drained"], reply.doc["open"]) == ("mx1", True, 0)


def test_the_last_usable_backend_is_not_drained_by_accident(mxlb):
    mxlb.start()
    mxlb.await_serving()
    assert mxlb.ctl("backend", "drain", "mx1").code == 0
    assert mxlb.ctl("backend", "maint", "mx2").code == 0
    for verb in (("drain", "mx3"), ("maint", "mx3"), ("weight", "mx3", "0")):
        reply = mxlb.ctl("backend", *verb)
        assert reply.code == 6, verb
        assert len(reply.err.splitlines()) == 1 and reply.err.startswith("mxlbctl: ")
    assert mxlb.backend("mx3")["serving"]
    assert mxlb.ctl("backend", "drain", "mx3", "--force").code == 0
    assert not mxlb.backend("mx3")["serving"]
    for name in ("mx1", "mx2", "mx3"):
        assert mxlb.ctl("backend", "ready", name).code == 0
    mxlb.await_serving()


def test_weight_of_an_operator(lab, mxlb):
    """Survives restart and reload; 0 sends nothing new; `reset` ends it."""
    mxlb.start()
    mxlb.await_serving()
    assert mxlb.ctl("backend", "weight", "mx1", "0").code == 0
    assert mxlb.ctl("backend", "weight", "mx2", "50%").code == 0
    mails = assert_spared(lab, "mx1")
    mxlb.restart()
    assert mxlb.ctl("config", "reload").code == 0
    assert mxlb.backend("mx1")["weight"] == {"configured": 100, "effective": 0}
    mxlb.await_backend("mx2", "to weigh 50", lambda doc: doc["weight"]["effective"] == 50)
    mails += assert_spared(lab, "mx1")
    for name in ("mx1", "mx2"):
        assert mxlb.ctl("backend", "weight", name, "reset").code == 0
        mxlb.await_backend(name, "to weigh 100", lambda doc: doc["weight"]["effective"] == 100)
    checks.delivered_once(lab, mails)


# ---- nobody left ------------------------------------------------------------------


@contextlib.contextmanager
def syn_sent(lab, source, family):
    """A socket whose connect() to the VIP is under way."""
    with lab.client.entered():
        sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
    with sock:
        sock.bind((source, 0))
        sock.setblocking(False)
        assert sock.connect_ex((VIPS[family], 25)) == errno.EINPROGRESS
        yield sock


def all_down(lab, mxlb, datapath, unavailable):
    for mta in lab.backends.values():
        mta.stop()
    mxlb.service_conf["unavailable"] = unavailable
    mxlb.start_on(datapath)
    for name in lab.backends:
        mxlb.await_backend(name, "to be down", lambda doc: doc["health"]["state"] == "down")
    assert mxlb.json("service", "show", SERVICE)["state"] == "down"


@pytest.mark.parametrize("datapath", ["xdp", "xdp-generic", "tc"])
def test_all_down_and_reset_refuses_at_the_first_syn(lab, mxlb, datapath):
    all_down(lab, mxlb, datapath, "reset")
    for family in (4, 6):
        source = lab.clients[11].addr[family]
        with wire.Wire(lab.client) as seen:
            with syn_sent(lab, source, family) as sock:
                port = sock.getsockname()[1]
                seen.wait("a RST for the client", lambda packets: any(
                    p.dst == (source, port) and p.flags & wire.RST for p in packets))
                assert select.select([], [sock], [], 10)[1], "the client's kernel took it"
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
                packets = seen.seen((source, port))
        assert [p.outgoing for p in packets] == [True, False], "one SYN, one answer"
        assert packets[0].is_(wire.SYN) and packets[1].is_(wire.RST, wire.ACK)
        assert packets[1].src == (VIPS[family], 25)
        assert mxlb.metrics().total("mxlb_service_refused_connections_total",
                                    service=SERVICE, family=str(family)) == 1
    # And the service comes back by itself.
    lab.start_all()
    mxlb.await_serving()
    checks.all_accepted(smtp.send_all(lab, mails_everywhere(lab)))


@pytest.mark.parametrize("datapath", ["xdp", "xdp-generic", "tc"])
def test_all_down_and_drop_says_nothing(lab, mxlb, datapath):
    all_down(lab, mxlb, datapath, "drop")
    for family in (4, 6):
        source = lab.clients[11].addr[family]
        with wire.Wire(lab.client) as seen:
            with syn_sent(lab, source, family) as sock:
                port = sock.getsockname()[1]
                # The client's kernel repeats its SYN only if nothing answered the first.
                seen.wait("a second SYN", lambda packets: sum(
                    p.src == (source, port) and p.is_(wire.SYN) for p in packets) == 2)
                packets = seen.seen((source, port))
        assert all(p.outgoing for p in packets), packets
