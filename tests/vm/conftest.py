# SPDX-License-Identifier: BSD-2-Clause
"""These tests are for the guest: `make check-vm` boots it and runs them there."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))


def pytest_configure():
    if "MXLB_VM" not in os.environ:
        pytest.exit("tests/vm runs in the guest; run: sudo make check-vm", 2)
