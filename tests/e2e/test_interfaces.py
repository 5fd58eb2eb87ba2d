# SPDX-License-Identifier: BSD-2-Clause
"""Which interfaces mxlbd is on, and what the data path knows of them, as the host changes."""
import contextlib
import json

import checks
import kernel
import pytest
import smtp
from netns import run, wait_until

EXTRA = "eth9"


@pytest.fixture
def extra(lab):
    """A third interface of the router, which nothing else uses."""
    add_extra(lab)
    yield EXTRA
    lab.router.run("ip", "link", "del", EXTRA, check=False)


def add_extra(lab):
    lab.router.ip(f"link add {EXTRA} type veth peer name {EXTRA}p",
                  f"link set {EXTRA}p up", f"link set {EXTRA} up")


def link(ns, interface):
    return json.loads(ns.run("ip", "-j", "link", "show", "dev", interface).stdout)[0]


def port(mxlb, index):
    """(ifindex, MAC address) that map `ports` holds for an interface index."""
    text = run("bpftool", "-j", "map", "lookup", "pinned", str(next(mxlb.pin_dir.glob(
        "abi-*/ports"))), "key", "hex", *index.to_bytes(4, "little").hex(" ").split()).stdout
    value = [int(byte, 16) for byte in json.loads(text)["value"]]
    return (int.from_bytes(bytes(value[:4]), "little"),
            ":".join(f"{byte:02x}" for byte in value[4:10]))


def interfaces(mxlb):
    return {i["name"]: i for i in mxlb.json("status")["interfaces"]}


@pytest.mark.parametrize("datapath", ["auto", "xdp", "xdp-generic", "tc"])
def test_a_reload_keeps_each_hook(lab, mxlb, datapath):
    """mxlbd has given up its rights by then, and must still know its programs as its own."""
    mxlb.start_on(datapath)
    mxlb.await_serving()
    before = mxlb.json("status")["interfaces"]
    programs = [kernel.xdp(lab.router, i) for i in ("eth0", "eth1")]
    expected = {"auto": "xdp", "tc": ""}.get(datapath, datapath)
    assert [mode for mode, _ in programs] == [expected] * 2
    mxlb.service_conf["hold_down"] = "2s"
    mxlb.write()
    assert mxlb.ctl("config", "reload").code == 0
    assert mxlb.json("status")["interfaces"] == before
    assert [kernel.xdp(lab.router, i) for i in ("eth0", "eth1")] == programs
    for interface in ("eth0", "eth1"):
        assert len(kernel.tc_programs(lab.router, interface)) == 1
    checks.all_accepted(smtp.send_all(lab, smtp.mails_from(lab.clients, 12)))


def test_the_data_path_knows_each_mac_address(lab, mxlb, extra):
    mxlb.conf["interfaces"] = ["eth0", "eth1", extra]
    mxlb.start_on("auto")
    for name in ("eth0", "eth1", extra):
        shown = link(lab.router, name)
        assert port(mxlb, shown["ifindex"]) == (shown["ifindex"], shown["address"])

    index = link(lab.router, extra)["ifindex"]
    lab.router.ip(f"link set {extra} address 02:00:00:00:00:99")
    wait_until("the new MAC address", lambda: port(mxlb, index) == (index, "02:00:00:00:00:99"))

    mxlb.conf["interfaces"] = ["eth0", "eth1"]
    mxlb.write()
    assert mxlb.ctl("config", "reload").code == 0
    assert port(mxlb, index) == (0, "00:00:00:00:00:00")


def test_an_interface_that_comes_back_is_another(lab, mxlb, extra):
    mxlb.conf["interfaces"] = ["eth0", "eth1", extra]
    mxlb.start_on("auto")
    index = link(lab.router, extra)["ifindex"]
    lab.router.ip(f"link del {extra}")
    wait_until("it to be missed", lambda: "not there" in interfaces(mxlb)[extra]["note"])
    assert port(mxlb, index)[0] == 0

    add_extra(lab)
    shown = link(lab.router, extra)
    wait_until("it to be known", lambda: port(mxlb, shown["ifindex"]) == (
        shown["ifindex"], shown["address"]))
    wait_until("both hooks", lambda: kernel.xdp(lab.router, extra)[0] == "xdp"
               and kernel.tc_programs(lab.router, extra))
    assert shown["ifindex"] != index
    pins = {path.name for path in mxlb.pin_dir.iterdir()}
    assert f"xdp-{shown['ifindex']}" in pins and f"xdp-{index}" not in pins


