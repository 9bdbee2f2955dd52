#!/usr/bin/env python3
"""Debian's Postfix delivers through pipe(8) to `ingest`, in namespaces of its own.

What is seen here and nowhere else: that exit 75 defers and the mail is delivered once the cause is mended,
that nothing is ever bounced, that 75's first line reaches the mail log, and what becomes of a mail whose
pipe(8) is killed in the middle (our command sees a clean end of input, then the whole mail comes again).
"""
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time

from rig import RULES, Autoticket, Scratch, Tally, alert_mail, arguments, needs

USER = "nobody"
INSIDE = "AUTOTICKET_RIG_INSIDE"

MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}/log
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.com
mydestination = example.com
local_recipient_maps =
alias_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_transport = autoticket
autoticket_destination_recipient_limit = 1
autoticket_destination_concurrency_limit = 4
minimal_backoff_time = 300s
transport_retry_time = 1s
queue_run_delay = 300s
ipc_timeout = 10s
"""

MASTER = """\
pickup     unix n - n 1   1 pickup
cleanup    unix n - n -   0 cleanup
qmgr       unix n - n 300 1 qmgr
rewrite    unix - - n -   - trivial-rewrite
bounce     unix - - n -   0 bounce
defer      unix - - n -   0 bounce
trace      unix - - n -   0 bounce
error      unix - - n -   - error
retry      unix - - n -   - error
showq      unix n - n -   - showq
postlog    unix-dgram n - n - 1 postlogd
autoticket unix - n n -   - pipe
  flags=R user={user} argv={gate} {argv}
