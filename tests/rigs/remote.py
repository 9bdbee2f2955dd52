#!/usr/bin/env python3
"""Redistribution over SSH, between machines of their own with Debian's sshd: reading, telling, issuing, and being cut off.

    is38  the intermediate server: its logs, its distribution manager `dm`, its journal
    h1    the service center: the failed distributions of error alerts

First is38 reads the failed distributions of h1 and tells it what is delivered, with keys and host keys in every state.
Then h1 makes and issues the plan on is38. Then the connection is cut after any number of bytes, by a proxy that closes
it or lets nothing through any more; the agent is killed at its writes, the caller at any time: no command may be issued
twice or without a stored approval, and each window ends in a named state. At last hostile argument vectors go through
sshd: they have to reach the manager byte for byte (`--vectors N`, made from `--seed`).
"""
import json
import os
import pathlib
import random
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from fan import Fleet, alone, run, until
from rig import RULES, Scratch, Tally, arguments, needs

SERVER, CENTER, DOMAIN = "is38", "h1", "emea.swdist.example.com"
PROXY, PORT = "10.38.0.254", 2200
CALLS, LOGS, LIST = "/var/log/dm/calls", "/var/log/dm", "/srv/lists"
TARGET = "root@is38"

# The manager: one file per call, named by its idempotency key, holding its arguments; a second call shows.
MANAGER = f"""\
#!/bin/sh
[ -n "$AUTOTICKET_IDEMPOTENCY_KEY" ] || exit 9
f={CALLS}/$AUTOTICKET_IDEMPOTENCY_KEY
[ ! -e "$f" ] || f=$f.again.$$
printf '%s\\0' "$@" > "$f"
[ ! -e /run/dm.slow ] || sleep 0.03
while [ -e /run/dm.hold ]; do sleep 0.02; done
"""
SHORT = f"""\
Host *
  ConnectTimeout 3
  ServerAliveInterval 1
  ServerAliveCountMax 2
Host cut
  HostName {PROXY}
  Port {PORT}
  HostKeyAlias {SERVER}
"""


def stamp(back=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - back))


class Proxy:
    """Carries connections to is38's sshd, and cuts them after `limit` bytes, but for the first `spared`: it closes them,
    or goes silent."""

    def __init__(self):
        self.limit, self.silent, self.carried, self.spared = None, False, 0, 0
        self.socket = socket.create_server((PROXY, PORT), backlog=64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.socket.accept()
            threading.Thread(target=self.carry, args=(near,), daemon=True).start()

    def carry(self, near):
        far, self.carried, silent = socket.create_connection(("10.38.0.1", 22)), 0, self.silent
        self.spared, limit = self.spared - 1, None if self.spared > 0 else self.limit
        ends = {near: far, far: near}
        for end in ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            for end in select.select(list(ends), [], [])[0]:
                try:
                    data = end.recv(16384)
                    room = len(data) if limit is None else max(0, limit - self.carried)
                    ends[end].sendall(data[:room])
                except OSError:
                    data, room = b"", 0
                self.carried += len(data)
                if not data or (limit is not None and self.carried >= limit):
                    if data and silent:
                        time.sleep(8)  # longer than anybody's patience here
                    for each in ends:
                        # With a reset, as from a router that lost its table.
                        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0 if data else 1))
                        each.close()
                    return


