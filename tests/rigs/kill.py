#!/usr/bin/env python3
"""kill -9 at a syscall of `ingest` or `flush`, then redelivery: nothing lost, nothing counted twice.

A point is (scenario, n): the process is traced and gets SIGKILL as it enters its n-th syscall, over
all its threads. The mail system then does what it always does, it delivers the mail again. A hundred points
share a state folder, so that each process also meets what the killed one before it has left behind;
at the end every mail of the folder must be there once, and every ticket sent at least once.
"""
import concurrent.futures
import ctypes
import functools
import os
import random
import signal

from rig import Autoticket, Scratch, Tally, alert_mail, allowed, arguments, ending, other_mail

TRACEME, SYSCALL, SETOPTIONS = 0, 24, 0x4200
# SYSGOOD, FORK, VFORK, CLONE, and EXITKILL: a dead rig leaves no stopped process behind.
OPTIONS = 1 | 2 | 4 | 8 | (1 << 20)
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
SHARE = 100


def killed_at(argv, mail, n, options=OPTIONS):
    """Runs `argv` with the file `mail` as standard input and kills it as it enters syscall `n`.

    Returns its exit status (negative: signal) and the number of syscalls it entered; n = 0 kills nothing.
    """
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open(mail, os.O_RDONLY), 0)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            LIBC.ptrace(TRACEME, 0, None, None)
            os.execv(argv[0], argv)
        finally:
            os._exit(127)
    os.waitpid(child, 0)
    LIBC.ptrace(SETOPTIONS, child, None, options)
    LIBC.ptrace(SYSCALL, child, None, None)
    entered, inside = 0, set()
    while True:
        task, status = os.waitpid(-1, 0x40000000)
        if not os.WIFSTOPPED(status):
            if task == child:
                return os.waitstatus_to_exitcode(status), entered
            continue
        stop, deliver = os.WSTOPSIG(status), None
        if stop == signal.SIGTRAP | 0x80:
            if task in inside:
                inside.discard(task)
            else:
                inside.add(task)
                entered += 1
                if entered == n:
                    os.kill(child, signal.SIGKILL)
                    continue
        elif stop not in (signal.SIGTRAP, signal.SIGSTOP):
            deliver = stop
        LIBC.ptrace(SYSCALL, task, None, deliver)


