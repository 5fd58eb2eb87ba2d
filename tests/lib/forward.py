# SPDX-License-Identifier: BSD-2-Clause
"""The lab for `forward: dsr` and `forward: tunnel`: backends hold the VIPs themselves, and
answer past the router that brought them the packets.

    client ──eth0 eth0── router ──eth1 uplink── lan (bridge) ──p1 eth0── mx1, mx2
         └───eth1 eth0── exit ──eth1 uplink2────┘
                            └───far eth0── mx3

The default route of every backend leads to `exit`. mx3 is on a link of its own, one hop
away from both `router` and the clients. standin() balances with the kernel's own means,
without mxlb: by a route to the VIP, in tunnel mode with a small program that encapsulates.
"""
import contextlib
import ipaddress
import os
import pathlib
import secrets
import select
import signal
import time

from lab import CLIENT_NETS4, Lab, VIP4, VIP6, VIPS
from mxlb import BUILD
from netns import LabError, end_pid, run
from wire import PACKET_OUTGOING, Wire

NEAR = ("mx1", "mx2")
FAR = "mx3"
ADDRESSES = {  # of the backends, and of the router as they see it
    "mx1": {4: "10.0.0.11", 6: "fd00::11"},
    "mx2": {4: "10.0.0.12", 6: "fd00::12"},
    "mx3": {4: "10.0.1.13", 6: "fd00:1::13"},
    "router": {4: "10.0.0.1", 6: "fd00::1"},
}
EXIT4, EXIT6 = "10.0.0.2", "fd00::2"
OUTER_LEN = {4: 20, 6: 40}

ENCAP = pathlib.Path(__file__).with_name("encap.bpf.c")


def mss_option(advmss, family):
    return f"advmss {advmss[family]}" if advmss else ""


def forget_mtus(ns):
    for family in "46":
        ns.run("ip", f"-{family}", "route", "flush", "cache")


class ForwardLab(Lab):
    """With names=NEAR the far host is left out."""

    def __init__(self, names=(*NEAR, FAR)):
        super().__init__(names)

    def _build_client(self):
        super()._build_client()
        self.exit = self._netns("exit")
        self.exit.ip(f"link add eth0 type veth peer name eth1 netns {self.client.name}",
                     f"link add eth1 type veth peer name uplink2 netns {self.lan.name}")
        self.lan.ip("link set uplink2 master br0", "link set uplink2 up")
        self.client.ip("link set eth1 up", "addr add 172.31.1.2/24 dev eth1",
                       "addr add fd00:8::2/64 dev eth1 nodad")
        self.exit.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        lines = ["link set eth0 up", "link set eth1 up",
                 "addr add 172.31.1.1/24 dev eth0", "addr add fd00:8::1/64 dev eth0 nodad",
                 f"addr add {EXIT4}/24 dev eth1", f"addr add {EXIT6}/64 dev eth1 nodad"]
        for net, net4 in enumerate(CLIENT_NETS4):
            lines += [f"route add {net4}.0/24 via 172.31.1.2",
                      f"route add 2001:db8:{net + 1}::/64 via fd00:8::2"]
        self.exit.ip(*lines)

    def _build_host(self, i, name, ns):
        if name == FAR:
            self._build_far(ns)
        else:
            super()._build_host(i, name, ns)
            self.reply_by(name, "exit", ns)
        ns.sysctl(ipv4__conf__all__arp_ignore=1, ipv4__conf__all__arp_announce=2)
        ns.ip(f"addr add {VIP4}/32 dev lo", f"addr add {VIP6}/128 dev lo nodad")

    def _build_far(self, ns):
        self.exit.ip(f"link add far type veth peer name eth0 netns {ns.name}",
                     "link set far up", "addr add 10.0.1.1/24 dev far",
                     "addr add fd00:1::1/64 dev far nodad")
        ns.ip("link set eth0 up", f"addr add {ADDRESSES[FAR][4]}/24 dev eth0",
              f"addr add {ADDRESSES[FAR][6]}/64 dev eth0 nodad",
              "route add default via 10.0.1.1", "route add ::/0 via fd00:1::1")
        self.router.ip(f"route add 10.0.1.0/24 via {EXIT4}", f"route add fd00:1::/64 via {EXIT6}")

    def reply_by(self, name, gateway, ns=None, advmss=None):
        """Lead a near host's default routes to `exit` or to `router`."""
        v4, v6 = (EXIT4, EXIT6) if gateway == "exit" else ADDRESSES["router"].values()
        ns = ns or self.backends[name].ns
        ns.ip(f"route replace default via {v4} {mss_option(advmss, 4)}",
              f"route replace ::/0 via {v6} {mss_option(advmss, 6)}")

    @contextlib.contextmanager
    def narrow_exit(self, mtu):
        """Replies meet a link of a lower MTU, and `exit` says so, to the VIP by the router."""
        self.exit.ip(f"link set eth0 mtu {mtu}", f"route add {VIP4} via 10.0.0.1",
                     f"route add {VIP6} via fd00::1")
        try:
            yield
        finally:
            self.exit.ip("link set eth0 mtu 1500", f"route del {VIP4}", f"route del {VIP6}")
            for mta in self.backends.values():
                forget_mtus(mta.ns)

    def forget_mtus(self):
        """Path MTUs that an earlier test has taught the clients."""
        forget_mtus(self.client)

    def listen_on(self, name, *addresses):
        """Restart a backend's Postfix; it listens on these addresses (default: on all)."""
        mta = self.backends[name]
        mta.kill()  # faster than stop(), and it holds no mail now
        path = mta.dir / "etc/main.cf"
        lines = [line for line in path.read_text(encoding="ascii").splitlines()
                 if not line.startswith("inet_interfaces")]
        lines.append("inet_interfaces = " + (", ".join(addresses) or "all"))
        path.write_text("\n".join(lines) + "\n", encoding="ascii")
        os.utime(path, (0, 0))  # else every process of Postfix waits, lest it be half written
        mta.start()


