#!/usr/bin/env python3
"""Job logs that Debian's GNU parallel wrote, beside what truly ran: the plan from the one has to be the other.

The program that parallel starts notes its own argument vector, then ends as it is told: with a status, by a signal,
or not before its time limit. Arguments are as odd as arguments get. A second log holds what only a shell can read
back; its commands must not be called exact. `--truth` compares no plan: the rig's own reading of the log stands in.
`--out FOLDER` keeps logs and truth.
"""
import json
import os
import random
import shlex
import shutil
import signal
import subprocess

from reissuing import LOCAL, Redistribute, differences, here, proven, rules
from rig import Scratch, Tally, arguments, needs

# Notes what it was given, then ends as its first argument says.
DEPLOY = """\
#!/bin/sh
printf '%s\\0' "$0" "$@" > {given}/$PARALLEL_SEQ.part
mv {given}/$PARALLEL_SEQ.part {given}/$PARALLEL_SEQ
case $1 in
  exit:*) exit "${{1#exit:}}" ;;
  signal:*) kill -"${{1#signal:}}" $$; sleep 10 ;;
  hang) exec sleep 30 ;;
esac
"""
LIMIT = 4
WAYS = ["exit:0", "exit:0", "exit:1", "exit:3", "exit:143", "exit:255", "signal:TERM", "signal:KILL", "signal:HUP"]
ODD = ["two words", "it's", 'a "quoted" one', "$HOME", "`id`", "$(id)", "a;b", "a|b", "a&&b", "*", "?[a-z]", "~", "", " ",
       "trailing ", "\ttab", "back\\slash", "--limit=all", "-", "--", "!!", "#no", "a\nb", "\n", "Müller", "日本", "e=mc{2}",
       "<in", ">out", "%h", "{x}", "\u202eevil", "\x1b[31m", "a'b\"c\\d $e", "'", '"', "x" * 5000, ":", "a\tb\tc"]


class Log:
    """One run of parallel: its job log, and what each job was given."""

    def __init__(self, folder, name):
        self.folder, self.log, self.given = folder, folder / f"{name}.joblog", folder / f"{name}.given"
        self.given.mkdir()
        self.program = folder / f"{name}-deploy"
        self.program.write_text(DEPLOY.format(given=self.given))
        self.program.chmod(0o755)

    def run(self, *argv, jobs=()):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "SHELL": "/bin/sh",
                       "PARALLEL_HOME": str(self.folder), "VALUE": "of the shell"}
        fed = b"".join(word if isinstance(word, bytes) else word.encode() + b"\0" for job in jobs for word in job)
        subprocess.run(["parallel", "--will-cite", "-0", "--jobs", "4", "--timeout", str(LIMIT), "--joblog", self.log,
                        *argv], input=fed, env=environment, capture_output=True, timeout=120, check=False)

    def rows(self):
        """Sequence number, status, signal and command of each row."""
        for line in self.log.read_bytes().split(b"\n")[1:]:
            if line:
                fields = line.split(b"\t", 8)
                yield int(fields[0]), int(fields[6]), int(fields[7]), fields[8]

    def argv(self, sequence):
        """What the job truly was given; None where nothing started."""
        note = self.given / str(sequence)
        return note.read_bytes()[:-1].decode(errors="replace").split("\0") if note.exists() else None


def ended(way):
    """Status, signal and outcome that a job has earned."""
    kind, _, value = way.partition(":")
    if kind == "hang":
        return -1, signal.SIGTERM, "timeout"
    if kind == "signal":
        return 0, signal.Signals[f"SIG{value}"], "failed"
    return int(value), 0, "ok" if value == "0" else "failed"


