# SPDX-License-Identifier: BSD-2-Clause
"""VLAN devices on an interface of mxlb's, which Debian's kernel has: the data path is told
which tags they take, and `auto` keeps to TC while there are any."""
import json
import pathlib
import sys

import pytest

from lab import Lab
from netns import run, wait_until
from test_guest import SlowMxlb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import kernel  # noqa: E402 (the path comes first)


@pytest.fixture(scope="module")
def lab():
    with Lab(names=("mx1", "mx2")) as made:
        yield made


def index_of(lab, name):
    return json.loads(lab.router.run("ip", "-j", "link", "show", "dev", name).stdout)[0]["ifindex"]


def vlans(mxlb):
    """Map `vlans`: {(interface below, protocol, id): device}, by index."""
    text = run("bpftool", "-j", "map", "dump", "pinned",
               str(next(mxlb.pin_dir.glob("abi-*/vlans")))).stdout
    found = {}
    for entry in json.loads(text):
        key, value = (bytes(int(b, 16) for b in entry[part]) for part in ("key", "value"))
        below, number = (int.from_bytes(part, "little") for part in (key[:4], key[4:6]))
        found[below, key[6:8].hex(), number] = int.from_bytes(value, "little")
    return found


def interface(mxlb, name):
    return {i["name"]: i for i in mxlb.json("status")["interfaces"]}[name]


def test_vlan_devices_on_an_interface(lab):
    router = lab.router
    with SlowMxlb(lab, "vlans") as mxlb:
        mxlb.start_on("auto")
        eth0 = index_of(lab, "eth0")
        assert interface(mxlb, "eth0")["datapath"] == "xdp" and vlans(mxlb) == {}

        router.ip("link add link eth0 name eth0.25 type vlan id 25",
                  "link add link eth0 name q4000 type vlan proto 802.1ad id 4000",
                  "link add link q4000 name inner type vlan id 7")
        q4000 = index_of(lab, "q4000")
        expected = {(eth0, "8100", 25): index_of(lab, "eth0.25"), (eth0, "88a8", 4000): q4000,
                    (q4000, "8100", 7): index_of(lab, "inner")}
        wait_until("the tags to be known", lambda: vlans(mxlb) == expected)
        assert interface(mxlb, "eth0")["datapath"] == "tc"
        assert "VLAN" in interface(mxlb, "eth0")["note"]
        assert kernel.xdp(router, "eth0") == ("", 0) and kernel.tc_programs(router, "eth0")
        assert interface(mxlb, "eth1")["datapath"] == "xdp"

        mxlb.kill()  # nobody hears of what goes now
        router.ip("link del inner", "link del eth0.25")
        mxlb.start()
        assert vlans(mxlb) == {(eth0, "88a8", 4000): q4000}
        assert interface(mxlb, "eth0")["datapath"] == "tc"

        router.ip("link del q4000")
        wait_until("XDP to be back", lambda: kernel.xdp(router, "eth0")[0] == "xdp")
        assert vlans(mxlb) == {} and interface(mxlb, "eth0")["datapath"] == "xdp"
