# SPDX-License-Identifier: BSD-2-Clause
"""Senders: mail from chosen source addresses, at once or held half-way through DATA.

A sender that is given `keep_trying` behaves like an MTA: what failed is tried again as
long as that says so. Without it one attempt is made, so that a test sees every failure.
"""
import concurrent.futures
import contextlib
import dataclasses
import itertools
import secrets
import smtplib
import socket
import time

from lab import VIPS
from postfix import DOMAIN, ID_HEADER

_serial = itertools.count(1)
_run = secrets.token_hex(3)
RETRY_PAUSE = 0.25
FILLER = "The quick brown fox jumps over the lazy dog, and the mail gets through.\r\n"


@dataclasses.dataclass(frozen=True)
class Mail:
    source: str
    family: int
    size: int = 4000  # of the body: more than one segment
    mail_id: str = dataclasses.field(default_factory=lambda: f"{_run}-{next(_serial):05d}")

    def text(self):
        head = (f"From: <sender@client.example>\r\nTo: <box@{DOMAIN}>\r\n"
                f"Subject: {self.mail_id}\r\n{ID_HEADER}: {self.mail_id}\r\n"
                f"Message-ID: <{self.mail_id}@client.example>\r\n\r\n")
        return (head + FILLER * (self.size // len(FILLER) + 1)).encode()


@dataclasses.dataclass
class Outcome:
    mail: Mail
    backend: str = ""  # the name in the greeting of the last attempt
    failures: list = dataclasses.field(default_factory=list)  # (when, what went wrong)
    opened_at: float = 0.0  # the last attempt
    accepted_at: float = 0.0

    @property
    def ok(self):
        return bool(self.accepted_at)


class Session(smtplib.SMTP):
    """An SMTP session whose socket lives in a namespace and has a chosen source."""

    def __init__(self, ns, source, server, port=25, timeout=10.0):
        self._ns = ns
        super().__init__(server, port, local_hostname="client.example", timeout=timeout,
                         source_address=(source, 0))
        if not self.helo_name:
            raise smtplib.SMTPConnectError(self.last_code, "no 220 greeting")

    def _get_socket(self, host, port, timeout):
        with self._ns.entered():
            return socket.create_connection((host, port), timeout, self.source_address)

    def connect(self, *args, **kw):
        self.last_code, text = super().connect(*args, **kw)
        self.helo_name = text.split()[0].decode().split(".")[0] if self.last_code == 220 else ""
        return self.last_code, text

    def to_data(self, mail):
        """Up to the 354 that asks for the body."""
        self.ehlo()
        for code, text in (self.mail("sender@client.example"), self.rcpt(f"box@{DOMAIN}"),
                           self.docmd("DATA")):
            if code not in (250, 354):
                raise smtplib.SMTPResponseException(code, text)

    def end_data(self):
        """The final dot; raises unless the mail was accepted."""
        self.send(b".\r\n")
        code, text = self.getreply()
        if code != 250:
            raise smtplib.SMTPResponseException(code, text)


def open_session(lab, mail, server=None, timeout=10.0):
    return Session(lab.client, mail.source, server or VIPS[mail.family], timeout=timeout)


def send(lab, mail, keep_trying=lambda: False, at_dot=contextlib.nullcontext, **kw):
    """Send one mail. at_dot() is a context manager that is held from the final dot to its
    answer; the rest is open_session's."""
    outcome = Outcome(mail)
    while True:
        try:
            outcome.opened_at = time.monotonic()
            session = open_session(lab, mail, **kw)
            outcome.backend = session.helo_name
            try:
                session.to_data(mail)
                session.send(mail.text())
                with at_dot():
                    session.end_data()
                    outcome.accepted_at = time.monotonic()
                session.quit()
            finally:
                session.close()
        except (OSError, smtplib.SMTPException) as e:
            if outcome.ok:  # accepted; only the goodbye was lost
                return outcome
            outcome.failures.append((time.monotonic(), f"{type(e).__name__}: {e}"))
        if outcome.ok or not keep_trying():
            return outcome
        time.sleep(RETRY_PAUSE)


def send_all(lab, mails, threads=8, **kw):
    """Send many mails with several senders; outcomes in the order of the mails. After a
    dozen failures the rest is not tried: with nothing getting through, each would take
    its whole time-out."""
    failed = []

    def send_one(mail):
        if len(failed) >= 12:
            return Outcome(mail, failures=[(time.monotonic(), "not tried")])
        outcome = send(lab, mail, **kw)
        if not outcome.ok:
            failed.append(mail)
        return outcome

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(send_one, mails))


def mails_from(clients, count, families=(4, 6), **kw):
    """`count` mails, the sources taken in turn, the families alternating."""
    pairs = itertools.cycle([(c, f) for c in clients for f in families])
    return [Mail(c.addr[f], f, **kw) for c, f in itertools.islice(pairs, count)]


class Held:
    """A session that stays in the middle of its DATA until it is told to finish."""

    def __init__(self, lab, mail):
        self.mail = mail
        self.session = open_session(lab, mail)
        self.backend = self.session.helo_name
        self.session.to_data(mail)
        self._text = mail.text()
        self._half = len(self._text) // 2
        self.session.send(self._text[:self._half])

    def finish(self):
        self.session.send(self._text[self._half:])
        self.session.end_data()
        self.session.quit()
        self.session.close()

    def close(self):
        self.session.close()


def hold(lab, mails):
    """Open one held session for each mail."""
    return [Held(lab, mail) for mail in mails]
