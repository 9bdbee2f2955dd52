"""Findings, for each privilege and each state of a host, behind five routers with Linux defaults.

One table of findings is expected of root, of a file capability, of an ambient capability and of nobody, who has
only the system's tools; where even those must not run, every finding is unknown, and none is ever down. Then:
names from a server that is silent, lies or denies; a router that dies; twenty at once behind rate limits.
"""
import json
import os
import pathlib
import pwd
import shutil
import socket
import struct
import subprocess
import sys
import time

from network import Network, run
from rig import Scratch, Tally, arguments, needs

NOBODY = pwd.getpwnam("nobody")

# Host: finding, how the reason is called, what answered last (None: not looked at).
TABLE = {
    "10.66.5.2": ("up", "answered", "10.66.5.2"),
    "fd66:5::2": ("up", "answered", "fd66:5::2"),
    "10.66.5.77": ("down", None, None),
    "fd66:5::77": ("down", None, None),
    "10.66.5.3": ("down", "timeout", None),
    "10.66.5.4": ("up", "prohibited", None),
    "10.66.96.1": ("network", "host_unreachable", "10.66.2.2"),
    "10.66.97.1": ("unknown", "prohibited", "10.66.2.2"),
    "10.66.98.1": ("network", "timeout", "10.66.1.2"),
    "10.66.93.1": ("network", "host_unreachable", None),
    "10.66.94.1": ("unknown", "prohibited", None),
    "10.66.95.1": ("network", "black_hole", None),
    "198.51.100.1": ("network", "no_route", None),
}
NAMES = {
    "up.test": ("up", "answered"),
    "gone.test": ("unknown", "no_such_name"),
    "empty.test": ("unknown", "no_such_name"),
    "silent.test": ("unknown", "name_timeout"),
    "lies.test": ("unknown", "name_timeout"),
    "garbage.test": ("unknown", "name_timeout"),
    "refused.test": ("unknown", "name_timeout"),
    "multicast.test": ("unknown", "not_a_name"),
    "-f": ("unknown", "not_a_name"),
    "a;reboot": ("unknown", "not_a_name"),
}


def reason(report):
    """`{"refused": {"kind": "prohibited", …}}` → `prohibited`, `{"not_run": …}` → `not_run`."""
    said = report["reason"]
    if isinstance(said, str):
        return said
    (word, value), = said.items()
    return value["kind"] if word == "refused" else word


class Runner:
    """Runs `diagnose` in the source's namespace under one privilege."""

    def __init__(self, network, program, state, wrapper=()):
        self.network, self.program, self.state, self.wrapper = network, program, state, wrapper

    def argv(self, *args):
        return self.network.inside("source", *self.wrapper, self.program, "--state", self.state, "diagnose", "--json", *args)

    def read(self, out):
        return {item["host"]: item for item in json.loads(out)["items"]}

    def ask(self, *args):
        begun = time.monotonic()
        done = subprocess.run(self.argv(*args), capture_output=True, check=False, timeout=60)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{done.returncode}: {done.stderr.decode(errors='replace')}")
        return self.read(done.stdout), time.monotonic() - begun


def programs(scratch, program):
    """Copies of the program which nobody can run, with and without the file capability."""
    os.chmod(scratch, 0o755)
    copies = {}
    for name in ("plain", "capable"):
        copies[name] = scratch / name
        shutil.copy(program, copies[name])
        os.chmod(copies[name], 0o755)
    run("setcap", "cap_net_raw+ep", copies["capable"])
    return copies


def state(scratch, program, name, uid):
    folder = scratch / f"state-{name}"
    run(program, "--state", folder, "init")
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, uid, NOBODY.pw_gid if uid else 0)
    return folder


def privileges(network, scratch, program):
    """Every privilege: its name and how a command is run under it."""
    copies = programs(scratch, program)
    nobody = ["setpriv", "--reuid", str(NOBODY.pw_uid), "--regid", str(NOBODY.pw_gid), "--clear-groups"]
    ambient = ["--inh-caps", "+net_raw", "--ambient-caps", "+net_raw"]
    ways = {
        "root": ("plain", ()),
        "file capability": ("capable", nobody),
        "ambient capability": ("plain", nobody + ambient),
        "nobody": ("plain", nobody),
        "nothing": ("plain", [*nobody, "--bounding-set", "-net_raw", "--no-new-privs"]),
    }
    for name, (copy, wrapper) in ways.items():
        uid = NOBODY.pw_uid if wrapper else 0
        yield name, Runner(network, copies[copy], state(scratch, program, name.replace(" ", "-"), uid), wrapper)


def check_table(tally, name, runner):
    found, took = runner.ask(*TABLE)
    tally.check(f"{name}: time", took < 11, f"{took:.1f} s")
    for host, (finding, why, last) in TABLE.items():
        report = found[host]
        point = f"{name}: {host}"
        if name == "nothing":
            wrong = report["finding"] != "unknown" or reason(report) != "not_run"
            tally.check(point, not wrong, f"{report['finding']} {report['reason']}")
            continue
        wrong = []
        if report["finding"] != finding:
            wrong.append(f"{report['finding']} instead of {finding}")
        if why and reason(report) != why:
            wrong.append(f"{report['reason']} instead of {why}")
        if last and report.get("last_answering") != last:
            wrong.append(f"last answering {report.get('last_answering')} instead of {last}")
        if last and not report["hops"]:
            wrong.append("no hops")
        tool = report["ping_tool"]
        expected = "program" if name == "nobody" else "built_in"
        if expected not in tool:
            wrong.append(f"pinged by {tool}")
        tally.check(point, not wrong, f"{'; '.join(wrong)}: {report['words']}")


