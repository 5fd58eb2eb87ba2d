# SPDX-License-Identifier: BSD-2-Clause
"""What the verifier of the guest's kernel takes for each program, as tests/verifier.txt has it."""
import os
import pathlib
import subprocess

REPO = pathlib.Path(__file__).resolve().parents[2]


def known_series():
    lines = (REPO / "tests/verifier.txt").read_text().splitlines()
    return {line.split()[0] for line in lines if not line.startswith("#")}


def test_figures():
    series = ".".join(os.uname().release.split(".")[:2])
    assert series in known_series(), (
        f"tests/verifier.txt has no figures of {series}; look at those of\n"
        "  sudo tests/vm/run -- build/tests/bpf/verifier --print\nand put them there")
    done = subprocess.run([REPO / "build/tests/bpf/verifier"], cwd=REPO, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
