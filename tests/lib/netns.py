# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces: make one, run things in it, open sockets in it.

A thread may step into a namespace for a moment (`entered`); a socket made there
stays there. So senders are plain threads and need no helper process. Programs are
started with nsenter, because `ip netns exec` would hide /sys/fs/bpf from them.
"""
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class LabError(Exception):
    """The lab itself could not do what it was asked; not a finding about mxlb."""


def run(*argv, check=True, **kw):
    """Run a command to its end; its output is text. Raises LabError when it fails."""
    done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr or done.stdout}")
    return done


def wait_until(what, poll, timeout=20.0, pause=0.02):
    """Poll until it returns something true, and return that. `what` names it in the error."""
    end = time.monotonic() + timeout
    while True:
        got = poll()
        if got:
            return got
        if time.monotonic() > end:
            raise LabError(f"waited {timeout:g} s in vain for: {what} (last seen: {got!r})")
        time.sleep(pause)


def end_pid(pid, sig=signal.SIGTERM, grace=5.0):
    """Signal one process and wait for its end; SIGKILL when the grace is over."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, sig)
            if not select.select([fd], [], [], grace)[0]:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
                select.select([fd], [], [], grace)
    finally:
        os.close(fd)


class NetNs:
    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.path = f"/run/netns/{name}"
        self.fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self.ip("link set lo up")

    def close(self):
        if self.fd < 0:
            return
        os.close(self.fd)
        self.fd = -1
        remove(self.name)

    @contextlib.contextmanager
    def entered(self):
        """This thread, and no other, is in the namespace for the length of the block."""
        _setns(self.fd)
        try:
            yield
        finally:
            _setns(_home)

    def ip(self, *lines):
        """Run lines of `ip` commands here, in one batch."""
        batch = "\n".join(lines) + "\n"
        run("ip", "-n", self.name, "-batch", "-", input=batch)

    def sysctl(self, **values):
        """Set net.* sysctls; `__` stands for a dot: ipv4__ip_forward=1."""
        with self.entered():
            for key, value in values.items():
                path = "/proc/sys/net/" + key.replace("__", "/")
                with open(path, "w", encoding="ascii") as f:
                    f.write(f"{value}\n")

    def argv(self, *argv):
        return ("nsenter", f"--net={self.path}", *map(str, argv))

    def run(self, *argv, **kw):
        return run(*self.argv(*argv), **kw)

    def popen(self, *argv, **kw):
        # A session of its own: a Ctrl-C at the terminal reaches the lab, which ends
        # its processes in order, and not all of them at once.
        return subprocess.Popen(self.argv(*argv), start_new_session=True, **kw)


def _setns(fd):
    if _libc.setns(fd, 0x40000000):  # CLONE_NEWNET
        err = ctypes.get_errno()
        raise OSError(err, f"setns: {os.strerror(err)}")


def remove(name):
    """Delete a namespace and whatever still runs in it."""
    for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
        if int(pid) != os.getpid():
            end_pid(int(pid), signal.SIGKILL)
    run("ip", "netns", "del", name, check=False)
