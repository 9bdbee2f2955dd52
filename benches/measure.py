"""How a figure is taken: whole processes side by side, medians, and a probe of the disk beside what is durable."""
import os
import pathlib
import statistics
import subprocess
import time


class Yardsticks:
    """The measuring programs and generators of the yardstick folder, built into a scratch folder once."""

    def __init__(self, source, scratch):
        self.home = pathlib.Path(scratch) / "perf"
        if not self.home.exists():
            subprocess.run(["cp", "-r", source, self.home], check=True)
            subprocess.run(["chmod", "-R", "u+w", self.home], check=True)
        self.bin = self.home / "target/release"
        static = self.home / "target-static/x86_64-unknown-linux-gnu/release"
        self.floor = static / "floor"
        if not (self.bin / "gen").exists():
            self.build()
        if not self.floor.exists():
            self.build("--target", "x86_64-unknown-linux-gnu", "--target-dir", "target-static", "--bin", "floor",
                       flags="-C target-feature=+crt-static -C relocation-model=static")

    def build(self, *more, flags=""):
        subprocess.run(["cargo", "build", "--release", *more], cwd=self.home, check=True,
                       env={**os.environ, "RUSTFLAGS": flags})

    def generated(self, folder):
        """The alerts every figure is taken on; made where they are missing, the same bytes each time."""
        for count, name, seed in ((20_000, "alerts20k.mbox", 1), (2000, "alerts2k", 1), (170_000, "alerts1g.mbox", 5)):
            if not (folder / name).exists():
                subprocess.run([self.bin / "gen", "alerts", str(count), folder / name, "10000", str(seed)], check=True)
        if not (folder / "patho").exists():
            subprocess.run(["python3", self.home / "patho.py", folder / "patho"], check=True)


def spawned(argv, stdin=os.devnull):
    """Wall seconds and exit status of one process, from spawn to wait."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    argv = [str(a) for a in argv]
    begun = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    return time.perf_counter() - begun, os.waitstatus_to_exitcode(status)


def side_by_side(contenders, rounds, per_round=1, warm=1):
    """Runs each contender `per_round` times, A B C A B C …; name to its median over rounds, in seconds.

    A contender is a function of the running number that prepares one run and returns (argv, stdin).
    A process that fails ends the measurement: a fast failure is no figure.
    """
    medians, number = {name: [] for name in contenders}, 0
    for turn in range(rounds + warm):
        for name, prepare in contenders.items():
            times = []
            for _ in range(per_round):
                number += 1
                argv, stdin = prepare(number)
                took, status = spawned(argv, stdin or os.devnull)
                if status != 0:
                    raise RuntimeError(f"{name}: exit {status}: {' '.join(map(str, argv))}")
                times.append(took)
            if turn >= warm:
                medians[name].append(statistics.median(times))
    return {name: statistics.median(times) for name, times in medians.items()}


def peak_memory(argv, stdin=os.devnull):
    """Peak resident MiB of one process, by time(1): a parent's own pages would count for a child of python."""
    with open(stdin, "rb") as file:
        done = subprocess.run(["/usr/bin/time", "-f", "peak %M", *map(str, argv)], stdin=file, check=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return int(done.stderr.rsplit("peak ", 1)[1]) / 1024


def disk_probe(folder, seconds=0.5):
    """p50 and p95 of a 4 KiB overwrite with fdatasync, in microseconds; over 3 apart, the disk is too busy."""
    path, times = pathlib.Path(folder) / "probe", []
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(handle, bytes(1 << 20), 0)
    os.fsync(handle)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        os.pwrite(handle, b"\x07" * 4096, (len(times) % 256) * 4096)
        os.fdatasync(handle)
        times.append((time.perf_counter() - begun) * 1e6)
    os.close(handle)
    path.unlink()
    times.sort()
    return times[len(times) // 2], times[len(times) * 95 // 100]


class Table:
    """Rows of measured against wanted; prints itself as the Markdown of RESULTS.md."""

    def __init__(self):
        self.rows, self.notes = [], []

    def row(self, figure, value, must, stretch, shown, at_most=True):
        """`value` held against both bounds; None: not measured in this run, and `shown` says why."""
        verdict = "–"
        if value is not None:
            met = [value <= bound if at_most else value >= bound for bound in (must, stretch)]
            verdict = "stretch" if all(met) else "must" if met[0] else "**missed**"
        sign = "≤" if at_most else "≥"
        self.rows.append((figure, shown, f"{sign} {must:g}", f"{stretch:g}", verdict))
        print(f"  {figure}: {shown} ({verdict})", flush=True)

    def missed(self):
        return [row[0] for row in self.rows if "missed" in row[4]]

    def markdown(self):
        lines = ["| figure | measured | must | stretch | met |", "|---|---|---|---|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines + [""] + self.notes)
