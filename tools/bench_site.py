# SPDX-License-Identifier: BSD-2-Clause
"""The benchmark's sites: client, router and mail host in network namespaces, one set of
them for each contestant, alike but for what the router does with the mail.

    client ──eth0 eth0── router ──eth1 eth0── server

All the backends' addresses are the one server's, since it is the router that is measured.
Everything is gone when the `with` block ends; what a killed run has left goes when the
next one, or a lab of the tests, starts.
"""
import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess

from lab import RUN, sweep_dead_labs, unmount_below
from mxlb import BUILD, Mxlb
from netns import LabError, NetNs, end_pid, wait_until

LOAD = BUILD / "bench-load"
VIP = "192.0.2.25"
BACKENDS = ("10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14")
CLIENT, CLIENT_GATE = "172.31.0.2", "172.31.0.1"
SERVER_GATE = "10.0.0.1"
SENDERS, SENDER_BASE, SENDERS_APART = 64, "198.18.0.1", 61  # over sixteen /24s
FRAME_CLIENTS = "198.51.0.0"  # a /20 of them
TABLE_SIZE = 1 << 20  # mxlb's flows.max everywhere
CLIENT_CPU, SERVER_CPU = "0", "1"


def senders():
    """The addresses of the mail clients."""
    base = int.from_bytes(socket.inet_aton(SENDER_BASE), "big")
    return [socket.inet_ntoa((base + i * SENDERS_APART).to_bytes(4, "big"))
            for i in range(SENDERS)]


class Ground:
    """What all sites stand on: a directory, a name for their namespaces, and the end."""

    def __init__(self):
        self.tag = f"{os.getpid()}-{secrets.token_hex(2)}"
        self.dir = RUN / f"mxlb-lab-{self.tag}"
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        sweep_dead_labs()
        self.dir.mkdir(mode=0o755)
        self._stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
        self._stack.callback(unmount_below, self.dir)
        return self

    def __exit__(self, *exc):
        self._stack.close()

    def enter(self, context):
        """Leave this context before the sites go."""
        return self._stack.enter_context(context)

    def add(self, site):
        self._stack.callback(site.close)
        site.build(self)
        return site


