"""A network of namespaces for one run: a source, five routers with Linux defaults, and hosts in every state.

    source ─ r1 ─ r2 ─ r3 ─ r4 ─ r5 ─┬─ up        10.66.5.2   fd66:5::2
                                     ├─ filtered  10.66.5.3   drops ping without a word
                                     └─ rejecting 10.66.5.4   refuses ping (administratively prohibited)

r3 has no way to some networks, and says so or not: 10.66.96.0/24 unreachable, 97 prohibited, 98 black-holed.
The source's own table refuses others: 10.66.93.0/24 unreachable, 94 prohibited, 95 black-holed; beyond
10.66.0.0/16 it has no route at all. Nothing leaves these namespaces; all of them are removed at the end.
"""
import os
import pathlib
import shutil
import subprocess

HOSTS = {"up": 2, "filtered": 3, "rejecting": 4}


def run(*argv, **more):
    return subprocess.run([str(a) for a in argv], check=True, capture_output=True, **more)


class Network:
    """Namespaces with names of this process only."""

    def __init__(self):
        self.prefix = f"atk{os.getpid()}-"
        self.nodes = ["source", "r1", "r2", "r3", "r4", "r5", *HOSTS]
        self.made = []

    def name(self, node):
        return self.prefix + node

    def inside(self, node, *argv):
        return ["ip", "netns", "exec", self.name(node), *map(str, argv)]

    def ip(self, node, *argv):
        return run("ip", "-n", self.name(node), *argv)

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        for node in self.made:
            subprocess.run(["ip", "netns", "del", self.name(node)], check=False, capture_output=True)
        shutil.rmtree(pathlib.Path("/etc/netns") / self.name("source"), ignore_errors=True)

    def build(self):
        for node in self.nodes:
            run("ip", "netns", "add", self.name(node))
            self.made.append(node)
            self.ip(node, "link", "set", "lo", "up")
            quick = ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"]
            run(*self.inside(node, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", *quick))
        chain = self.nodes[:6]
        for i, (left, right) in enumerate(zip(chain, chain[1:])):
            self.link(left, f"e{i}", right, f"w{i}")
            for node, end, last in ((left, f"e{i}", 1), (right, f"w{i}", 2)):
                self.address(node, end, f"10.66.{i}.{last}/24", f"fd66:{i}::{last}/64")
        self.ip("r5", "link", "add", "lan", "type", "bridge")
        self.ip("r5", "link", "set", "lan", "up")
        self.address("r5", "lan", "10.66.5.1/24", "fd66:5::1/64")
        for host, last in HOSTS.items():
            self.link("r5", f"p{last}", host, "eth0")
            self.ip("r5", "link", "set", f"p{last}", "master", "lan")
            self.address(host, "eth0", f"10.66.5.{last}/24", f"fd66:5::{last}/64")
            self.ip(host, "route", "add", "default", "via", "10.66.5.1")
            self.ip(host, "-6", "route", "add", "default", "via", "fd66:5::1")
        for i, node in enumerate(chain[:-1]):
            self.ip(node, "route", "add", "10.66.0.0/16", "via", f"10.66.{i}.2")
            self.ip(node, "-6", "route", "add", "fd66::/16", "via", f"fd66:{i}::2")
        for i, node in enumerate(chain[2:], 2):
            for back in range(i - 1):
                self.ip(node, "route", "add", f"10.66.{back}.0/24", "via", f"10.66.{i - 1}.1")
                self.ip(node, "-6", "route", "add", f"fd66:{back}::/64", "via", f"fd66:{i - 1}::1")
        for node, first in (("r3", 96), ("source", 93)):
            for net, kind in enumerate(("unreachable", "prohibit", "blackhole"), first):
                self.ip(node, "route", "add", kind, f"10.66.{net}.0/24")
        self.filter("filtered", "drop")
        self.filter("rejecting", "reject with icmp type admin-prohibited")

    def link(self, left, left_end, right, right_end):
        run("ip", "link", "add", left_end, "netns", self.name(left), "type", "veth",
            "peer", "name", right_end, "netns", self.name(right))
        self.ip(left, "link", "set", left_end, "up")
        self.ip(right, "link", "set", right_end, "up")

    def address(self, node, end, v4, v6):
        self.ip(node, "addr", "add", v4, "dev", end)
        self.ip(node, "-6", "addr", "add", v6, "dev", end, "nodad")

    def filter(self, node, verdict):
        rules = ("table ip f {\n chain in {\n type filter hook input priority 0\n policy accept\n"
                 f" icmp type echo-request {verdict}\n udp dport 33434-33700 {verdict}\n }}\n}}\n")
        run(*self.inside(node, "nft", "-f", "-"), input=rules.encode())
