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


class SlowMxlb(Mxlb):
    """Emulated, the verifier takes up to half a minute, and a greeting its time too."""

    def config(self):
        conf = super().config()
        conf["probes"]["mail"].update(connect_timeout="5s", greeting_timeout="15s", timeout="30s")
        return conf

    def _await_ready(self, ready, timeout=180.0):
        super()._await_ready(ready, timeout)


@pytest.fixture(scope="module")
def lab():
    with Lab(names=("mx1", "mx2")) as made:
        yield made


def test_packet_rows():
    done = subprocess.run([BUILD / "tests/bpf/run"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"on {os.uname().release}:\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("datapath", ["xdp", "tc"])
def test_mail(lab, datapath):
    with SlowMxlb(lab, datapath) as mxlb:
        mxlb.start_on(datapath)
        mxlb.await_serving()
        for family, source in lab.clients[0].addr.items():
            mail = Mail(source, family)
            outcome = send(lab, mail)
            assert outcome.ok, f"{outcome.failures}\n{mxlb.log_text()}"
            mta = lab.backends[outcome.backend]
            wait_until("delivery", lambda mta=mta, mail=mail: mail.mail_id in mta.delivered())
            assert mta.logged_clients()[mail.mail_id] == {source}
