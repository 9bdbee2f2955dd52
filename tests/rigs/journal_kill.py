#!/usr/bin/env python3
"""kill -9 at a syscall of `redistribute` while it issues, then an operator who starts it again: nothing goes out twice,
nothing without an approval on disk, and whatever was in the dark stays there until a person speaks.

A point is (scenario, n): the process is traced and gets SIGKILL as it enters its n-th syscall, over all its threads; the
manager it may have started lives on. Scenarios: `approve`; `apply` of a reviewed plan; `restart`, the next start after
a command was left unknown; `again`, the person's consent to it. Fifty points share a state folder and its journal.

Two controls put the state back as it stood before the kill. Whole, as a restored backup is: nobody can tell, so commands
go out twice, and a rig that does not see that sees nothing. All but the head beside the journal: refused.
"""
import concurrent.futures
import ctypes
import functools
import os
import random
import shutil
import subprocess

from issuing_site import Site
from kill import killed_at
from rig import Scratch, Tally, arguments, ending

# SYSGOOD, CLONE, EXITKILL: threads are traced, the manager is not.
THREADS = 1 | 8 | (1 << 20)
SUBREAPER = 36
SHARE = 50
SCENARIOS = ("approve", "apply", "restart", "again")
HEAD = "redistribution-head"


def start(argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)


def orphans():
    """Waits for managers that outlived who started them."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def killed(argv, n):
    status, entered = killed_at(argv, os.devnull, n, THREADS)
    orphans()
    return status, entered


class Share:
    """One state folder and the points it takes."""

    def __init__(self, program, folder, number):
        # Managers come to us when their parent dies.
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
        self.folder = folder / f"share{number}"
        self.site = Site(program, self.folder, self.folder / "state")
        self.number = number

    def unknown(self, point, log):
        """Leaves a point unknown: its manager kills who started it."""
        assassin = self.folder / "assassin"
        assassin.touch()
        start(self.site.argv("--approve", "all", log=log))
        orphans()
        assassin.unlink()
        return self.site.open_attempts(point)

    def point(self, scenario, n, name):
        """One kill and what follows it: what is wrong, and how many syscalls were entered."""
        log = self.site.log(name)
        if scenario == "apply":
            plan = self.folder / f"{name}.plan"
            start(self.site.argv("--plan", plan, log=log))
            argv = self.site.argv("--apply", plan)
        else:
            argv = self.site.argv("--approve", "all", log=log)
        if scenario in ("restart", "again"):
            keys = self.unknown(name, log)
            if not keys:
                return "it was not left unknown", 0
            if scenario == "again":
                # Seen as unknown by whoever opens the journal next; then a person speaks.
                start(self.site.argv("journal"))
                argv = self.site.argv("--again", keys[0], log=log)
                self.site.consents[name] += 1
        calls, known = self.site.calls_of(name), self.site.open_attempts(name)
        status, entered = killed(argv, n)
        if scenario == "restart" and known and self.site.calls_of(name) != calls:
            return f"{known} was in the dark, and the restart issued it", entered
        if status not in ((0, 1, -9) if n else (0, 1)):
            return f"undisturbed until syscall {n}, then {ending(status)}", entered
        if unapproved := self.site.unapproved():
            return f"issued without an approval on disk: {unapproved}", entered
        return self.site.finish(start, name, log), entered


def census(program, folder):
    """How many syscalls each scenario enters undisturbed."""
    share = Share(program, folder, 0)
    counts, wrong = {}, None
    for scenario in SCENARIOS:
        more, counts[scenario] = share.point(scenario, 0, f"census-{scenario}")
        wrong = wrong or more
    if wrong:
        raise RuntimeError(f"undisturbed, it goes wrong: {wrong}")
    return counts


def share(number, plan, program, folder):
    """A share from its first point to its verdict: name of a point to what is wrong with it."""
    try:
        taken = Share(program, folder, number)
        wrong = {name: what for scenario, n, name in plan if (what := taken.point(scenario, n, name)[0])}
        wrong |= {f"share {number}: {what[:40]}": what for what in taken.site.judge(start)}
        shutil.rmtree(taken.folder, ignore_errors=True)
        return wrong
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        return {f"share {number}": f"{type(error).__name__}: {error}"}


def plans(counts, points, seed):
    """The points in shares: every syscall of every scenario in random order, again and again."""
    draw, made, queue = random.Random(seed), [], []
    while len(made) < points:
        if not queue:
            queue = [(s, n) for s, count in counts.items() for n in range(1, count + 3)]
            draw.shuffle(queue)
        scenario, n = queue.pop()
        made.append((scenario, n, f"k{seed}-{len(made)}"))
    return [made[i:i + SHARE] for i in range(0, points, SHARE)]


def put_back(whole, program, folder, seed, count):
    """Kills issuing, puts the state back as it stood before, starts again: issued twice, and refused, of how many.

    Not `whole`: the head stays as the killed process left it.
    """
    share = Share(program, folder, f"-back-{whole}")
    site, twice, refused, tried = share.site, 0, 0, 0
    start(site.argv("--approve", "all", log=site.log("first")))
    for number in range(count):
        name = f"b{seed}-{number}"
        log, kept, now = site.log(name), share.folder / f"{name}.kept", share.folder / f"{name}.now"
        shutil.copytree(site.state, kept)
        share.unknown(name, log)
        tried += 1
        site.state.rename(now)
        shutil.copytree(kept, site.state)
        if not whole:
            shutil.copy(now / HEAD, site.state / HEAD)
        done = start(site.argv("--approve", "all", log=log))
        twice += len(site.calls_of(name)) > 1
        refused += done.returncode == 65
        if not whole:
            shutil.rmtree(site.state)
            now.rename(site.state)
            site.finish(start, name, log)
    return twice, refused, tried


def main():
    options = arguments(__doc__, points=1000).parse_args()
    tally = Tally("kills while issuing")
    with Scratch(options.scratch) as folder:
        counts = census(options.autoticket, folder)
        print("syscalls: " + ", ".join(f"{s} {n}" for s, n in counts.items()), flush=True)
        shares = plans(counts, options.points, options.seed)
        work = functools.partial(share, program=options.autoticket, folder=folder)
        # Processes, not threads: a tracer waits for all children of its process.
        with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
            verdicts = list(pool.map(work, range(1, len(shares) + 1), shares))
            controls = [pool.submit(put_back, whole, options.autoticket, folder, options.seed, 3)
                        for whole in (True, False)]
            (twice, _, tried), (without, refused, others) = [control.result() for control in controls]
        for plan, wrong in zip(shares, verdicts):
            for _, _, name in plan:
                tally.point(name, wrong.pop(name, None))
            for name, what in wrong.items():
                tally.point(name, what)
        print(f"control journal put back whole: {twice} of {tried} issued twice", flush=True)
        print(f"control journal put back without its head: {without} of {others} issued twice, {refused} refused", flush=True)
        tally.check("control whole", twice > 0, "nothing went out twice, so this rig sees no loss: the run is void")
        tally.check("control without head", others and not without and refused == others, "it was not refused")
    tally.done(f"; seed {options.seed}, {sum(counts.values())} points are every syscall once")


if __name__ == "__main__":
    main()
