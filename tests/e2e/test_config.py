# SPDX-License-Identifier: BSD-2-Clause
"""Faults in the configuration: all of them in one run, each with its place and its remedy."""
import checks
import pytest
from mxlb import NOBODY

# A line with `#!` holds one fault; `^` stands before the node that the message must point at.
FAULTY = """\
interfaces: [eth0, eth1]
datapath: ^fast                      #! datapath
colour: blue                         #! colour
flows:
  max: ^12                           #! max
metrics: {listen: ^"127.0.0.1:99999"}  #! listen
probes:
  mail:
    type: smtp
    interval: ^5 parsecs             #! interval
    rise: ^many                      #! rise
services:
  mx-in:
    address: [192.0.2.25, ^192.0.2.333]  #! address
    port: 25
    scheduler: ^fair                 #! scheduler
    probe: ^letter                   #! probe
    backends:
      mx1: {address: 10.0.0.11}
      mx2: {address: 10.0.0.11}      #! mx2
"""


def strip_marks(marked):
    """The text, and for each fault (line, column of the key, column of the value, key)."""
    lines, wanted = [], []
    for number, line in enumerate(marked.splitlines(), 1):
        text, _, key = line.partition("#!")
        text = text.rstrip()
        column = text.find("^") + 1
        text = text.replace("^", "")
        lines.append(text)
        if key:
            key_column = text.index(f"{key.strip()}:") + 1
            wanted.append((number, key_column, column or key_column, key.strip()))
    return "\n".join(lines) + "\n", wanted


@pytest.fixture
def faulty(mxlb):
    """mxlb with the faulty file in place, and what must be found in it."""
    text, wanted = strip_marks(FAULTY)
    mxlb.write(text)
    assert len(wanted) == 10
    return mxlb, wanted


def assert_ten_faults(text, mxlb, wanted):
    found = sorted(checks.faults(text, mxlb.path))
    assert len(found) == 10, text
    for (line, column, path, message), (at, key_column, value_column, key) in zip(found, wanted):
        assert line == at, f"{message}: not line {at}"
        assert key in path, f"line {at}: {path} does not name {key}"
        # The node at fault, or a part of it: never before its key, nor on another's column.
        assert column in (key_column, value_column) or column > value_column, f"line {at}"
        assert "; " in message, f"line {at}: no word of what would be right: {message}"


def test_ten_faults_are_ten_lines_from_mxlbd_check(faulty):
    mxlb, wanted = faulty
    reply = mxlb.run_daemon("--check")
    assert reply.code == 2
    assert_ten_faults(reply.err, mxlb, wanted)


def test_ten_faults_are_ten_lines_from_a_start(faulty):
    mxlb, wanted = faulty
    reply = mxlb.run_daemon()
    assert reply.code == 2
    assert_ten_faults(reply.err, mxlb, wanted)


def test_ten_faults_are_ten_lines_from_mxlbctl_without_a_daemon(faulty):
    mxlb, wanted = faulty
    reply = mxlb.ctl("config", "check", str(mxlb.path))
    assert reply.code == 2
    assert_ten_faults(reply.err, mxlb, wanted)


def test_ten_faults_are_ten_lines_from_a_reload(mxlb):
    mxlb.start()
    text, wanted = strip_marks(FAULTY)
    mxlb.write(text)
    reply = mxlb.ctl("config", "reload")
    assert reply.code == 2
    faults = "\n".join(line for line in reply.err.splitlines() if str(mxlb.path) + ":" in line)
    assert_ten_faults(faults, mxlb, wanted)
    assert mxlb.running


@pytest.mark.parametrize("text, line", [
    ("interfaces: [eth0, eth1\nservices: {}\n", 2),
    ("interfaces: [eth0]\n\tservices: {}\n", 2),
    ("interfaces: [eth0]\nservices:\n  mx-in: {address: 'x}\n", 3)],
    ids=["open list", "tab", "open quote"])
def test_a_syntax_error_has_its_place(mxlb, text, line):
    mxlb.write(text)
    reply = mxlb.run_daemon("--check")
    assert reply.code == 2
    at, column, _, _ = checks.faults(reply.err.splitlines()[0], mxlb.path)[0]
    assert at in (line, line + 1, line - 1) and column >= 1


def test_a_good_config_is_silent_and_needs_no_root(mxlb):
    mxlb.write()
    reply = mxlb.run_daemon("--check", as_user=NOBODY)
    assert (reply.code, reply.err) == (0, "")
    assert mxlb.ctl("config", "check", str(mxlb.path)).code == 0


def test_config_diff_says_what_a_reload_would_change(mxlb):
    mxlb.start()
    reply = mxlb.ctl("--json", "config", "diff")
    assert (reply.code, reply.doc["changes"]) == (0, [])
    mxlb.service_conf["backends"]["mx2"]["weight"] = 50
    del mxlb.service_conf["backends"]["mx3"]
    mxlb.write()
    reply = mxlb.ctl("--json", "config", "diff")
    assert reply.code == 1 and reply.doc["needs_restart"] is False
    assert {(c["op"], c["object"], c["name"]) for c in reply.doc["changes"]} == {
        ("change", "backend", "mx-in/mx2"), ("remove", "backend", "mx-in/mx3")}
    assert mxlb.backend("mx2")["weight"]["configured"] == 100, "a diff changes nothing"


def test_usage_errors_are_exit_2(mxlb):
    mxlb.write()
    assert mxlb.run_daemon("--no-such-option").code == 2
    assert mxlb.run_daemon("--log-level", "loud").code == 2
    assert mxlb.ctl("backend", "explode", "mx1").code == 2
    assert mxlb.ctl("nonsense").code == 2
