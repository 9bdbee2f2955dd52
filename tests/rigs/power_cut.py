#!/usr/bin/env python3
"""Power cuts: a loop-mounted ext4 is shut down without flushing its log while mails are being accepted.

A trial: writers run `ingest` and note each exit of 0 in a ledger outside the file system; at a random moment the
SHUTDOWN ioctl stops the disk as a power cut would; after the next mount every mail in the ledger must be there
once. Two controls that are known to lose (SQLite with DELETE and FULL; WAL and NORMAL with a reader) run on
the same kind of disk; where they lose nothing, the rig sees nothing and the run is void.
"""
import fcntl
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time

from rig import Autoticket, Scratch, Tally, alert_mail, arguments, needs

SHUTDOWN, WITHOUT_LOG_FLUSH = 0x8004587D, 2

class Disk:
    """A small ext4 in a file, mounted through a loop device."""

    def __init__(self, folder, megabytes=96):
        self.image, self.mount = folder / "disk.img", folder / "disk"
        self.mount.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        self.attach()

    def attach(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.mount], check=True)

    def detach(self):
        subprocess.run(["umount", self.mount], check=True)

    def cut(self):
        """What a power cut does: nothing more reaches the disk, not even the log."""
        handle = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, SHUTDOWN, WITHOUT_LOG_FLUSH.to_bytes(4, sys.byteorder))
        finally:
            os.close(handle)

    def remove(self):
        if os.path.ismount(self.mount):
            self.detach()
        self.image.unlink()
        self.mount.rmdir()


def cut_while(disk, seconds, writer, writers, reader=None):
    """Runs `writer(number, ledger, stop)` on threads, cuts the power after `seconds`; what was accepted.

    An open reader is let go between the cut and the unmount.
    """
    ledgers, stop = [[] for _ in range(writers)], threading.Event()
    threads = [threading.Thread(target=writer, args=(i, ledgers[i], stop)) for i in range(writers)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    disk.cut()
    stop.set()
    for thread in threads:
        thread.join()
    if reader is not None:
        reader.close()
    disk.detach()
    disk.attach()
    return [name for ledger in ledgers for name in ledger]


def autoticket_trial(program, folder, draw, trial):
    """Accepted mails and those of them missing or doubled after the cut."""
    disk = Disk(folder)
    try:
        at = Autoticket(program, disk.mount / "state")
        at.state.mkdir()
        at.init()
        os.sync()

        def writer(number, ledger, stop):
            while not stop.is_set():
                name = f"cut{trial}-{number}-{len(ledger)}"
                if at.ingest(alert_mail(name)).returncode != 0:
                    return
                ledger.append(name)
                time.sleep(pause)

        # The next write's sync carries the last one along: with few writers and pauses nothing helps it.
        writers, pause = draw.choice([(1, 0), (1, 0.01), (3, 0), (3, 0.01)])
        accepted = cut_while(disk, draw.uniform(0.15, 0.6), writer, writers)
        at.must("flush")
        at.audit()
        devices = at.devices()
        return accepted, [name for name in accepted if devices.get(name, 0) != 1]
    finally:
        disk.remove()


CONTROL = """
import sqlite3, sys, time
path, synchronous = sys.argv[1:]
db = sqlite3.connect(path, isolation_level=None)
db.execute(f"PRAGMA synchronous={synchronous}")
while True:
    name = str(time.monotonic_ns())
    db.execute("INSERT INTO mail VALUES(?, zeroblob(3000))", (name,))
    print(name, flush=True)
    time.sleep(0.01)
"""


def control_trial(journal, synchronous, folder, draw):
    """The same with a plain SQLite program; how many rows it had promised, and how many are gone."""
    disk = Disk(folder)
    try:
        path = disk.mount / "control.db"
        setup = sqlite3.connect(path, isolation_level=None)
        setup.execute(f"PRAGMA journal_mode={journal}")
        setup.execute("CREATE TABLE mail(name TEXT, raw BLOB)")
        # Kept open on purpose: the last connection to close a WAL checkpoints it, which hides the loss.
        reader = setup if journal == "WAL" else setup.close()
        os.sync()

        def writer(_, ledger, stop):
            with subprocess.Popen([sys.executable, "-c", CONTROL, path, synchronous],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
                threading.Thread(target=lambda: (stop.wait(), process.kill())).start()
                ledger.extend(line.strip() for line in process.stdout)

        accepted = cut_while(disk, draw.uniform(0.4, 0.8), writer, 1, reader)
        after = sqlite3.connect(path)
        kept = {name for (name,) in after.execute("SELECT name FROM mail")}
        after.close()
        return accepted, [name for name in accepted if name not in kept]
    finally:
        disk.remove()


def main():
    parser = arguments(__doc__)
    parser.add_argument("--trials", type=int, default=10)
    options = parser.parse_args()
    needs("mkfs.ext4", "mount", "umount")
    draw, tally = random.Random(options.seed), Tally("power cuts")
    with Scratch(options.scratch) as folder:
        total = 0
        for trial in range(options.trials):
            accepted, wrong = autoticket_trial(options.autoticket, folder, draw, trial)
            total += len(accepted)
            tally.check(f"trial {trial}", not wrong and accepted,
                        f"{len(wrong)} of {len(accepted)} accepted mails missing or doubled: {wrong[:3]}")
        print(f"autoticket: {total} mails accepted in {options.trials} trials", flush=True)
        for journal, synchronous in (("DELETE", "FULL"), ("WAL", "NORMAL")):
            promised = lost = tried = 0
            # A cut may miss the moment that loses; one that never hits it in so many trials sees nothing.
            while tried < max(4, options.trials // 5) or (not lost and tried < 25):
                accepted, gone = control_trial(journal, synchronous, folder, draw)
                promised, lost, tried = promised + len(accepted), lost + len(gone), tried + 1
            print(f"control {journal}+{synchronous}: {lost} of {promised} lost in {tried} trials", flush=True)
            tally.check(f"control {journal}+{synchronous}", lost > 0,
                        "it lost nothing, so this rig sees no loss: the run is void")
    tally.done(f"; seed {options.seed}")


if __name__ == "__main__":
    main()