def test_a_renamed_interface_is_left(lab, mxlb, extra):
    mxlb.conf["interfaces"] = ["eth0", "eth1", extra]
    mxlb.start_on("auto")
    lab.router.ip(f"link set {extra} down", f"link set {extra} name other9")
    try:
        wait_until("it to be missed", lambda: "not there" in interfaces(mxlb)[extra]["note"])
        assert kernel.xdp(lab.router, "other9") == ("", 0)
        assert not kernel.tc_programs(lab.router, "other9")
    finally:
        lab.router.ip(f"link set other9 name {extra}", f"link set {extra} up")
    wait_until("both hooks", lambda: kernel.xdp(lab.router, extra)[0] == "xdp"
               and kernel.tc_programs(lab.router, extra))


@pytest.mark.parametrize("datapath", ["xdp", "tc"])
def test_one_that_left_the_config_while_mxlbd_was_down_is_left(lab, mxlb, extra, datapath):
    """Its clsact is the operator's, so nothing but the filter says that mxlbd was there."""
    lab.router.run("tc", "qdisc", "add", "dev", extra, "clsact")
    mxlb.conf["interfaces"] = ["eth0", "eth1", extra]
    mxlb.start_on(datapath)
    assert kernel.tc_programs(lab.router, extra)
    mxlb.stop()
    mxlb.conf["interfaces"] = ["eth0", "eth1"]
    mxlb.start()
    assert not kernel.tc_programs(lab.router, extra)
    assert kernel.xdp(lab.router, extra) == ("", 0)
    assert kernel.has_clsact(lab.router, extra)
    assert kernel.tc_programs(lab.router, "eth0")


@contextlib.contextmanager
def pinned_by_another_version(mxlb):
    """A map that an mxlbd of another ABI would have left."""
    directory = mxlb.pin_dir / "abi-1"
    directory.mkdir()
    run("bpftool", "map", "create", str(directory / "flows"), "type", "hash", "key", "20",
        "value", "120", "entries", "16", "name", "flows")
    yield directory


def test_maps_of_another_version_go_once_it_is_replaced(lab, served):
    served.stop()
    with pinned_by_another_version(served) as directory:
        served.start()
        assert not directory.exists()
    assert "data path of another version is replaced" in served.log_text()
    assert (served.pin_dir / "abi-2").is_dir()
    served.await_serving()
    checks.all_accepted(smtp.send_all(lab, smtp.mails_from(lab.clients, 12)))


def test_a_start_that_fails_leaves_another_version_in_place(lab, served, extra):
    """What serves goes on serving."""
    served.stop()
    programs = [kernel.xdp(lab.router, i) for i in ("eth0", "eth1")]
    filters = [kernel.tc_programs(lab.router, i) for i in ("eth0", "eth1")]
    # As if the pins were another version's: ours are not where this one looks.
    (served.pin_dir / "abi-2").rename(served.pin_dir / "abi-1")
    served.write_with(interfaces=[{"name": "lo", "datapath": "xdp"}, "eth0", "eth1"])
    reply = served.run_daemon()
    assert reply.code == 1 and "lo" in reply.err
    assert (served.pin_dir / "abi-1" / "flows").exists()
    assert [kernel.xdp(lab.router, i) for i in ("eth0", "eth1")] == programs
    assert [kernel.tc_programs(lab.router, i) for i in ("eth0", "eth1")] == filters
    checks.all_accepted(smtp.send_all(lab, smtp.mails_from(lab.clients, 12)))
    served.start()
    assert not (served.pin_dir / "abi-1").exists()
    served.await_serving()
    checks.all_accepted(smtp.send_all(lab, smtp.mails_from(lab.clients, 12)))
