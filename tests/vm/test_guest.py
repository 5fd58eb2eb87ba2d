# SPDX-License-Identifier: BSD-2-Clause
"""The least that must hold on the oldest kernel: the programs pass the verifier and
treat packets as elsewhere, and a mail gets through, at either hook."""
import os
import pathlib
import subprocess

import pytest

from lab import Lab
from mxlb import Mxlb
from netns import wait_until
from smtp import Mail, send

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"


@pytest.fixture(scope="module")
def lab():
    with Lab(names=("mx1", "mx2")) as made:
        yield made


def test_packet_rows():
    done = subprocess.run([BUILD / "tests/bpf/run"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"on {os.uname().release}:\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("datapath", ["xdp", "tc"])
def test_mail(lab, datapath):
    with Mxlb(lab, datapath) as mxlb:
        mxlb.start_on(datapath)
        mxlb.await_serving()
        for family, source in lab.clients[0].addr.items():
            mail = Mail(source, family)
            outcome = send(lab, mail)
            assert outcome.ok, f"{outcome.failures}\n{mxlb.log_text()}"
            mta = lab.backends[outcome.backend]
            wait_until("delivery", lambda mta=mta, mail=mail: mail.mail_id in mta.delivered())
            assert mta.logged_clients()[mail.mail_id] == {source}
