#!/usr/bin/env python3
"""Logs of Debian's Ansible, which hold no command, joined with sudo's log and bash's history, which do.

Playbooks deliver a file to three hosts, of which one fails and one can't be reached; what arrived is the truth. Each
run is judged from logs of its own, then all of them from one log: where several commands could be a run's, the plan
may say so, but must not guess. `--truth` compares no plan. `--out FOLDER` keeps logs and truth.
"""
import json
import os
import pathlib
import re
import shlex

from fan import SERVER, Fleet, alone, until
from reissuing import Redistribute, differences, proven, rules
from rig import Scratch, Tally, arguments, needs

FOLDER = "/srv/play books"
OUTCOMES = {"web1": "ok", "web2": "failed", "web3": "unreachable"}
INVENTORY = """\
[web]
web1 ansible_connection=local
web2 ansible_connection=local fails=yes
web3 ansible_host=127.0.0.1 ansible_port=1
"""
PLAYBOOK = """\
- hosts: web
  gather_facts: no
  tasks:
    - command: "false"
      when: fails is defined
    - copy: {content: "{{ note }}", dest: "/opt/delivered/{{ playbook_dir | basename }}-{{ inventory_hostname }}"}
  vars: {note: none}
"""
CONFIG = """\
[defaults]
log_path = {folder}/ansible.log
interpreter_python = /usr/bin/python3
"""
SUDO, BASH = "sudo", "bash"
# Name, who started it, its arguments, and what a limit left of the hosts. The last field: with quoting that sudo
# changes, or without any effect.
RUNS = [
    ("whole", SUDO, ["-i", "hosts", "site.yml"], "web1 web2 web3", ""),
    ("limited", SUDO, ["-l", "web1,web3", "site.yml", "-i", "hosts", "-e", "note=spring"], "web1 web3", ""),
    ("joined", SUDO, ["-i", "hosts", "--limit=web2:web3", "-e", "note=4", "site.yml"], "web2 web3", ""),
    ("lost", SUDO, ["-i", "hosts", "-e", "note='two words'", "site.yml"], "web1 web2 web3", "lost"),
    ("quoted", BASH, ["-i", "hosts", "-e", "note='two words of $OPS'", "site.yml", "--limit", "web3"], "web3", ""),
    ("check", SUDO, ["-i", "hosts", "site.yml", "--check"], "web1 web2 web3", "no effect"),
    ("hosts", BASH, ["-i", "hosts", "site.yml", "--list-hosts"], "", "no effect"),
    ("good", SUDO, ["-i", "hosts", "site.yml", "--limit", "web1"], "web1", ""),
]


