# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmark's second half found: a table for people, the same as JSON, and which
aims were met. Pure code: samples in, text and numbers out.
"""
import dataclasses
import statistics

from bench_net import (AT_ONCE, FRAME_KINDS, FRAMES, LARGE_AT_ONCE, LARGE_MESSAGE, MESSAGE,
                       SESSIONS)
from bench_site import CLIENT_CPU, SERVER_CPU, TABLE_SIZE

ROUTER = "router_cpu_us"  # what is left of cpu_us when the base is subtracted
LATENCIES = ("connect_p50_us", "connect_p99_us", "greeting_p50_us", "greeting_p99_us")
NOISY = 0.1  # of the processors' work, others' share that makes figures doubtful


@dataclasses.dataclass(frozen=True)
class Aim:
    """A ratio of two contestants' medians, and what it must keep to."""
    text: str
    part: str
    of: str
    to: str
    measure: str
    at_least: float = None
    at_most: float = None

    def is_met(self, ratio):
        return ratio >= self.at_least if self.at_most is None else ratio <= self.at_most

    def limit(self):
        return f">= {self.at_least:g}" if self.at_most is None else f"<= {self.at_most:g}"


AIMS = (
    Aim("sessions a second, mxlb TC to nft", "sessions", "tc", "nft", "sessions_per_second",
        at_least=1),
    Aim("sessions a second, mxlb XDP to nft", "sessions", "xdp", "nft", "sessions_per_second",
        at_least=1),
    Aim("router's CPU a session, mxlb TC to forwarding", "sessions", "tc", "forward", ROUTER,
        at_most=1.5),
    Aim("router's CPU a session, mxlb XDP to forwarding", "sessions", "xdp", "forward", ROUTER,
        at_most=1.9),
    Aim("router's CPU a session, mxlb TC, 500 k flows to none", "sessions", "tc_filled", "tc",
        ROUTER, at_most=1.15),
    Aim("router's CPU a session, mxlb XDP, 500 k flows to none", "sessions", "xdp_filled", "xdp",
        ROUTER, at_most=1.15),
    Aim("CPU a frame, mxlb XDP to nft, 1,000 flows", "frames", "xdp", "nft", "few", at_most=0.35),
    Aim("CPU a frame, mxlb XDP to nft, 100,000 flows", "frames", "xdp", "nft", "many",
        at_most=0.6),
    Aim("CPU a frame, mxlb XDP to nft, new flows", "frames", "xdp", "nft", "syn", at_most=0.4),
)


def spread(figures):
    low, median, high = (min(figures), statistics.median(figures), max(figures))
    return {"low": low, "median": median, "high": high}


def above(samples, contestant, measure):
    """How much more than the base, round by round, since both drift alike."""
    return [figure - floor for figure, floor in zip(samples.of(contestant.key, measure),
                                                    samples.of(contestant.base, measure))]


def session_figures(samples):
    """By contestant and measure: low, median, high."""
    found = {}
    for contestant in SESSIONS:
        figures = {m: samples.of(contestant.key, m) for m in samples.measures(contestant.key)}
        if contestant.base:
            figures[ROUTER] = above(samples, contestant, "cpu_us")
        found[contestant.key] = {m: spread(f) for m, f in figures.items() if m != "foreign"}
    return found


def frame_figures(samples):
    """Nanoseconds a frame: what the router took, and the floor by itself."""
    found = {}
    for contestant in FRAMES:
        found[contestant.key] = {
            kind: spread(above(samples, contestant, kind) if contestant.base else
                         samples.of(contestant.key, kind))
            for kind in FRAME_KINDS}
    return found


def ratio(figures, of, to, measure):
    """Of medians; None where a contestant has no such figure, or noise has eaten it."""
    medians = [figures[key][measure]["median"] for key in (of, to) if measure in figures[key]]
    if len(medians) < 2 or min(medians) <= 0:
        return None
    return medians[0] / medians[1]


def ratios(figures, to, leave_out):
    """Every contestant's median to that one's, by measure."""
    return {of: {m: ratio(figures, of, to, m) for m in figures[of]
                 if ratio(figures, of, to, m) is not None}
            for of in figures if of not in leave_out}


def judge(net):
    """Every aim with what came of it."""
    judged = []
    for aim in AIMS:
        found = ratio(net[aim.part], aim.of, aim.to, aim.measure)
        judged.append({"aim": aim.text, "ratio": found, "limit": aim.limit(),
                       "met": found is not None and aim.is_met(found)})
    return judged


