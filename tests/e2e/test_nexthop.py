# SPDX-License-Identifier: BSD-2-Clause
"""Next hops change under a hundred sessions, and none of them is lost: fifty are talking
all along, fifty are idle from before the change until they deliver their mail after it."""
import contextlib
import itertools

import crowd
import nets
import pytest
from lab import VIPS, exit_on_sigterm
from mxlb import Mxlb
from netns import wait_until

SERVERS = {family: (vip, 25) for family, vip in VIPS.items()}
SERVED_AT = 2525
INTERFACES = ["wan1", "wan2", "lan1", "lan2"]
_ports = itertools.count(20000)


@pytest.fixture(scope="module")
def mesh():
    exit_on_sigterm()
    with nets.Mesh() as made, contextlib.ExitStack() as servers:
        for name, ns in made.hosts.items():
            servers.enter_context(crowd.serving(
                ns, name, *nets.HOSTS[name].values(), port=SERVED_AT))
        yield made


@pytest.fixture(scope="module", params=["xdp", "tc"])
def started(mesh, request):
    """mxlbd on the mesh."""
    with Mxlb(mesh, f"mxlb-{request.param}") as made:
        made.conf["interfaces"] = INTERFACES
        made.conf["probes"]["mail"] = {"type": "none"}
        made.service_conf["backends"] = {
            name: {"address": list(addresses.values()), "port": SERVED_AT}
            for name, addresses in nets.HOSTS.items()}
        made.start_on(request.param)
        yield made


@pytest.fixture
def sessions(mesh, started):
    """The hundred: (idle, talking), each of both families and on both backends."""
    mesh.reset()
    if not started.running:
        started.start()
    with crowd.Crowd(mesh.client) as idle, crowd.Crowd(mesh.client) as talking:
        for group in (idle, talking):
            sources = itertools.cycle(c.addr[f] for c in mesh.clients for f in (4, 6))
            group.open([(next(sources), next(_ports)) for _ in range(50)], SERVERS)
            assert not group.faults(), group.faults()[:5]
            assert {session.backend for session in group.sessions} == set(nets.HOSTS)
        yield idle, talking


@contextlib.contextmanager
def surviving(sessions):
    """What is done in the block, and in the order it is done, costs no session."""
    idle, talking = sessions
    with crowd.Talk(talking, pause=0.02) as talk:
        talk.wait_rounds(1)
        yield talk
        talk.wait_rounds(2)
    for group in sessions:
        group.finish()
        assert not group.faults(), f"{len(group.faults())} lost: {group.faults()[:5]}"


def new_mac(ns, interface):
    """Another MAC address, which the host tells its neighbours of (arp_notify)."""
    before = nets.mac_of(ns, interface)
    digits = "02" + before[2:-2] + f"{(int(before[-2:], 16) + 1) % 256:02x}"
    ns.ip(f"link set {interface} address {digits}")


# ---- changes that a routing daemon or a neighbour makes -----------------------------


DEAF = """
table netdev deaf {{
    chain eth0 {{
        type filter hook ingress device eth0 priority 0;
        ether daddr {mac} meta l4proto tcp drop
    }}
}}
"""


def deafen(ns):
    """No TCP gets in by eth0 any more, so that who is not moved on is cut off."""
    ns.run("nft", "-f", "-", input=DEAF.format(mac=nets.mac_of(ns, "eth0")))


@pytest.fixture
def undone(mesh):
    """What the changes leave behind is taken away after the test."""
    yield
    for ns in (mesh.client, *mesh.hosts.values()):
        ns.run("nft", "delete", "table", "netdev", "deaf", check=False)
    mesh.client.run("ip", "link", "del", "gate2", check=False)


def backends_get_new_macs(mesh):
    for ns in mesh.hosts.values():
        new_mac(ns, "eth0")


def gateway_gets_a_new_mac(mesh):
    new_mac(mesh.client, "eth0")


def clients_move_to_another_gateway(mesh):
    """On the same link, with a MAC address of its own."""
    mesh.client.ip("link add gate2 link eth0 address 02:00:00:00:02:03 type macvlan mode bridge",
                   "link set gate2 up",
                   "addr add 172.31.1.3/24 dev gate2", "addr add fd00:91::3/64 dev gate2 nodad")
    mesh.route_to_client(1, gateway=3)
    deafen(mesh.client)


