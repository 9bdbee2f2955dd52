#!/usr/bin/env python3
"""A real fan-out, failing and redistributed: clush and rsync over Debian's sshd to three hosts, one of them down.

The distribution manager of the intermediate server (swdist, beside this file) sends a package to h1, h2 and h3 while
h3 is down; its log says so. h3 comes back; `redistribute --approve all` has to deliver the package to h3 alone, with
the original parameters, and a second run has to do nothing. Then the same with a bare clush, whose own words are the
log and whose command stands in sudo's; and with rows of a job log that ran elsewhere, and must not run here.
`--by-hand` plays the operator without autoticket: what is proven then is the rig.
"""
import json
import os
import pathlib
import re
import shlex

from fan import RECIPIENTS, Fleet, alone, until
from reissuing import LIST, Redistribute, differences, rules
from rig import HERE, Scratch, Tally, arguments, needs

LOG, AUTH = "/var/log/swdist/swdist.log", "/var/log/auth.log"
CLUSH_LOG, JOBLOG = "/var/log/clush.log", "/var/log/parallel.log"
LISTS, SITE = "/var/lib/swdist/lists/emea.lst", "/opt/site software"
PACKAGE, OTHER, SINGLE = "jre-1.3.1_02", "base-2.0", "/srv/packages/tzdata_2026a_all.deb"
ALLOWED = ["/usr/local/sbin/swdist", "/usr/bin/clush", "/usr/bin/touch"]
# h3 has a parameter of its own, shared with h2 and with a blank in it.
OWN = "--chmod=F600 '--out-format=sent to own: %n'"
LINES = f"# Recipients in EMEA, and what holds for one alone\nh1\nh2 {OWN}\n\nh3 {OWN}\n"
COMMAND = ["swdist", "-p", PACKAGE, "-l", LISTS, "-D", SITE, "-o", "room 7; \"ask $OPS\" first", "--chmod=D750,F640",
           "--partial"]


