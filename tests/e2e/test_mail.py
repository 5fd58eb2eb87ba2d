# SPDX-License-Identifier: BSD-2-Clause
"""Mail gets through, on every datapath, over both families, with the client's address kept."""
import re

import checks
import pytest
import smtp
from lab import VIPS
from mxlb import SERVICE
from postfix import ID_HEADER

pytestmark = pytest.mark.parametrize("datapath", ["xdp", "xdp-generic", "tc", "auto"])


def test_300_mails_from_30_clients_arrive_once(lab, served):
    clients = lab.clients
    assert len(clients) == 30
    mails = smtp.mails_from(clients, 288)
    # Large ones too: whole trains of segments, merged where offloads allow it.
    mails += smtp.mails_from(clients[::5], 12, size=300_000)
    outcomes = smtp.send_all(lab, mails)
    checks.all_accepted(outcomes)
    checks.delivered_once(lab, mails)
    checks.true_clients(lab, mails)
    nets = checks.backend_of_each_net(lab, outcomes)
    assert len(nets) == 12, "six /24s and six /64s"
    assert set(nets.values()) == set(lab.backends), "all three backends had a share"
    assert served.json("service", "show", SERVICE)["connections"]["total"] == 300
    for family in "46":
        assert served.metrics().total("mxlb_service_connections_total", family=family) == 150


@pytest.mark.parametrize("family", [4, 6])
def test_swaks_with_starttls(lab, served, family):
    mail = smtp.Mail(lab.clients[7].addr[family], family)
    done = lab.client.run(
        "swaks", f"-{family}", "--server", VIPS[family], "--tls", "--timeout", "20s",
        "--from", "sender@client.example", "--to", "box@example.org",
        "--local-interface", mail.source, "--add-header", f"{ID_HEADER}: {mail.mail_id}",
        "--header", f"Message-Id: <{mail.mail_id}@client.example>", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^=== TLS started with cipher TLSv1\.[23]", done.stdout, re.M)
    checks.delivered_once(lab, [mail])
    checks.true_clients(lab, [mail])
