# SPDX-License-Identifier: BSD-2-Clause
"""One real Postfix in one namespace: the Debian package with its own config and queue.

Accepts mail for example.org, by virtual(8) into a maildir, so that each delivery is a
file to count, and logs to a file of its own, where the client address it saw is read.
stop() is what `postfix stop` does; kill() is a crash; freeze() leaves it accepting
connections in the kernel that nothing answers.
"""
import contextlib
import grp
import os
import pathlib
import pwd
import re
import signal
import socket
import stat

from netns import LabError, end_pid, run, wait_until

DAEMONS = pathlib.Path("/usr/lib/postfix/sbin")
DOMAIN = "example.org"
ID_HEADER = "X-Mxlb-Id"
MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {dir}/spool
data_directory = {dir}/data
maillog_file = {log}
maillog_file_prefixes = {dir}
myhostname = {name}.example.net
mydestination =
alias_maps =
local_recipient_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = all
inet_protocols = all
default_process_limit = 200
enable_long_queue_ids = yes
in_flow_delay = 0
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_tls_security_level = may
smtpd_tls_cert_file = {dir}/cert.pem
smtpd_tls_key_file = {dir}/key.pem
smtpd_relay_restrictions = reject_unauth_destination
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
"""
MASTER_CF = """\
smtp      inet  n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
proxymap  unix  - - n - - proxymap
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    def __init__(self, directory, name, ns):
        self.dir, self.name, self.ns = directory, name, ns
        self.log = directory / "mail.log"
        self.mailbox = directory / "mail/box"
        self.pid = 0
        self._seen = {}  # maildir file name -> (mail id, queue id)
        self._install()

    def _install(self):
        mail = pwd.getpwnam("postfix")
        drop = grp.getgrnam("postdrop").gr_gid
        user = pwd.getpwnam("nobody")
        for sub, uid, gid, mode in (
                ("etc", 0, 0, 0o755), ("spool", 0, 0, 0o755), ("mail", 0, 0, 0o755),
                ("data", mail.pw_uid, 0, 0o700), ("mail/box", user.pw_uid, user.pw_gid, 0o700),
                ("spool/pid", 0, 0, 0o755), ("spool/public", mail.pw_uid, drop, 0o710),
                ("spool/maildrop", mail.pw_uid, drop, 0o730),
                *((f"spool/{queue}", mail.pw_uid, 0, 0o700) for queue in (
                    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
                    "incoming", "private", "saved", "trace"))):
            path = self.dir / sub
            path.mkdir(parents=True)
            os.chown(path, uid, gid)
            path.chmod(mode)
        self._write("etc/main.cf", MAIN_CF.format(
            dir=self.dir, log=self.log, name=self.name, domain=DOMAIN,
            uid=user.pw_uid, gid=user.pw_gid))
        self._write("etc/master.cf", MASTER_CF)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "30", "-subj", f"/CN={self.name}.example.net",
            "-addext", f"subjectAltName=DNS:{self.name}.example.net,DNS:mx.example.net",
            "-keyout", str(self.dir / "key.pem"), "-out", str(self.dir / "cert.pem"))
        (self.dir / "key.pem").chmod(0o600)

    def _write(self, name, text):
        (self.dir / name).write_text(text, encoding="ascii")

    # ---- running ----------------------------------------------------------------

    @property
    def running(self):
        return bool(self.pid)

    def launch(self):
        """Start it unless it runs; returns before it answers."""
        if self.pid:
            self.thaw()
            return
        # -w: returns when the daemon is initialised, with its verdict.
        self.ns.run(DAEMONS / "master", "-c", self.dir / "etc", "-w", start_new_session=True)
        self.pid = int((self.dir / "spool/pid/master.pid").read_text(encoding="ascii"))

    def wait_ready(self):
        wait_until(f"{self.name} to greet", self._greets)

    def start(self):
        self.launch()
        self.wait_ready()

    def _greets(self):
        with contextlib.suppress(OSError), self.ns.entered():
            with socket.create_connection(("127.0.0.1", 25), timeout=5) as s:
                return s.recv(100).startswith(b"220 ")
        return False

    def stop(self):
        """`postfix stop`: TERM to the master, five seconds for its children, then KILL."""
        self._end(signal.SIGTERM, grace=5.0)

    def kill(self):
        """A crash: every process at once."""
        self._end(signal.SIGKILL, grace=0.0)

    def _end(self, sig, grace):
        if not self.pid:
            return
        self.thaw()
        if grace:
            end_pid(self.pid, sig, grace)
            with contextlib.suppress(LabError):
                wait_until("the children to end", self._is_gone, grace)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        wait_until(f"{self.name} to end", self._is_gone)
        self.pid = 0

    def freeze(self):
        """Stop every process in its tracks: the kernel still accepts, nothing greets."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self):
        if self.pid:
            os.killpg(self.pid, signal.SIGCONT)

    def _is_gone(self):
        return not run("ip", "netns", "pids", self.ns.name).stdout.split()

    def close(self):
        with contextlib.suppress(LabError):
            self.kill()

    # ---- what arrived -----------------------------------------------------------

    def queue_is_empty(self):
        """Everything it accepted has been delivered. A file without the x bit is of a
        session that was cut before the mail was complete; Postfix ignores those too."""
        for queue in ("incoming", "active", "deferred"):
            for path in (self.dir / "spool" / queue).rglob("*"):
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file() and path.stat().st_mode & stat.S_IXUSR:
                        return False
        return True

    def delivered(self):
        """Mail id -> set of queue ids under which it came: two mean it was accepted twice."""
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.mailbox / "new"):
                if entry.name not in self._seen:
                    self._seen[entry.name] = self._read_ids(entry.path)
        found = {}
        for mail_id, queue_id in self._seen.values():
            found.setdefault(mail_id, set()).add(queue_id)
        return found

    @staticmethod
    def _read_ids(path):
        with open(path, encoding="utf-8", errors="replace") as f:
            header = f.read(8192).partition("\n\n")[0]
        mail_id = re.search(rf"^{ID_HEADER}: (\S+)", header, re.M)
        queue_id = re.search(r"^\s.*\bid (\w+)", header, re.M)
        return mail_id[1] if mail_id else "", queue_id[1] if queue_id else ""

    def logged_clients(self):
        """Mail id -> set of client addresses its log names."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        client = dict(re.findall(r"smtpd\[\d+\]: (\w+): client=\S*?\[([0-9a-f.:]+)\]", text))
        found = {}
        for queue_id, mail_id in re.findall(r"cleanup\[\d+\]: (\w+): message-id=<(\S+?)@", text):
            if queue_id in client:
                found.setdefault(mail_id, set()).add(client[queue_id])
        return found
