# SPDX-License-Identifier: BSD-2-Clause
"""What several tests assert about mail that was sent."""
import pathlib
import re

from netns import wait_until

FAULT = re.compile(
    r"(?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+): (?P<path>[^:]+): (?P<text>.+)")


def all_accepted(outcomes):
    failed = [(o.mail.source, o.failures) for o in outcomes if not o.ok]
    assert not failed, f"{len(failed)} of {len(outcomes)} mails failed: {failed[:5]}"


def delivered_once(lab, mails):
    """Each of the mails is in exactly one mailbox, once."""
    wanted = {mail.mail_id for mail in mails}
    wait_until("all mails to be in mailboxes", lambda: wanted <= lab.tally().keys())
    lab.settle()
    tally = lab.tally()
    twice = {mail_id: tally[mail_id] for mail_id in wanted if len(tally[mail_id]) != 1}
    assert not twice, f"delivered more than once: {twice}"


def true_clients(lab, mails):
    """Each MTA log names the address that the mail was really sent from."""
    logged = lab.logged_clients()
    wrong = {m.source: logged.get(m.mail_id) for m in mails if logged.get(m.mail_id) != {m.source}}
    assert not wrong, f"client address not kept (sent from: logged): {wrong}"


def backend_of_each_net(lab, outcomes):
    """(family, client network) -> its backend; each network must have had exactly one."""
    home = {c.addr[f]: (f, c.prefix(f)) for c in lab.clients for f in (4, 6)}
    seen = {}
    for o in outcomes:
        seen.setdefault(home[o.mail.source], set()).add(o.backend)
    split = {net: backends for net, backends in seen.items() if len(backends) != 1}
    assert not split, f"client networks on more than one backend: {split}"
    return {net: backends.pop() for net, backends in seen.items()}


def faults(text, path):
    """The (line, column, key path, text) of every line; each must have the documented form."""
    found = []
    for line in text.splitlines():
        match = FAULT.fullmatch(line)
        assert match, f"not FILE:LINE:COLUMN: path: text: {line!r}"
        assert pathlib.Path(match["file"]) == pathlib.Path(path), line
        found.append((int(match["line"]), int(match["column"]), match["path"], match["text"]))
    return found
