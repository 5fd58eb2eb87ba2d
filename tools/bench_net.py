# SPDX-License-Identifier: BSD-2-Clause
"""The benchmark's second half: mail sessions and raw frames through a router, with each
contestant in turn on it.

Each round runs every contestant once, in another order than the last, so that whatever
drifts on the machine drifts for all. It measures; bench_report.py makes sense of it.
"""
import dataclasses
import os
import sys

from bench_site import (Balanced, BalancedXdp, Direct, DirectXdp, Ground, Haproxy, Nft, NftOne,
                        Site, one_backend)
from netns import LabError

FEW, MANY = 1_000, 100_000  # flows that raw frames belong to
MESSAGE, LARGE_MESSAGE = 2_000, 2 << 20  # bytes
AT_ONCE, LARGE_AT_ONCE = 64, 8  # sessions


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much of everything, in each round."""
    rounds: int
    sessions: int
    single: int  # sessions one at a time
    large: int  # sessions with a large message
    frames: int
    syns: int
    fill: int  # flows in the tables of the contestants that are to have some


FULL = Sizes(rounds=7, sessions=10_000, single=400, large=150, frames=200_000, syns=50_000,
             fill=500_000)
QUICK = Sizes(rounds=2, sessions=2_000, single=100, large=20, frames=50_000, syns=10_000,
              fill=500_000)


@dataclasses.dataclass(frozen=True)
class Contestant:
    key: str
    label: str
    kind: type
    base: str = ""  # subtracted, it leaves the router's share
    filled: bool = False


SESSIONS = (
    Contestant("direct", "no router", Direct),
    Contestant("direct_xdp", "no router, links for XDP", DirectXdp),
    Contestant("forward", "plain forwarding", Site, "direct"),
    Contestant("nft", "nft DNAT", Nft, "direct"),
    Contestant("haproxy", "HAProxy, TCP mode", Haproxy, "direct"),
    Contestant("tc", "mxlb TC", Balanced, "direct"),
    Contestant("xdp", "mxlb XDP", BalancedXdp, "direct_xdp"),
    Contestant("tc_filled", "mxlb TC, 500 k flows", Balanced, "direct", filled=True),
    Contestant("xdp_filled", "mxlb XDP, 500 k flows", BalancedXdp, "direct_xdp", filled=True),
)
FRAMES = (
    Contestant("floor", "dropped on arrival", Site),
    Contestant("forward", "plain forwarding", Site, "floor"),
    Contestant("nft", "nft DNAT", NftOne, "floor"),
    Contestant("tc", "mxlb TC", one_backend(Balanced), "floor"),
    Contestant("xdp", "mxlb XDP", one_backend(BalancedXdp), "floor"),
)
FRAME_KINDS = {"few": f"{FEW:,} flows", "many": f"{MANY:,} flows", "syn": "new flows"}


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Samples:
    """What was measured: a figure from each round, by contestant and measure."""

    def __init__(self):
        self._of = {}

    def add(self, contestant, **figures):
        for measure, figure in figures.items():
            self._of.setdefault((contestant, measure), []).append(figure)

    def of(self, contestant, measure):
        return self._of.get((contestant, measure), [])

    def measures(self, contestant):
        return [measure for name, measure in self._of if name == contestant]

    def all_of(self, measure):
        return [figure for (_, name), figures in self._of.items() if name == measure
                for figure in figures]


def in_rounds(contestants, rounds, what):
    """(round, contestant): each contestant once a round, each time another one first."""
    for number in range(rounds):
        say(f"{what}: round {number + 1} of {rounds}")
        start = number * 2 % len(contestants)
        order = contestants[start:] + contestants[:start]
        for contestant in order if number % 2 == 0 else order[::-1]:
            yield number, contestant


# ---- sessions ---------------------------------------------------------------------


def busy_seconds():
    """Of all processors together, since boot."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq = map(int, f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def measure_small(site, sizes):
    """Many sessions at once: the rate, and what one costs in processor time."""
    busy = busy_seconds()
    mail = site.mail(sizes.sessions, AT_ONCE, MESSAGE)
    busy = busy_seconds() - busy
    return {"sessions_per_second": mail["sessions"] / mail["seconds"],
            "cpu_us": mail["cpu_seconds"] / mail["sessions"] * 1e6,
            "foreign": max(0.0, 1 - mail["cpu_seconds"] / busy) if busy else 0.0}


