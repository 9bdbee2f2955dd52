"""What every reliability rig stands on: the program under test, a state folder, mails, and a tally.

Only this file knows how autoticket is called and what its answers look like; a rig knows its fault.
Every mail made here is an error alert of one device that no other mail of the run names, and its
failure type has the threshold 1: a lost alert is a missing device, a double count a second record,
and each counted mail owes exactly one job ticket.
"""
import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# The rules the benchmarks have, with the shipped thresholds: one denied access makes a ticket.
RULES = HERE / "rules"
TEMPORARY = b"4.3.0 autoticket: "


class Autoticket:
    """The program under test with one rules folder and one state folder."""

    def __init__(self, program, state, rules=RULES):
        self.program, self.state, self.rules = str(program), pathlib.Path(state), pathlib.Path(rules)

    def argv(self, *args, now=None):
        clock = ["--now", now] if now else []
        return [self.program, "--rules", str(self.rules), "--state", str(self.state), *clock, *map(str, args)]

    def at(self, state):
        """The same program on another state folder."""
        return Autoticket(self.program, state, self.rules)

    def start(self, argv, stdin=b"", timeout=120, **popen):
        """One process to its end; never raises for an exit status."""
        return subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout, check=False, **popen)

    def run(self, *args, now=None, **more):
        return self.start(self.argv(*args, now=now), **more)

    def must(self, *args, **more):
        """A process that has to end with 0; its stdout."""
        done = self.run(*args, **more)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, args))}: {ending(done.returncode)}: "
                               f"{done.stderr.decode(errors='replace').strip()[-400:]}")
        return done.stdout

    def init(self):
        """Makes the state. Without the rules option: with it, `init` would add what the folder lacks."""
        done = self.start([self.program, "--state", str(self.state), "init", "--install-id", "rig"])
        if done.returncode != 0:
            raise RuntimeError(f"init: {ending(done.returncode)}: {done.stderr.decode(errors='replace')}")
        self.must("domains", "import", self.rules / "lists" / "domains.txt")

    def ingest(self, mail, **more):
        """The mail system's call: one message on standard input."""
        return self.run("ingest", stdin=mail, **more)

    def settle(self):
        """Does what is due until nothing is: takes up the spool, sends tickets, tries again what failed."""
        self.must("flush")
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8)
        self.must("flush", now=later.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def audit(self):
        """The ledger, as numbers; raises where it does not balance."""
        ledger = json.loads(self.run("audit", "--json").stdout)
        if ledger["balanced"] is not True:
            raise RuntimeError(f"the audit does not balance: {ledger}")
        return ledger

    def listed(self, *words):
        """The items of `autoticket WORDS --json`, all of them."""
        return json.loads(self.must(*words, "--limit", 0, "--json"))["items"]

    def devices(self):
        """How many alert records each device has that count."""
        return tallied(row["record"]["device"] for row in self.listed("alert", "list") if not row["voided"])

    def tickets(self):
        """The states of each device's job tickets."""
        states = {}
        for row in self.listed("ticket", "list"):
            states.setdefault(row["device"], []).append(row["state"])
        return states

    def kept(self):
        """Every raw mail in the spool and in the store, the newest first."""
        yield from (path.read_bytes() for path in self.spooled())
        for row in self.listed("mail", "list"):
            yield self.must("mail", "show", row["mail"], "--raw")

    def spooled(self):
        folder = self.state / "spool" / "new"
        return sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []

    def outgoing(self):
        """Every file the file transport has finished; what it is still writing is hidden or in a `tmp`."""
        folder = self.state / "outgoing"
        return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")
                      and "tmp" not in p.relative_to(folder).parts)