# ---- mxlb-decap -------------------------------------------------------------------


class Decap:
    """mxlb-decap at a host's eth0 for the length of the `with` block. `said` is what it printed,
    at its end the counts too. A Postfix beside it can't be stopped meanwhile: that waits until
    its namespace is empty."""

    def __init__(self, ns, *args):
        self.ns, self.args, self.said = ns, args, ""

    def __enter__(self):
        # Neither Python's nor libc's buffers between it and select().
        self._proc = self.ns.popen(BUILD / "mxlb-decap", *self.args, "eth0", stdout=-1, stderr=-2)
        self._read_until(b"takes packets")
        return self

    def _read_until(self, mark, timeout=10.0):
        end, text = time.monotonic() + timeout, b""
        while mark not in text:
            if not select.select([self._proc.stdout], [], [], end - time.monotonic())[0]:
                raise LabError(f"mxlb-decap did not say {mark!r} in {timeout:g} s: {text!r}")
            got = os.read(self._proc.stdout.fileno(), 4096)
            if not got:
                raise LabError(f"mxlb-decap ended: {text.decode()}")
            text += got
        self.said += text.decode()

    def end(self, sig=signal.SIGTERM):
        """Its exit code."""
        if self._proc.poll() is None:
            end_pid(self._proc.pid, sig)
        self.said += self._proc.stdout.read().decode()
        self._proc.stdout.close()
        return self._proc.wait()

    def __exit__(self, *exc):
        if not self._proc.stdout.closed:
            self.end()


@contextlib.contextmanager
def decap_all(lab, names, *args):
    """Decap at each of the hosts: name -> Decap."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Decap(lab.backends[name].ns, *args)) for name in names}


# ---- the kernel in mxlb's place ------------------------------------------------------


def initialisers(data):
    return ",".join(str(byte) for byte in data)


def outer_header(inner, source, target):
    """Before its lengths and checksum are in it."""
    src, dst = (ipaddress.ip_address(text).packed for text in (source, target))
    proto = 4 if inner == 4 else 41
    if len(src) == 4:
        return bytes((0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, proto, 0, 0)) + src + dst
    return bytes((0x60, 0, 0, 0, 0, 0, proto, 64)) + src + dst


def build_encap(lab, outers):
    """The program for outers: inner family -> (outer source, outer destination)."""
    built = lab.dir / f"encap-{secrets.token_hex(4)}.o"
    arch = run("gcc", "-dumpmachine").stdout.strip()
    values = {f"HEADER_{inner}": outer_header(inner, *ends) for inner, ends in outers.items()}
    values |= {f"VIP_{family}": ipaddress.ip_address(vip).packed for family, vip in VIPS.items()}
    run("clang", "-O2", "-target", "bpf", f"-I/usr/include/{arch}",
        *(f"-D{name}={initialisers(value)}" for name, value in values.items()),
        "-c", "-o", str(built), str(ENCAP))
    return built


@contextlib.contextmanager
def standin(lab, forward, name, outer=None):
    """Every packet to a VIP goes to one backend; outer: the tunnel's family, default: the VIP's."""
    ends = {f: (ADDRESSES["router"][outer or f], ADDRESSES[name][outer or f]) for f in VIPS}
    with contextlib.ExitStack() as stack:
        for family, vip in VIPS.items():
            hop = ADDRESSES[name][family] if name != FAR else (EXIT4, EXIT6)[family == 6]
            room = OUTER_LEN[outer or family] if forward == "tunnel" else 0
            lab.router.ip(f"route add {vip} via {hop} mtu {1500 - room}")
            stack.callback(lab.router.ip, f"route del {vip}")
        if forward == "tunnel":
            lab.router.run("tc", "qdisc", "add", "dev", "eth1", "clsact")
            stack.callback(lab.router.run, "tc", "qdisc", "del", "dev", "eth1", "clsact")
            lab.router.run("tc", "filter", "add", "dev", "eth1", "egress", "bpf", "da",
                           "object", build_encap(lab, ends), "section", "tc")
        yield


# ---- on the wire ------------------------------------------------------------------


class Frames(Wire):
    """Like Wire, with every frame that the interface takes in, as bytes."""

    def _record(self):
        while not self._over:
            try:
                frame, origin = self._sock.recvfrom(65536 + 64)
            except TimeoutError:
                continue
            if origin[2] != PACKET_OUTGOING:
                with self._grown:
                    self._packets.append(frame)
                    self._grown.notify_all()

    def seen_frames(self):
        with self._grown:
            return list(self._packets)
