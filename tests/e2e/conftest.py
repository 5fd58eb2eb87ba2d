# SPDX-License-Identifier: BSD-2-Clause
"""One lab for the whole run; a fresh mxlbd, with paths of its own, for each test."""
import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from lab import Lab, exit_on_sigterm  # noqa: E402 (the path comes first)
from mxlb import Mxlb  # noqa: E402

_serial = itertools.count(1)


@pytest.fixture(scope="session")
def lab():
    exit_on_sigterm()
    with Lab() as made:
        yield made


def fresh_mxlb(lab):
    """An Mxlb to configure and start, all backends running; the log is shown on failure."""
    lab.start_all()
    lab.settle()
    with Mxlb(lab, f"mxlb-{next(_serial)}") as made:
        yield made
        print(f"---- {made.log}\n{made.log_text()[-8000:]}")


@pytest.fixture
def mxlb(lab):
    yield from fresh_mxlb(lab)


@pytest.fixture
def served(mxlb, datapath):
    """mxlbd started on the test's `datapath`, every backend serving."""
    mxlb.start_on(datapath)
    mxlb.await_serving()
    return mxlb


@pytest.fixture(params=["xdp", "tc"])
def datapath(request):
    """Both hooks; a test about every mode parametrises this itself."""
    return request.param
