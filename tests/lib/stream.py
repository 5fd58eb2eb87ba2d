# SPDX-License-Identifier: BSD-2-Clause
"""A steady stream of mail from every client, by senders that try again as MTAs do."""
import contextlib
import itertools
import threading
import time

import smtp
from netns import LabError


class Gate:
    """Keeps an MTA from being stopped between storing a mail and saying so. The sender
    would try again and the mail would come twice, by SMTP's own rules (RFC 1047) and
    whatever stands in front; that is not what is measured here."""

    def __init__(self):
        self._changed = threading.Condition()
        self._inside = 0
        self._shut = False

    @contextlib.contextmanager
    def passing(self):
        with self._changed:
            self._changed.wait_for(lambda: not self._shut)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def shut(self):
        with self._changed:
            self._shut = True
            self._changed.wait_for(lambda: not self._inside)
        try:
            yield
        finally:
            with self._changed:
                self._shut = False
                self._changed.notify_all()


class Stream:
    """Sends until the end of its `with` block; each sender pauses between its mails.

    wait_for(n) blocks until n more mails have been accepted since it was called, so
    that a story told along the stream needs no sleeps.
    """

    def __init__(self, lab, senders=6, pause=0.1, persist=60.0):
        self.gate = Gate()
        self._lab, self._pause, self._persist = lab, pause, persist
        self._pairs = itertools.cycle((c, f) for c in lab.clients for f in (4, 6))
        self._grown = threading.Condition()
        self._outcomes = []
        self._over = threading.Event()
        self._aborted = False
        self._threads = [threading.Thread(target=self._send) for _ in range(senders)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, exc_type, *exc):
        self._aborted = exc_type is not None
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _send(self):
        while not self._over.is_set():
            with self._grown:
                client, family = next(self._pairs)
            give_up = time.monotonic() + self._persist
            outcome = smtp.send(
                self._lab, smtp.Mail(client.addr[family], family), at_dot=self.gate.passing,
                keep_trying=lambda: not self._aborted and time.monotonic() < give_up)
            with self._grown:
                self._outcomes.append(outcome)
                self._grown.notify_all()
            self._over.wait(self._pause)

    def outcomes(self):
        with self._grown:
            return list(self._outcomes)

    def wait_for(self, count, test=lambda outcome: True, timeout=30.0):
        """Until `count` more mails for which the test holds are through."""
        with self._grown:
            start = len(self._outcomes)
            if not self._grown.wait_for(
                    lambda: sum(map(test, self._outcomes[start:])) >= count, timeout):
                raise LabError(f"waited {timeout:g} s in vain for {count} mails to pass")
