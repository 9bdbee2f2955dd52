#!/usr/bin/env python3
"""Power cuts around the journal: a loop-mounted ext4 that holds the state is shut down without flushing its log while
commands are being issued; logs, rules and the manager's own notes lie elsewhere and survive.

After the next mount: every call stands for an approval and an intent that are still on disk; the operators who start
again issue nothing twice; what was in the dark stays there until a person speaks; the journal is whole. The control
runs the same program with its syncs taken away (strace lets them return 0): there approvals are lost and commands go
out twice, and a rig that sees none of that sees nothing.
"""
import random
import subprocess
import threading
import time

from issuing_site import Site
from power_cut import Disk
from rig import Scratch, Tally, arguments, ending, needs

WITHOUT_SYNC = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e",
                "inject=fsync,fdatasync:retval=0"]


def start(argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)


def cut(program, folder, draw, trial, before=()):
    """Operators at work, the cut, the next mount; the site, its disk, and the points begun."""
    disk = Disk(folder)
    site = Site(program, folder / f"site{trial}", disk.mount / "state", before)
    first = site.log("first")
    if start(site.argv("--approve", "all", log=first)).returncode != 0:
        raise RuntimeError("undisturbed, it issues nothing")
    subprocess.run(["sync", "-f", disk.mount], check=True)
    stop, begun = threading.Event(), []
    # Several operators: on points of their own, or all on the same.
    operators, shared = draw.choice([(1, False), (2, False), (3, False), (2, True)])

    def operator(number):
        for count in range(10_000):
            if stop.is_set():
                return
            point = f"p{trial}-{'all' if shared else number}-{count}"
            if point not in begun:
                begun.append(point)
                site.log(point)
            done = start(site.argv("--approve", "all", log=site.folder / f"{point}.log"))
            if done.returncode not in (0, 1):
                return

    threads = [threading.Thread(target=operator, args=(number,)) for number in range(operators)]
    for thread in threads:
        thread.start()
    time.sleep(draw.uniform(0.1, 0.6) * (4 if before else 1))
    disk.cut()
    stop.set()
    for thread in threads:
        thread.join()
    disk.detach()
    disk.attach()
    site.before = []
    return site, disk, begun


def trial(program, folder, draw, number):
    """What is wrong after one cut, and how many commands had gone out before it."""
    site, disk, begun = cut(program, folder, draw, number)
    try:
        issued = len(site.calls())
        wrong = [f"{call} has no approval on disk" for call in site.unapproved()]
        for point in begun:
            what = site.finish(start, point, site.folder / f"{point}.log")
            if what:
                wrong.append(f"{point}: {what}")
        return wrong + site.judge(start), issued
    finally:
        disk.remove()


def control(program, folder, draw, number):
    """Calls whose approval the cut took, and points that then went out twice without a person's word."""
    site, disk, begun = cut(program, folder, draw, number, WITHOUT_SYNC)
    try:
        lost, issued = len(site.unapproved()), len(site.calls())
        for point in begun:
            done = start(site.argv("--approve", "all", log=site.folder / f"{point}.log"))
            if done.returncode not in (0, 1):
                print(f"control: {ending(done.returncode)}: {done.stderr.decode(errors='replace')[:160]}", flush=True)
                break
        return issued, lost, sum("was issued" in what for what in site.twice())
    finally:
        disk.remove()


def main():
    parser = arguments(__doc__)
    parser.add_argument("--trials", type=int, default=12)
    options = parser.parse_args()
    needs("mkfs.ext4", "mount", "umount", "strace")
    draw, tally = random.Random(options.seed), Tally("power cuts while issuing")
    with Scratch(options.scratch) as folder:
        total = 0
        for number in range(options.trials):
            wrong, issued = trial(options.autoticket, folder, draw, number)
            total += issued
            tally.check(f"trial {number}", not wrong and issued, f"{issued} issued; {'; '.join(wrong)[:600]}")
        print(f"autoticket: {total} commands issued in {options.trials} trials", flush=True)
        issued = lost = twice = tried = 0
        while tried < max(2, options.trials // 10) or (not lost and tried < 12):
            one = control(options.autoticket, folder, draw, f"-control{tried}")
            issued, lost, twice, tried = issued + one[0], lost + one[1], twice + one[2], tried + 1
        print(f"control without syncs: {lost} of {issued} lost their approval, {twice} went out twice in {tried} trials",
              flush=True)
        tally.check("control without syncs", lost > 0, "it lost nothing, so this rig sees no loss: the run is void")
    tally.done(f"; seed {options.seed}")


if __name__ == "__main__":
    main()