class Story:
    """Both machines and what is expected of them."""

    def __init__(self, fleet, tally, options):
        self.fleet, self.tally, self.seed = fleet, tally, options.seed
        self.server, self.center = fleet[SERVER], fleet[CENTER]
        self.jobs, self.proxy, self.kills = 0, None, 0
        for machine in (self.server, self.center):
            machine.write("/usr/local/bin/autoticket", pathlib.Path(options.autoticket).read_bytes(), 0o755)
            machine.write("/root/.ssh/id_ed25519", self.server.path("/root/.ssh/id_ed25519").read_bytes(), 0o600)
            machine.write("/root/.ssh/known_hosts", self.server.read("/root/.ssh/known_hosts"))
            machine.write("/root/.ssh/config", SHORT, 0o600)
        self.server.start_sshd()
        self.server.write("/usr/local/sbin/dm", MANAGER, 0o755)
        self.server.path(CALLS).mkdir(parents=True)
        self.rules({})
        self.server.must("autoticket", "--state", "/var/lib/autoticket", "init", "--install-id", "rig")
        for file in RULES.rglob("*"):
            if file.is_file():
                self.center.write(f"/etc/autoticket/{file.relative_to(RULES)}", file.read_bytes())
        for part in ("alerts", "lists"):
            for file in (RULES / part).iterdir():
                self.center.write(f"/etc/autoticket/{part}/{file.name}", file.read_bytes())
        self.center.must("autoticket", "--state", "/var/lib/autoticket", "init", "--install-id", "center")
        self.center.must("autoticket", "domains", "import", "/etc/autoticket/lists/domains.txt")

    def rules(self, more, parallel=4):
        default = {"allow": ["/usr/local/sbin/dm"], "parallel": parallel, **more}
        self.server.write("/etc/autoticket/redistribution.yaml", json.dumps({"servers": {"default": default}}) + "\n")

    def log(self, jobs):
        """A log of jobs, each with one recipient that failed; gives its path. `jobs`: arguments after the program."""
        lines, path = [], f"{LOGS}/{self.jobs}.log"
        for argv in jobs:
            self.jobs += 1
            job = f"J{self.jobs}"
            words = json.dumps(["/usr/local/sbin/dm", "-n", job, *argv, "-l", f"{LIST}/all"])
            at = f"{stamp(60)} {SERVER} dm[7]:"
            lines += [f"{at} START job={job} tool=swd argv={words} dir=/srv user=root", f"{at} job={job} target=node{self.jobs} "
                      "state=UNREACHABLE type=connection no route to host", f"{at} END job={job} rc=1"]
        names = "".join(f"node{number}\n" for number in range(self.jobs - len(jobs) + 1, self.jobs + 1))
        self.server.write(f"{LIST}/all", self.server.read(f"{LIST}/all") + names)
        os.utime(self.server.path(f"{LIST}/all"), (1_700_000_000, 1_700_000_000))
        self.server.write(path, "\n".join(lines) + "\n")
        return path

    def alert(self, job):
        """An error alert of that job's recipient comes to the service center."""
        node, server = f"node{job}", f"{SERVER}.{DOMAIN}"
        mail = [f"Message-ID: <{node}@{server}>", f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}",
                f"From: Distribution Manager <dm@{server}>", "To: servicedesk@swdist.example.com",
                f"Subject: SWD ALERT: connection failure {SERVER} -> {node} (jre)", "",
                "Software distribution error alert", "", f"Error-Alert-Id: {node}", "Geographic Region: EMEA-42",
                "Location: Building 7, Room 42", f"Computer Server Name: {node}", f"Intermediate Server: {server}",
                "Package: jre", f"Delivery Job Id: J{job}", f"Failed at: {stamp(30)}", "Announced Failure: connection", ""]
        self.center.must("autoticket", "ingest", input="\n".join(mail).encode())

    def failed(self):
        """Recipients of the failed distributions at the service center."""
        items = json.loads(self.center.must("autoticket", "failed", "list", "--json"))["items"]
        return sorted(item["recipient"] for item in items)

    def post(self, node):
        """An outage of a recipient is posted at the service center."""
        self.center.must("autoticket", "outage", "add", "--device", node, "--reason", "moving", "--from", stamp(600),
                         "--until", stamp(-3600))

    def end_outages(self):
        for notice in json.loads(self.center.must("autoticket", "outage", "list", "--json"))["items"]:
            self.center.must("autoticket", "outage", "remove", notice["id"])

    def here(self, *args, **more):
        """`redistribute` on is38."""
        return self.server.start("autoticket", "redistribute", *args, **more)

    def on(self, *args, **more):
        """`redistribute --on is38`, at the service center."""
        host = more.pop("host", TARGET)
        return self.center.start("autoticket", "redistribute", "--on", host, *args, **more)

    def calls(self):
        """The arguments of each call of the manager, by the name of its file."""
        return {file.name: file.read_bytes().split(b"\0")[:-1] for file in self.server.path(CALLS).iterdir()}

    def journal(self):
        done = self.here("journal", "--limit", "1000000", "--json")
        return done.returncode, json.loads(done.stdout or b"{}")

    def check(self, name, done, status, *said):
        """Its exit status, and what it says; nothing that controls a terminal among it."""
        text = (done.stdout + done.stderr).decode(errors="replace")
        wrong = None if done.returncode == status else f"exit {done.returncode}, not {status}"
        for each in said:
            wrong = wrong or (None if each in text else f"does not say {each!r}")
        if re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text):
            wrong = "a control character"
        self.tally.point(name, wrong and f"{wrong}: {text[-700:]}")
        return text

    # Each part of the story.

    def reads_and_tells(self):
        """is38 asks h1, issues, and tells it; h1's host key and is38's key in every state."""
        log = self.log([[], []])
        self.alert(1)
        self.alert(2)
        named = ["--log", log, "--service-center", "root@h1"]
        known, key = self.server.read("/root/.ssh/known_hosts"), "/root/.ssh/id_ed25519"
        public = self.center.must("ssh-keygen", "-y", "-f", "/etc/ssh/rig_host_key").decode().split()
        print_of = self.center.must("ssh-keygen", "-lf", "/etc/ssh/rig_host_key").decode().split()[1]
        ours = self.server.must("ssh-keygen", "-y", "-f", key).decode().split()

        def with_known(text, name, status, *said):
            self.server.write("/root/.ssh/known_hosts", text)
            done = self.here(*named, "--list")
            self.server.write("/root/.ssh/known_hosts", known)
            return self.check(name, done, status, *said)

        with_known("", "an unknown key is refused", 77, "is not known", print_of, "ssh-keyscan h1")
        with_known(f"h1 {ours[0]} {ours[1]}\n", "a changed key is refused", 77, "HAS CHANGED", print_of, "known_hosts:1")
        with_known(f"{known}@revoked h1 {public[0]} {public[1]}\n", "a revoked key is refused", 77, "is revoked", print_of)
        with_known(f"@cert-authority h1 {public[0]} {public[1]}\n", "an authority is no key", 77, "@cert-authority")
        with_known(f"[h1]:2222 {public[0]} {public[1]}\n", "the key of another port is not known", 77, "is not known")
        self.server.write("/root/hashed", known)
        self.server.must("ssh-keygen", "-q", "-H", "-f", "/root/hashed")
        with_known(self.server.read("/root/hashed"), "a hashed name is known", 1, "2 recipients left")
        self.tally.check("nobody was told anything", self.failed() == ["node1", "node2"], str(self.failed()))
        self.post("node2")
        done = self.here(*named, "--server", f"{SERVER}.{DOMAIN}", "--list")
        self.check("an outage posted at the service center counts", done, 1, "set aside: node2: kept aside: outage ")
        self.tally.check("and for nobody else", b"set aside: node1" not in done.stdout, str(done.stdout))
        self.end_outages()
        self.keys(named, key)
        self.ways(named)
        listed = self.here(*named, "--server", f"{SERVER}.{DOMAIN}", "--list", "--json")
        jobs = json.loads(listed.stdout)["jobs"]
        self.tally.check("record and log are joined", [job["found_in"] for job in jobs] == 2 * [{"record": True, "log": True}],
                         str(jobs)[:400])
        done = self.here(*named, "--approve", "J1", "--server", f"{SERVER}.{DOMAIN}")
        self.check("one is issued", done, 0, "1 confirmed")
        self.tally.check("the service center is told of that one", self.failed() == ["node2"], str(self.failed()))
        self.unreachable(named)

    def keys(self, named, key):
        """Who is let in, and what the others are told."""
        text = self.server.path(key).read_bytes()
        self.server.must("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key)
        self.check("a key with a passphrase names ssh-agent", self.here(*named, "--list"), 77, f"ssh-add {key}")
        locked = self.server.path(key).read_bytes()
        self.server.write(key, text, 0o644)
        self.check("a key that others can read is refused", self.here(*named, "--list"), 77, "chmod 600")
        self.server.path(key).unlink()
        self.check("without a key nobody is let in", self.here(*named, "--list"), 77, "no key to try", "authorized_keys")
        self.server.write("/root/agent key", text, 0o600)
        script = ("eval $(ssh-agent -s) >/dev/null; ssh-add -q '/root/agent key'; autoticket redistribute \"$@\" --list; s=$?;"
                  " ssh-agent -k >/dev/null; exit $s")
        self.check("ssh-agent lets in", self.server.start("sh", "-c", script, "sh", *named), 1, "2 recipients left")
        self.server.write("/root/.ssh/config", f"{SHORT}Host h1\n IdentityFile \"/root/agent key\"\n", 0o600)
        self.check("IdentityFile lets in", self.here(*named, "--list"), 1, "2 recipients left")
        self.server.write("/root/.ssh/config", SHORT, 0o600)
        self.server.write(key, text, 0o600)
        self.tally.check("the passphrase was one", locked != text)

    def ways(self, named):
        """HostName, User and Port of ssh_config, ProxyJump, and what is not understood."""
        def by(config, name, status, *said, host="center"):
            self.server.write("/root/.ssh/config", config + SHORT, 0o600)
            done = self.here(*named[:-2], f"--service-center={host}", "--list")
            self.server.write("/root/.ssh/config", SHORT, 0o600)
            self.check(name, done, status, *said)

        by("Host cen*\n HostName h1\n User root\n Port 22\n", "a name of ssh_config", 1, "2 recipients left")
        by("Host center\n HostName h1\n ProxyJump root@is38\n", "ProxyJump", 1, "2 recipients left")
        by("Host center\n HostName h1\n ProxyJump root@nowhere\n", "ProxyJump to nowhere", 69, "resolve hostname nowhere")
        by("Host center\n ProxyCommand nc %h %p\n", "ProxyCommand is refused", 78, "~/.ssh/config:2", "ProxyJump")
        by("Match exec true\n User nobody\nHost center\n HostName h1\n", "Match is left out and said", 1, "Match is not understood")
        by("", "a name that is none", 69, "is no address")
        by("Host center\n HostName h1\n Port 9\n", "a port where nobody listens", 69, "port 9 cannot be reached")
        by("", "an option is no address", 64, "names no host", host="-oProxyCommand=id")
        by("", "a shell's words are no address", 64, "names no user", host="$(id)@h1")

    def unreachable(self, named):
        """The service center goes away between plan and confirmation."""
        self.server.write("/run/dm.hold", "")
        argv = self.server.inside("autoticket", "redistribute", *named, "--server", f"{SERVER}.{DOMAIN}", "--approve", "all")
        before = len(self.calls())
        work = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        until(lambda: len(self.calls()) > before, 20)
        self.center.stop_sshd()
        self.server.path("/run/dm.hold").unlink()
        said = work.communicate(timeout=60)[0].decode()
        self.tally.check("unreachable: issued all the same, and said", work.returncode == 0 and "was not told" in said
                         and "redistribute sync" in said, f"{work.returncode} {said}")
        self.check("unreachable: sync says so", self.here("sync"), 75, "1 are left", "cannot be reached")
        self.check("unreachable: nothing is planned", self.here(*named, "--list"), 69, "--service-center none")
        self.check("unreachable: by the logs alone", self.here(*named[:-1], "none", "--list"), 0, "nothing is left")
        self.center.start_sshd()
        self.tally.check("unreachable: not yet told", self.failed() == ["node2"], str(self.failed()))
        self.check("back: sync tells", self.here("sync"), 0, "told the service center of 1 delivery")
        self.tally.check("back: the center knows", self.failed() == [], str(self.failed()))
        self.check("back: sync tells once", self.here("sync"), 0, "of 0 deliveries")

    def on_another(self):
        """h1 makes, shows and issues the plan on is38."""
        self.rules({})
        log = self.log([["a b", "$(id)"], ["--x=\x1b[2J\u202e"]])
        before = len(self.calls())
        self.check("on: list", self.on("--log", log, "--list"), 1, "2 jobs, 2 recipients left")
        self.check("on: a relative log", self.on("--log", "x.log", "--list"), 64, "has to be absolute")
        self.check("on: dry run", self.on("--log", log, "--approve", "all", "--dry-run"), 0, "would issue")
        plan = "/root/plan.json"
        self.check("on: plan", self.on("--log", log, "--plan", plan), 0, f"--apply {plan} --on {TARGET}")
        self.check("on: a plan of is38 is not applied here", self.center.start("autoticket", "redistribute", "--apply", plan),
                   64, f"--on {TARGET}")
        edited = self.center.read(plan).replace("a b", "a c")
        self.center.write("/root/edited.json", edited)
        self.check("on: an edited plan is refused", self.on("--apply", "/root/edited.json"), 65, "a c", "nothing was issued")
        self.tally.check("on: nothing ran so far", len(self.calls()) == before)
        self.check("on: apply", self.on("--apply", plan), 0, "2 confirmed")
        given = list(self.calls().values())
        self.tally.check("on: each once", len(given) == before + 2, str(given))
        self.tally.check("on: byte for byte", [b"a b", b"$(id)"] in [argv[2:4] for argv in given]
                         and ["--x=\x1b[2J\u202e".encode()] in [argv[2:3] for argv in given], str(given))
        self.check("on: again, nothing", self.on("--log", log, "--approve", "all"), 0, "nothing is left")
        self.check("on: the plan is spent", self.on("--apply", plan), 65, "nothing was issued")
        status, journal = self.journal()
        origins = {row["who"]["origin"] for row in journal["record"] if row["act"] == "approve"}
        self.tally.check("on: the journal there knows who called", status == 0 and any("over SSH from 10.38.0.11" in o for o in origins),
                         str(origins))
        self.sets_aside()
        self.stands_still()
        self.agents(log)

    def sets_aside(self):
        """is38 looks after the recipients, which h1 does not even know; an outage posted at h1 counts, too."""
        self.rules({"reachability": {"port": 22}})
        log, hosts = self.log([[], [], []]), self.server.read("/etc/hosts")
        there, away, moved = (f"node{self.jobs - back}" for back in (2, 1, 0))
        named = "".join(f"10.38.0.1 {node}\n" for node in (there, moved))
        self.server.write("/etc/hosts", f"{hosts}{named}10.38.0.99 {away}\n")
        self.post(moved)
        before = set(self.calls())
        new = lambda: sorted(argv[1].decode() for name, argv in self.calls().items() if name not in before)
        outage, silent = f"{moved}: kept aside: outage ", f"{away}: port 22: "
        listed = self.on("--log", log, "--list")
        self.check("aside: a list asks nobody but the notices", listed, 1, f"set aside: {outage}", "3 recipients left")
        self.tally.check("aside: unless told to", silent.encode() not in listed.stdout, str(listed.stdout))
        self.check("aside: it is told to", self.on("--log", log, "--list", "--check"), 1, f"set aside: {outage}", f"set aside: {silent}")
        done = self.on("--log", log, "--approve", "all", "--dry-run")
        self.check("aside: dry run", done, 1, f"set aside, stays failed: {outage}", f"set aside, stays failed: {silent}", "would issue")
        self.check("aside: plan", self.on("--log", log, "--plan", "/root/aside.json"), 0, "3 jobs")
        self.tally.check("aside: nothing ran so far", new() == [], str(new()))
        done = self.on("--apply", "/root/aside.json")
        self.check("aside: who answers is served", done, 1, f"set aside, stays failed: {outage}", f"set aside, stays failed: {silent}",
                   "1 confirmed", "2 not issued")
        self.tally.check("aside: and nobody else", new() == [f"J{there[4:]}"], str(new()))
        self.server.write("/etc/hosts", f"{hosts}{named}10.38.0.1 {away}\n")
        done = self.on("--log", log, "--approve", "all")
        self.check("aside: it came back", done, 1, f"set aside, stays failed: {outage}", "1 confirmed")
        self.tally.check("aside: it alone", new() == sorted([f"J{there[4:]}", f"J{away[4:]}"]), str(new()))
        self.end_outages()
        self.check("aside: the outage is over", self.on("--log", log, "--approve", "all"), 0, "1 confirmed")
        self.tally.check("aside: each once", len(new()) == 3 and not any(".again." in name for name in self.calls()), str(new()))
        self.check("aside: nothing is left", self.on("--log", log, "--approve", "all"), 0, "nothing is left")
        self.server.write("/etc/hosts", hosts)
        self.rules({"logs": [f"{LOGS}/*.log"]})
        never = self.on("--list", "--since", "servicing", "--service-center", "root@h1")
        self.check("serviced: never yet", never, 65, "was never serviced here")
        looked = self.on("--approve", "all", "--service-center", "root@h1")
        self.check("serviced: a look at all of it", looked, 0, "nothing is left")
        again = self.on("--list", "--since", "servicing", "--service-center", "root@h1")
        self.check("serviced: is one", again, 0, "the last servicing of is38")
        self.rules({})

    def stands_still(self):
        """The caller is stopped while is38 issues: it reads nothing and says nothing, and its connection stands."""
        self.rules({}, parallel=1)
        log, before = self.log(300 * [[]]), set(self.calls())
        self.server.write("/run/dm.slow", "")
        argv = self.center.inside("autoticket", "redistribute", "--on", TARGET, "--log", log, "--approve", "all")
        work = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: len(self.calls()) > len(before) + 3, 20)
        pids = [pid.decode() for pid in self.center.start("pgrep", "-f", "redistribute --on").stdout.split()]
        self.center.must("kill", "-STOP", *pids)
        idle = lambda: not self.server.start("pgrep", "-f", "autoticket agent|sbin/dm").stdout
        self.tally.check("stopped: the agent ends by itself", until(idle, 20))
        self.server.path("/run/dm.slow").unlink()
        new, (status, journal) = set(self.calls()) - before, self.journal()
        states = [row["state"] for row in journal["items"] if row["argv"][2] in {f"J{self.jobs - back}" for back in range(300)}]
        self.tally.check("stopped: every command has its state", status == 0 and set(states) == {"confirmed", "approved"}
                         and states.count("confirmed") == len(new), f"{status} {len(new)} {[(s, states.count(s)) for s in set(states)]}")
        # nsenter stopped itself with what it waits for.
        work.send_signal(signal.SIGCONT)
        self.center.start("kill", "-CONT", *pids)
        work.wait(timeout=60)
        self.tally.check("stopped: the caller learns that not all was issued", work.returncode in (1, 75), str(work.returncode))
        self.check("stopped: the rest is issued", self.on("--log", log, "--approve", "all"), 0, f"{300 - len(new)} confirmed")
        self.rules({})

    def agents(self, log):
        """Programs there that are no agent, or die."""
        def there(name, script, status, *said):
            self.server.write("/usr/local/bin/other", f"#!/bin/sh\n{script}\n", 0o755)
            self.check(name, self.on("--log", log, "--list", "--remote-program", "/usr/local/bin/other"), status, *said)

        there("a program killed by a signal", "kill -TERM $$", 75, "killed by SIGTERM", "nothing was approved")
        there("one that ends well and says nothing", "exit 0", 75, "before its last word")
        there("one that fails", "echo oops >&2; exit 3", 75, "exit status 3: oops")
        there("one that speaks otherwise", r"printf 'hello \033[2J\342\200\256\n'", 65, "is not understood")
        there("one that says something out of turn", "echo '{\"end\":{\"items\":7}}'", 65, "out of turn")
        there("one that is silent", "sleep 30", 75, "silent for 2 s")
        there("one that never ends a line", "head -c 200000000 /dev/zero | tr '\\0' x", 65, "longer than")
        there("one that refuses", r"""printf '{"failed":{"exit":65,"text":"no \\u001b[2J","hints":[]}}\n'""", 65, r"no \x1b[2J")
        done = self.on("--log", log, "--list", "--remote-program", "/nowhere/autoticket")
        self.check("one that is not there", done, 69, "exit status 127", "--remote-program")
        done = self.on("--log", log, "--list", "--remote-program", "autoticket;id")
        self.check("one that would be a shell's line", done, 64, "is no program")
        old = self.server.start("autoticket", "agent", input=b'{"version":9}\n')
        self.tally.check("another version is refused", b"version 9" in old.stdout and b"failed" in old.stdout, str(old))
        bad = self.server.start("autoticket", "agent", input=b'{"version":2,"patience":1,"who":{"name":"x","origin":"y"},'
                                b'"wants":{"shell":"id"}}\n')
        self.tally.check("what is not on the list is refused", b"not understood" in bad.stdout, str(bad))

    def cuts(self, points):
        """The connection is cut after some bytes, silently or not; or the caller or the agent is killed."""
        self.proxy = Proxy()
        run("ip", "addr", "show", "dev", "lan")
        self.server.write("/run/dm.slow", "")
        chance, whole = random.Random(self.seed), self.measured()
        kinds = ["reset", "reset", "caller", "agent", "agent", "silence"]
        stages = {}
        for number in range(points):
            kind = kinds[number % len(kinds)]
            log = self.log([[], [], []])
            jobs = [f"J{self.jobs - back}" for back in (2, 1, 0)]
            before = set(self.calls())
            status, said = self.cut(kind, log, chance, whole)
            wrong = self.judged(log, jobs, before, status, said, stages)
            self.tally.point(f"cut {number} ({kind})", wrong and f"{wrong}: exit {status}: {said[-500:]}")
        self.server.path("/run/dm.slow").unlink()
        print(f"| stages reached: {stages}", flush=True)
        self.tally.check("cuts: every stage was met", points < 36 or {"nothing approved", "approved", "issued"} <= set(stages), str(stages))

    def measured(self):
        """Bytes and seconds of one whole issue through the proxy."""
        log, began = self.log([[], [], []]), time.monotonic()
        done = self.on("--log", log, "--approve", "all", host="root@cut")
        self.check("through the proxy, uncut", done, 0, "3 confirmed")
        return self.proxy.carried, time.monotonic() - began

    def cut(self, kind, log, chance, whole):
        """One issue with one fault; exit status and what it said."""
        size, seconds = whole
        args = ["--log", log, "--approve", "all"]
        program = []
        self.proxy.limit = None
        if kind in ("reset", "silence"):
            self.proxy.spared = chance.choice((0, 1, 2, 2))
            # The first conversation makes the plan, the second looks after the recipients; the last begins as they do,
            # and says more.
            self.proxy.limit = chance.randrange(0 if self.proxy.spared < 2 else size // 2, size + 200)
            self.proxy.silent = kind == "silence"
        if kind == "agent":
            # Its first syncs one after the other: between two of them lies each stage. Later ones, and writes, by chance.
            self.kills += 1
            when = self.kills if self.kills <= 12 else chance.randrange(1, 30)
            call = "fdatasync,fsync" if self.kills <= 12 else chance.choice(["fdatasync,fsync", "write,pwrite64"])
            self.server.write("/usr/local/bin/other", f"#!/bin/sh\nexec strace -f -qq -o /dev/null -e trace={call} "
                              f"-e inject={call}:signal=KILL:when={when} autoticket agent\n", 0o755)
            program = ["--remote-program", "/usr/local/bin/other"]
        argv = self.center.inside("autoticket", "redistribute", "--on", "root@cut", *program, *args)
        work = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                start_new_session=True)
        if kind == "caller":
            time.sleep(chance.uniform(0, seconds))
            for pid in self.center.start("pgrep", "-f", "redistribute --on").stdout.split():
                self.center.start("kill", "-9", pid.decode())
        said = work.communicate(timeout=60)[0].decode(errors="replace")
        self.proxy.limit = None
        return work.returncode, said

    def judged(self, log, jobs, before, status, said, stages):
        """What is wrong after a fault, once the agent is through with it; None: nothing."""
        idle = lambda: not self.server.start("pgrep", "-f", "autoticket agent|sbin/dm").stdout
        if not until(idle, 20):
            return "the agent does not end"
        if status not in (0, 69, 75, 137, -9):
            return "an exit status of no kind"
        if (fault := self.sound(jobs, before)):
            return fault
        code, journal = self.journal()
        states = {row["id"] + row["argv"][2]: row["state"] for row in journal["items"] if row["argv"][2] in jobs}
        named = {"approved", "confirmed", "failed", "unknown"}
        if code != 0 or not set(states.values()) <= named:
            return f"a state without a name: {states}"
        stage = "issued" if any(state != "approved" for state in states.values()) else "approved" if states else "nothing approved"
        stages[stage] = stages.get(stage, 0) + 1
        if status == 0 and set(states.values()) != {"confirmed"}:
            return f"success was said: {states}"
        # What is left is issued now; what nobody knows the end of, only by name.
        done = self.on("--log", log, "--approve", "all")
        again = [row["key"] for row in self.journal()[1]["items"] if row["state"] == "unknown" and row["argv"][2] in jobs]
        called = {argv[1].decode() for name, argv in self.calls().items() if name not in before}
        if (done.returncode == 0) != (not again):
            return f"the rest ends with {done.returncode}, {len(again)} unknown: {done.stdout.decode()} {done.stderr.decode()}"
        if called | {row["argv"][2] for row in self.journal()[1]["items"] if row["key"] in again} != set(jobs):
            return f"called {called}"
        if (fault := self.sound(jobs, before)):
            return f"afterwards {fault}"
        if again:
            # A person looked, and says so: now it may be called once more.
            done = self.on("--log", log, "--again", ",".join(again))
            if done.returncode != 0:
                return f"--again ends with {done.returncode}: {done.stdout.decode()} {done.stderr.decode()}"
        return None

    def sound(self, jobs, before):
        """No command twice, none without a stored approval."""
        given = {name: argv for name, argv in self.calls().items() if name not in before}
        called = [argv[1].decode() for argv in given.values()]
        if len(called) != len(set(called)) or any(".again." in name for name in given):
            return f"issued twice: {called}"
        record = self.journal()[1].get("record", [])
        approved = {row["subject"] for row in record if row["act"] == "approve"}
        intended = {row["subject"] for row in record if row["act"] == "intent"}
        if not set(given) <= approved & intended:
            return f"issued without a stored approval or intent: {set(given) - (approved & intended)}"
        return None

    def vectors(self, count):
        """Hostile argument vectors, many to a plan, from h1 through sshd to the manager on is38."""
        self.rules({}, parallel=32)
        chance = random.Random(self.seed)
        while count > 0:
            some = min(count, 2000)
            count -= some
            wanted = [hostile(chance) for _ in range(some)]
            before, first = set(self.calls()), self.jobs + 1
            log = self.log(wanted)
            done = self.on("--log", log, "--approve", "all", timeout=3000)
            if done.returncode != 0:
                self.tally.point("hostile vectors", f"exit {done.returncode}: {done.stdout.decode(errors='replace')[-900:]}")
                continue
            given = {argv[1]: argv for name, argv in self.calls().items() if name not in before}
            for number, argv in enumerate(wanted, first):
                got = given.get(f"J{number}".encode(), [])
                same = got[2:-2] == [word.encode("utf-8", "surrogatepass") for word in argv] and got[-2:-1] == [b"-l"]
                self.tally.point("hostile vector", None if same else f"{argv!r} became {got!r}")
            for name in set(self.calls()) - before:
                self.server.path(f"{CALLS}/{name}").unlink()


