# SPDX-License-Identifier: BSD-2-Clause
"""The lab: a client network, an edge router, and mail hosts behind it, in namespaces.

    client ──eth0 eth0── router ──eth1 uplink── lan (bridge) ──p1 eth0── mx1 … mx4

Thirty client hosts, in six /24s and six /64s, all live in `client`. Each mail host
has a Postfix of its own (postfix.py) and its default route through the router. What
balances is not the lab's business: mxlb.py starts mxlbd in `router`, and natlab.py
puts nftables in its place to prove the lab. Everything is gone when the `with` block
ends, however it ends; what a killed run left behind goes when the next one starts.
"""
import contextlib
import dataclasses
import ipaddress
import os
import pathlib
import re
import secrets
import shutil
import signal
import sys

from netns import NetNs, remove, run, wait_until
from postfix import Postfix

RUN = pathlib.Path("/run")
VIP4, VIP6 = "192.0.2.25", "2001:db8::25"
VIPS = {4: VIP4, 6: VIP6}
ROUTER4, ROUTER6 = "172.31.0.1", "fd00:9::1"  # the router as the clients see it
CLIENT_NETS4 = ("198.51.100", "203.0.113", "198.18.1", "198.18.2", "198.18.3", "198.18.4")
HOSTS4 = (1, 77, 130, 200, 254)  # far apart: it takes a /24, not a /25, to keep them together
HOSTS6 = ("::1", "::77", "::ffff:0:1", ":8000::2", ":ffff:ffff:ffff:fffe")
XDP_PASS = """
__attribute__((section("xdp"), used)) int lab_pass(void *ctx) { return 2; }
char _license[] __attribute__((section("license"), used)) = "GPL";
"""


@dataclasses.dataclass(frozen=True)
class Client:
    """A sending host with an address of each family."""
    addr: dict
    net: int  # which of the six networks

    def prefix(self, family):
        return CLIENT_NETS4[self.net] if family == 4 else f"2001:db8:{self.net + 1}"


def clients():
    """The thirty client hosts, five in each of the six networks; neighbours in the list
    are of different networks, so that a few of them are already from everywhere."""
    return [Client({4: f"{net4}.{HOSTS4[host]}",
                    6: str(ipaddress.ip_address(f"2001:db8:{net + 1}:0{HOSTS6[host]}"))}, net)
            for host in range(5) for net, net4 in enumerate(CLIENT_NETS4)]


