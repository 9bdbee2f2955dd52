"""Machines for one run: each with its own network, mounts, processes, host name, root and ssh host key.

    is38  10.38.0.1   the intermediate server, with a key that the recipients take
    h1    10.38.0.11  recipients, with Debian's sshd
    h2    10.38.0.12
    h3    10.38.0.13

All of them hang on one bridge in the rig's own network namespace; nothing leaves it. A machine's root is an overlay
over this system's, its changes in memory. `alone()` puts the rig into a process namespace first: when the rig dies,
by whatever signal, the kernel ends every process in it, and the mounts and networks go with them.
"""
import os
import pathlib
import shlex
import socket
import subprocess
import sys
import threading
import time

INSIDE = "AUTOTICKET_RIG_INSIDE"
SERVER, RECIPIENTS = "is38", ("h1", "h2", "h3")
ADDRESSES = {SERVER: "10.38.0.1", "h1": "10.38.0.11", "h2": "10.38.0.12", "h3": "10.38.0.13"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Runs in the new namespaces; $1 the machine's folder, $2 its name. Ends as the machine's first process.
SETUP = """\
set -e
root=$1/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
for folder in dev run tmp root; do mount -t tmpfs tmpfs "$root/$folder"; done
chmod 1777 "$root/tmp"
chmod 700 "$root/root"
for node in null zero full random urandom tty; do touch "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/run/sshd"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
hostname "$2"
ip link set lo up
echo ready
exec chroot "$root" sleep infinity
"""

SSHD = """\
HostKey /etc/ssh/rig_host_key
AuthorizedKeysFile /etc/ssh/rig_authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
Subsystem sftp /usr/lib/openssh/sftp-server
LogLevel VERBOSE
PidFile none
"""

SSH = """\
Host *
  User root
  IdentityFile /root/.ssh/id_ed25519
  IdentitiesOnly yes
  BatchMode yes
  StrictHostKeyChecking yes
  ConnectTimeout 3
"""

# clush gives ssh its own limit, 15 s unless told.
CLUSH = """\
[Main]
fanout: 64
connect_timeout: 3
command_timeout: 0
color: never
fd_max: 1024
history_size: 100
verbosity: 1
"""


def alone():
    """Starts this rig again in mounts, network and processes of its own, unless it is there."""
    if os.environ.get(INSIDE) != "1":
        os.execvpe("unshare", ["unshare", "-mnp", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv],
                   {**os.environ, INSIDE: "1"})


def run(*argv, **more):
    return subprocess.run([str(a) for a in argv], check=True, capture_output=True, **more)


def until(holds, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


def child_of(pid):
    """The one child of a process."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


class Machine:
    """One machine; `root` is its file system as the rig sees it."""

    def __init__(self, folder, name):
        self.name, self.folder, self.sshd, self.log = name, folder, None, folder / "sshd.log"
        for part in ("upper", "work", "root"):
            (folder / part).mkdir(parents=True)
        self.holder = subprocess.Popen(
            ["unshare", "-mnup", "--fork", "--kill-child", "sh", "-c", SETUP, "sh", str(folder), name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{name} did not start")
        self.pid = child_of(self.holder.pid)
        self.root = pathlib.Path(f"/proc/{self.pid}/root")
        if not until(lambda: (self.root / "run/sshd").is_dir(), 5):
            raise RuntimeError(f"{name} has no root of its own")

    def inside(self, *argv, directory="/"):
        """The argument vector that runs `argv` on this machine, with an environment of its own."""
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-n", "-p", "-r", "-w", "env", "-i", f"--chdir={directory}",
                f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", *map(str, argv)]

    def start(self, *argv, directory="/", timeout=60, **more):
        """One process on this machine to its end; never raises for an exit status."""
        more.setdefault("stdin", subprocess.DEVNULL if "input" not in more else None)
        return subprocess.run(self.inside(*argv, directory=directory), capture_output=True, timeout=timeout, check=False,
                              **{k: v for k, v in more.items() if v is not None})

    def must(self, *argv, **more):
        """A process that has to end with 0; its output."""
        done = self.start(*argv, **more)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {shlex.join(map(str, argv))}: {done.returncode}: "
                               f"{done.stderr.decode(errors='replace')[-600:]}")
        return done.stdout

    def path(self, path):
        return self.root / str(path).lstrip("/")

    def write(self, path, content, mode=0o644):
        """A file of this machine."""
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)
        return file

    def read(self, path):
        file = self.path(path)
        return file.read_text(errors="surrogateescape") if file.exists() else ""

    def start_sshd(self):
        listening, before = "Server listening on 0.0.0.0 port 22", self.sshd_log().count("Server listening on 0.0")
        with open(self.log, "ab") as log:
            self.sshd = subprocess.Popen(self.inside("/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/rig_sshd_config"),
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not until(lambda: self.sshd_log().count(listening) > before, 10):
            raise RuntimeError(f"{self.name}: sshd did not start: {self.sshd_log()[-400:]}")

    def stop_sshd(self):
        os.kill(child_of(self.sshd.pid), 15)
        self.sshd.wait(timeout=10)
        self.sshd = None

    def sshd_log(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def connections(self):
        """How often somebody connected to its sshd, and how often somebody was let in."""
        return self.sshd_log().count("Connection from "), self.sshd_log().count("Accepted publickey for ")

    def syslog(self):
        """Takes what programs of this machine send to /dev/log; the list grows with lines as a syslogd writes them."""
        lines, taker = [], socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        taker.bind(str(self.path("/dev/log")))
        self.path("/dev/log").chmod(0o666)

        def take():
            while True:
                text = taker.recv(65536).decode(errors="replace").rstrip("\n\0")
                stamp, rest = text.partition(">")[2][:15], text.partition(">")[2][16:]
                lines.append(f"{stamp} {self.name} {rest}")
        threading.Thread(target=take, daemon=True).start()
        return lines


class Fleet:
    """The four machines, or those named, joined by a bridge, their keys exchanged."""

    def __init__(self, folder, names=ADDRESSES):
        self.folder, self.machines, self.names = folder, {}, names

    def __enter__(self):
        # Overlays want a file system of their own for their changes; this one is gone with the rig.
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.folder)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "lan", "type", "bridge")
        run("ip", "link", "set", "lan", "up")
        for name in self.names:
            address = ADDRESSES[name]
            self.machines[name] = machine = Machine(self.folder / name, name)
            run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", machine.pid)
            run("ip", "link", "set", f"to-{name}", "master", "lan", "up")
            machine.must("ip", "addr", "add", f"{address}/24", "dev", "eth0")
            machine.must("ip", "link", "set", "eth0", "up")
        self.exchange_keys()
        for name in RECIPIENTS:
            if name in self.machines:
                self[name].start_sshd()
        return self

    def __exit__(self, *_):
        for machine in self.machines.values():
            machine.holder.kill()
            machine.holder.wait(timeout=10)
        subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)

    def __getitem__(self, name):
        return self.machines[name]

    @property
    def server(self):
        return self[SERVER]

    def exchange_keys(self):
        """Own host keys, known to the server; the server's own key, known to the recipients. /etc/hosts for all."""
        hosts = "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in ADDRESSES.items())
        key, known = self.folder / "id_ed25519", ""
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{SERVER}", "-f", key)
        for name, machine in self.machines.items():
            host_key = self.folder / f"{name}.key"
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", host_key)
            machine.write("/etc/hosts", hosts)
            machine.write("/etc/hostname", f"{name}\n")
            # No name server is asked.
            machine.write("/etc/nsswitch.conf", "".join(f"{kind}: files\n" for kind in ("passwd", "group", "shadow", "hosts")))
            machine.write("/etc/clustershell/clush.conf", CLUSH)
            machine.write("/etc/ssh/rig_host_key", host_key.read_bytes(), 0o600)
            machine.write("/etc/ssh/rig_authorized_keys", key.with_suffix(".pub").read_bytes(), 0o600)
            machine.write("/etc/ssh/rig_sshd_config", SSHD)
            # A locked password (`!`) would keep even keys out; `*` only says that none fits.
            machine.write("/etc/shadow", "root:*:19000:0:99999:7:::\nsshd:!:19000::::::\n", 0o640)
            kind, public, _ = host_key.with_suffix(".key.pub").read_text().split()
            known += f"{name},{ADDRESSES[name]} {kind} {public}\n"
        self.server.write("/root/.ssh/id_ed25519", key.read_bytes(), 0o600)
        self.server.write("/root/.ssh/known_hosts", known)
        self.server.write("/root/.ssh/config", SSH, 0o600)

    def down(self, name):
        """The machine's sshd ends and its link goes down."""
        self[name].stop_sshd()
        run("ip", "link", "set", f"to-{name}", "down")

    def up(self, name):
        run("ip", "link", "set", f"to-{name}", "up")
        self[name].start_sshd()
        if not until(lambda: self.server.start("ssh-keyscan", "-T", "1", name).stdout, 10):
            raise RuntimeError(f"{name} did not come back")
