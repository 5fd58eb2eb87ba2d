# SPDX-License-Identifier: BSD-2-Clause
"""Mail through `forward: tunnel` to the kernel's own tunnel devices, which Debian has: mx1 is
reached by IPv4 (ipip for IPv4 inside, sit for IPv6), mx2 by IPv6 (ip6tnl for both). And
mxlb-decap on this kernel, which cannot yet be told to decapsulate across families.

The hosts' rp_filter is strict. The devices' is loose, and they have the VIP too, as
docs/backends.md asks: on a device without an address a loose filter drops everything.
"""
import contextlib
import pathlib
import subprocess
import sys

import pytest

from forward import ADDRESSES, NEAR, Decap, ForwardLab
from lab import VIP4
from mxlb import BUILD
from netns import wait_until
from smtp import mails_from, send
from test_guest import SlowMxlb

E2E = pathlib.Path(__file__).resolve().parents[1] / "e2e"
OUTER = {"mx1": 4, "mx2": 6}
DEVICES = {"mx1": {"ipip1": "ipip local 10.0.0.11 remote 10.0.0.1",
                   "sit1": "sit local 10.0.0.11 remote 10.0.0.1"},
           "mx2": {"ip6tnl1": "ip6tnl mode any local fd00::12 remote fd00::1"}}


@pytest.fixture(scope="module")
def lab():
    with ForwardLab(NEAR) as made:
        yield made


@pytest.fixture
def tunnels(request, lab):
    """Both hosts take tunnelled packets, by `devices` or by `decap`."""
    with contextlib.ExitStack() as stack:
        for name in NEAR:
            ns = lab.backends[name].ns
            ns.sysctl(ipv4__conf__all__rp_filter=1, ipv4__conf__eth0__rp_filter=1)
            if request.param == "decap":
                stack.enter_context(Decap(ns, "--from", ADDRESSES["router"][OUTER[name]]))
                continue
            for device, kind in DEVICES[name].items():
                ns.ip(f"link add {device} type {kind}", f"link set {device} up")
                stack.callback(ns.ip, f"link del {device}")
                ns.ip(f"addr add {VIP4}/32 dev {device}")
                ns.sysctl(**{f"ipv4__conf__{device}__rp_filter": 2})
        yield request.param


def deliver(lab, mail, log_text):
    """The backend that a mail came to, with its client's address."""
    outcome = send(lab, mail)
    assert outcome.ok, f"{outcome.failures}\n{log_text()}"
    mta = lab.backends[outcome.backend]
    wait_until("delivery", lambda: mail.mail_id in mta.delivered())
    assert mta.logged_clients()[mail.mail_id] == {mail.source}
    return outcome.backend


@pytest.mark.parametrize("tunnels, datapath", [
    ("devices", "xdp"), ("devices", "tc"), ("decap", "tc")], indirect=["tunnels"])
def test_mail(lab, tunnels, datapath):
    """From clients of several networks, until each backend has had mail of both families."""
    wanted = {(name, family) for name in NEAR for family in (4, 6)}
    with SlowMxlb(lab, f"{tunnels}-{datapath}") as mxlb:
        mxlb.service_conf.update(forward="tunnel", backends={
            name: {"address": ADDRESSES[name][outer]} for name, outer in OUTER.items()})
        mxlb.start_on(datapath)
        mxlb.await_serving()
        for mail in mails_from(lab.clients, 2 * len(lab.clients), size=30_000):
            wanted.discard((deliver(lab, mail, mxlb.log_text), mail.family))
            if not wanted:
                break
    assert not wanted


def test_decap_packets():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", E2E / "test_decap.py",
         "-k", "either_family or congestion"],  # the rest is the same everywhere, and slow here
        env={"MXLB_BUILD": str(BUILD), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