def measure_single(site, sizes):
    """One session at a time: waiting that nobody else's sessions cause."""
    mail = site.mail(sizes.single, 1, MESSAGE)
    return {f"{what}_{p}_us": mail[f"{what}_{p}_us"]
            for what in ("connect", "greeting") for p in ("p50", "p99")}


def measure_large(site, sizes):
    mail = site.mail(sizes.large, LARGE_AT_ONCE, LARGE_MESSAGE)
    return {"bytes_per_second": mail["sessions"] * mail["message_bytes"] / mail["seconds"]}


def build_sessions(ground, sizes):
    sites = {}
    for contestant in SESSIONS:
        site = sites[contestant.key] = ground.add(contestant.kind(f"s-{contestant.key}"))
        if contestant.filled:
            say(f"filling a table with {sizes.fill:,} flows")
            site.fill(sizes.fill)
        site.serve()
        site.mail(sizes.sessions // 5, AT_ONCE, MESSAGE)  # the first run of a site is slower
    return sites


def run_sessions(sizes):
    samples = Samples()
    with Ground() as ground:
        say(f"building {len(SESSIONS)} sites for mail")
        sites = build_sessions(ground, sizes)
        for _, contestant in in_rounds(SESSIONS, sizes.rounds, "mail"):
            site = sites[contestant.key]
            samples.add(contestant.key, **measure_small(site, sizes))
            if not contestant.filled:
                samples.add(contestant.key, **measure_single(site, sizes))
                samples.add(contestant.key, **measure_large(site, sizes))
    return samples


# ---- raw frames -------------------------------------------------------------------


def build_frames(ground):
    sites = {}
    for contestant in FRAMES:
        site = sites[contestant.key] = ground.add(contestant.kind(f"f-{contestant.key}"))
        ground.enter(site.taking_frames())
    floor = sites["floor"]
    ground.enter(floor.dropping((floor.router, "eth0")))
    return sites


def measure_frames(key, site, kind, flows, count, first=0):
    """Nanoseconds of processor time for a frame."""
    sent = site.frames(kind, flows, count, first)
    if key != "floor" and sent["arrived"] < count * 0.999:
        raise LabError(f"{site.name}: of {count} {kind} frames only {sent['arrived']} came through")
    return sent["cpu_seconds"] / count * 1e9


def run_established(samples, sites, sizes, measure, flows):
    for site in sites.values():
        site.open_flows(flows)
    for _, contestant in in_rounds(FRAMES, sizes.rounds, f"frames of {flows:,} flows"):
        site = sites[contestant.key]
        ns = measure_frames(contestant.key, site, "ack", flows, sizes.frames)
        samples.add(contestant.key, **{measure: ns})


def run_new(samples, sites, sizes):
    """Every frame a SYN that nobody has seen. nft's table is emptied before each turn, which
    it needs; mxlb's has room for all."""
    for number, contestant in in_rounds(FRAMES, sizes.rounds, "frames that open flows"):
        site = sites[contestant.key]
        site.flush()
        ns = measure_frames(contestant.key, site, "syn", sizes.syns, sizes.syns,
                            MANY + number * sizes.syns)
        samples.add(contestant.key, syn=ns)


def run_frames(sizes):
    samples = Samples()
    with Ground() as ground:
        say(f"building {len(FRAMES)} sites for raw frames")
        sites = build_frames(ground)
        run_established(samples, sites, sizes, "few", FEW)
        run_established(samples, sites, sizes, "many", MANY)
        run_new(samples, sites, sizes)
    return samples
