# SPDX-License-Identifier: BSD-2-Clause
"""A flood of SYNs beside five hundred sessions that talk, and new ones that come: none of
either is lost, and the flood gets no more memory than the cap on half-open flows.

The flood comes in by a link of its own, but the links to the hosts it shares, and there
packets are lost when it is too much for them. A host that answers with SYN cookies knows
nothing of a connection whose ACK is lost, and the client waits for the greeting in vain
(the client speaks second): such a sender tries again, as any MTA does.

MXLB_FLOOD_SECONDS: how long each flood lasts. What was reached is printed (pytest -s)."""
import contextlib
import dataclasses
import json
import os
import subprocess
import time

import crowd
import crowded
import nets
import pytest
from lab import VIPS, exit_on_sigterm
from mxlb import BUILD
from netns import wait_until

SECONDS = int(os.environ.get("MXLB_FLOOD_SECONDS", "5"))
RATE = 200_000
ESTABLISHED = 500
HALF_OPEN = 4096
BATCH = 10  # new sessions at one time
PAUSE = 0.1  # between batches
PATIENCE = 60.0
GREETING = 4.0  # a SYN sent again after 1 and 3 seconds is still in time
TRIES = 8


@pytest.fixture(scope="module")
def mesh():
    exit_on_sigterm()
    crowd.allow_files()
    with crowded.served_mesh() as made:
        yield made


@contextlib.contextmanager
def flood(mesh, family):
    """The generator runs from the start of the block; it ends by itself, or with the block."""
    v6 = ("--v6",) if family == 6 else ()
    proc = mesh.client.popen(
        BUILD / "tests/flood", "--interface", "eth1", "--vip", VIPS[family], *v6,
        "--dst-mac", nets.mac_of(mesh.router, "wan2"), "--rate", RATE, "--seconds", SECONDS,
        stdout=subprocess.PIPE, text=True)
    try:
        yield proc
    finally:
        proc.kill()
        proc.wait()
        proc.stdout.close()


@dataclasses.dataclass
class Seen:
    """What was met while the flood lasted."""
    accepted: int = 0
    silent: int = 0  # tries that never got a greeting
    refused: list = dataclasses.field(default_factory=list)
    slowest: float = 0.0
    half_open: list = dataclasses.field(default_factory=list)


def come_anew(group, fresh, seen):
    """A batch of new sessions, each up to its mail being accepted."""
    begun = time.monotonic()
    wanted = BATCH
    for _ in range(TRIES):
        at = len(group.sessions)
        group.open([next(fresh) for _ in range(wanted)], crowded.SERVERS, GREETING)
        silent = [s for s in group.sessions[at:] if s.fault and not s.backend]
        group.play(group.sessions[at:], crowd.mail_steps(crowd.BODY), PATIENCE)
        faults = [s.fault for s in group.sessions[at:] if s.fault and s not in silent]
        seen.refused += faults
        seen.accepted += wanted - len(silent) - len(faults)
        seen.silent += len(silent)
        wanted = len(silent)
        if not wanted:
            break
    seen.refused += ["not served however often it tried"] * wanted
    seen.slowest = max(seen.slowest, time.monotonic() - begun)


def lost_on_links(mesh):
    """Packets that found a link's queue full, between clients and hosts."""
    ends = [(mesh.client, "eth0"), (mesh.router, "wan1"), (mesh.router, "lan1"),
            (mesh.lan, "uplink1"), (mesh.lan, "p11"), (mesh.lan, "p12"),
            *((ns, "eth0") for ns in mesh.hosts.values())]
    lost = 0
    for ns, interface in ends:
        link = json.loads(ns.run("ip", "-j", "-s", "link", "show", "dev", interface).stdout)[0]
        lost += sum(link["stats64"][way]["dropped"] for way in ("rx", "tx"))
    return lost


def half_open(mxlb):
    return mxlb.metrics().total("mxlb_flows", table="half_open")


def under_flood(mesh, mxlb, family, newcomers):
    """(what the generator says, Seen)"""
    seen = Seen()
    fresh = iter(crowded.sources(mesh, 100_000, (family,), first_port=30000))
    with flood(mesh, family) as proc:
        wait_until("the cap on half-open flows", lambda: half_open(mxlb) >= HALF_OPEN)
        while proc.poll() is None:
            come_anew(newcomers, fresh, seen)
            seen.half_open.append(half_open(mxlb))
            with contextlib.suppress(subprocess.TimeoutExpired):
                proc.wait(PAUSE)  # or they would have all the files there are
        assert proc.returncode == 0
        return proc.stdout.read().strip(), seen


@pytest.mark.parametrize("datapath, family", [("xdp", 4), ("tc", 4), ("xdp", 6)])
def test_a_flood_harms_no_session(mesh, datapath, family):
    with crowded.balanced(mesh, datapath, max=65536, half_open=HALF_OPEN) as mxlb, \
            crowd.Crowd(mesh.client) as group, crowd.Crowd(mesh.client) as newcomers:
        group.open(crowded.sources(mesh, ESTABLISHED, (family,)), crowded.SERVERS)
        assert not group.faults(), group.faults()[:5]
        before, lost = mxlb.metrics(), lost_on_links(mesh)
        assert before.total("mxlb_flows", table="established") == ESTABLISHED
        assert before.total("mxlb_flow_table_full_total") == 0
        with crowd.Talk(group, pause=1.0) as talk:
            sent, seen = under_flood(mesh, mxlb, family, newcomers)
            talk.wait_rounds(1)
        group.play(group.sessions, crowd.mail_steps(crowd.BODY), PATIENCE)
        lost = lost_on_links(mesh) - lost
        report(f"{datapath} IPv{family}", sent, seen, mxlb.metrics(), lost)
        check(mxlb.metrics(), group, seen, lost)


def dropped(metrics):
    """Reason -> packets that mxlb itself has dropped."""
    return {labels["reason"]: value for name, labels, value in metrics.samples
            if name == "mxlb_dropped_packets_total" and value}


def report(what, sent, seen, metrics, lost):
    print(f"\n{what}: {sent}; SYNs met {metrics.total('mxlb_service_syns_total'):.0f};"
          f" half-open {max(seen.half_open):.0f} of {HALF_OPEN};"
          f" table full {metrics.total('mxlb_flow_table_full_total'):.0f};"
          f" new sessions accepted {seen.accepted}, tries without a greeting {seen.silent}"
          f" (lost on links: {lost} packets), slowest batch {seen.slowest:.1f} s")


def check(metrics, group, seen, lost):
    assert not group.faults(), f"{len(group.faults())} lost: {group.faults()[:5]}"
    assert not seen.refused, f"{len(seen.refused)} refused: {seen.refused[:5]}"
    assert seen.accepted >= BATCH
    assert seen.silent <= lost, "it is the links alone that may lose packets"
    # A single one of millions was seen once, and not yet explained (docs/limits.md).
    assert sum(dropped(metrics).values()) <= 2, dropped(metrics)
    # Each processor may be past the test when another takes the last place.
    assert HALF_OPEN - BATCH <= min(seen.half_open), seen.half_open
    assert max(seen.half_open) <= HALF_OPEN + os.cpu_count(), seen.half_open
    assert metrics.total("mxlb_flow_table_full_total") > 0
    assert metrics.total("mxlb_flows", table="established") >= ESTABLISHED
    assert crowded.ended_badly(metrics) == 0