def clients_move_to_another_interface(mesh):
    mesh.route_to_client(2)
    mesh.route_from_client(2)
    deafen(mesh.client)


def return_to_clients_becomes_asymmetric(mesh):
    mesh.route_to_client(2)
    deafen(mesh.client)


def backends_move_to_another_link(mesh):
    mesh.route_to_hosts(2)
    mesh.route_from_hosts(2)
    for ns in mesh.hosts.values():
        deafen(ns)


MOVES = [backends_get_new_macs, gateway_gets_a_new_mac, clients_move_to_another_gateway,
         clients_move_to_another_interface, return_to_clients_becomes_asymmetric,
         backends_move_to_another_link]


@pytest.mark.parametrize("change", MOVES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("daemon", ["running", "killed"])
def test_a_move(mesh, started, sessions, undone, daemon, change):
    """With the daemon dead nobody tells the data path; then its cached hops grow old."""
    if daemon == "killed":
        started.kill()
    with surviving(sessions):
        change(mesh)


# ---- links that fail ----------------------------------------------------------------


def carrier(mesh, interface):
    return "LOWER_UP" in mesh.router.run("ip", "link", "show", "dev", interface).stdout


def test_the_backends_cable_is_pulled_and_put_back(mesh, sessions):
    with surviving(sessions):
        mesh.lan.ip("link set uplink1 down")
        wait_until("the carrier to be lost", lambda: not carrier(mesh, "lan1"))
        mesh.lan.ip("link set uplink1 up")
        wait_until("the carrier to be back", lambda: carrier(mesh, "lan1"))


def test_the_backends_link_goes_down_and_up(mesh, sessions):
    """Going down it loses its routes and IPv6 addresses; its owner gives them back."""
    with surviving(sessions):
        mesh.router.ip("link set lan1 down")
        mesh.router.ip("link set lan1 up")
        mesh.readdress_lan(1)
        mesh.route_to_hosts(1)


def test_the_backends_link_fails_and_the_other_takes_over(mesh, sessions):
    with surviving(sessions) as talk:
        mesh.router.ip("link set lan1 down")
        mesh.route_to_hosts(2)
        mesh.route_from_hosts(2)
        talk.wait_rounds(1)
        mesh.router.ip("link set lan1 up")
        mesh.readdress_lan(1)


def attached(started, interface):
    found = {i["name"]: i for i in started.json("status")["interfaces"]}[interface]
    return started.metrics().total("mxlb_interface_attached", interface=interface,
                                   mode=found["datapath"]) == 1


@pytest.mark.parametrize("interface", ["wan1", "lan1"])
def test_an_interface_is_deleted_and_made_again(mesh, started, sessions, interface):
    with surviving(sessions):
        mesh.router.ip(f"link del {interface}")
        wait_until("the interface to be missed", lambda: not attached(started, interface))
        if interface == "wan1":
            mesh.build_wan(1)
        else:
            mesh.build_lan(1)
        mesh.offloads(on=started.conf["datapath"] == "tc")
        mesh.reset()
        wait_until("mxlbd to be back on it", lambda: attached(started, interface))


# ---- more than one way in -----------------------------------------------------------


def seen_by(mesh, interface):
    """How many packets the router has received and sent there."""
    text = mesh.router.run("cat", "/proc/net/dev").stdout
    words = text.partition(f"{interface}:")[2].split()
    return int(words[1]), int(words[9])


def test_connections_come_in_by_one_link_and_are_answered_by_another(mesh, started):
    """From the SYN on; then the other way round."""
    for way_in, way_out in ((1, 2), (2, 1)):
        mesh.reset()
        mesh.route_from_client(way_in)
        mesh.route_to_client(way_out)
        before = [seen_by(mesh, f"wan{n}") for n in (way_in, way_out)]
        with crowd.Crowd(mesh.client) as group:
            sources = itertools.cycle(c.addr[f] for c in mesh.clients for f in (4, 6))
            group.open([(next(sources), next(_ports)) for _ in range(100)], SERVERS)
            group.finish()
            assert not group.faults(), group.faults()[:5]
        after = [seen_by(mesh, f"wan{n}") for n in (way_in, way_out)]
        assert after[0][0] - before[0][0] > 500 and after[1][1] - before[1][1] > 500
        assert after[0][1] - before[0][1] < 100 and after[1][0] - before[1][0] < 100