class Run:
    """One playbook run in a folder of its own, and what it left."""

    def __init__(self, machine, auth, run):
        self.machine, self.auth = machine, auth
        self.name, self.by, words, hosts, self.kind = run
        self.hosts, self.folder = hosts.split(), f"{FOLDER}/{self.name}"
        self.argv = ["ansible-playbook" if self.by == BASH else "/usr/bin/ansible-playbook", *words]
        for file, content in (("hosts", INVENTORY), ("site.yml", PLAYBOOK), ("ansible.cfg", CONFIG.format(folder=self.folder))):
            machine.write(f"{self.folder}/{file}", content)
        since = len(auth)
        self.status = (self.in_sudo if self.by == SUDO else self.in_bash)()
        self.log, self.commands = machine.read(f"{self.folder}/ansible.log"), "".join(f"{line}\n" for line in auth[since:])
        self.history = machine.read(f"{self.folder}/history") if self.by == BASH else ""

    def in_sudo(self):
        since = len(self.auth)
        status = self.machine.start("sudo", *self.argv, directory=self.folder).returncode
        until(lambda: any("session closed" in line for line in self.auth[since:]), 5)
        return status

    def in_bash(self):
        """An interactive bash that keeps its history with times, and its lines as somebody types them."""
        typed = f"HISTFILE='{self.folder}/history' HISTTIMEFORMAT='%F %T '\n{shlex.join(self.argv)}\nexit $?\n"
        return self.machine.start("bash", "--norc", "-i", directory=self.folder, input=typed.encode()).returncode

    def delivered(self):
        return [host for host in OUTCOMES if self.machine.path(f"/opt/delivered/{self.name}-{host}").exists()]

    def expected(self, dense=False):
        """What is left to deliver: from what arrived."""
        failed = {host: OUTCOMES[host] for host in self.hosts if host not in self.delivered()}
        if not failed or (self.kind == "no effect" and not dense):
            return []
        if self.kind == "no effect":
            failed = {host: outcome for host, outcome in failed.items() if outcome == "unreachable"}
        return [{"recipients": failed, "argv": self.argv, "limit": ["--limit", "-l"], "optional": self.kind == "no effect",
                 "may_be": (["ambiguous"] if dense else []) + (["ambiguous", "retokenised"] if self.kind == "lost" else [])}]

    def check(self, tally):
        wanted = [] if self.kind == "no effect" else [host for host in self.hosts if OUTCOMES[host] == "ok"]
        tally.check(f"{self.name}: what arrived", self.delivered() == wanted, str(self.delivered()))
        # 2: tasks failed, 4: unreachable, or both.
        failed = [host for host in self.hosts if OUTCOMES[host] != "ok"]
        tally.check(f"{self.name}: exit status", (self.status in (2, 4, 6)) == bool(failed), str(self.status))
        recap = dict(re.findall(r"\| (web\d) +: ok=\d+ +changed=\d+ +(unreachable=\d +failed=\d)", self.log))
        # `--check` runs no command, so none fails.
        wanted = {host: "ok" if self.kind == "no effect" and host == "web2" else OUTCOMES[host] for host in self.hosts}
        says = {host: "unreachable" if "unreachable=1" in text else "failed" if "failed=1" in text else "ok"
                for host, text in recap.items()}
        tally.check(f"{self.name}: the log's recap", says == wanted, self.log[-600:])
        tally.check(f"{self.name}: the log holds no command", "ansible-playbook -" not in self.log)
        if self.by == SUDO:
            held = re.findall(r"PWD=(.*?) ; USER=root ; COMMAND=(.*)", self.commands)
            tally.check(f"{self.name}: sudo's does", held == [(self.folder, as_sudo_writes(self.argv))], self.commands)
        else:
            held = re.findall(r"^#\d{10}\n(ansible-playbook .*)$", self.history, re.M)
            tally.check(f"{self.name}: bash's history does", [shlex.split(line) for line in held] == [self.argv], self.history)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--truth", action="store_true", help="without autoticket: proves the rig")
    parser.add_argument("--out", metavar="FOLDER", help="keep the logs, and what truly happened as JSON")
    options = parser.parse_args()
    needs("unshare", "nsenter", "ip", "ssh-keygen", "sshd", "sudo", "ansible-playbook")
    alone()
    tally = Tally("ansible")
    with Scratch(options.scratch) as folder, Fleet(folder, [SERVER]) as fleet:
        machine = fleet.server
        machine.path("/opt/delivered").mkdir()
        auth = machine.syslog()
        runs = [Run(machine, auth, run) for run in RUNS]
        for run in runs:
            run.check(tally)
        whole = {"ansible.log": "".join(run.log for run in runs), "auth.log": "".join(run.commands for run in runs),
                 "bash_history": "".join(run.history for run in runs)}
        cases = {run.name: ({"ansible.log": run.log, "auth.log": run.commands, "bash_history": run.history}, run.expected())
                 for run in runs}
        cases["dense"] = (whole, [item for run in runs for item in run.expected(dense=True)])
        proven(tally, cases["dense"][1])
        judge = Judge(machine, options)
        twins(tally, machine, auth, judge, options)
        for name, (logs, expected) in cases.items():
            paths = []
            for file, content in logs.items():
                if content:
                    paths.append(f"/var/log/cases/{name}/{file}")
                    machine.write(paths[-1], content)
                    keep(options.out, name, file, content)
            keep(options.out, name, "truth.json", json.dumps(expected, indent=1) + "\n")
            if not options.truth:
                judge.case(tally, name, paths, expected)
    tally.done(", truth only" if options.truth else "")


