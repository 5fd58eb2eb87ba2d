# SPDX-License-Identifier: BSD-2-Clause
"""The lab proves itself with nftables in mxlb's place."""
import checks
import natlab
import smtp
import wire


def test_lab_measures_a_balancer_that_is_known_to_work(lab):
    lab.start_all()
    mails = smtp.mails_from(lab.clients, 120)
    with natlab.dnat(lab):
        outcomes = smtp.send_all(lab, mails)
        held = smtp.hold(lab, smtp.mails_from(lab.clients, 10))
        for session in held:
            session.finish()
    checks.all_accepted(outcomes)
    checks.delivered_once(lab, mails + [session.mail for session in held])
    checks.true_clients(lab, mails)
    nets = checks.backend_of_each_net(lab, outcomes)
    assert len(nets) == 12 and set(nets.values()) == set(lab.backends)


def test_lab_notices_what_it_must(lab):
    """A refusal is seen as a refusal, a silent host as silence, a lost mail as lost."""
    mx1 = lab.backends["mx1"]
    mx1.stop()
    mail = smtp.Mail(lab.clients[0].addr[4], 4)
    with wire.Wire(lab.client) as seen:
        outcome = smtp.send(lab, mail, server="10.0.0.11")
        seen.wait("a RST", lambda packets: any(p.flags & wire.RST for p in packets))
    assert not outcome.ok and "ConnectionRefusedError" in outcome.failures[0][1]
    assert mail.mail_id not in lab.tally()
    mx1.start()
    mx1.freeze()
    outcome = smtp.send(lab, mail, server="10.0.0.11", timeout=0.5)
    assert not outcome.ok and "timed out" in outcome.failures[0][1]
    mx1.thaw()
