#!/usr/bin/env python3
"""Every (syscall, errno, occurrence) of `ingest`: what the mail system sees, and what is on disk after it.

strace makes one occurrence of one syscall fail. The process may end with 0, with 75 and its first line,
or by a signal. After 0 the mail is stored or spooled, byte for byte; in any case the same mail, delivered
again to a sound system, ends up counted once. The binary has to be static: in a dynamic one the loader is hit.
"""
import collections
import re
import shutil
import subprocess

from rig import (Autoticket, Scratch, Tally, alert_mail, allowed, arguments, ending, in_parallel, needs,
                 shuffled)

SYSCALLS = ("openat read pread64 write writev pwrite64 fsync fdatasync rename renameat2 unlink mkdir "
            "ftruncate fcntl").split()
# The same calls under the names a newer libc or rustix uses for them.
SYSCALLS += ["renameat", "unlinkat", "mkdirat"]
ERRNOS = "EIO ENOSPC EROFS EMFILE EDQUOT EINTR".split()


def census(at, mail, folder):
    """Syscall to how often the undisturbed process calls it (in the thread that calls it most)."""
    log = folder / "census"
    subprocess.run(["strace", "-f", "-qq", "-o", log, "-e", "trace=" + ",".join(SYSCALLS), *at.argv("ingest")],
                   input=mail, stdout=subprocess.DEVNULL, check=True)
    seen = collections.Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(), re.M))
    most = collections.Counter()
    for (_, call), n in seen.items():
        most[call] = max(most[call], n)
    return most


class Matrix:
    """One scenario: a state folder to start from, the rules, and a mail."""

    def __init__(self, name, program, folder, rules=None, size=3000):
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self.sound = Autoticket(program, self.folder / "start")
        self.sound.state.mkdir()
        self.sound.init()
        self.sound.ingest(alert_mail("before"))
        self.rules, self.mail = rules or self.sound.rules, alert_mail(f"errno-{name}", size)
        probe = Autoticket(program, self.copied("probe"), self.rules)
        self.counts = census(probe, self.mail, self.folder)

    def copied(self, name):
        """A copy of the state to start from: one point's own."""
        path = self.folder / name
        shutil.copytree(self.sound.state, path)
        return path

    def points(self):
        for call, count in sorted(self.counts.items()):
            for errno in ERRNOS:
                for n in range(1, count + 1):
                    yield self, call, errno, n

    def verdict(self, call, errno, n):
        """None, or what is wrong with the point."""
        state = self.copied(f"{call}-{errno}-{n}")
        try:
            return self.judged(Autoticket(self.sound.program, state, self.rules), call, errno, n)
        except (RuntimeError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            shutil.rmtree(state)

    def judged(self, at, call, errno, n):
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:error={errno}:when={n}"]
        done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", *inject, *at.argv("ingest")],
                              input=self.mail, capture_output=True, timeout=120, check=False)
        wrong = allowed(done)
        if wrong:
            return wrong
        sound = self.sound.at(at.state)
        if done.returncode == 0 and self.mail not in sound.kept():
            return f"exit 0 ({done.stdout[:60]!r}), but the mail is neither stored nor spooled byte for byte"
        again = sound.ingest(self.mail)
        if again.returncode != 0:
            return f"after {ending(done.returncode)} the redelivery ended with {ending(again.returncode)}"
        sound.must("flush")
        ledger = sound.audit()
        if ledger["counted"] != 2 or ledger["spooled"]:
            return f"after {ending(done.returncode)} and redelivery the ledger is {ledger}"
        return None


def main():
    parser = arguments(__doc__, points=0)
    options = parser.parse_args()
    needs("strace")
    tally, endings = Tally("syscall errors"), collections.Counter()
    with Scratch(options.scratch) as folder:
        broken = folder / "broken-rules"
        broken.mkdir()
        (broken / "autoticket.yaml").write_text("gates: [this is broken\n")
        matrices = [Matrix("stored", options.autoticket, folder), Matrix("large", options.autoticket, folder,
                    size=400_000), Matrix("spooled", options.autoticket, folder, rules=broken)]
        for matrix in matrices:
            print(f"{matrix.name}: " + ", ".join(f"{c} {n}" for c, n in sorted(matrix.counts.items())), flush=True)
        # Without --points every point is taken; with it, so many of them, drawn under the seed.
        points = shuffled((p for m in matrices for p in m.points()), options.seed)
        points = points[:options.points] if options.points else points
        for point, wrong in zip(points, in_parallel(lambda p: p[0].verdict(*p[1:]), points)):
            matrix, call, errno, n = point
            endings[call] += 1
            tally.point(f"{matrix.name}: {call} {errno} #{n}", wrong)
    tally.done(f"; seed {options.seed}; " + ", ".join(f"{c} {n}" for c, n in sorted(endings.items())))


if __name__ == "__main__":
    main()