def net_document(sizes, sessions, frames):
    """All of it, for JSON."""
    net = {"sizes": {**dataclasses.asdict(sizes), "at_once": AT_ONCE, "message_bytes": MESSAGE,
                     "large_at_once": LARGE_AT_ONCE, "large_message_bytes": LARGE_MESSAGE,
                     "flows_max": TABLE_SIZE},
           "cpus": {"client": int(CLIENT_CPU), "server": int(SERVER_CPU), "haproxy": "any",
                    "mxlbd": "any", "frames": int(CLIENT_CPU)},
           "sessions": session_figures(sessions), "frames": frame_figures(frames),
           "foreign_cpu": statistics.median(sessions.all_of("foreign"))}
    net["sessions_to_forward"] = ratios(net["sessions"], "forward", ("direct", "direct_xdp"))
    net["frames_to_nft"] = ratios(net["frames"], "nft", ("floor",))
    net["aims"] = judge(net)
    return net


# ---- the table --------------------------------------------------------------------

SESSION_NOTES = f"""\
Mail sessions: each a whole dialogue, command by command, with a message of {MESSAGE:,} bytes,
{AT_ONCE} at a time; then one at a time, for the times to connect and to the greeting; then
messages of 2 MiB, {LARGE_AT_ONCE} at a time. The server is a sink of the benchmark's own: a real
MTA would hide what the router costs. Medians of {{rounds}} rounds that take turns.
  pinned  client to CPU {CLIENT_CPU}, server to CPU {SERVER_CPU}; HAProxy and mxlbd to none; what a
          router does in the kernel runs where the sender runs
  CPU     by the clocks of client, server, kernel threads, and HAProxy or mxlbd
  router  CPU less that of the same client and server without a router
  links   as the kernel makes veths; for mxlb XDP without checksum offload and with GRO, and what
          is subtracted then is no router between such links
  tables  flows.max {TABLE_SIZE:,}, where there are flows {{fill:,}} silent ones; nft's is
          emptied before each turn
"""
FRAME_NOTES = f"""\
Raw frames of 54 bytes, the flows in turn, made by the kernel itself on CPU {CLIENT_CPU} (live
frames) and dropped at the far end. Nanoseconds of CPU a frame, less those of a frame that is
dropped as it arrives at the router, which is the first line. The routers' links have GRO on.
"""


def cell(value, form="{:,.0f}"):
    return form.format(value) if value is not None else "-"


def lines(rows):
    """Columns as wide as they need; the first left, the others right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]
        yield "  " + "  ".join(cells)
        if number == 0:
            yield "  " + "-" * (sum(widths) + 2 * len(widths) - 2)


def session_rows(net):
    yield ("", "sessions/s", "to fwd", "CPU us", "router us", "to fwd", "connect us", "p99",
           "greeting us", "p99", "MB/s", "to fwd")
    for contestant in SESSIONS:
        figures = net["sessions"][contestant.key]
        to_forward = net["sessions_to_forward"].get(contestant.key, {})

        def median(measure, of=figures):
            return of[measure]["median"] if measure in of else None
        rate = median("bytes_per_second")
        yield (contestant.label, cell(median("sessions_per_second")),
               cell(to_forward.get("sessions_per_second"), "{:.2f}"),
               cell(median("cpu_us"), "{:.1f}"), cell(median(ROUTER), "{:.1f}"),
               cell(to_forward.get(ROUTER), "{:.2f}"),
               *(cell(median(measure)) for measure in LATENCIES),
               cell(rate and rate / 1e6), cell(to_forward.get("bytes_per_second"), "{:.2f}"))


def frame_rows(net):
    yield ("", *(head for name in FRAME_KINDS.values() for head in (name, "to nft")))
    for contestant in FRAMES:
        to_nft = net["frames_to_nft"].get(contestant.key, {})
        cells = [contestant.label]
        for kind in FRAME_KINDS:
            cells += [cell(net["frames"][contestant.key][kind]["median"]),
                      cell(to_nft.get(kind), "{:.2f}")]
        yield tuple(cells)


def aim_rows(net):
    yield ("aim", "ratio", "limit", "")
    for aim in net["aims"]:
        yield (aim["aim"], cell(aim["ratio"], "{:.2f}"), aim["limit"],
               "met" if aim["met"] else "MISSED")


def net_text(net):
    sizes = net["sizes"]
    yield SESSION_NOTES.format(rounds=sizes["rounds"], fill=sizes["fill"])
    yield from lines(list(session_rows(net)))
    yield "\n" + FRAME_NOTES
    yield from lines(list(frame_rows(net)))
    yield ""
    yield from lines(list(aim_rows(net)))
    if net["foreign_cpu"] > NOISY:
        yield (f"\nDo not trust these figures: {net['foreign_cpu']:.0%} of the processors' work "
               "was not the benchmark's.\nRun it on a quiet machine.")