PIECES = ["$(id)", "`id`", "; id", "&& id", "|id", "> /tmp/x", "'", '"', "\\", "\n", "\r", "\t", " ", "", "*", "?", "[a]", "~",
          "$HOME", "${IFS}", "!!", "#", "%s", "%n", "{a,b}", "--", "-", "-x", "--limit=all", "\x01", "\x07", "\x1b[2J", "\x1b]0;x\x07",
          "\x7f", "\u0085", "\u009b", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "ü", "日本", "😀", "a", "node7", "=", ",", "@", ":", "/",
          "..", "\\n", "\\x1b", "{list}x", "null", "true", "[]", "{\"a\":1}", "&", "<<EOF", "a" * 300]


def hostile(chance):
    words = []
    for _ in range(chance.randrange(1, 6)):
        word = "".join(chance.choice(PIECES) for _ in range(chance.randrange(0, 5)))
        # After `--` the rule would find no list and refuse; {list} is where a new list would be named.
        words.append("x" + word if word == "--" or word.endswith("{list}") else word)
    return words


def main():
    parser = arguments(__doc__)
    parser.add_argument("--cuts", type=int, default=36)
    parser.add_argument("--vectors", type=int, default=2000)
    parser.add_argument("--only", help="reads, on, cuts or vectors")
    options = parser.parse_args()
    needs("unshare", "nsenter", "ip", "ssh-keygen", "ssh-agent", "ssh", "sshd", "strace", "pgrep")
    alone()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    tally = Tally("remote")
    with Scratch(options.scratch) as folder, Fleet(folder, (SERVER, CENTER)) as fleet:
        run("ip", "addr", "add", f"{PROXY}/24", "dev", "lan")
        story = Story(fleet, tally, options)
        parts = {"reads": story.reads_and_tells, "on": story.on_another, "cuts": lambda: story.cuts(options.cuts),
                 "vectors": lambda: story.vectors(options.vectors)}
        for name, part in parts.items():
            if options.only in (None, name):
                part()
    tally.done()


if __name__ == "__main__":
    main()