class Site:
    """Plain forwarding, and what the others are made of."""
    targets = BACKENDS  # whom the clients connect to
    xdp_links = False

    def __init__(self, name):
        self.name = name
        self._namespaces = []
        self._processes = []
        self._sink = None

    def build(self, ground):
        self.dir = ground.dir / self.name
        self.dir.mkdir()
        self.client, self.router, self.server = (
            self._netns(ground, role) for role in ("client", "router", "server"))
        self._link()
        self._addresses()
        if self.xdp_links:
            set_xdp_links(self.client, self.server)
        self.install()

    def _netns(self, ground, role):
        ns = NetNs(f"mxlb-{ground.tag}-{self.name}-{role}")
        self._namespaces.append(ns)
        ns.sysctl(ipv4__conf__all__rp_filter=0, ipv4__conf__default__rp_filter=0,
                  ipv6__conf__all__disable_ipv6=1, ipv6__conf__default__disable_ipv6=1)
        return ns

    def _link(self):
        self.router.ip(f"link add eth0 type veth peer name eth0 netns {self.client.name}",
                       f"link add eth1 type veth peer name eth0 netns {self.server.name}",
                       "link set eth0 up", "link set eth1 up",
                       f"addr add {CLIENT_GATE}/24 dev eth0", f"addr add {SERVER_GATE}/24 dev eth1",
                       f"route add 198.18.0.0/16 via {CLIENT}",
                       f"route add {FRAME_CLIENTS}/16 via {CLIENT}")
        self.router.sysctl(ipv4__ip_forward=1)

    def _addresses(self):
        self.client.ip("link set eth0 up", f"addr add {CLIENT}/24 dev eth0",
                       f"route add default via {CLIENT_GATE}",
                       *(f"addr add {sender}/32 dev lo" for sender in senders()))
        self.server.ip("link set eth0 up", *(f"addr add {a}/24 dev eth0" for a in BACKENDS),
                       f"route add default via {SERVER_GATE}")

    def install(self):
        """Put the contestant into the router."""

    def flush(self):
        """Forget the sessions of the last run where the contestant would keep them."""

    @contextlib.contextmanager
    def awake(self):
        """The contestant's own processes run only inside such a block, lest they take time
        from another."""
        yield

    def own_pids(self):
        """Of the processes that the contestant works with."""
        return []

    # ---- the ends ---------------------------------------------------------------

    def start(self, ns, *argv, cpu=None, ready=True):
        pin = ("taskset", "-c", cpu) if cpu else ()
        process = ns.popen(*pin, *argv, stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        if ready and not (select.select([process.stdout], [], [], 10)[0] and
                          process.stdout.readline() == "ready\n"):
            raise LabError(f"{self.name}: {' '.join(map(str, argv))} did not start")
        return process

    def end(self, process):
        end_pid(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        self._processes.remove(process)

    def serve(self):
        self._sink = self.start(self.server, LOAD, "sink", cpu=SERVER_CPU)

    @contextlib.contextmanager
    def dropping(self, *ends):
        """Frames that come to these ends are dropped, but ARP."""
        droppers = [self.start(ns, LOAD, "drop", dev) for ns, dev in ends]
        try:
            yield
        finally:
            for dropper in droppers:
                self.end(dropper)

    @contextlib.contextmanager
    def taking_frames(self):
        """Raw frames can go through: the ends drop them; the router has NAPI, which GRO turns
        on, or its veths would refuse them."""
        for dev in ("eth0", "eth1"):
            self.router.run("ethtool", "-K", dev, "gro", "on")
        with self.dropping((self.client, "eth0"), (self.server, "eth0")):
            self.resolve()
            yield
        for dev in ("eth0", "eth1"):
            self.router.run("ethtool", "-K", dev, "gro", "off")

    def open_flows(self, flows, first=0, backend=BACKENDS[0]):
        """Connections from raw frames: SYN, SYN-ACK, ACK."""
        for kind in ("syn", "synack", "ack"):
            self.frames(kind, flows, flows, first, backend)

    def resolve(self):
        """The router knows its neighbours before the first frame."""
        for address in (CLIENT, BACKENDS[0]):
            with self.router.entered(), \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.sendto(b"", (address, 9))
            wait_until(f"{self.name}: the MAC address of {address}",
                       lambda to=address: "lladdr" in self.router.run(
                           "ip", "neigh", "show", "to", to).stdout)

    def mail(self, sessions, at_once, size):
        """Run so many sessions; what bench-load smtp tells."""
        self.flush()
        with self.awake():
            pids = [self._sink.pid, *self.own_pids()]
            out = self.client.run(
                "taskset", "-c", CLIENT_CPU, LOAD, "smtp", "--to", ",".join(self.targets),
                "--from", SENDER_BASE, "--sources", SENDERS, "--apart", SENDERS_APART,
                "--sessions", sessions, "--at-once", at_once, "--size", size,
                "--watch", ",".join(map(str, pids)), check=False)
        if out.returncode:
            raise LabError(f"{self.name}: {out.stderr or out.stdout}")
        return json.loads(out.stdout)

    def frames(self, kind, flows, count, first=0, backend=BACKENDS[0]):
        """Raw frames towards the router; bench-load's account and how many came through.
        SYN-ACKs come from that backend."""
        ns, far, gate, server = (self.client, self.server, "eth0", self.targets[0])
        if kind == "synack":
            ns, far, gate, server = (self.server, self.client, "eth1", backend)
        before = received(far)
        out = ns.run("taskset", "-c", CLIENT_CPU, LOAD, "frames", "--mac", mac(self.router, gate),
                     "--server", server, "--client", FRAME_CLIENTS, "--kind", kind,
                     "--flows", flows, "--first", first, "--count", count)
        return {**json.loads(out.stdout), "arrived": received(far) - before}

    def close(self):
        for process in list(self._processes):
            self.end(process)
        for ns in reversed(self._namespaces):
            ns.close()


class Direct(Site):
    """No router: client and server at the two ends of one link."""

    def _link(self):
        self.client.ip(f"link add eth0 type veth peer name eth0 netns {self.server.name}")

    def _addresses(self):
        super()._addresses()
        self.server.ip(f"addr add {CLIENT_GATE}/24 dev eth0",
                       f"route add 198.18.0.0/16 via {CLIENT}")


class DirectXdp(Direct):
    xdp_links = True


class Nft(Site):
    """Destination NAT by nftables: the kernel's connection tracking."""
    targets = (VIP,)
    to = (f"jhash ip saddr & 255.255.255.0 mod {len(BACKENDS)} map "
          f"{{ {', '.join(f'{i} : {address}' for i, address in enumerate(BACKENDS))} }}")

    def install(self):
        self.router.run("nft", "-f", "-", input=f"""
            table ip bench {{
                chain prerouting {{
                    type nat hook prerouting priority dstnat;
                    ip daddr {VIP} tcp dport 25 dnat to {self.to}
                }}
            }}""")

    def flush(self):
        """Its table is the kernel's, and not meant for so many ended sessions."""
        with self.router.entered():
            flush_conntrack()


class NftOne(Nft):
    """The same in front of one backend, for raw frames."""
    to = BACKENDS[0]


class Haproxy(Site):
    """A proxy: ends the client's connection and opens one of its own."""
    targets = (VIP,)

    def install(self):
        self.router.ip(f"addr add {VIP}/32 dev lo")
        servers = "\n".join(f"    server mx{i} {address}:25"
                            for i, address in enumerate(BACKENDS, 1))
        conf = self.dir / "haproxy.cfg"
        conf.write_text(f"""
global
    maxconn 8000
    nbthread 2
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen mail
    bind {VIP}:25
    balance source
{servers}
""", encoding="ascii")
        self._proxy = self.start(self.router, "haproxy", "-db", "-q", "-f", conf, ready=False)
        wait_until("HAProxy to listen",
                   lambda: VIP in self.router.run("ss", "-Hltn", "sport = 25").stdout)

    def own_pids(self):
        return [self._proxy.pid]


class Balanced(Site):
    """mxlb."""
    targets = (VIP,)
    datapath = "tc"
    backends = {}  # mxlb.Mxlb makes no entries for these

    def install(self):
        self.lab = self
        self.mxlb = Mxlb(self)
        self.mxlb.conf.update(
            datapath=self.datapath, metrics="off",
            flows={"max": TABLE_SIZE, "half_open": TABLE_SIZE},
            probes={"mail": {"type": "none"}})
        self.mxlb.service_conf.update(
            address=VIP, hold_down="0s", affinity={}, backends=self._backends_conf())
        self.mxlb.start()
        self._check_datapath()
        self._stop()

    def addresses(self):
        return BACKENDS

    def _backends_conf(self, only=BACKENDS):
        return {f"mx{i}": {"address": address}
                for i, address in enumerate(self.addresses(), 1) if address in only}

    def _reload(self, *only):
        self.mxlb.service_conf["backends"] = self._backends_conf(only)
        self.mxlb.write()
        with self.awake():
            self.mxlb.json("config", "reload")

    def fill(self, flows):
        """Open that many connections, evenly, that are silent from then on. A SYN-ACK must
        come from the backend that the SYN went to: so one backend after the other."""
        share = flows // len(BACKENDS)
        with self.taking_frames():
            for i, backend in enumerate(BACKENDS):
                self._reload(backend)
                self.open_flows(share, i * share, backend)
        self._reload(*BACKENDS)
        with self.awake():
            found = self.mxlb.flow_count("--state", "established")
        if found < share * len(BACKENDS) * 0.999:
            raise LabError(f"{self.name}: {flows} flows opened, {found} in the table")

    def _check_datapath(self):
        """All of it must go where it is meant to go, or something else is measured."""
        for interface in self.mxlb.json("status")["interfaces"]:
            if (interface["datapath"], interface["note"]) != (self.datapath, ""):
                raise LabError(f"{self.name}: wanted {self.datapath}, got {interface}")

    def _stop(self):
        os.kill(self.mxlb.pid, signal.SIGSTOP)

    @contextlib.contextmanager
    def awake(self):
        os.kill(self.mxlb.pid, signal.SIGCONT)
        try:
            yield
        finally:
            self._stop()

    def own_pids(self):
        return [self.mxlb.pid]

    def close(self):
        if hasattr(self, "mxlb"):
            self.mxlb.close()
        super().close()


class BalancedXdp(Balanced):
    datapath = "xdp"
    xdp_links = True


def one_backend(kind):
    """The same contestant in front of one backend, for raw frames."""
    return type(f"{kind.__name__}One", (kind,), {"addresses": lambda self: BACKENDS[:1]})


def set_xdp_links(*hosts):
    """What native XDP needs of a veth's other end, once that is up: whole checksums, since it
    cannot see partial ones; and NAPI, which GRO turns on, or a redirect into it is refused."""
    for ns in hosts:
        ns.run("ethtool", "-K", "eth0", "tx", "off", "gro", "on")


def mac(ns, dev):
    return json.loads(ns.run("ip", "-j", "link", "show", "dev", dev).stdout)[0]["address"]


def received(ns):
    """Frames that have come to this end's eth0, those that XDP drops included."""
    link = json.loads(ns.run("ip", "-j", "-s", "link", "show", "dev", "eth0").stdout)[0]
    return link["stats64"]["rx"]["packets"]


def flush_conntrack():
    """Empty this namespace's connection tracking table: IPCTNL_MSG_CT_DELETE without a tuple."""
    ctnetlink_delete, request_and_ack = 1 << 8 | 2, 1 | 4
    message = struct.pack("=IHHIII", 20, ctnetlink_delete, request_and_ack, 1, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:  # NETLINK_NETFILTER
        netlink.settimeout(10)
        netlink.send(message)
        reply = netlink.recv(4096)
    err = struct.unpack_from("=i", reply, 16)[0]
    if err:
        raise LabError(f"emptying the connection tracking table: {os.strerror(-err)}")