def tallied(names):
    """Name to how often it occurs."""
    counts = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def alert_mail(name, size=3000, device=None):
    """The error alert `name` of a device (its own where none is said), of about `size` bytes.

    It looks as the mails of the yardsticks' generator do.
    """
    device = device or name
    server, domain = "is0001", "emea.swdist.example.com"
    lines = [
        f"Message-ID: <{name}@{server}.{domain}>", "Date: Thu, 26 Feb 2026 11:00:00 +0000",
        f"From: Distribution Manager <dm@{server}.{domain}>", "To: servicedesk@swdist.example.com",
        f"Subject: SWD ALERT: access failure {server} -> {device} (jre-1.3.1_02)", "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8", "", "Software distribution error alert", "",
        f"Error-Alert-Id: {name}", "Geographic Region: EMEA-42", "Location: Building 7, Room 42",
        f"Computer Server Name: {device}", f"Intermediate Server: {server}.{domain}", "Package: jre-1.3.1_02",
        "Delivery Job Id: J0000042", "Failed at: 2026-02-26T11:00:00Z", "Announced Failure: access", "",
        "  permission denied: /opt/sw/42", "", "Distribution trace:"]
    text = "\n".join(lines) + "\n"
    step, rest = "  2026-02-26T11:00:00Z dm[1042]: step {:06} state RETRY\n", 0
    while len(text) < size:
        text, rest = text + step.format(rest), rest + 1
    return text.encode()


def other_mail(name, kind):
    """A mail of another outcome than `counted`; `kind` says which."""
    mail = alert_mail(name)
    if kind == "rejected":
        return mail.replace(b"Subject: SWD", b"Subject: Re: SWD")
    return mail.replace(b"SWD ALERT: access failure is0001 ->", b"Question about").replace(
        b"Software distribution error alert", b"Hello")


def ending(status):
    """How a process ended, in words."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit {status}"


def allowed(done):
    """None where the mail system can live with this ending, else what is wrong with it."""
    if done.returncode < 0 or done.returncode == 0:
        return None
    if done.returncode != 75:
        return f"{ending(done.returncode)} would bounce the mail"
    if not done.stdout.startswith(TEMPORARY):
        return f"exit 75 without its first line: {done.stdout[:80]!r}"
    return None


class Tally:
    """Points passed and failed; the first failures are kept to be shown."""

    def __init__(self, what):
        self.what, self.passed, self.failed, self.started = what, 0, 0, time.monotonic()

    def point(self, name, wrong):
        """Counts one point; `wrong` is None or says what went wrong."""
        if wrong is None:
            self.passed += 1
            return
        self.failed += 1
        if self.failed <= 20:
            print(f"FAILED {self.what}: {name}: {wrong}", flush=True)

    def check(self, name, holds, wrong=""):
        self.point(name, None if holds else (wrong or "does not hold"))

    def done(self, note=""):
        """The last line of a rig, and its exit status."""
        took = time.monotonic() - self.started
        print(f"{self.what}: {self.passed} passed, {self.failed} failed in {took:.1f} s{note}", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


def arguments(description, points=None):
    """The options every rig has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--autoticket", required=True, metavar="PROGRAM", help="the static binary under test")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", help="a folder for state folders; default: a fresh temporary one")
    if points is not None:
        parser.add_argument("--points", type=int, default=points)
    return parser


class Scratch:
    """A folder for one run, removed at its end."""

    def __init__(self, given=None):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="autoticket-rig-", dir=given))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def in_parallel(work, items, workers=None):
    """`work` over `items` on as many threads as there are cores; results in order."""
    with concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count() or 2) as pool:
        yield from pool.map(work, items)


def limited(**limits):
    """A preexec function that sets resource limits, `FSIZE=100` for RLIMIT_FSIZE."""
    def apply():
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    return apply


def needs(*programs):
    """Ends the run, loudly, where a program is missing: a rig that cannot run has failed."""
    missing = [p for p in programs if shutil.which(p) is None]
    if missing:
        sys.exit(f"this rig needs {', '.join(missing)} (make real installs them)")


def shuffled(items, seed):
    items = list(items)
    random.Random(seed).shuffle(items)
    return items
