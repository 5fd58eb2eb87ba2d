# SPDX-License-Identifier: BSD-2-Clause
"""The data path outlives the daemon; a reload cuts nothing; a broken config changes nothing."""
import signal

import checks
import pytest
import smtp
from mxlb import SERVICE
from netns import wait_until

BROKEN = "interfaces: [eth0, eth1]\nservices:\n  mx-in: {address: 192.0.2.25, prot: 25}\n"


def open_flows(mxlb):
    return mxlb.flow_count("--state", "established")


def assert_only_grew(before, after):
    """Every counter of the earlier scrape is in the later one, and no lower."""
    earlier, later = before.counters(), after.counters()
    assert earlier, "the scrape has counters"
    fell = {key[0] for key, value in earlier.items() if later.get(key, -1.0) < value}
    assert not fell


def connections(mxlb):
    return mxlb.metrics().total("mxlb_service_connections_total", service=SERVICE)


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "terminate"])
def test_fifty_sessions_in_data_outlive_the_daemon(lab, served, sig):
    mails = smtp.mails_from(lab.clients, 50)
    held = smtp.hold(lab, mails)
    wait_until("50 open flows", lambda: open_flows(served) == 50)
    before = served.metrics()

    code = served.stop(sig)
    assert code == (0 if sig == signal.SIGTERM else -signal.SIGKILL)
    for session in held[:25]:
        session.finish()
    while_dead = smtp.send_all(lab, smtp.mails_from(lab.clients, 20))
    checks.all_accepted(while_dead)

    served.start()
    wait_until("the 25 open flows to be adopted", lambda: open_flows(served) == 25)
    after = served.metrics()
    assert_only_grew(before, after)
    assert connections(served) == 70
    served.await_serving()
    for session in held[25:]:
        session.finish()
    since = smtp.send_all(lab, smtp.mails_from(lab.clients, 20))
    checks.all_accepted(since)
    checks.delivered_once(lab, mails + [o.mail for o in while_dead + since])
    wait_until("no open flows", lambda: open_flows(served) == 0)
    assert connections(served) == 90
    nets = checks.backend_of_each_net(lab, while_dead + since)
    assert {s.backend for s in held} == set(nets.values())


@pytest.mark.parametrize("how", ["SIGHUP", "config reload"])
def test_a_reload_cuts_nothing_and_applies(lab, served, how):
    held = smtp.hold(lab, smtp.mails_from(lab.clients, 20))
    before = served.metrics()
    served.service_conf["backends"]["mx2"]["weight"] = 50
    served.write()
    if how == "SIGHUP":
        served.hup()
    else:
        assert served.ctl("config", "reload").code == 0
    served.await_backend("mx2", "to weigh 50", lambda doc: doc["weight"]["configured"] == 50)
    assert open_flows(served) == 20
    after = served.metrics()
    assert_only_grew(before, after)
    assert after.total("mxlb_config_last_reload_successful") == 1
    for session in held:
        session.finish()
    outcomes = smtp.send_all(lab, smtp.mails_from(lab.clients, 40))
    checks.all_accepted(outcomes)
    checks.delivered_once(lab, [s.mail for s in held] + [o.mail for o in outcomes])


def test_a_reload_adds_and_removes_backends(lab, mxlb):
    """A backend that leaves the config keeps its open sessions and gets no new ones."""
    mxlb.start()
    mxlb.await_serving()
    held = smtp.hold(lab, smtp.mails_from(lab.clients, 24))
    staying = [s for s in held if s.backend == "mx3"]
    assert staying
    removed = mxlb.service_conf["backends"].pop("mx3")
    mxlb.write()
    assert mxlb.ctl("config", "reload").code == 0
    assert mxlb.backend("mx3")["admin"]["state"] == "removed"
    outcomes = smtp.send_all(lab, smtp.mails_from(lab.clients, 60))
    checks.all_accepted(outcomes)
    assert {o.backend for o in outcomes} == {"mx1", "mx2"}
    for session in held:
        session.finish()
    wait_until("mx3 to leave the list", lambda: "mx3" not in {
        doc["name"] for doc in mxlb.json("backend", "list")})
    mxlb.service_conf["backends"]["mx3"] = removed
    mxlb.write()
    assert mxlb.ctl("config", "reload").code == 0
    mxlb.await_serving()
    outcomes += smtp.send_all(lab, smtp.mails_from(lab.clients, 60))
    checks.all_accepted(outcomes)
    assert "mx3" in {o.backend for o in outcomes[60:]}
    checks.delivered_once(lab, [s.mail for s in held] + [o.mail for o in outcomes])


def test_a_broken_config_changes_nothing(lab, served):
    held = smtp.hold(lab, smtp.mails_from(lab.clients, 10))
    shown = served.ctl("config", "show").out
    services = [(s["name"], s["vips"]) for s in served.json("service", "list")]
    served.write(BROKEN)

    served.hup()
    wait_until("the daemon to have refused it", lambda: served.metrics().total(
        "mxlb_config_last_reload_successful") == 0)
    reply = served.ctl("config", "reload")
    assert reply.code == 2
    assert f"{served.path}:3:" in reply.err and "prot" in reply.err

    assert served.running
    status = served.json("status")
    assert status["config"]["ok"] is False
    assert served.ctl("config", "show").out == shown
    assert [(s["name"], s["vips"]) for s in served.json("service", "list")] == services
    served.await_serving()
    for session in held:
        session.finish()
    outcomes = smtp.send_all(lab, smtp.mails_from(lab.clients, 30))
    checks.all_accepted(outcomes)
    checks.delivered_once(lab, [s.mail for s in held] + [o.mail for o in outcomes])

    served.write()
    assert served.ctl("config", "reload").code == 0
    assert served.metrics().total("mxlb_config_last_reload_successful") == 1
    assert served.json("status")["config"]["ok"] is True


@pytest.mark.parametrize("change", [
    {"flows": {"max": 2048}}, {"hash_seed": 7}, {"state_dir": "/run/elsewhere"},
    {"pin_dir": "/run/elsewhere"}, {"control": {"socket": "/run/elsewhere.sock"}}], ids=str)
def test_what_needs_a_restart_is_refused_by_reload(mxlb, change):
    mxlb.start()
    shown = mxlb.ctl("config", "show").out
    mxlb.write_with(**change)
    reply = mxlb.ctl("config", "reload")
    assert reply.code == 2
    assert next(iter(change)) in reply.err and "restart" in reply.err
    assert mxlb.ctl("config", "show").out == shown


def test_a_restart_with_another_flow_limit_keeps_the_flows(lab, served):
    held = smtp.hold(lab, smtp.mails_from(lab.clients, 12))
    wait_until("12 open flows", lambda: open_flows(served) == 12)
    served.conf["flows"] = {"max": 4096}
    served.restart()
    assert served.json("status")["flows"]["max"] == 4096
    assert open_flows(served) == 12
    for session in held:
        session.finish()
    checks.delivered_once(lab, [s.mail for s in held])
