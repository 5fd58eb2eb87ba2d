# SPDX-License-Identifier: BSD-2-Clause
"""mxlbd in the lab's router, and mxlbctl, with every path of theirs inside the lab.

The configuration is a dict (config()), written as YAML; a test changes what it is about.
"""
import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import time

from lab import VIP4, VIP6
from netns import LabError, end_pid, run, wait_until

BUILD = pathlib.Path(os.environ.get("MXLB_BUILD",
                                    pathlib.Path(__file__).resolve().parents[2] / "build"))
METRICS = ("127.0.0.1", 9725)
SERVICE = "mx-in"
# Put before a command: run it as somebody with no rights at all.
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def to_yaml(value, indent=0):
    """Block style for mappings, flow style for lists, as people write it."""
    text = ""
    for key, child in value.items():
        nested = isinstance(child, dict) and child
        text += " " * indent + f"{key}:"
        text += "\n" + to_yaml(child, indent + 2) if nested else f" {_leaf(child)}\n"
    return text


def _leaf(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_leaf(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_leaf(v) for v in value) + "]"
    if isinstance(value, str) and (":" in value or value in ("off", "none", "")):
        return json.dumps(value)
    return str(value)


@dataclasses.dataclass
class Reply:
    """What a program said: exit code, both outputs, and the JSON document if there is one."""
    code: int
    out: str
    err: str

    @property
    def doc(self):
        return json.loads(self.out)


class Mxlb:
    def __init__(self, lab, name="mxlb"):
        self.lab = lab
        self.dir = lab.dir / name
        self.dir.mkdir()
        self.path = self.dir / "mxlb.yaml"
        self.socket = self.dir / "control.sock"
        self.pin_dir = self.dir / "bpf"
        self.log = self.dir / "mxlbd.log"
        self.conf = self.config()
        self._proc = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # ---- configuration ----------------------------------------------------------

    def config(self):
        """Short intervals, no spill: a client network has exactly one backend."""
        backends = {name: {"address": [f"10.0.0.{10 + i}", f"fd00::{10 + i}"]}
                    for i, name in enumerate(self.lab.backends, 1)}
        return {
            "interfaces": ["eth0", "eth1"],
            "datapath": "auto",
            "control": {"socket": str(self.socket)},
            "metrics": {"listen": f"{METRICS[0]}:{METRICS[1]}"},
            "log": {"level": "info"},
            "pin_dir": str(self.pin_dir),
            "state_dir": str(self.dir / "state"),
            "probes": {"mail": {
                "type": "smtp", "interval": "500ms", "fast_interval": "200ms",
                "connect_timeout": "500ms", "greeting_timeout": "2s", "timeout": "4s",
                "rise": 2, "fall": 2, "helo": "lb1.example.net"}},
            "services": {SERVICE: {
                "address": [VIP4, VIP6], "port": 25,
                "affinity": {"load_factor": 0},
                "slow_start": "0s", "hold_down": "1s", "probe": "mail",
                "backends": backends}},
        }

    @property
    def service_conf(self):
        return self.conf["services"][SERVICE]

    def write(self, text=None):
        self.path.write_text(text or to_yaml(self.conf), encoding="utf-8")

    def write_with(self, **changes):
        """Write the configuration with other top-level keys, which self.conf does not get."""
        self.write(to_yaml({**self.conf, **changes}))

    # ---- the daemon -------------------------------------------------------------

    def run_daemon(self, *args, as_user=None):
        """mxlbd with arguments that make it end by itself."""
        prefix = as_user or ()
        done = self.lab.router.run(*prefix, BUILD / "mxlbd", "--config", self.path, *args,
                                   check=False, timeout=30)
        return Reply(done.returncode, done.stdout, done.stderr)

    def start(self):
        """Write the configuration, start, and wait until the daemon says it is ready."""
        self.write()
        notify = self.dir / "notify.sock"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(notify))
            notify.chmod(0o666)
            with open(self.log, "ab") as log:
                self._proc = self.lab.router.popen(
                    BUILD / "mxlbd", "--config", self.path, stdout=log, stderr=log,
                    env={**os.environ, "NOTIFY_SOCKET": str(notify)})
            self._await_ready(ready)

    def start_on(self, datapath):
        """Start with that datapath, and the offloads that it can do with."""
        self.lab.offloads(on=datapath == "tc")
        self.conf["datapath"] = datapath
        self.start()

    def _await_ready(self, ready, timeout=15.0):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self._proc.poll() is not None:
                raise LabError(f"mxlbd ended with {self._proc.returncode}:\n{self.log_text()}")
            if select.select([ready], [], [], 0.05)[0] and b"READY=1" in ready.recv(4096):
                return
        raise LabError(f"mxlbd did not say READY=1 in {timeout:g} s:\n{self.log_text()}")

    @property
    def running(self):
        return self._proc is not None and self._proc.poll() is None

    @property
    def pid(self):
        return self._proc.pid

    def stop(self, sig=signal.SIGTERM):
        """End the daemon and return its exit code; the data path stays."""
        if self._proc is None:
            return None
        if self._proc.poll() is None:
            end_pid(self._proc.pid, sig, grace=10.0)
        code = self._proc.wait()
        self._proc = None
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)

    def restart(self):
        self.stop()
        self.start()

    def hup(self):
        os.kill(self._proc.pid, signal.SIGHUP)

    def purge(self):
        return self.run_daemon("--purge")

    def close(self):
        """For the end of a test, whatever state it left: no daemon, no data path."""
        self.kill()
        if self.path.exists():
            self.write()
            with contextlib.suppress(LabError, FileNotFoundError):
                self.purge()
        for name in ("eth0", "eth1"):  # in case purge is what is broken
            for mode in ("xdp", "xdpgeneric"):
                self.lab.router.run("ip", "link", "set", name, mode, "off", check=False)
            self.lab.router.run("tc", "qdisc", "del", "dev", name, "clsact", check=False)
        run("umount", "-l", str(self.pin_dir), check=False)

    def log_text(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    # ---- mxlbctl ----------------------------------------------------------------

    def ctl(self, *args, as_user=None):
        done = run(*(as_user or ()), str(BUILD / "mxlbctl"), "--socket", str(self.socket),
                   *args, check=False, timeout=60, stdin=None)
        return Reply(done.returncode, done.stdout, done.stderr)

    def json(self, *args):
        """The document of a verb that must succeed; 1 (degraded) is a success too."""
        reply = self.ctl("--json", *args)
        if reply.code not in (0, 1):
            raise LabError(f"mxlbctl {' '.join(args)}: exit {reply.code}: {reply.err}")
        return reply.doc

    def backend(self, name):
        return self.json("backend", "show", name)[0]

    def await_backend(self, name, what, test, timeout=20.0):
        """Wait until test(backend document) is true; returns the document."""
        def look():
            doc = self.backend(name)
            return doc if test(doc) else None
        return wait_until(f"{name} {what}", look, timeout)

    def await_serving(self, *names):
        """Wait until each backend (default: all) serves in both families."""
        for name in names or self.lab.backends:
            self.await_backend(name, "to serve", lambda doc: doc["serving"] and all(
                family["serving"] for family in doc["families"].values()))

    def await_not_serving(self, *names):
        for name in names:
            self.await_backend(name, "to serve no more", lambda doc: not doc["serving"])

    def flow_count(self, *filters):
        return self.json("flow", "count", *filters)["count"]

    # ---- metrics ----------------------------------------------------------------

    def http(self, path):
        """(status, text) of a GET at the metrics listener."""
        conn = http.client.HTTPConnection(*METRICS, timeout=10)
        with self.lab.router.entered():
            conn.connect()
        with contextlib.closing(conn):
            conn.request("GET", path)
            reply = conn.getresponse()
            return reply.status, reply.read().decode()

    def metrics(self):
        return Metrics(self.http("/metrics")[1])


class Metrics:
    """A scrape: total("name", label="value") sums the samples that match."""

    def __init__(self, text):
        self.text = text
        self.samples = []  # (name, labels, value)
        for name, labels, value in re.findall(r"^([a-z_:0-9]+)(?:\{(.*)\})? (\S+)$", text, re.M):
            self.samples.append((name, dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value)))
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))

    def has(self, name):
        return any(sample[0] == name for sample in self.samples)

    def total(self, name, **labels):
        return sum(value for sample, have, value in self.samples
                   if sample == name and labels.items() <= have.items())

    def counters(self):
        """Every counter's value, by name and labels; a histogram's parts are counters too."""
        def is_counter(name):
            base = re.sub(r"_(bucket|count|sum)$", "", name)
            return self.types.get(name) == "counter" or self.types.get(base) == "histogram"
        return {(name, *sorted(labels.items())): value
                for name, labels, value in self.samples if is_counter(name)}