def exit_on_sigterm():
    """For programs that own a lab: SIGTERM and SIGHUP unwind the stack as Ctrl-C does, and
    Ctrl-C does so even where a shell has started the program with it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for sig in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda num, frame: sys.exit(128 + num))


class Lab:
    def __init__(self, names=("mx1", "mx2", "mx3")):
        self.tag = f"{os.getpid()}-{secrets.token_hex(2)}"
        self.dir = RUN / f"mxlb-lab-{self.tag}"
        self.clients = clients()
        self._names = names
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        sweep_dead_labs()
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *exc):
        self._stack.close()

    # ---- building ---------------------------------------------------------------

    def _build(self):
        self.dir.mkdir(mode=0o755)
        self._stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
        # Postfix syncs every queue file; a tmpfs keeps that from being the measurement.
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(self.dir))
        self._stack.callback(unmount_below, self.dir)
        self.client = self._netns("client")
        self.router = self._netns("router")
        self.lan = self._netns("lan")
        self._build_router()
        self._build_client()
        hosts = {name: self._netns(name) for name in self._names}
        for i, (name, ns) in enumerate(hosts.items(), 1):
            self._build_host(i, name, ns)
        self.backends = {name: Postfix(self.dir / name, name, ns) for name, ns in hosts.items()}
        for mta in self.backends.values():
            self._stack.callback(mta.close)
        self.start_all()

    def _netns(self, role):
        ns = NetNs(f"mxlb-{self.tag}-{role}")
        self._stack.callback(ns.close)
        ns.sysctl(ipv6__conf__all__accept_dad=0, ipv6__conf__default__accept_dad=0,
                  ipv4__conf__all__rp_filter=0, ipv4__conf__default__rp_filter=0)
        return ns

    def _build_router(self):
        c, lan = self.client.name, self.lan.name
        self.router.ip(f"link add eth0 type veth peer name eth0 netns {c}",
                       f"link add eth1 type veth peer name uplink netns {lan}")
        self.lan.ip("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                    "link set br0 up", "link set uplink master br0", "link set uplink up")
        self.router.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        lines = ["link set eth0 up", "link set eth1 up",
                 f"addr add {ROUTER4}/24 dev eth0", f"addr add {ROUTER6}/64 dev eth0 nodad",
                 "addr add 10.0.0.1/24 dev eth1", "addr add fd00::1/64 dev eth1 nodad"]
        for net, net4 in enumerate(CLIENT_NETS4):
            lines += [f"route add {net4}.0/24 via 172.31.0.2",
                      f"route add 2001:db8:{net + 1}::/64 via fd00:9::2"]
        self.router.ip(*lines)

    def _build_client(self):
        lines = ["link set eth0 up", "addr add 172.31.0.2/24 dev eth0",
                 "addr add fd00:9::2/64 dev eth0 nodad",
                 f"route add default via {ROUTER4}", f"route add ::/0 via {ROUTER6}"]
        for client in self.clients:
            lines += [f"addr add {client.addr[4]}/32 dev lo",
                      f"addr add {client.addr[6]}/128 dev lo nodad"]
        self.client.ip(*lines)

    def _build_host(self, i, name, ns):
        self.lan.ip(f"link add p{i} type veth peer name eth0 netns {ns.name}",
                    f"link set p{i} master br0", f"link set p{i} up")
        ns.ip("link set eth0 up", f"addr add 10.0.0.{10 + i}/24 dev eth0",
              f"addr add fd00::{10 + i}/64 dev eth0 nodad",
              "route add default via 10.0.0.1", "route add ::/0 via fd00::1")

    # ---- use --------------------------------------------------------------------

    def start_all(self):
        """Every backend's Postfix runs and answers, whatever a test has done to it."""
        for mta in self.backends.values():
            mta.launch()
        for mta in self.backends.values():
            mta.wait_ready()

    def settle(self):
        """Wait until every running Postfix has delivered what it accepted."""
        for mta in self.backends.values():
            if mta.running:
                wait_until(f"{mta.name} to deliver its queue", mta.queue_is_empty)

    def tally(self):
        """Mail id -> the backends that delivered it, one entry each time it was accepted."""
        found = {}
        for name, mta in self.backends.items():
            for mail_id, queue_ids in mta.delivered().items():
                found.setdefault(mail_id, []).extend([name] * len(queue_ids))
        return found

    def logged_clients(self):
        """Mail id -> the client addresses in the MTAs' logs."""
        found = {}
        for mta in self.backends.values():
            for mail_id, addresses in mta.logged_clients().items():
                found.setdefault(mail_id, set()).update(addresses)
        return found

    def offloads(self, on):
        """Off: what native XDP needs of the links around it. On: as the kernel made them.

        XDP cannot see partial checksums. A redirect into a veth needs NAPI on its peer
        (GRO turns it on), and XDP_TX out of a veth needs an XDP program there: without
        one the kernel queues the packet and wakes nobody (veth_xdp_flush)."""
        tx, gro = ("on", "off") if on else ("off", "on")
        for ns in [self.client, *(mta.ns for mta in self.backends.values())]:
            ns.run("ethtool", "-K", "eth0", "tx", tx, "gro", gro)
            if on:
                ns.run("ethtool", "-K", "eth0", "tso", "on", "gso", "on")
        self.lan.run("ethtool", "-K", "uplink", "gro", gro)
        if on:
            xdp_off(self.client, "eth0")
        else:
            xdp_pass(self.client, "eth0", self.dir)


def xdp_pass(ns, interface, directory):
    """Put an XDP program on an interface that lets everything pass."""
    built = directory / "pass.o"
    if not built.exists():
        run("clang", "-O2", "-target", "bpf", "-x", "c", "-c", "-o", str(built), "-",
            input=XDP_PASS)
    xdp_off(ns, interface)
    ns.run("ip", "link", "set", "dev", interface, "xdp", "object", built, "section", "xdp")


def xdp_off(ns, interface):
    ns.run("ip", "link", "set", "dev", interface, "xdp", "off")


def unmount_below(path):
    """Unmount path and every mount under it, deepest first."""
    with open("/proc/self/mounts", encoding="ascii") as f:
        points = [line.split()[1] for line in f]
    for point in sorted(points, reverse=True):
        if point == str(path) or point.startswith(f"{path}/"):
            run("umount", "-l", point, check=False)


def sweep_dead_labs():
    """Remove what labs left whose process was killed before it could clean up."""
    for path in RUN.glob("mxlb-lab-*"):
        found = re.fullmatch(r"mxlb-lab-((\d+)-[0-9a-f]+)", path.name)
        if not found or pathlib.Path(f"/proc/{found[2]}").exists():
            continue
        for name in pathlib.Path("/run/netns").glob(f"mxlb-{found[1]}-*"):
            remove(name.name)
        unmount_below(path)
        shutil.rmtree(path, ignore_errors=True)
