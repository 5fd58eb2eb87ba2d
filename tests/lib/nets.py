# SPDX-License-Identifier: BSD-2-Clause
"""Networks around the router that the plain lab (lab.py) has no use for.

Chain, for path MTUs: every link is one of a row, and each may be the narrow one.

    far ── gate1 ── gate2 ──eth0 router eth1── inner1 ── inner2 ── mx1
        0        1         2                3         4         5

Mesh, for next hops: two ways to the clients, two to every mail host, whose addresses are
on their loopbacks.

                    ┌─eth0 wan1─┐        ┌─lan1 (bridge br1) eth0─┐
    client (on lo) ─┤           ├ router ┤                        ├─ mx1, mx2 (on lo)
                    └─eth1 wan2─┘        └─lan2 (bridge br2) eth1─┘
"""
import json

from lab import CLIENT_NETS4, Lab, VIP4, VIP6

ROW = ("far", "gate1", "gate2", "router", "inner1", "inner2", "mx1")
WHOLE, NARROW = 1500, 1280
HOSTS = {"mx1": {4: "10.0.0.11", 6: "fd00::11"}, "mx2": {4: "10.0.0.12", 6: "fd00::12"}}


class Chain(Lab):
    """`client` is the far end; mx1 runs a Postfix. Links have numbers, as drawn."""

    SENDER = {4: "10.40.0.1", 6: "fd00:40::1"}
    BACKEND = {4: "10.40.5.2", 6: "fd00:40:5::2"}

    def __init__(self):
        super().__init__(("mx1",))

    def _build_router(self):
        self.row = {"far": self.client, "router": self.router, "inner1": self.lan}
        for name in ("gate1", "gate2", "inner2"):
            self.row[name] = self._netns(name)

    def _build_client(self):
        for link, pair in enumerate(zip(ROW[:-2], ROW[1:-1])):
            self._build_link(link, *(self.row[name] for name in pair))
        self.routers = [self.row[name] for name in ROW[1:-1]]
        for ns in self.routers:
            ns.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        self._build_routes()

    def _build_link(self, link, left, right):
        """The left end's eth1 (eth0 of the first in the row) to the right end's eth0."""
        name = self.right_port(link)
        left.ip(f"link add {name} type veth peer name eth0 netns {right.name}")
        for ns, port, end in ((left, name, 1), (right, "eth0", 2)):
            ns.ip(f"link set {port} up", f"addr add 10.40.{link}.{end}/24 dev {port}",
                  f"addr add fd00:40:{link}::{end}/64 dev {port} nodad")

    @staticmethod
    def right_port(link):
        return "eth1" if link else "eth0"

    def _build_routes(self):
        """By default to the right up to the router, to the left behind it."""
        for at, name in enumerate(ROW[:-1]):
            left = f"10.40.{at - 1}.1", f"fd00:40:{at - 1}::1"
            right = f"10.40.{at}.2", f"fd00:40:{at}::2"
            default, other, nets = (right, left, range(at - 1)) if at < 3 else (
                left, right, range(at + 1, 6))
            self.row[name].ip(f"route add default via {default[0]}",
                              f"route add ::/0 via {default[1]}",
                              *(f"route add 10.40.{net}.0/24 via {other[0]}" for net in nets),
                              *(f"route add fd00:40:{net}::/64 via {other[1]}" for net in nets))

    def _build_host(self, i, name, ns):
        self.row[name] = ns
        self._build_link(5, self.row["inner2"], ns)
        ns.ip("route add default via 10.40.5.1", "route add ::/0 via fd00:40:5::1")

    def offloads(self, on):
        tx, gro = ("on", "off") if on else ("off", "on")
        for name, ns in self.row.items():
            for port in ("eth0",) if name in ("far", "mx1") else ("eth0", "eth1"):
                if name != "router":
                    ns.run("ethtool", "-K", port, "tx", tx, "gro", gro)
                    if on:
                        ns.run("ethtool", "-K", port, "tso", "on", "gso", "on")

    def narrow(self, link):
        """Make that link the narrow one, all others whole, and let everyone forget the
        paths that they have learnt."""
        for at, (left, right) in enumerate(zip(ROW[:-1], ROW[1:])):
            mtu = NARROW if at == link else WHOLE
            self.row[left].ip(f"link set {self.right_port(at)} mtu {mtu}")
            self.row[right].ip(f"link set eth0 mtu {mtu}")
        for ns in self.row.values():
            ns.run("ip", "-4", "route", "flush", "cache")
            ns.run("ip", "-6", "route", "flush", "cache")

    def path_mtu(self, name, destination):
        """What a host has learnt of its path to a destination; 0: nothing."""
        text = self.row[name].run("ip", "route", "get", destination).stdout
        words = text.split()
        return int(words[words.index("mtu") + 1]) if "mtu" in words else 0


