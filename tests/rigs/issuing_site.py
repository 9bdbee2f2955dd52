"""A server on which commands are issued, for the rigs that disturb it: logs, rules, a manager that never lies, and the
oracle that says what must be true of its journal.

The manager appends one line to a file for each call, on disk before it ends: its idempotency key, its package, the
recipients of the list it was given. Where a file `assassin` stands it then kills who started it. One point is one job of a log of its own, with two recipients that failed of three;
its package names it, so that every call is known to belong to a point.
"""
import collections
import datetime
import json
import os
import pathlib
import sqlite3

from reissuing import rules
from rig import ending

SERVER = "is1"
# Appends in one write; the file lies where no power is cut.
MANAGER = """#!/bin/sh
{ read -r one && read -r two && ! read -r three; } < "$4" || exit 9
printf '%%s %%s %%s,%%s\\n' "$AUTOTICKET_IDEMPOTENCY_KEY" "$2" "$one" "$two" >> %(calls)s
sync %(calls)s
[ ! -e %(folder)s/assassin ] || kill -9 $PPID
"""
NAMED = {"approved", "built", "confirmed", "failed", "unknown"}


class Site:
    """Rules, logs and calls in one folder, the state in another."""

    def __init__(self, program, folder, state, before=()):
        self.program, self.folder, self.state = str(program), pathlib.Path(folder), pathlib.Path(state)
        self.before = list(before)
        self.calls_file, self.rules = self.folder / "calls", self.folder / "rules"
        self.rules.mkdir(parents=True)
        self.manager = self.folder / "swdist"
        self.calls_file.touch()
        self.manager.write_text(MANAGER % {"calls": self.calls_file, "folder": self.folder})
        self.manager.chmod(0o755)
        (self.rules / "redistribution.yaml").write_text(rules([self.manager]))
        # How often a person let something unknown be issued again, by point.
        self.consents = collections.Counter()

    def log(self, point):
        """The log of a point: a run that reached one of its three recipients."""
        names = [f"{point}-{letter}" for letter in "abc"]
        whole = self.folder / f"{point}.lst"
        whole.write_text("".join(name + "\n" for name in names))
        then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        stamp = then.strftime("%Y-%m-%dT%H:%M:%SZ")
        os.utime(whole, (then.timestamp() - 3600,) * 2)
        lines = [f'START job={point} cmd="{self.manager} -p {point} -l {whole}" dir={self.folder}',
                 f"job={point} target={names[0]} state=OK",
                 f"job={point} target={names[1]} state=FAILED type=disk no space left",
                 f"job={point} target={names[2]} state=UNREACHABLE type=connection no route",
                 f"END job={point} rc=1"]
        path = self.folder / f"{point}.log"
        path.write_text("".join(f"{stamp} {SERVER} dm[7]: {line}\n" for line in lines))
        return path

    def argv(self, *words, log=None):
        named = ["--log", str(log), "--server", SERVER] if log else []
        return [*self.before, self.program, "redistribute", *named, *map(str, words), "--state", str(self.state),
                "--rules", str(self.rules)]

    def calls(self):
        """Key, point and recipients of each call, in order."""
        return [tuple(line.split(" ")) for line in self.calls_file.read_text().splitlines()]

    def calls_of(self, point):
        return [call for call in self.calls() if call[1] == point]

    def record(self):
        """Acts of the record as (act, subject, detail), read as the disk has it."""
        path = self.state / "redistribution.db"
        if not path.exists() or not path.stat().st_size:
            return []
        with sqlite3.connect(path, timeout=20) as db:
            try:
                rows = db.execute("SELECT act,subject,detail FROM record ORDER BY id").fetchall()
            except sqlite3.OperationalError as error:
                # Cut short before it had a table.
                if "no such table" in str(error):
                    return []
                raise
        db.close()
        return [(act, subject, json.loads(detail)) for act, subject, detail in rows]

    def unapproved(self):
        """Calls that nobody's approval and intent on disk stand for, at this instant."""
        acts = {(act, subject) for act, subject, _ in self.record()}
        return [call for call in self.calls()
                if ("approve", call[0]) not in acts or ("intent", call[0]) not in acts]

    def twice(self):
        """Points issued more often than a person let them be, and keys that came twice."""
        by_key = collections.Counter(key for key, *_ in self.calls())
        by_point = collections.Counter(point for _, point, _ in self.calls())
        wrong = [f"key {key[:12]} came {count} times" for key, count in by_key.items() if count > 1]
        return wrong + [f"{point} was issued {count} times by {self.consents[point]} consents" for point, count
                        in by_point.items() if count > 1 + self.consents[point]]

    def finish(self, start, point, log):
        """What an operator does after a crash: approve again, and let what is unknown be issued once more by its key.

        `start` runs a vector to its end. Gives what is wrong, or None.
        """
        for _ in range(5):
            before = self.calls_of(point)
            open_before = self.open_attempts(point)
            done = start(self.argv("--approve", "all", "--json", log=log))
            if done.returncode not in (0, 1):
                return f"--approve all: {ending(done.returncode)}: {done.stderr.decode(errors='replace')[-300:]}"
            said = json.loads(done.stdout)
            if open_before and len(self.calls_of(point)) > len(before):
                return f"{open_before} was in the dark, and was issued without a person's word"
            keys = [row["key"] for row in said.get("unknown", []) if row["argv"][2] == point]
            if not keys:
                if done.returncode != 0:
                    return f"--approve all: exit 1, and nothing is unknown: {done.stdout.decode()[:300]}"
                return self.settled(start, point, log)
            self.consents[point] += 1
            again = start(self.argv("--again", keys[0], log=log))
            if again.returncode != 0:
                return f"--again: {ending(again.returncode)}: {(again.stdout + again.stderr).decode(errors='replace')[-300:]}"
        return "it never came to an end"

    def open_attempts(self, point):
        """Attempts that began and whose end nobody noted, without a consent to follow them."""
        acts = collections.defaultdict(set)
        consented = set()
        for act, subject, detail in self.record():
            acts[subject].add(act)
            if act == "approve":
                acts[subject].add(detail["command"]["argv"][2])
                consented.update(detail["consents"])
        return [key[:12] for key, done in acts.items()
                if point in done and "intent" in done and "end" not in done and key not in consented]

    def settled(self, start, point, log):
        """Everything of a point went out, to whom it should, and nothing is left."""
        calls = self.calls_of(point)
        if not calls:
            return "it was never issued"
        if any(names != f"{point}-b,{point}-c" for *_, names in calls):
            return f"other recipients than those that failed: {calls}"
        done = start(self.argv("--approve", "all", log=log))
        if done.returncode != 0 or self.calls_of(point) != calls:
            return f"another run did something: {ending(done.returncode)}: {done.stdout.decode()[:300]}"
        return None

    def judge(self, start):
        """What is wrong with the journal as a whole."""
        wrong = self.twice() + [f"{call} was never approved" for call in self.unapproved()]
        done = start(self.argv("journal", "--json", "--limit", 100000))
        if done.returncode != 0:
            wrong.append(f"journal: {ending(done.returncode)}: {(done.stdout + done.stderr).decode(errors='replace')[-300:]}")
            return wrong
        rows = json.loads(done.stdout)["items"]
        wrong += [f"{row['id']} {row['key'][:12]} is {row['state']}" for row in rows if row["state"] not in NAMED]
        called = {key for key, *_ in self.calls()}
        return wrong + [f"{row['id']} {row['key'][:12]} is confirmed and never ran" for row in rows
                        if row["state"] == "confirmed" and row["key"] not in called]