def literal(folder, tally, seed, count):
    """Every argument is one argument: the log holds the vector exactly. Rows that break a line are told apart by NUL."""
    chance = random.Random(seed)
    jobs = [[chance.choice(WAYS), odd, chance.choice(ODD)] for odd in ODD]
    jobs += [[chance.choice(WAYS), *chance.choices(ODD, k=2)] for _ in range(count - len(jobs))]
    jobs += [["hang", "slow", "one"], ["hang", "slow", "it's two"]]
    log = Log(folder, "literal")
    log.run("-q", "-n", "3", log.program, "{1}", "--package", "jre 1.3", "--for={2}", "{3}", "{2}", jobs=jobs)
    expected, rows = [], list(log.rows())
    tally.check("literal: a row for each job", sorted(row[0] for row in rows) == list(range(1, len(jobs) + 1)), str(len(rows)))
    for sequence, status, sign, command in rows:
        way, second, third = jobs[sequence - 1]
        meant = [str(log.program), way, "--package", "jre 1.3", f"--for={second}", third, second]
        given = log.argv(sequence)
        tally.check(f"literal {sequence}: parallel hands on what it is given", given == meant, f"{given} instead of {meant}")
        tally.check(f"literal {sequence}: ending", (status, sign) == ended(way)[:2], f"{way}: {status} {sign}")
        read = shlex.split(command.replace(b"\0", b"\n").decode())
        tally.check(f"literal {sequence}: the log holds it", read == given, f"{read} instead of {given}")
        note(expected, way, given, sure=b"\0" not in command)
    return log, expected


def shell(folder, tally):
    """Commands that only the shell of that day could read: variables, lists, bytes that are no text."""
    ways = ["exit:1", "signal:KILL", "exit:2", "exit:0"]
    jobs = [[way, "x y"] for way in ways] + [["exit:4", b"\xff\xfe\0"]]
    log = Log(folder, "shell")
    log.run("-n", "2", f'cd / && {log.program} {{1}} "$VALUE" {{2}} ; exit $?', jobs=jobs)
    expected = []
    for sequence, status, sign, command in log.rows():
        way, given = jobs[sequence - 1][0], log.argv(sequence)
        tally.check(f"shell {sequence}: a shell replaced", given and given[2] == "of the shell" and b"$VALUE" in command,
                    f"{given} {command!r}")
        # The shell gives the signal on as a status.
        wanted = (137, 0) if way == "signal:KILL" else ended(way)[:2]
        tally.check(f"shell {sequence}: ending", (status, sign) == wanted, f"{way}: {status} {sign}")
        note(expected, way, given, sure=False)
    tally.check("shell: a row for each job", sum(1 for _ in log.rows()) == len(jobs))
    return log, expected


def note(expected, way, argv, sure):
    outcome = ended(way)[2]
    if outcome != "ok":
        expected.append({"recipients": {LOCAL: outcome}, "argv": argv, "may_be": [] if sure else ["ambiguous"]})


def main():
    parser = arguments(__doc__, points=60)
    parser.add_argument("--truth", action="store_true", help="without autoticket: proves the rig")
    parser.add_argument("--out", metavar="FOLDER", help="keep the logs, and what truly happened as JSON")
    options = parser.parse_args()
    needs("parallel")
    tally = Tally("parallel")
    with Scratch(options.scratch) as folder:
        (folder / "rules").mkdir()
        (folder / "state").mkdir(mode=0o700)
        logs = [literal(folder, tally, options.seed, options.points), shell(folder, tally)]
        program = Redistribute(here, options.autoticket, folder / "state", rules=folder / "rules")
        (folder / "rules" / "redistribution.yaml").write_text(rules([log.program for log, _ in logs]))
        if not options.truth:
            program.init()
        for log, expected in logs:
            proven(tally, expected)
            if options.out:
                os.makedirs(options.out, exist_ok=True)
                shutil.copy(log.log, options.out)
                with open(os.path.join(options.out, log.log.stem + ".json"), "w", encoding="utf-8") as file:
                    json.dump(expected, file, ensure_ascii=False, indent=1)
            if not options.truth:
                status, plan = program.listed([log.log])
                wrong = differences(plan, expected)
                tally.check(f"{log.log.name}: the plan", not wrong, "; ".join(wrong))
                tally.check(f"{log.log.name}: exit status", status == 1, str(status))
    tally.done(", truth only" if options.truth else "")


if __name__ == "__main__":
    main()