class Mesh(Lab):
    """No Postfix: its hosts are plain namespaces, `hosts`."""

    def __init__(self):
        super().__init__(())

    def _build_router(self):
        self.hosts = {name: self._netns(name) for name in HOSTS}
        for n in (1, 2):
            self.lan.ip(f"link add br{n} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                        f"link set br{n} up")
            self.build_wan(n)
            self.build_lan(n)
        self.router.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)

    def _build_client(self):
        for client in self.clients:
            self.client.ip(f"addr add {client.addr[4]}/32 dev lo",
                           f"addr add {client.addr[6]}/128 dev lo nodad")
        for i, (name, ns) in enumerate(self.hosts.items(), 1):
            self._build_mesh_host(i, ns, HOSTS[name])
        for ns in (self.client, *self.hosts.values()):  # whoever gets a new MAC says so
            ns.sysctl(ipv4__conf__all__arp_notify=1, ipv6__conf__all__ndisc_notify=1,
                      ipv4__conf__eth0__arp_notify=1, ipv6__conf__eth0__ndisc_notify=1,
                      ipv4__conf__all__arp_ignore=1)  # an interface answers for itself only
        self.reset()

    def build_wan(self, n):
        """The n-th link between router and clients, anew, with the router's old MAC."""
        self.router.ip(f"link add wan{n} address 02:00:00:00:00:0{n} type veth"
                       f" peer name eth{n - 1} netns {self.client.name}",
                       f"link set wan{n} up", f"addr add 172.31.{n}.1/24 dev wan{n}",
                       f"addr add fd00:9{n}::1/64 dev wan{n} nodad")
        self.client.ip(f"link set eth{n - 1} up", f"addr add 172.31.{n}.2/24 dev eth{n - 1}",
                       f"addr add fd00:9{n}::2/64 dev eth{n - 1} nodad")

    def build_lan(self, n):
        """The router's end of the n-th link to the hosts, anew, with its old MAC."""
        self.router.ip(f"link add lan{n} address 02:00:00:00:01:0{n} type veth"
                       f" peer name uplink{n} netns {self.lan.name}",
                       f"link set lan{n} up", *self._lan_addresses(n))
        self.lan.ip(f"link set uplink{n} master br{n}", f"link set uplink{n} up")

    @staticmethod
    def _lan_addresses(n):
        return (f"addr replace 10.1.{n}.1/24 dev lan{n}",
                f"addr replace fd00:1{n}::1/64 dev lan{n} nodad")

    def readdress_lan(self, n):
        self.router.ip(*self._lan_addresses(n))

    def _build_mesh_host(self, i, ns, addresses):
        for n in (1, 2):
            self.lan.ip(f"link add p{n}{i} type veth peer name eth{n - 1} netns {ns.name}",
                        f"link set p{n}{i} master br{n}", f"link set p{n}{i} up")
            ns.ip(f"link set eth{n - 1} up", f"addr add 10.1.{n}.{10 + i}/24 dev eth{n - 1}",
                  f"addr add fd00:1{n}::{10 + i}/64 dev eth{n - 1} nodad")
        ns.ip(f"addr add {addresses[4]}/32 dev lo", f"addr add {addresses[6]}/128 dev lo nodad")

    # ---- ways ---------------------------------------------------------------------

    def reset(self):
        """Everything by the first link of its side."""
        self.route_to_client(1)
        self.route_from_client(1)
        self.route_to_hosts(1)
        self.route_from_hosts(1)

    def route_to_client(self, n, gateway=2):
        """The router's way to the clients: the n-th link, by the neighbour that ends so."""
        self.router.ip(*(f"route replace {net4}.0/24 via 172.31.{n}.{gateway}"
                         for net4 in CLIENT_NETS4),
                       *(f"route replace 2001:db8:{net + 1}::/64 via fd00:9{n}::{gateway}"
                         for net in range(len(CLIENT_NETS4))))

    def route_from_client(self, n):
        self.client.ip(f"route replace {VIP4}/32 via 172.31.{n}.1",
                       f"route replace {VIP6}/128 via fd00:9{n}::1")

    def route_to_hosts(self, n):
        self.router.ip(*(f"route replace {addresses[family]}/{bits} via {net}{10 + i}"
                         for i, addresses in enumerate(HOSTS.values(), 1)
                         for family, bits, net in ((4, 32, f"10.1.{n}."),
                                                   (6, 128, f"fd00:1{n}::"))))

    def route_from_hosts(self, n):
        for ns in self.hosts.values():
            ns.ip(f"route replace default via 10.1.{n}.1", f"route replace ::/0 via fd00:1{n}::1")

    def offloads(self, on):
        for n in (1, 2):
            for ns in (self.client, *self.hosts.values()):
                set_offloads(ns, f"eth{n - 1}", on)
            set_offloads(self.lan, f"uplink{n}", on)


def set_offloads(ns, interface, on):
    """Off: what native XDP needs of a veth's other end. On: as the kernel made it."""
    tx, gro = ("on", "off") if on else ("off", "on")
    ns.run("ethtool", "-K", interface, "tx", tx, "gro", gro)
    if on:
        ns.run("ethtool", "-K", interface, "tso", "on", "gso", "on")


def mac_of(ns, interface):
    return json.loads(ns.run("ip", "-j", "link", "show", "dev", interface).stdout)[0]["address"]