class Story:
    """One operator's day on the intermediate server."""

    def __init__(self, fleet, tally, options):
        self.fleet, self.server, self.tally, self.by_hand = fleet, fleet.server, tally, options.by_hand
        self.auth = self.server.syslog()
        if not self.by_hand:
            self.server.write("/usr/local/bin/autoticket", pathlib.Path(options.autoticket).read_bytes(), 0o755)
            self.server.path("/usr/local/bin/redistribute").symlink_to("autoticket")
        self.server.write("/etc/autoticket/redistribution.yaml", rules(ALLOWED))
        self.server.path("/var/lib/autoticket").mkdir(mode=0o700)
        self.program = Redistribute(lambda argv: self.server.start(*argv), "autoticket", "/var/lib/autoticket",
                                    link="redistribute")
        self.transcript = []
        if not self.by_hand:
            self.program.init()

    def prepare(self):
        """Packages, the distribution list, the manager."""
        self.server.write("/usr/local/sbin/swdist", (HERE / "swdist").read_bytes(), 0o755)
        self.server.write(LISTS, LINES)
        for package, size in ((PACKAGE, 700_000), (OTHER, 10)):
            base = f"/srv/packages/{package}"
            self.server.write(f"{base}/bin/run me", f"#!/bin/sh\necho {package}\n", 0o755)
            self.server.write(f"{base}/lib/classes.bin", os.urandom(size))
            self.server.write(f"{base}/doc/Übersicht.txt", "Größe: klein\n")
            self.server.path(f"{base}/latest").symlink_to("bin/run me")
            for file in self.server.path(base).rglob("*"):
                os.utime(file, (1_000_000_000, 1_000_000_000), follow_symlinks=False)
        self.server.write(SINGLE, os.urandom(50_000))

    def swdist(self, *argv):
        return self.typed(*argv, directory="/srv")

    def typed(self, *argv, at=None, **more):
        """A command as somebody types it (on the server, unless `at` names another machine), kept with what it said."""
        machine = at or self.server
        done = machine.start(*argv, **more)
        said = (done.stdout + done.stderr).decode(errors="replace").rstrip()
        status = f"\n(exit status {done.returncode})" if done.returncode else ""
        self.transcript.append(f"{machine.name}# {shlex.join(argv)}\n{said}{status}".rstrip())
        return done

    def records(self):
        """What the manager was really given, run by run: its own notes, beside the log."""
        return [json.loads(line) for line in self.server.read("/var/log/swdist/given.jsonl").splitlines()]

    def tree(self, name, base):
        """Every file of a machine's folder: kind or content, mode, time; names relative."""
        root = self.fleet[name].path(base)
        found = {}
        for file in sorted(root.rglob("*")):
            stat = file.lstat()
            content = os.readlink(file) if file.is_symlink() else file.read_bytes() if file.is_file() else None
            found[str(file.relative_to(root))] = (content, oct(stat.st_mode), stat.st_mtime_ns if content else None)
        return found

    def state(self, name):
        """What changes on a machine when anybody touches the package or logs in."""
        stats = [(str(file), file.lstat().st_ino, file.lstat().st_mtime_ns, file.lstat().st_ctime_ns)
                 for base in ("/opt", "/var/cache/sw") for file in sorted(self.fleet[name].path(base).rglob("*"))]
        return stats, self.fleet[name].connections()

    def expected(self, name, base, files):
        """The package's tree with the modes that the parameters ask for."""
        def mode(kind, old):
            return {"link": old, "folder": oct(0o040750), "file": oct(0o100000 | files)}[kind]
        tree = {}
        for path, (content, old, time) in self.tree(name, base).items():
            kind = "link" if isinstance(content, str) else "folder" if content is None else "file"
            tree[path] = (content, mode(kind, old), time)
        return tree

    def fails(self):
        """Two distributions; the second while h3 is down."""
        done = self.swdist("swdist", "-p", OTHER, "-l", LISTS, "-D", SITE)
        self.tally.check("first rollout", done.returncode == 0, done.stderr.decode())
        self.fleet.down("h3")
        done = self.swdist(*COMMAND)
        self.tally.check("the manager ends with 1", done.returncode == 1, f"{done.returncode} {done.stderr.decode()}")
        said = {name: state for job, name, state in results(self.server.read(LOG)) if job == "J2"}
        self.tally.check("the log shows it", said == {"h1": "OK", "h2": "OK", "h3": "UNREACHABLE"}, str(said))
        self.typed("grep", "job=J2", LOG)
        for name, files in (("h1", 0o640), ("h2", 0o600)):
            wanted = self.expected("is38", f"/srv/packages/{PACKAGE}", files)
            self.tally.check(f"{name} has the package", self.tree(name, f"{SITE}/{PACKAGE}") == wanted,
                             str(listing(self.tree(name, f"{SITE}/{PACKAGE}"))))
        self.tally.check("h3 has not", not self.fleet["h3"].path(f"{SITE}/{PACKAGE}").exists())

    def asks_first(self, answers, why):
        """Recipients are asked before anything is issued: by ping, and whether sshd's port is open."""
        if self.by_hand:
            return
        before = len(self.records())
        for way, reachability, words in (("ping", None, ["--check"]), ("port", {"port": 22}, [])):
            self.server.write("/etc/autoticket/redistribution.yaml", rules(ALLOWED, reachability))
            argv = self.program.to_approve_all([LOG])
            # Who answers would be issued to in earnest; that is another step of the story.
            done = self.server.start(*argv, *words, *(["--dry-run"] if answers else []), "--json")
            said = json.loads(done.stdout)
            aside, issued = said["aside"], said.get("would_issue", said.get("issued", []))
            found = [name for name, _ in aside] if aside and isinstance(aside[0], list) else [one["name"] for one in aside]
            self.tally.check(f"{way}: h3 is {'issued to' if answers else 'set aside'}",
                             found == ([] if answers else ["h3"]) and bool(issued) == answers, str(said))
            self.tally.check(f"{way}: says why", why[way] in str(aside) and done.returncode == (0 if answers else 1), f"{done.returncode} {aside}")
        self.server.write("/etc/autoticket/redistribution.yaml", rules(ALLOWED))
        self.tally.check("nothing was issued", len(self.records()) == before, str(self.records()[before:]))

    def redistributes(self):
        """The operator's part, once h3 is back."""
        self.fleet.up("h3")
        self.asks_first(True, {"ping": "", "port": ""})
        before, rest = len(self.records()), {name: self.state(name) for name in ("h1", "h2")}
        expected = [{"recipients": {"h3": "unreachable"}, "argv": [LIST if word == LISTS else word for word in COMMAND]}]
        status = self.issue_native(expected)
        self.tally.check("redistribute ends with 0", status == 0, str(status))
        given = self.records()[before:]
        self.tally.check("one command", len(given) == 1, str(given))
        if len(given) == 1:
            self.check_given(given[0])
        for name, state in rest.items():
            self.tally.check(f"{name} is not touched", self.state(name) == state, f"{state} -> {self.state(name)}")
        wanted = self.expected("is38", f"/srv/packages/{PACKAGE}", 0o600)
        self.tally.check("h3 has the package, with its modes", self.tree("h3", f"{SITE}/{PACKAGE}") == wanted,
                         str(listing(self.tree("h3", f"{SITE}/{PACKAGE}"))))
        self.typed("ls", f"{SITE}/{PACKAGE}", at=self.fleet["h3"])
        self.tally.check("a second run ends with 0", self.issue_native([]) == 0)
        self.tally.check("a second run does nothing", len(self.records()) == before + 1, str(self.records()))

    def check_given(self, given):
        narrowed = [LIST if word == given["list"] else word for word in given["argv"]]
        wanted = [LIST if word == LISTS else word for word in COMMAND]
        self.tally.check("the original parameters", narrowed == wanted, str(given["argv"]))
        self.tally.check("another list", given["list"] != LISTS, given["list"])
        self.tally.check("h3's own line", given["lines"].strip() == f"h3 {OWN}", given["lines"])
        self.tally.check("a list of mode 0600", given["mode"] == "0o600", given["mode"])
        self.tally.check("the original directory", given["directory"] == "/srv", given["directory"])
        if not self.by_hand:
            self.tally.check("an idempotency key", given["key"], str(given))

    def issue_native(self, expected):
        """`redistribute` on the manager's log, or what an operator would type in its place; the exit status."""
        if not self.by_hand:
            return self.issue([LOG], expected)
        failed = undelivered(self.server.read(LOG))
        wanted = [name for item in expected for name in item["recipients"]]
        self.tally.check("left to do", [name for _, name in failed] == wanted, str(failed))
        if not failed:
            return 0
        names = {name for _, name in failed}
        lines = [line for line in LINES.splitlines() if line.split()[:1] and line.split()[0] in names]
        self.server.write("/run/failed.lst", "\n".join(lines) + "\n", 0o600)
        return self.swdist(*["/run/failed.lst" if word == LISTS else word for word in COMMAND]).returncode

    def issue(self, logs, expected):
        """THE PROGRAM: its plan has to be the expected one; then everything is approved."""
        listed, plan = self.program.listed(logs)
        wrong = differences(plan, expected)
        self.tally.check("the plan", not wrong, "; ".join(wrong))
        self.tally.check("--list's exit status", listed == (1 if expected else 0), str(listed))
        self.typed(*self.program.to_list(logs))
        done = self.typed(*self.program.to_approve_all(logs))
        journal = self.program.journal()
        self.tally.check("the journal verifies", journal.returncode == 0, journal.stderr.decode(errors="replace"))
        return done.returncode

    def bare_clush(self):
        """clush itself copies a package file; results are its own words, the command stands in sudo's log."""
        for name in RECIPIENTS:
            self.fleet[name].path("/var/cache/sw").mkdir()
        self.fleet.down("h3")
        command = ["/usr/bin/clush", "-S", "-f", "8", "-w", "h[1-3]", "-p", "--copy", SINGLE, "--dest", "/var/cache/sw/"]
        done = self.typed("sudo", *command, directory="/srv")
        self.tally.check("clush ends with ssh's status", done.returncode == 255, f"{done.returncode} {done.stderr.decode()}")
        until(lambda: any("COMMAND=" in line for line in self.auth), 5)
        self.server.write(CLUSH_LOG, done.stderr)
        self.server.write(AUTH, "\n".join(self.auth) + "\n")
        self.tally.check("clush says who failed", "clush: h3: exited with exit code 255" in done.stderr.decode(),
                         done.stderr.decode())
        wanted = f"PWD=/srv ; USER=root ; COMMAND={' '.join(command)}"
        self.tally.check("sudo says what ran", wanted in self.server.read(AUTH), self.server.read(AUTH))
        self.fleet.up("h3")
        rest = {name: self.state(name) for name in ("h1", "h2")}
        narrowed = ["h3" if word == "h[1-3]" else word for word in command]
        for run, expected in (("", [{"recipients": {"h3": "unreachable"}, "argv": narrowed}]), ("second ", [])):
            times = len(self.fleet["h3"].sshd_log())
            status = self.issue_clush(narrowed, expected)
            self.tally.check(f"clush: {run}run ends with 0", status == 0, str(status))
            came = "Accepted publickey" in self.fleet["h3"].sshd_log()[times:]
            self.tally.check(f"clush: {run}run connects", came == bool(expected), self.fleet["h3"].sshd_log()[times:])
        for name, state in rest.items():
            self.tally.check(f"clush: {name} is not touched", self.state(name) == state, f"{state} -> {self.state(name)}")
        content = self.server.path(SINGLE).read_bytes()
        for name in RECIPIENTS:
            copied = self.fleet[name].path("/var/cache/sw") / os.path.basename(SINGLE)
            self.tally.check(f"clush: {name} has the file", copied.exists() and copied.read_bytes() == content)

    def rows_of_other_hosts(self):
        """GNU parallel ran a command on other hosts; its job log says where, but the command it names is not the one
        that ran here. To run that here would touch a machine which nobody asked for."""
        mark = "/opt/was here"
        self.fleet.down("h3")
        self.server.start("parallel", "--will-cite", "--joblog", JOBLOG, "--nonall", "-S", "1/h1,1/h2,1/h3",
                          f"touch '{mark}'")
        self.fleet.up("h3")
        rows = dict(re.findall(r"^\d+\t(h\d)\t.*\t(\d+)\t0\ttouch '/opt/was here' ?$", self.server.read(JOBLOG), re.M))
        self.tally.check("parallel: the log names hosts", rows == {"h1": "0", "h2": "0", "h3": "255"},
                         self.server.read(JOBLOG))
        if not self.by_hand:
            _, plan = self.program.listed([JOBLOG])
            wrong = differences(plan, [{"recipients": {"h3": "failed"}, "argv": None, "may_be": ["ambiguous"]}])
            self.tally.check("parallel: the plan", not wrong, "; ".join(wrong))
            self.program.approve_all([JOBLOG])
        there = [name for name in self.fleet.machines if self.fleet[name].path(mark).exists()]
        self.tally.check("parallel: nothing ran here", there == ["h1", "h2"], str(there))

    def issue_clush(self, narrowed, expected):
        if not self.by_hand:
            return self.issue([CLUSH_LOG, AUTH], expected)
        # clush's words hold no success: a person knows that it was done.
        return self.server.start(*narrowed, directory="/srv").returncode if expected else 0


