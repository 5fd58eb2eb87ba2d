# SPDX-License-Identifier: BSD-2-Clause
"""Very many SMTP sessions at once: the senders, and (run as a program) a server for them.

Thousands of sessions share one thread and one epoll on either side; Postfix has a
process for each. Every answer of the server bears its name, and its answer to a mail
the digest of what came, so that a session that ended up elsewhere, or lost a byte, shows.
"""
import argparse
import collections
import contextlib
import errno
import hashlib
import multiprocessing
import os
import resource
import select
import signal
import socket
import sys
import threading
import time

BACKLOG = 4096
READ_MAX = 65536
# Lingering for no time: closing answers nothing and leaves no TIME_WAIT.
ABORT = b"\1\0\0\0\0\0\0\0"
BODY = b"".join(b"Line %03d of a mail that must arrive as it was sent.\r\n" % i for i in range(40))
GIVEN = bytes(range(48, 58)) * 100  # what XGIVE repeats


def allow_files():
    """As many open files as may be; where even root can't have more, take more processes."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def given(size):
    """The bytes that XGIVE size answers with, after its first line."""
    return (GIVEN * (size // len(GIVEN) + 1))[:size]


# ---- the server -------------------------------------------------------------------


class Connection:
    __slots__ = ("sock", "unread", "unsent", "digest", "is_over")

    def __init__(self, sock):
        self.sock = sock
        self.unread = b""
        self.unsent = b""
        self.digest = None  # while a mail's text is coming
        self.is_over = False


class Server:
    def __init__(self, name, sockets):
        self._name = name
        self._poll = select.epoll()
        self._listeners = {sock.fileno(): sock for sock in sockets}
        self._connections = {}
        for fd in self._listeners:
            self._poll.register(fd, select.EPOLLIN)

    def run(self):
        while True:
            for fd, events in self._poll.poll():
                if fd in self._listeners:
                    self._accept(self._listeners[fd])
                elif fd in self._connections:
                    self._serve(self._connections[fd], events)

    def _accept(self, listener):
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(256):
                sock, _ = listener.accept()
                sock.setblocking(False)
                connection = self._connections[sock.fileno()] = Connection(sock)
                self._poll.register(sock.fileno(), select.EPOLLIN)
                self._say(connection, f"220 {self._name} ESMTP")

    def _serve(self, connection, events):
        try:
            if events & select.EPOLLOUT:
                self._flush(connection)
            if events & ~select.EPOLLOUT:
                self._read(connection)
        except OSError:
            self._end(connection)
        if connection.is_over and not connection.unsent:
            self._end(connection)

    def _end(self, connection):
        with contextlib.suppress(KeyError):
            del self._connections[connection.sock.fileno()]
        connection.sock.close()

    def _read(self, connection):
        data = connection.sock.recv(READ_MAX)
        if not data:
            connection.is_over = True
        *lines, connection.unread = (connection.unread + data).split(b"\r\n")
        for line in lines:
            self._hear(connection, line)

    def _say(self, connection, text, data=b""):
        connection.unsent += text.encode() + b"\r\n" + data
        self._flush(connection)

    def _flush(self, connection):
        try:
            connection.unsent = connection.unsent[connection.sock.send(connection.unsent):]
        except BlockingIOError:
            pass
        wanted = select.EPOLLIN | (select.EPOLLOUT if connection.unsent else 0)
        self._poll.modify(connection.sock.fileno(), wanted)

    def _hear(self, connection, line):
        if connection.digest and line == b".":
            self._say(connection, f"250 {self._name} {connection.digest.hexdigest()}")
            connection.digest = None
        elif connection.digest:
            connection.digest.update(line + b"\r\n")
        elif line == b"DATA":
            connection.digest = hashlib.sha1()
            self._say(connection, f"354 {self._name}")
        elif line == b"QUIT":
            self._say(connection, f"221 {self._name}")
            connection.is_over = True
        elif line.startswith(b"XGIVE "):
            self._say(connection, f"250 {self._name}", given(int(line[6:])))
        else:
            self._say(connection, f"250 {self._name}")


def listen(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.create_server((address, port), family=family, backlog=BACKLOG, reuse_port=True)
    with contextlib.suppress(OSError):  # Fast Open, should the sysctl allow it
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    sock.setblocking(False)
    return sock


@contextlib.contextmanager
def serving(ns, name, *addresses, port=25):
    """A server in a namespace for the length of the block; a process of its own. Several on
    one address share what comes."""
    argv = [sys.executable, os.path.abspath(__file__), "--port", port, name, *addresses]
    proc = ns.popen(*argv, stdout=-1, text=True)
    try:
        if proc.stdout.readline() != "ready\n":
            raise OSError(f"the server {name} did not start in {ns.name}")
        yield proc
    finally:
        proc.kill()
        proc.wait()
        proc.stdout.close()


# ---- the senders ------------------------------------------------------------------


class Session:
    __slots__ = ("sock", "source", "backend", "unread", "unsent", "steps", "answer", "fault")

    def __init__(self, sock, source):
        self.sock, self.source = sock, source
        self.backend = ""
        self.unread = self.unsent = self.answer = b""
        self.steps = collections.deque()  # (what to say, what its answer begins with)
        self.fault = ""


def mail_steps(body):
    taken = hashlib.sha1(body).hexdigest().encode()
    return [(b"EHLO client.example\r\n", b"250 "), (b"MAIL FROM:<a@client.example>\r\n", b"250 "),
            (b"RCPT TO:<b@example.org>\r\n", b"250 "), (b"DATA\r\n", b"354 "),
            (body + b".\r\n", b"250 "), (b"", taken)]


class Crowd:
    """Sessions from one namespace, moved on together. What goes wrong with a session is
    kept in its `fault`, and it takes no further part; faults() tells of all of them."""

    def __init__(self, ns, window=500):
        self._ns = ns
        self._window = window  # sessions that wait for an answer at one time
        self._poll = select.epoll()
        self._by_fd = {}
        self.sessions = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for session in self.sessions:
            with contextlib.suppress(OSError):
                session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            session.sock.close()
        self._poll.close()

    # ---- use --------------------------------------------------------------------

    def open(self, sources, server, timeout=60.0):
        """A session from each (address, port), up to the greeting; `server` maps a family
        to the (address, port) that serves it."""
        fresh = [self._connecting(source, server) for source in sources]
        self.sessions += fresh
        self.play(fresh, [(b"", b"220 ")], timeout)

    def exchange(self, timeout=60.0, line=b"NOOP\r\n"):
        """Every session says a line and hears the answer."""
        self.play(self.sessions, [(line, b"250 ")], timeout)

    def finish(self, timeout=60.0, body=BODY):
        """Every session delivers a mail and says goodbye."""
        self.play(self.sessions, mail_steps(body) + [(b"QUIT\r\n", b"221 ")], timeout)

    def leave(self, timeout=60.0):
        """Every session says goodbye."""
        self.play(self.sessions, [(b"QUIT\r\n", b"221 ")], timeout)

    def faults(self):
        return [f"{session.source}: {session.fault}" for session in self.sessions
                if session.fault]

    # ---- the engine -------------------------------------------------------------

    def _connecting(self, source, server):
        family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
        with self._ns.entered():
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(source)
        session = Session(sock, source)
        session.unsent = server[6 if ":" in source[0] else 4]  # connected by the first _say
        return session

    def play(self, sessions, steps, timeout=60.0):
        """Take each session through the steps, no more than the window at one time."""
        end = time.monotonic() + timeout
        waiting = collections.deque(s for s in sessions if not s.fault)
        busy = set()
        while waiting or busy:
            while waiting and len(busy) < self._window:
                session = waiting.popleft()
                session.steps.extend(steps)
                busy.add(session)
                self._guarded(session, self._say)
            busy = {session for session in busy if session.steps and not session.fault} \
                if self._wait(end) else self._give_up(busy, waiting)

    def _wait(self, end):
        """Handle what has come; False once the time is over."""
        left = end - time.monotonic()
        for fd, events in self._poll.poll(max(0.0, min(left, 1.0))):
            self._guarded(self._by_fd[fd], self._hear if events & ~select.EPOLLOUT else self._send)
        return left > 0

    @staticmethod
    def _give_up(busy, waiting):
        for session in busy:
            if session.steps and not session.fault:
                session.fault = f"no answer to {session.steps[0][0][:20]!r} in time"
        for session in waiting:
            session.fault = "not tried in time"
        waiting.clear()
        return set()

    def _guarded(self, session, action):
        try:
            action(session)
        except OSError as e:
            self._lose(session, f"{errno.errorcode.get(e.errno, '')} {e}")

    def _lose(self, session, fault):
        """A session that has said QUIT may end; any other must not."""
        session.fault = session.fault or fault
        with contextlib.suppress(KeyError):
            del self._by_fd[session.sock.fileno()]
            self._poll.unregister(session.sock)

    def _say(self, session):
        """Send what the next step says; the first is the connection itself."""
        if isinstance(session.unsent, tuple):
            server, session.unsent = session.unsent, b""
            err = session.sock.connect_ex(server)
            if err not in (0, errno.EINPROGRESS):
                raise OSError(err, os.strerror(err))
            self._by_fd[session.sock.fileno()] = session
            self._poll.register(session.sock, select.EPOLLIN)
        if session.steps and session.steps[0][0]:
            session.unsent += session.steps[0][0]
            self._send(session)

    def _send(self, session):
        with contextlib.suppress(BlockingIOError):
            session.unsent = session.unsent[session.sock.send(session.unsent):]
        wanted = select.EPOLLIN | (select.EPOLLOUT if session.unsent else 0)
        self._poll.modify(session.sock, wanted)

    def _hear(self, session):
        data = session.sock.recv(READ_MAX)
        if not data:
            is_over = session.answer.startswith(b"221 ")
            self._lose(session, "" if is_over else "closed by the server")
            return
        *lines, session.unread = (session.unread + data).split(b"\r\n")
        for line in lines:
            session.answer = line
            self._check(session)

    def _check(self, session):
        """The answer to the step that waits for one."""
        if not session.steps:
            self._lose(session, f"said unasked: {session.answer!r}")
            return
        wanted = session.steps.popleft()[1]
        backend = session.answer.split(b" ")[1].decode() if b" " in session.answer else ""
        session.backend = session.backend or backend
        if not session.answer.startswith(wanted) or backend != session.backend:
            self._lose(session, f"{session.backend}, wanted {wanted!r}, heard {session.answer!r}")
        while session.steps and not session.steps[0][0] and not session.fault:
            self._check_digest(session)
        if session.steps and not session.fault:
            self._say(session)

    def _check_digest(self, session):
        wanted = session.steps.popleft()[1]
        if not session.answer.endswith(wanted):
            self._lose(session, f"the mail was not taken as sent: {session.answer!r}")


class Crowds:
    """Crowds in processes of their own, for more sessions than one may have files."""

    def __init__(self, ns, count):
        self._pipes = []
        self._procs = []
        context = multiprocessing.get_context("fork")
        for _ in range(count):
            ours, theirs = context.Pipe()
            proc = context.Process(target=_crowd_process, args=(ns, theirs), daemon=True)
            proc.start()
            theirs.close()
            self._pipes.append(ours)
            self._procs.append(proc)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for pipe in self._pipes:  # closing is no end for it: its sisters hold copies
            with contextlib.suppress(BrokenPipeError):
                pipe.send(None)
        for proc, pipe in zip(self._procs, self._pipes):
            proc.join()
            pipe.close()

    def open(self, sources, server, timeout=60.0):
        """A session from each (address, port), shared out, to the server of its family."""
        n = len(self._pipes)
        return self._all("open", [(sources[i::n], server, timeout) for i in range(n)])

    def call(self, method, *args):
        """The method of every crowd; the faults of all."""
        return self._all(method, [args] * len(self._pipes))

    def _all(self, method, args_of):
        for pipe, args in zip(self._pipes, args_of):
            pipe.send((method, args))
        return sum((pipe.recv() for pipe in self._pipes), [])


def _crowd_process(ns, pipe):
    allow_files()
    with Crowd(ns) as crowd:
        for method, args in iter(pipe.recv, None):
            getattr(crowd, method)(*args)
            pipe.send(crowd.faults())


class Talk:
    """Keeps a crowd talking, in a thread, for the length of a `with` block."""

    def __init__(self, crowd, pause=0.1):
        self._crowd, self._pause = crowd, pause
        self._over = threading.Event()
        self._changed = threading.Condition()
        self.rounds = 0
        self._thread = threading.Thread(target=self._talk)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._over.set()
        self._thread.join()

    def _talk(self):
        while not self._over.is_set():
            self._crowd.exchange()
            with self._changed:
                self.rounds += 1
                self._changed.notify_all()
            self._over.wait(self._pause)

    def wait_rounds(self, count=2, timeout=60.0):
        """Until every session has been answered, `count` times from now on, in rounds that
        began after the call (hence one more)."""
        with self._changed:
            goal = self.rounds + count + 1
            self._changed.wait_for(lambda: self.rounds >= goal, timeout)
        assert not self._crowd.faults(), self._crowd.faults()[:5]
        assert self.rounds >= goal, f"{goal - self.rounds} rounds short after {timeout:g} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=25)
    parser.add_argument("name", help="in every answer")
    parser.add_argument("address", nargs="+")
    options = parser.parse_args()
    allow_files()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = Server(options.name, [listen(a, options.port) for a in options.address])
    print("ready", flush=True)
    server.run()


if __name__ == "__main__":
    main()