def twins(tally, machine, auth, judge, options):
    """Two commands of one user within a second, results in one log: which is whose cannot be known, so both are named."""
    folder, since = f"{FOLDER}/twins", len(auth)
    for file, content in (("hosts", INVENTORY), ("site.yml", PLAYBOOK), ("ansible.cfg", CONFIG.format(folder=folder))):
        machine.write(f"{folder}/{file}", content)
    both = [shlex.join(["sudo", "/usr/bin/ansible-playbook", "-i", "hosts", "site.yml", "-e", f"note={note}"])
            for note in ("one", "two")]
    machine.start("sh", "-c", f"{both[0]} & {both[1]} & wait", directory=folder)
    until(lambda: sum("session closed" in line for line in auth[since:]) >= 2, 10)
    given = [line for line in auth[since:] if "COMMAND=" in line]
    tally.check("twins: sudo saw both", len(given) == 2, str(given))
    log = machine.read(f"{folder}/ansible.log")
    tally.check("twins: two runs in one log", len(set(re.findall(r" p=(\d+) ", log))) == 2, log[-400:])
    paths = [f"/var/log/cases/twins/{name}" for name in ("ansible.log", "auth.log")]
    machine.write(paths[0], log)
    machine.write(paths[1], "".join(f"{line}\n" for line in auth[since:]))
    if not options.truth:
        judge.ambiguous(tally, "twins", paths, {"web2": "failed", "web3": "unreachable"}, 2)


def as_sudo_writes(argv):
    """Elements joined by blanks; sudo 1.9.13 puts a backslash before quotes and backslashes, and one that holds a
    blank between quotes."""
    def quoted(word):
        word = re.sub(r"(['\\])", r"\\\1", word)
        return f"'{word}'" if " " in word else word
    return " ".join(map(quoted, argv))


class Judge:
    """autoticket on the machine."""

    def __init__(self, machine, options):
        if options.truth:
            return
        machine.write("/usr/local/bin/autoticket", pathlib.Path(options.autoticket).read_bytes(), 0o755)
        machine.write("/etc/autoticket/redistribution.yaml", rules(["/usr/bin/ansible-playbook"]))
        machine.path("/var/lib/autoticket").mkdir(mode=0o700)
        self.program = Redistribute(lambda argv: machine.start(*argv), "autoticket", "/var/lib/autoticket")
        self.program.init()

    def case(self, tally, name, paths, expected):
        status, plan = self.program.listed(paths)
        wrong = differences(plan, expected)
        tally.check(f"{name}: the plan", not wrong, "; ".join(wrong))
        tally.check(f"{name}: --list's exit status", status == (1 if expected else 0), str(status))

    def ambiguous(self, tally, name, paths, failed, runs):
        """Each run's command is one of several: graded so, every candidate named, and not approved with all others."""
        _, plan = self.program.listed(paths)
        jobs = [job for job in plan["jobs"] if job["recipients"]["failed"]]
        tally.check(f"{name}: {runs} jobs", len(jobs) == runs, str(jobs))
        for job in jobs:
            said = {recipient["name"]: recipient["outcome"] for recipient in job["recipients"]["failed"]}
            tally.check(f"{name}: {job['id']} who failed", said == failed, str(said))
            for command in job["commands"]:
                tally.check(f"{name}: {command['id']} is ambiguous", command["grade"] == "ambiguous", str(command))
                named = re.findall(r"auth\.log:\d+", " ".join(command["doubts"]))
                tally.check(f"{name}: {command['id']} names both", len(set(named)) == 2, str(command["doubts"]))
        before = self.program.journal().stdout
        self.program.approve_all(paths)
        tally.check(f"{name}: approved in bulk", self.program.journal().stdout == before)


def keep(out, name, file, content):
    if out:
        os.makedirs(os.path.join(out, name), exist_ok=True)
        pathlib.Path(out, name, file).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
