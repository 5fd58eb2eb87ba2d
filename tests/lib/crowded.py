# SPDX-License-Identifier: BSD-2-Clause
"""mxlbd on the mesh (nets.py) with servers that very many sessions can be open at."""
import contextlib
import itertools

import crowd
import nets
from lab import VIPS
from mxlb import Mxlb

SERVERS = {family: (vip, 25) for family, vip in VIPS.items()}
SERVED_AT = 2525
_serial = itertools.count(1)


@contextlib.contextmanager
def served_mesh(servers=1):
    """A mesh with so many server processes on each host (each has its own open files)."""
    with nets.Mesh() as mesh, contextlib.ExitStack() as running:
        for name, ns in mesh.hosts.items():
            ns.sysctl(ipv4__tcp_syncookies=1)  # as a host has that SYNs may flood
            for _ in range(servers):
                running.enter_context(crowd.serving(
                    ns, name, *nets.HOSTS[name].values(), port=SERVED_AT))
        # Whatever source an intruder makes up, there is a way back to it.
        mesh.router.ip("route add default via 172.31.1.2", "route add ::/0 via fd00:91::2")
        yield mesh


@contextlib.contextmanager
def balanced(mesh, datapath, **flows):
    """mxlbd there, with that configuration of `flows`. Without probes: which backend is
    chosen must not depend on how busy the machine is."""
    with Mxlb(mesh, f"mxlb-{next(_serial)}") as made:
        made.conf["interfaces"] = ["wan1", "wan2", "lan1"]
        made.conf["flows"] = flows
        made.conf["probes"]["mail"] = {"type": "none"}
        made.service_conf["backends"] = {
            name: {"address": list(addresses.values()), "port": SERVED_AT}
            for name, addresses in nets.HOSTS.items()}
        made.start_on(datapath)
        yield made
        print(f"---- {made.log}\n{made.log_text()[-4000:]}")


def sources(mesh, count, families=(4, 6), first_port=20000):
    """(address, port) of so many sessions, over all client hosts in turn."""
    addresses = [c.addr[family] for c in mesh.clients for family in families]
    return [(addresses[i % len(addresses)], first_port + i // len(addresses))
            for i in range(count)]


def ended_badly(metrics):
    """Sessions whose end was not of their own making."""
    return sum(metrics.total("mxlb_backend_sessions_ended_total", how=how)
               for how in ("client_reset", "backend_reset", "idle", "lb_reset"))
