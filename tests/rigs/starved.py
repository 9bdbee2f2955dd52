#!/usr/bin/env python3
"""A full or read-only disk, resource limits, and a database that is locked, damaged or gone.

In each case the mail system must see 0, 75 or a signal; nothing is overwritten or made anew behind the
operator's back; and when the cause is mended, the mail is counted once.
"""
import contextlib
import shutil
import sqlite3
import subprocess
import threading
import time

from rig import Autoticket, Scratch, Tally, alert_mail, allowed, arguments, ending, limited, needs

DATABASE = "autoticket.db"


class Case:
    """A fresh state folder with one mail in it, on its own small file system."""

    def __init__(self, program, folder, name, tally):
        self.folder, self.name, self.tally = folder / name, name, tally
        self.folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.folder], check=True)
        self.at = Autoticket(program, self.folder / "state")
        self.at.state.mkdir()
        self.at.init()
        self.at.ingest(alert_mail("before"))
        self.mail = alert_mail(f"starved-{name}")
        self.database = self.at.state / DATABASE

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.folder], check=True)

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.folder], check=True)

    def ingest(self, **more):
        """The mail meets the fault; its ending has to be one the mail system can live with."""
        done = self.at.ingest(self.mail, **more)
        self.tally.point(f"{self.name}: ending", allowed(done))
        return done

    def accepted(self, done):
        """The fault left room for the spool: anything but 0 is a needless retry."""
        said = done.stdout.decode(errors="replace").strip()
        self.tally.check(f"{self.name}: accepted", done.returncode == 0, f"{ending(done.returncode)}: {said}")
        self.tally.check(f"{self.name}: spooled byte for byte",
                         any(path.read_bytes() == self.mail for path in self.at.spooled()), said)

    def mended(self, done):
        """The cause is gone: the mail system delivers again if it was told to, and the mail counts once."""
        if done.returncode != 0:
            again = self.at.ingest(self.mail)
            self.tally.check(f"{self.name}: redelivery", again.returncode == 0, ending(again.returncode))
        try:
            self.at.must("flush")
            ledger = self.at.audit()
            self.tally.check(f"{self.name}: counted once", ledger["counted"] == 2 and not ledger["spooled"],
                             f"{ending(done.returncode)}, then {ledger}")
        except (RuntimeError, ValueError) as error:
            self.tally.point(f"{self.name}: counted once", str(error))


def full_disk(case):
    """No byte is left, then a few are: the database can't grow, the spool may."""
    ballast = case.folder / "ballast"
    for spare in (0, 4096, 20480):
        with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        size = ballast.stat().st_size
        with open(ballast, "r+b") as file:
            file.truncate(max(0, size - spare))
        done = case.ingest()
        ballast.unlink()
    case.mended(done)


def read_only(case):
    case.remount("ro")
    done = case.ingest()
    case.tally.check("read_only: 75", done.returncode == 75, ending(done.returncode))
    case.remount("rw")
    case.mended(done)


def file_size_limit(case):
    """SIGXFSZ kills by default; a limit that ends within the database must not lose a mail."""
    for limit in (0, 512, 5000, case.database.stat().st_size):
        done = case.ingest(preexec_fn=limited(FSIZE=limit))
    case.mended(done)


def few_files(case):
    for limit in (4, 5, 6):
        done = case.ingest(preexec_fn=limited(NOFILE=limit))
    case.mended(done)


def little_memory(case):
    for megabytes in (8, 16, 24, 32):
        done = case.ingest(preexec_fn=limited(AS=megabytes << 20))
    case.mended(done)


def locked(case):
    """Another program holds the database for longer than we wait for it."""
    held, release = threading.Event(), threading.Event()

    def hold():
        other = sqlite3.connect(case.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        held.set()
        release.wait()
        other.execute("ROLLBACK")
        other.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    started = time.monotonic()
    done = case.ingest(timeout=90)
    took = time.monotonic() - started
    release.set()
    holder.join()
    case.tally.check("locked: patience", 30 <= took <= 55, f"it waited {took:.1f} s")
    case.accepted(done)
    case.mended(done)


def damaged(case, how):
    """The database's bytes are spoilt: spooled, and the damaged file stays as it is."""
    sound = case.database.read_bytes()
    case.database.write_bytes(how(sound))
    spoilt = case.database.read_bytes()
    done = case.ingest()
    case.accepted(done)
    case.tally.check(f"{case.name}: left alone", case.database.read_bytes() == spoilt,
                     "the damaged database was written to")
    case.database.write_bytes(sound)
    case.mended(done)


def garbage_header(case):
    damaged(case, lambda sound: b"this is no database\n" * 20 + sound[400:])


def garbage_pages(case):
    """Every page after the first is noise: the file opens, the tables do not."""
    damaged(case, lambda sound: sound[:4096] + b"\xa5" * (len(sound) - 4096))


def zero_length(case):
    damaged(case, lambda sound: b"")


def deleted(case):
    """The database is gone while its install id stands: never made anew."""
    aside = case.folder / "aside"
    shutil.move(case.database, aside)
    done = case.ingest()
    case.accepted(done)
    case.tally.check("deleted: not made anew", not case.database.exists(), "ingest created a database")
    shutil.move(aside, case.database)
    case.mended(done)


def no_state(case):
    """The state folder was never made: ingest makes none, the mail waits in the mail system."""
    aside = case.folder / "aside"
    shutil.move(case.at.state, aside)
    done = case.ingest()
    case.tally.check("no_state: 75", done.returncode == 75, ending(done.returncode))
    case.tally.check("no_state: not made", not case.at.state.exists(), "ingest created the state folder")
    shutil.move(aside, case.at.state)
    case.mended(done)


CASES = (full_disk, read_only, file_size_limit, few_files, little_memory, garbage_header, garbage_pages,
         zero_length, deleted, no_state, locked)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=[case.__name__ for case in CASES])
    options = parser.parse_args()
    needs("mount", "umount")
    tally = Tally("starved")
    with Scratch(options.scratch) as folder:
        for run in CASES:
            if options.only in (None, run.__name__):
                with Case(options.autoticket, folder, run.__name__, tally) as case:
                    run(case)
    tally.done()


if __name__ == "__main__":
    main()
