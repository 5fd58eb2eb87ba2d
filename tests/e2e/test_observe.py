# SPDX-License-Identifier: BSD-2-Clause
"""What can be seen of it: metrics, health, the CLI's documents, and who may ask."""
import re
import subprocess

import checks
import pytest
import smtp
from mxlb import NOBODY, SERVICE
from netns import wait_until

IN_NOGROUP = ("setpriv", "--reuid=65534", "--regid=65534", "--groups=65534")
# SETPCAP SYS_MODULE SYS_RAWIO SYS_PTRACE SYS_BOOT SYS_TIME MKNOD SETFCAP MAC_ADMIN
NEVER_NEEDED = (8, 16, 17, 19, 22, 25, 27, 31, 33)
# What of the table exists so far: all but what later issues bring (re-dispatch, greetings,
# TLS, early talkers).
FAMILIES = {
    "mxlb_build_info": "gauge", "mxlb_interface_attached": "gauge",
    "mxlb_config_last_reload_successful": "gauge",
    "mxlb_config_last_reload_success_timestamp_seconds": "gauge",
    "mxlb_packets_total": "counter", "mxlb_dropped_packets_total": "counter",
    "mxlb_service_syns_total": "counter", "mxlb_service_connections_total": "counter",
    "mxlb_service_refused_connections_total": "counter", "mxlb_service_fail_open": "gauge",
    "mxlb_service_backends": "gauge", "mxlb_backend_connections_total": "counter",
    "mxlb_backend_connections": "gauge", "mxlb_backend_connections_limit": "gauge",
    "mxlb_backend_weight": "gauge", "mxlb_backend_bytes_total": "counter",
    "mxlb_backend_packets_total": "counter", "mxlb_backend_up": "gauge",
    "mxlb_backend_state_changes_total": "counter", "mxlb_probe_attempts_total": "counter",
    "mxlb_flows": "gauge", "mxlb_flows_max": "gauge", "mxlb_flow_table_full_total": "counter",
    "mxlb_flows_adopted_total": "counter", "mxlb_events_lost_total": "counter",
}


@pytest.fixture
def used(lab, mxlb):
    """mxlbd after 60 mails from everywhere, and their outcomes."""
    mxlb.start_on("xdp")
    mxlb.await_serving()
    outcomes = smtp.send_all(lab, smtp.mails_from(lab.clients, 60))
    checks.all_accepted(outcomes)
    wait_until("all flows to have ended", lambda: mxlb.flow_count("--state", "established") == 0)
    return mxlb, outcomes


def test_metrics_pass_promtool_and_name_no_client(lab, used):
    mxlb, _ = used
    status, text = mxlb.http("/metrics")
    assert status == 200
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    metrics = mxlb.metrics()
    missing = {n: t for n, t in FAMILIES.items() if metrics.types.get(n) != t}
    assert not missing, f"not there, or not of this type: {missing}"
    for client in lab.clients:
        assert client.addr[4] not in text and client.addr[6] not in text


def test_metrics_count_what_was_sent(used):
    mxlb, outcomes = used
    metrics = mxlb.metrics()
    for family in (4, 6):
        of_family = [o for o in outcomes if o.mail.family == family]
        for name in ("mxlb_service_connections_total", "mxlb_service_syns_total"):
            assert metrics.total(name, service=SERVICE, family=str(family)) == len(of_family)
        for backend in ("mx1", "mx2", "mx3"):
            labels = {"service": SERVICE, "backend": backend, "family": str(family)}
            mails = [o for o in of_family if o.backend == backend]
            assert metrics.total("mxlb_backend_connections_total", **labels) == len(mails)
            assert metrics.total("mxlb_backend_connections", **labels) == 0
            assert metrics.total("mxlb_backend_up", **labels) == 1
            sent = sum(len(o.mail.text()) for o in mails)
            assert metrics.total("mxlb_backend_bytes_total", direction="in", **labels) >= sent
    assert metrics.total("mxlb_service_refused_connections_total") == 0
    assert metrics.total("mxlb_packets_total", action="redirect") > 60 * 10


def test_health_endpoint(used):
    mxlb, _ = used
    assert mxlb.http("/healthz")[0] == 200
    assert mxlb.http("/no-such-page")[0] == 404


def test_metrics_of_the_cli_are_those_of_the_listener(used):
    mxlb, _ = used
    text = mxlb.ctl("metrics").out
    names = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    assert names == set(mxlb.metrics().types)


# ---- documents --------------------------------------------------------------------


def test_status_and_its_parts(used):
    mxlb, _ = used
    status = mxlb.json("status")
    assert status["schema"] == "mxlb.status/1"
    assert status["config"]["path"] == str(mxlb.path) and status["config"]["ok"] is True
    # Unless a probe ends between the two.
    wait_until("both to list the same", lambda: mxlb.json("status")["services"] == mxlb.json(
        "service", "list"))
    service = status["services"][0]
    assert (service["schema"], service["name"], service["state"]) == (
        "mxlb.service/1", SERVICE, "up")
    assert service["vips"] == ["192.0.2.25:25", "[2001:db8::25]:25"]
    assert service["connections"]["total"] == 60
    assert [b["name"] for b in service["backends"]] == ["mx1", "mx2", "mx3"]
    backend = mxlb.backend("mx1")
    assert backend["schema"] == "mxlb.backend/1"
    assert backend["addresses"] == ["10.0.0.11:25", "[fd00::11]:25"]
    assert (backend["health"]["state"], backend["health"]["reason"]) == ("up", "ok")
    assert backend["probe"]["ok"] is True and backend["probe"]["code"] == 220
    assert mxlb.ctl("status").code == 0


