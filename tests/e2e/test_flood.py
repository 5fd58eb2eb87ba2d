# SPDX-License-Identifier: BSD-2-Clause
"""A flood of SYNs beside five hundred sessions that talk, and new ones that come: none of
either is lost, and the flood gets no more memory than the cap on half-open flows.

MXLB_FLOOD_SECONDS: how long each flood lasts. What was reached is printed (pytest -s)."""
import contextlib
import dataclasses
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
PATIENCE = 60.0


@pytest.fixture(scope="module")
def mesh():
    exit_on_sigterm()
    with crowded.served_mesh() as made:
        yield made


@contextlib.contextmanager
def flood(mesh, family):
    """The generator runs from the start of the block; it ends by itself, or with the block."""
    v6 = ("--v6",) if family == 6 else ()
    proc = mesh.client.popen(
        BUILD / "tests/flood", "--interface", "eth0", "--vip", VIPS[family], *v6,
        "--dst-mac", nets.mac_of(mesh.router, "wan1"), "--rate", RATE, "--seconds", SECONDS,
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
    tried: int = 0
    slowest: float = 0.0
    half_open: list = dataclasses.field(default_factory=list)


def come_anew(group, fresh, seen):
    """A batch of new sessions, each up to its mail being accepted."""
    begun = time.monotonic()
    at = len(group.sessions)
    group.open([next(fresh) for _ in range(BATCH)], crowded.SERVERS, PATIENCE)
    group.play(group.sessions[at:], crowd.mail_steps(crowd.BODY), PATIENCE)
    seen.tried += BATCH
    seen.slowest = max(seen.slowest, time.monotonic() - begun)


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
        assert proc.returncode == 0
        return proc.stdout.read().strip(), seen


@pytest.mark.parametrize("datapath, family", [("xdp", 4), ("tc", 4), ("xdp", 6)])
def test_a_flood_harms_no_session(mesh, datapath, family):
    with crowded.balanced(mesh, datapath, max=65536, half_open=HALF_OPEN) as mxlb, \
            crowd.Crowd(mesh.client) as group, crowd.Crowd(mesh.client) as newcomers:
        group.open(crowded.sources(mesh, ESTABLISHED, (family,)), crowded.SERVERS)
        assert not group.faults(), group.faults()[:5]
        before = mxlb.metrics()
        assert before.total("mxlb_flows", table="established") == ESTABLISHED
        assert before.total("mxlb_flow_table_full_total") == 0
        with crowd.Talk(group, pause=1.0) as talk:
            sent, seen = under_flood(mesh, mxlb, family, newcomers)
            talk.wait_rounds(1)
        group.play(group.sessions, crowd.mail_steps(crowd.BODY), PATIENCE)
        report(f"{datapath} IPv{family}", sent, seen, mxlb.metrics(), talk)
        check(mxlb.metrics(), group, newcomers, seen)


def report(what, sent, seen, metrics, talk):
    syns = metrics.total("mxlb_service_syns_total")
    print(f"\n{what}: {sent}; SYNs met {syns:.0f}; half-open {max(seen.half_open):.0f} of"
          f" {HALF_OPEN}; table full {metrics.total('mxlb_flow_table_full_total'):.0f};"
          f" new sessions tried {seen.tried}, slowest batch {seen.slowest:.1f} s;"
          f" rounds of the {ESTABLISHED}: {talk.rounds}")


def check(metrics, group, newcomers, seen):
    assert not group.faults(), f"{len(group.faults())} lost: {group.faults()[:5]}"
    assert not newcomers.faults(), f"{len(newcomers.faults())} refused: {newcomers.faults()[:5]}"
    assert seen.tried >= BATCH
    # Each processor may be past the test when another takes the last place.
    assert HALF_OPEN - BATCH <= min(seen.half_open), seen.half_open
    assert max(seen.half_open) <= HALF_OPEN + os.cpu_count(), seen.half_open
    assert metrics.total("mxlb_flow_table_full_total") > 0
    assert metrics.total("mxlb_flows", table="established") >= ESTABLISHED
    assert crowded.ended_badly(metrics) == 0
