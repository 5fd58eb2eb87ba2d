# SPDX-License-Identifier: BSD-2-Clause
"""More sessions than the flow table has room for: all are served, those that it can't
remember by the hash alone. What was counted is printed (pytest -s)."""
import re

import crowd
import crowded
import pytest
from lab import exit_on_sigterm

FLOWS = 20_000
SESSIONS = 30_000
PROCESSES = 2  # of senders, and of servers on each host: a process may have 20 000 files
PATIENCE = 120.0


@pytest.fixture(scope="module")
def mesh():
    exit_on_sigterm()
    with crowded.served_mesh(PROCESSES) as made:
        yield made


def resets_sent(ns):
    """RSTs that a host's TCP has sent: what it answers packets with that it can't place."""
    text = ns.run("cat", "/proc/net/snmp").stdout
    names, values = (line.split() for line in re.findall(r"^Tcp: .*$", text, re.M))
    return int(values[names.index("OutRsts")])


def all_well(faults):
    assert not faults, f"{len(faults)} of {SESSIONS} failed: {faults[:5]}"


@pytest.mark.parametrize("datapath", ["xdp", "tc"])
def test_more_sessions_than_flows(mesh, datapath):
    with crowded.balanced(mesh, datapath, max=FLOWS, half_open=8192) as mxlb, \
            crowd.Crowds(mesh.client, PROCESSES) as group:
        resets = [resets_sent(ns) for ns in (mesh.client, *mesh.hosts.values())]
        all_well(group.open(crowded.sources(mesh, SESSIONS), crowded.SERVERS, PATIENCE))
        metrics = mxlb.metrics()
        all_well(group.call("exchange", PATIENCE))
        all_well(group.call("leave", PATIENCE))
        # A reply that kept its backend's address would have been answered with one.
        assert resets == [resets_sent(ns) for ns in (mesh.client, *mesh.hosts.values())]
        report(datapath, metrics)
        check(metrics)


def report(datapath, metrics):
    print(f"\n{datapath}: {SESSIONS} sessions at once;"
          f" flows {metrics.total('mxlb_flows', table='established'):.0f} of {FLOWS};"
          f" table full {metrics.total('mxlb_flow_table_full_total'):.0f};"
          f" SYNs {metrics.total('mxlb_service_syns_total'):.0f}")


def check(metrics):
    # Each processor may be past the test when another takes the last place.
    assert FLOWS - 10 <= metrics.total("mxlb_flows", table="established") <= FLOWS + 10
    assert metrics.total("mxlb_flow_table_full_total") >= SESSIONS - FLOWS - 10
    assert crowded.ended_badly(metrics) == 0
