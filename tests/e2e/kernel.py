# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel itself says is attached, loaded and counted."""
import json
import re

from netns import run

XDP_MODES = {1: "xdp", 2: "xdp-generic"}


def xdp(ns, interface):
    """(mode, id) of the XDP program on an interface, ("", 0) without one."""
    link = json.loads(ns.run("ip", "-j", "-d", "link", "show", "dev", interface).stdout)[0]
    found = link.get("xdp")
    return (XDP_MODES[found["mode"]], found["prog"]["id"]) if found else ("", 0)


def tc_programs(ns, interface):
    """The ids of the BPF programs in an interface's TC filters."""
    ids = set()
    for hook in ("ingress", "egress"):
        text = ns.run("tc", "-j", "filter", "show", "dev", interface, hook).stdout
        for entry in json.loads(text or "[]"):
            program = entry.get("options", {}).get("prog", {})
            ids |= {program["id"]} if program else set()
    return ids


def has_clsact(ns, interface):
    return "clsact" in ns.run("tc", "qdisc", "show", "dev", interface).stdout


def xdp_redirects(ns, *interfaces):
    """How many packets native XDP has redirected, by the veth driver's own count."""
    return sum(int(n) for interface in interfaces for n in re.findall(
        r"rx_queue_\d+_xdp_redirect: (\d+)", ns.run("ethtool", "-S", interface).stdout))


def exists(kind, number):
    """Is there a `prog` or `map` of that id?"""
    return run("bpftool", "-j", kind, "show", "id", str(number), check=False).returncode == 0


def maps_of(program):
    """The ids of the maps that a program uses."""
    text = run("bpftool", "-j", "prog", "show", "id", str(program)).stdout
    return set(json.loads(text).get("map_ids", []))