def plain(text):
    """A transcript without what differs from run to run: times, process ids, keys, counts of bytes, and which of two
    rsync met first, the end of its pipe (12) or of its ssh (255); and without the folder of the state, the usual one."""
    for pattern, stand_in in ((r"\d{4}-\d\d-\d\d[T ][\d:.]+Z", "TIME"), (r"dm\[\d+\]", "dm[PID]"),
                              (r"\b[0-9a-f]{8,}…?", "KEY"), (r"read [\d.]+ k?B?(bytes)?", "read N"),
                              (r" --state /var/lib/autoticket", ""),
                              (r"(UNREACHABLE type=connection) rc=(12|255)\b", r"\1 rc=N"), (r"[ \t]+$", "")):
        text = re.sub(pattern, stand_in, text, flags=re.M)
    return text


def as_the_readme_says(tally, transcript):
    """The commands and answers in the README stand in this transcript, in that order."""
    readme = (HERE.parent.parent / "README.md").read_text(encoding="utf-8")
    shown = next(block for block in re.findall(r"```console\n(.*?)```", readme, re.S) if block.startswith("is38# "))
    rest, typed = [plain(step) for step in transcript], plain(shown).strip().split("\n\n")
    # An answer may hold a blank line: what does not begin with a prompt belongs to the step before.
    steps = []
    for part in typed:
        if re.match(r"\w+# ", part):
            steps.append(part)
        else:
            steps[-1] += "\n\n" + part
    for step in steps:
        found = step in rest
        tally.check("the README's transcript", found, f"nobody typed or read\n{step}\nbut\n" + "\n\n".join(rest[:7]))
        rest = rest[rest.index(step) + 1:] if found else rest