def name_server():
    """Answers, denies, lies, talks nonsense or keeps silent, by the name that is asked."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    print("ready", flush=True)
    while True:
        query, client = server.recvfrom(512)
        number, at, labels = query[:2], 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += query[at] + 1
        question, kind = query[12:at + 5], struct.unpack(">H", query[at + 1:at + 3])[0]
        name = labels[0]
        addresses = {"up": "10.66.5.2", "multicast": "224.0.0.1", "lies": "10.66.5.2"}
        body = b""
        if kind == 1 and name in addresses:
            body = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + socket.inet_aton(addresses[name])
        code = {"gone": 3, "refused": 2}.get(name, 0)
        answer = struct.pack(">HHHHH", 0x8180 | code, 1, 1 if body else 0, 0, 0) + question + body
        if name == "silent":
            continue
        if name == "garbage":
            server.sendto(b"\xff" * 40, client)
        elif name == "lies":
            server.sendto(bytes([number[0] ^ 1, number[1]]) + answer, client)
        else:
            server.sendto(number + answer, client)


def check_names(tally, network, runner):
    folder = pathlib.Path("/etc/netns") / network.name("source")
    folder.mkdir(parents=True)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    argv = network.inside("source", sys.executable, __file__, "--autoticket", "-", "--serve")
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
        try:
            server.stdout.readline()
            found, took = runner.ask("--fresh", "--", *NAMES)
        finally:
            server.kill()
    tally.check("names: time", took < 10, f"{took:.1f} s")
    for name, (finding, why) in NAMES.items():
        report = found[name]
        tally.check(f"names: {name}", (report["finding"], reason(report)) == (finding, why), str(report["words"]))


def check_dead_router(tally, network, runner):
    """The fifth, then the fourth router dies: last answered by the one before; its death is not the devices'."""
    check_dead_gateway(tally, network, runner)
    hosts = [f"10.66.5.{last}" for last in (2, 3, 77, 78)]
    runner.ask("--fresh", *hosts)
    for end in ("w3", "e4"):
        network.ip("r4", "link", "set", end, "down")
    time.sleep(1)
    found, _ = runner.ask("--fresh", *hosts)
    for host in hosts:
        report = found[host]
        seen = (report["finding"], report.get("last_answering"))
        tally.check(f"dead router: {host}", seen == ("network", "10.66.2.2"), str(report["words"]))
    for end in ("w3", "e4"):
        network.ip("r4", "link", "set", end, "up")
    # Routes through a link that was down are gone.
    network.ip("r4", "route", "replace", "10.66.0.0/16", "via", "10.66.4.2")
    for back in range(3):
        network.ip("r4", "route", "replace", f"10.66.{back}.0/24", "via", "10.66.3.1")
    time.sleep(1)
    found, _ = runner.ask("--fresh", "10.66.5.2", "10.66.5.77")
    tally.check("mended router", found["10.66.5.2"]["finding"] == "up", str(found["10.66.5.2"]["words"]))
    tally.check("mended router: down", found["10.66.5.77"]["finding"] == "down", str(found["10.66.5.77"]["words"]))


def check_dead_gateway(tally, network, runner):
    """The last router dies, after its own address was traced, after a device was."""
    for before in ("10.66.5.77", "10.66.5.2"):
        runner.ask("--fresh", before)
        network.ip("r5", "link", "set", "w4", "down")
        time.sleep(7)
        found, _ = runner.ask("--fresh", "10.66.5.2", "10.66.5.77")
        for host, report in found.items():
            seen = (report["finding"], report.get("last_answering"))
            tally.check(f"dead gateway: {host}", seen == ("network", "10.66.3.2"), str(report["words"]))
        network.ip("r5", "link", "set", "w4", "up")
        for back in range(4):
            network.ip("r5", "route", "replace", f"10.66.{back}.0/24", "via", "10.66.4.1")
        time.sleep(7)


def check_twenty(tally, network, runner):
    """Twenty at once, then twenty in one run: all have hops, their own or inherited and said so."""
    network.ip("up", "addr", "add", "10.66.128.1/17", "dev", "lo")
    network.ip("r5", "route", "add", "10.66.128.0/17", "via", "10.66.5.2")
    for what, hosts in (("one network", [f"10.66.5.{n}" for n in range(100, 120)]),
                        ("twenty networks", [f"10.66.{n}.7" for n in range(200, 220)])):
        time.sleep(8)
        started = [subprocess.Popen(runner.argv(host), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for host in hosts]
        found = {}
        for process in started:
            found.update(runner.read(process.communicate(timeout=60)[0]))
        check_hops(tally, f"20 at once, {what}", found)
        time.sleep(8)
        found, _ = runner.ask("--fresh", *hosts)
        check_hops(tally, f"20 in one run, {what}", found)


def check_hops(tally, what, found):
    for host, report in found.items():
        routers = [hop["address"] for hop in report["hops"] if hop["address"]]
        whole = [f"10.66.{n}.2" for n in range(4)]
        tally.check(f"{what}: {host}", routers[:4] == whole, str(report["words"]))


def main():
    parser = arguments(__doc__)
    parser.add_argument("--serve", action="store_true", help="be the name server")
    options = parser.parse_args()
    if options.serve:
        name_server()
    needs("ip", "nft", "setcap", "setpriv", "ping", "traceroute")
    tally = Tally("diagnosis")
    with Scratch(options.scratch) as scratch, Network() as network:
        runners = dict(privileges(network, scratch, options.autoticket))
        for name, runner in runners.items():
            # Routers answer a burst of six: what one run used, the next must have again.
            time.sleep(7)
            check_table(tally, name, runner)
        root = runners["root"]
        check_names(tally, network, root)
        time.sleep(7)
        check_dead_router(tally, network, root)
        check_twenty(tally, network, root)
    tally.done()


if __name__ == "__main__":
    main()