"""

# Stops itself before anything is read where the rig asks for it: so the pipe is full when its writer dies.
GATE = """\
#!/bin/sh
if [ -e {root}/hold ]; then echo $$ > {root}/held; kill -STOP $$; fi
exec "$@"
"""


class Postfix:
    """One private Postfix with autoticket as its only delivery agent."""

    def __init__(self, root, program):
        self.root, self.conf = root, root / "conf"
        root.chmod(0o755)
        for name in ("conf", "queue", "data", "log", "bin"):
            (root / name).mkdir()
        shutil.chown(root / "data", "postfix")
        binary = root / "bin" / "autoticket"
        shutil.copy(program, binary)
        self.owner = pwd.getpwnam(USER)
        home = root / "home"
        home.mkdir()
        # The rules are root's and readable; state and spool are the delivery user's.
        shutil.copytree(RULES, root / "rules")
        (home / "state").mkdir()
        for path in (home, home / "state"):
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        self.at = AsOwner(binary, home / "state", root / "rules", self.owner)
        self.at.init()
        gate = root / "bin" / "gate"
        gate.write_text(GATE.format(root=root))
        gate.chmod(0o755)
        os.chown(root / "bin", self.owner.pw_uid, self.owner.pw_gid)
        (root / "held").touch()
        os.chown(root / "held", self.owner.pw_uid, self.owner.pw_gid)
        (self.conf / "main.cf").write_text(MAIN.format(root=root))
        (self.conf / "master.cf").write_text(MASTER.format(user=USER, gate=gate, argv=" ".join(self.at.argv("ingest"))))

    def command(self, *argv, **more):
        """A Postfix command on this instance; it is root's, so its exit has to be 0."""
        return subprocess.run(argv, env={**os.environ, "MAIL_CONFIG": str(self.conf)}, check=True,
                              capture_output=True, **more).stdout

    def start(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
        self.command("postfix", "-c", str(self.conf), "start")

    def stop(self):
        subprocess.run(["postfix", "-c", str(self.conf), "stop"], check=False, capture_output=True)

    def send(self, mail):
        """Hands a mail to Postfix."""
        self.command("sendmail", "-C", str(self.conf), "-i", "-f", "dm@is0001.example.com",
                     "servicedesk@example.com", input=mail)

    def log(self):
        path = self.root / "log" / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def waits_for(self, pattern, count=1, seconds=30):
        """True once `pattern` stands in the mail log `count` times."""
        return until(lambda: len(re.findall(pattern, self.log())) >= count, seconds)

    def queued(self):
        """Queue files that wait for a delivery."""
        return [p for kind in ("incoming", "active", "deferred") for p in (self.root / "queue" / kind).rglob("*")
                if p.is_file()]

    def retry(self):
        self.command("postqueue", "-c", str(self.conf), "-f")


class AsOwner(Autoticket):
    """The program as the user Postfix runs it as."""

    def __init__(self, program, state, rules, owner):
        super().__init__(program, state, rules)
        self.owner = owner

    def start(self, argv, **more):
        return super().start(argv, user=self.owner.pw_uid, group=self.owner.pw_gid, extra_groups=[], **more)


def until(holds, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


def delivers(postfix, tally):
    """Exit 0: the mail is gone from the queue, counted, and its line of output stands in the mail log."""
    postfix.send(alert_mail("postfix-plain"))
    tally.check("exit 0 delivers", postfix.waits_for(r"status=sent"), postfix.log()[-600:])
    tally.check("counted", postfix.at.devices().get("postfix-plain") == 1, str(postfix.at.audit()))
    tally.check("the log shows the outcome", "(delivered via autoticket service (counted" in postfix.log(),
                postfix.log()[-400:])


def defers(postfix, tally):
    """Broken rules and no way to spool: 75, deferred, and delivered once both are mended."""
    rules, spool = postfix.root / "rules" / "autoticket.yaml", postfix.at.state / "spool"
    sound = rules.read_text()
    rules.write_text("gates: [this is broken\n")
    postfix.at.state.joinpath("spool").chmod(0o500)
    modes = [(p, p.stat().st_mode) for p in spool.iterdir()]
    for path, _ in modes:
        path.chmod(0o500)
    postfix.send(alert_mail("postfix-deferred"))
    tally.check("75 defers", postfix.waits_for(r"dsn=4\.3\.0, status=deferred"), postfix.log()[-600:])
    tally.check("75's line is in the log", "autoticket: " in postfix.log().rpartition("status=deferred")[2],
                postfix.log()[-400:])
    tally.check("still in the queue", len(postfix.queued()) == 1, str(postfix.queued()))
    spool.chmod(0o700)
    for path, mode in modes:
        path.chmod(mode)
    postfix.send(alert_mail("postfix-spooled"))
    tally.check("broken rules spool", postfix.waits_for("status=sent", 2), postfix.log()[-600:])
    rules.write_text(sound)
    postfix.retry()
    tally.check("delivered after mending", until(lambda: not postfix.queued(), 30), postfix.log()[-600:])
    postfix.at.must("flush")
    devices = postfix.at.devices()
    for name in ("postfix-deferred", "postfix-spooled"):
        tally.check(f"{name} counted once", devices.get(name) == 1, str(devices))


def survives_a_killed_pipe(postfix, tally):
    """pipe(8) dies in the middle of 1.4 MB: a truncated copy is accepted, then superseded by the whole mail."""
    mail = alert_mail("postfix-killed", 1_400_000)
    before = postfix.at.audit()
    held, hold = postfix.root / "held", postfix.root / "hold"
    held.write_text("")
    hold.touch()
    postfix.send(mail)
    tally.check("pipe(8) started us", until(lambda: held.read_text().strip(), 20), postfix.log()[-400:])
    ours = int(held.read_text())
    pipe = parent_of(ours)
    # Time for pipe(8) to fill the pipe and to sleep on it.
    time.sleep(0.5)
    os.kill(pipe, signal.SIGKILL)
    hold.unlink()
    os.kill(ours, signal.SIGCONT)
    tally.check("our command ended", until(lambda: ended(ours), 60), str(ours))
    for _ in range(20):
        postfix.retry()
        if until(lambda: not postfix.queued(), 2):
            break
    tally.check("delivered again", not postfix.queued(), postfix.log()[-600:])
    postfix.at.must("flush")
    after = postfix.at.audit()
    tally.check("counted once", after["counted"] - before["counted"] == 1, f"{before} -> {after}")
    tally.check("one record", postfix.at.devices().get("postfix-killed") == 1, str(postfix.at.devices()))
    tally.check("the truncated copy is a duplicate", after["duplicate"] - before["duplicate"] == 1,
                f"{before} -> {after}")
    # pipe(8) puts headers of its own before the mail, so the bodies are compared.
    body = mail.partition(b"\n\n")[2]
    tally.check("the whole mail is kept", any(raw.endswith(body) for raw in postfix.at.kept()),
                "no stored mail ends like the one sent")


def ended(pid):
    """Gone, or a zombie: the orphan's new parent is this rig, which is process 1 in here and reaps nobody."""
    status = pathlib.Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def parent_of(pid):
    return int(re.search(r"^PPid:\t(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def never_bounces(postfix, tally):
    log = postfix.log()
    tally.check("nothing bounced", "status=bounced" not in log and "dsn=5" not in log, log[-400:])


def main():
    parser = arguments(__doc__)
    options = parser.parse_args()
    needs("postfix", "sendmail", "postqueue", "unshare", "ip")
    if os.environ.get(INSIDE) != "1":
        # Its own mounts, network and processes: nothing of this Postfix can be reached or outlives the rig.
        os.execvpe("unshare", ["unshare", "-mnp", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv],
                   {**os.environ, INSIDE: "1"})
    tally = Tally("postfix")
    with Scratch(options.scratch) as root:
        postfix = Postfix(root, options.autoticket)
        postfix.start()
        try:
            for run in (delivers, defers, survives_a_killed_pipe, never_bounces):
                run(postfix, tally)
        finally:
            postfix.stop()
    tally.done()


if __name__ == "__main__":
    main()