def results(log):
    """Job, recipient and state of each result in a native log."""
    return re.findall(r"^\S+ \S+ \S+: job=(\S+) target=(\S+) state=(\S+)", log, re.M)


def undelivered(log):
    """Package and recipient whose last word in a native log is not OK."""
    packages = {}
    for job, argv in re.findall(r": START job=(\S+) argv=(\[.*\]) dir=", log):
        argv = json.loads(argv)
        packages[job] = argv[argv.index("-p") + 1]
    last = {}
    for job, name, state in results(log):
        last[packages[job], name] = state
    return sorted(which for which, state in last.items() if state != "OK")


def listing(tree):
    return {path: (mode, time) for path, (_, mode, time) in tree.items()}


def main():
    parser = arguments(__doc__)
    parser.add_argument("--by-hand", action="store_true", help="without autoticket: proves the rig")
    parser.add_argument("--show", action="store_true", help="prints what was typed and said")
    options = parser.parse_args()
    needs("unshare", "nsenter", "ip", "ssh-keygen", "sshd", "clush", "rsync", "sudo", "parallel")
    alone()
    tally = Tally("fan-out")
    with Scratch(options.scratch) as folder, Fleet(folder) as fleet:
        story = Story(fleet, tally, options)
        story.prepare()
        story.fails()
        story.asks_first(False, {"ping": "does not answer ping", "port": "port 22"})
        story.redistributes()
        story.bare_clush()
        story.rows_of_other_hosts()
        if not options.by_hand:
            as_the_readme_says(tally, story.transcript)
        if options.show:
            print("\n\n".join(story.transcript), flush=True)
    tally.done(", by hand" if options.by_hand else "")


if __name__ == "__main__":
    main()