def test_flow_list_shows_who_is_where(lab, used):
    mxlb, _ = used
    held = smtp.hold(lab, smtp.mails_from(lab.clients, 12))
    flows = mxlb.json("flow", "list", "--state", "established")
    found = {(flow["client"].rpartition(":")[0].strip("[]"), flow["backend"]) for flow in flows}
    assert found == {(session.mail.source, session.backend) for session in held}
    one = held[0]
    assert [f["backend"] for f in mxlb.json(
        "flow", "list", "--state", "established", "--client", one.mail.source)] == [one.backend]
    for backend in ("mx1", "mx2", "mx3"):
        assert mxlb.flow_count("--state", "established", "--backend", backend) == sum(
            session.backend == backend for session in held)
    assert mxlb.flow_count("--state", "established", "--client", "198.51.100.0/24") == sum(
        session.mail.source.startswith("198.51.100.") for session in held)
    for session in held:
        session.finish()


def test_probe_prints_the_dialogue(lab, used):
    mxlb, _ = used
    reply = mxlb.ctl("probe", "mx1", "-v")
    assert reply.code == 0
    for line in ("220 mx1.example.net", "EHLO lb1.example.net", "QUIT", "221 "):
        assert line in reply.out
    lab.backends["mx1"].stop()
    reply = mxlb.ctl("probe", "mx1")
    assert reply.code == 1 and "connect_refused" in reply.out + reply.err


def test_probes_leave_clean_lines_in_the_mta_log(lab, mxlb):
    """Greeting, EHLO and QUIT; no "lost connection", no improper command."""
    log = lab.backends["mx1"].log
    start = len(log.read_text(encoding="utf-8"))
    mxlb.start()

    def ends():
        text = log.read_text(encoding="utf-8")[start:]
        return re.findall(r"disconnect from unknown\[(?:10\.0\.0\.1|fd00::1)\] (.*)", text)

    wait_until("ten probes", lambda: len(ends()) >= 10)
    assert set(ends()) == {"ehlo=1 quit=1 commands=2"}
    assert "improper command" not in log.read_text(encoding="utf-8")[start:]


def test_exit_codes_of_the_cli(used):
    mxlb, _ = used
    assert mxlb.ctl("backend", "show", "mx9").code == 4
    assert mxlb.ctl("service", "show", "nowhere").code == 4
    assert mxlb.ctl("backend", "drain", "mx9").code == 4
    version = mxlb.json("version")
    assert version["version"] and version["kernel"] and version["libbpf"]
    assert mxlb.stop() == 0
    reply = mxlb.ctl("status")
    assert reply.code == 3
    assert reply.err.startswith("mxlbctl: ") and len(reply.err.splitlines()) == 1


# ---- who may ask ------------------------------------------------------------------


def test_the_control_socket_rejects_strangers(mxlb):
    mxlb.start()
    assert mxlb.socket.stat().st_mode & 0o007 == 0
    reply = mxlb.ctl("--json", "status", as_user=NOBODY)
    assert reply.code != 0 and SERVICE not in reply.out
    # The file's mode is the first lock; the peer's credentials are the second.
    mxlb.socket.chmod(0o777)
    reply = mxlb.ctl("--json", "status", as_user=NOBODY)
    assert reply.code == 2 and SERVICE not in reply.out and reply.err
    assert mxlb.ctl("backend", "drain", "mx1", as_user=NOBODY).code == 2
    assert mxlb.backend("mx1")["admin"]["state"] == "ready"
    assert mxlb.ctl("status").code in (0, 1), "and the daemon is well"


def test_a_member_of_the_group_may_ask(mxlb):
    mxlb.conf["control"]["group"] = "nogroup"
    mxlb.start()
    mxlb.await_serving()
    reply = mxlb.ctl("--json", "status", as_user=IN_NOGROUP)
    assert reply.code == 0 and reply.doc["services"][0]["name"] == SERVICE


def test_a_group_that_does_not_exist_is_a_config_error(mxlb):
    mxlb.conf["control"]["group"] = "no-such-group"
    mxlb.write()
    reply = mxlb.run_daemon()
    assert reply.code == 2 and "no-such-group" in reply.err


def test_privileges_are_dropped(mxlb):
    """A running mxlbd holds what the network and BPF ask for, and cannot get more."""
    mxlb.start()
    with open(f"/proc/{mxlb.pid}/status", encoding="ascii") as f:
        caps = dict(re.findall(r"^(Cap\w+):\s+([0-9a-f]+)$", f.read(), re.M))
    effective, bounding = int(caps["CapEff"], 16), int(caps["CapBnd"], 16)
    for cap in NEVER_NEEDED:
        assert not effective >> cap & 1, f"capability {cap} is held"
    assert bounding & ~effective == 0