class Share:
    """One state folder and the points it takes."""

    def __init__(self, program, folder, number):
        self.folder, self.number = folder / f"share{number}", number
        self.folder.mkdir()
        self.at = Autoticket(program, self.folder / "state")
        self.at.state.mkdir()
        self.at.init()
        self.broken = self.folder / "broken-rules"
        self.broken.mkdir()
        (self.broken / "autoticket.yaml").write_text("gates: [this is broken\n")
        self.owed = {"counted": [], "rejected": [], "unrecognised": []}
        self.wrong = []

    def deliver(self, mail, name):
        """The redelivery: it has to be accepted."""
        done = self.at.ingest(mail)
        if done.returncode != 0:
            self.wrong.append((name, f"redelivery: {ending(done.returncode)} {allowed(done) or ''}"))

    def point(self, scenario, n, name):
        """One kill and what follows it; the number of syscalls entered."""
        if scenario in ("mailbox", "maildir"):
            return self.mailbox(scenario, n, name)
        kind = scenario if scenario in self.owed else "counted"
        size = {"large": 400_000}.get(scenario, 3000)
        mail = alert_mail(name, size) if kind == "counted" else other_mail(name, kind)
        broken = Autoticket(self.at.program, self.at.state, self.broken)
        argv = (broken if scenario == "spooled" else self.at).argv("ingest")
        if scenario in ("duplicate", "delivery"):
            self.deliver(mail, name)
        if scenario == "drain":
            broken.ingest(mail)
        if scenario in ("delivery", "drain"):
            argv = self.at.argv("flush")
        path = self.folder / "mail"
        path.write_bytes(mail)
        status, entered = self.killed(name, argv, path, n)
        # After an exit of 0 the mail system would not deliver again; that nothing is lost then is half the point.
        if scenario in ("delivery", "drain"):
            # The timer's next run; three that die over one spooled mail would set it aside.
            self.at.must("flush")
        elif status != 0:
            self.deliver(mail, name)
        self.owed[kind].append(name)
        return entered

    def mailbox(self, scenario, n, name):
        """Three mails in one process, with threads that read ahead; what was not taken in is taken in again."""
        names = [f"{name}-{i}" for i in range(3)]
        box = self.folder / name
        if scenario == "mailbox":
            box.write_bytes(b"".join(b"From dm@example.com Thu Feb 26 11:00:00 2026\n" + alert_mail(one) + b"\n"
                                     for one in names))
        else:
            for sub in ("new", "cur", "tmp"):
                (box / sub).mkdir(parents=True)
            for one in names:
                (box / "new" / f"1772103600.{one}.mx").write_bytes(alert_mail(one))
        argv = self.at.argv("ingest", box)
        status, entered = self.killed(name, argv, os.devnull, n)
        if status != 0:
            self.at.must("ingest", box)
        if scenario == "maildir" and list((box / "new").iterdir()):
            self.wrong.append((name, "mails were left in the Maildir's new"))
        self.owed["counted"].extend(names)
        return entered

    def killed(self, name, argv, stdin, n):
        status, entered = killed_at(argv, stdin, n)
        if status not in (0, 75, -signal.SIGKILL):
            self.wrong.append((name, f"undisturbed until syscall {n}, then {ending(status)}"))
        return status, entered

    def judge(self):
        """The names of mails that were lost or doubled, after everything due was done."""
        self.at.settle()
        ledger, devices = self.at.audit(), self.at.devices()
        wrong = {name: f"{devices.get(name, 0)} alert records" for name in self.owed["counted"]
                 if devices.get(name, 0) != 1}
        written = b"\n".join(path.read_bytes() for path in self.at.outgoing())
        tickets = self.at.tickets()
        for name in self.owed["counted"]:
            if tickets.get(name) != ["sent"]:
                wrong.setdefault(name, f"its tickets are {tickets.get(name)}")
            elif name.encode() not in written:
                wrong.setdefault(name, "its ticket is sent, but nothing was written")
        for outcome, names in self.owed.items():
            if ledger[outcome] != len(names):
                wrong[f"share {self.number}"] = f"{ledger[outcome]} {outcome}, not {len(names)}: {ledger}"
        if ledger["spooled"]:
            wrong[f"share {self.number} spool"] = f"{ledger['spooled']} still spooled"
        return dict(self.wrong) | wrong


SCENARIOS = ("counted", "large", "duplicate", "rejected", "unrecognised", "spooled", "drain", "delivery", "mailbox",
             "maildir")


def share(number, plan, program, folder):
    """A share from its first point to its verdict: name of a mail to what became of it."""
    try:
        taken = Share(program, folder, number)
        for scenario, n, name in plan:
            taken.point(scenario, n, name)
        return taken.judge()
    except (OSError, RuntimeError, ValueError) as error:
        return {f"share {number}": f"{type(error).__name__}: {error}"}


def census(program, folder):
    """How many syscalls each scenario enters when nothing disturbs it."""
    taken = Share(program, folder, 0)
    return {scenario: taken.point(scenario, 0, f"census-{scenario}") for scenario in SCENARIOS}


def plans(counts, points, seed):
    """The points in shares: every syscall of every scenario in random order, again and again."""
    draw, made, queue = random.Random(seed), [], []
    while len(made) < points:
        if not queue:
            queue = [(s, n) for s, count in counts.items() for n in range(1, count + 3)]
            draw.shuffle(queue)
        scenario, n = queue.pop()
        made.append((scenario, n, f"k{seed}-{len(made)}-{scenario}-{n}"))
    return [made[i:i + SHARE] for i in range(0, points, SHARE)]


def main():
    options = arguments(__doc__, points=1000).parse_args()
    tally = Tally("kill -9")
    with Scratch(options.scratch) as folder:
        counts = census(options.autoticket, folder)
        print("syscalls: " + ", ".join(f"{s} {n}" for s, n in counts.items()), flush=True)
        shares = plans(counts, options.points, options.seed)
        work = functools.partial(share, program=options.autoticket, folder=folder)
        # Processes, not threads: a tracer waits for all children of its process.
        with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
            verdicts = list(pool.map(work, range(1, len(shares) + 1), shares))
        for plan, wrong in zip(shares, verdicts):
            for _, _, name in plan:
                tally.point(name, wrong.pop(name, None))
            for name, what in wrong.items():
                tally.point(name, what)
    tally.done(f"; seed {options.seed}, {sum(counts.values())} points are every syscall once")


if __name__ == "__main__":
    main()
