# SPDX-License-Identifier: BSD-2-Clause
"""Starting where something is missing or in the way, and leaving without a trace."""
import os
import pathlib

import checks
import kernel
import pytest
import smtp
from lab import xdp_off, xdp_pass
from mxlb import NOBODY
from netns import run, wait_until


def pinned(mxlb):
    return [path for path in mxlb.pin_dir.rglob("*") if not path.is_dir()]


def assert_untouched(mxlb, *interfaces):
    """Nothing of mxlb's is on the interfaces or pinned."""
    for interface in interfaces:
        assert not kernel.tc_programs(mxlb.lab.router, interface)
        assert not kernel.has_clsact(mxlb.lab.router, interface)
    assert not pinned(mxlb) and not os.path.ismount(mxlb.pin_dir)


def assert_refused(reply, *words):
    """Exit 1, and a message that names the thing and the remedy."""
    assert reply.code == 1, reply.err
    for word in words:
        assert word in reply.err, f"{word!r} is not in: {reply.err}"


# ---- purge ------------------------------------------------------------------------


@pytest.mark.parametrize("datapath", ["xdp", "xdp-generic", "tc"])
def test_purge_leaves_nothing(lab, mxlb, datapath):
    mxlb.start_on(datapath)
    mxlb.await_serving()
    programs = {kernel.xdp(lab.router, i)[1] for i in ("eth0", "eth1")} - {0}
    for interface in ("eth0", "eth1"):
        programs |= kernel.tc_programs(lab.router, interface)
    assert len(programs) >= (1 if datapath == "tc" else 2)
    maps = set().union(*map(kernel.maps_of, programs))
    assert maps and pinned(mxlb) and os.path.ismount(mxlb.pin_dir)

    reply = mxlb.purge()
    assert_refused(reply, "running")
    checks.all_accepted(smtp.send_all(lab, smtp.mails_from(lab.clients, 12)))
    assert all(kernel.exists("prog", number) for number in programs)

    assert mxlb.stop() == 0
    checks.all_accepted(smtp.send_all(lab, smtp.mails_from(lab.clients, 12)))
    assert mxlb.purge().code == 0
    assert kernel.xdp(lab.router, "eth0")[1] == 0 and kernel.xdp(lab.router, "eth1")[1] == 0
    assert_untouched(mxlb, "eth0", "eth1")
    # The kernel frees them a moment after the last reference is gone.
    for kind, numbers in (("prog", programs), ("map", maps)):
        wait_until(f"every {kind} to be gone",
                   lambda: not any(kernel.exists(kind, number) for number in numbers))
    assert mxlb.purge().code == 0, "nothing to purge is no error"


def test_a_clsact_that_was_there_before_stays(lab, mxlb):
    lab.router.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    mxlb.start_on("tc")
    mxlb.await_serving()
    assert mxlb.stop() == 0 and mxlb.purge().code == 0
    assert kernel.has_clsact(lab.router, "eth0") and not kernel.tc_programs(lab.router, "eth0")
    assert not kernel.has_clsact(lab.router, "eth1")


# ---- preflight --------------------------------------------------------------------


@pytest.mark.parametrize("sysctl", [
    "ipv4__ip_forward", "ipv6__conf__all__forwarding"])
def test_forwarding_off(lab, mxlb, sysctl):
    mxlb.write()
    lab.router.sysctl(**{sysctl: 0})
    try:
        reply = mxlb.run_daemon()
    finally:
        lab.router.sysctl(**{sysctl: 1})
    # ip_forward has the alias conf.all.forwarding; either names the remedy.
    assert_refused(reply, "net.ipv4." if "ipv4" in sysctl else "net.ipv6.", "forward", "=1")
    assert_untouched(mxlb, "eth0", "eth1")


def test_no_such_interface(mxlb):
    mxlb.write_with(interfaces=["eth0", "eth7"])
    assert_refused(mxlb.run_daemon(), "eth7")
    assert_untouched(mxlb, "eth0", "eth1")


def test_no_permission(mxlb):
    mxlb.write()
    assert_refused(mxlb.run_daemon(as_user=NOBODY), "root")
    assert_untouched(mxlb, "eth0", "eth1")


def test_a_second_daemon_is_refused(lab, served):
    reply = served.run_daemon()
    assert_refused(reply, "running")
    assert served.running
    checks.all_accepted(smtp.send_all(lab, smtp.mails_from(lab.clients, 12)))


@pytest.fixture
def foreign(lab):
    """Another's XDP program on eth0; its id."""
    xdp_pass(lab.router, "eth0", lab.dir)
    yield kernel.xdp(lab.router, "eth0")[1]
    xdp_off(lab.router, "eth0")


def test_a_foreign_xdp_program_is_not_replaced(lab, mxlb, foreign):
    mxlb.conf["datapath"] = "xdp"
    mxlb.write()
    assert_refused(mxlb.run_daemon(), "eth0", "XDP")
    assert kernel.xdp(lab.router, "eth0")[1] == foreign
    assert_untouched(mxlb, "eth0", "eth1")


def test_beside_a_foreign_xdp_program_auto_uses_tc(lab, mxlb, foreign):
    mxlb.start_on("auto")
    mxlb.await_serving()
    eth0, eth1 = mxlb.json("status")["interfaces"]
    assert (eth0["name"], eth0["datapath"]) == ("eth0", "tc") and eth0["note"]
    assert (eth1["name"], eth1["datapath"]) == ("eth1", "xdp")
    assert kernel.xdp(lab.router, "eth0")[1] == foreign
    outcomes = smtp.send_all(lab, smtp.mails_from(lab.clients, 60))
    checks.all_accepted(outcomes)
    checks.true_clients(lab, [o.mail for o in outcomes])
    assert mxlb.stop() == 0 and mxlb.purge().code == 0
    assert kernel.xdp(lab.router, "eth0")[1] == foreign


def test_a_bpffs_of_the_operators_stays_mounted(lab, mxlb):
    mount = pathlib.Path(mxlb.dir / "sysfs-bpf")
    mount.mkdir()
    run("mount", "-t", "bpf", "bpf", str(mount))
    mxlb.pin_dir = mount / "mxlb"
    mxlb.conf["pin_dir"] = str(mxlb.pin_dir)
    mxlb.start()
    mxlb.await_serving()
    assert pinned(mxlb) and not os.path.ismount(mxlb.pin_dir)
    assert mxlb.stop() == 0 and mxlb.purge().code == 0
    assert os.path.ismount(mount) and not list(mount.rglob("mxlb*"))
