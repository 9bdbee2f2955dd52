#!/usr/bin/env python3
"""The approval screen on a real terminal: the program under test in tmux, keys through send-keys, its screen by
capture-pane, every byte it writes by pipe-pane.

At 80x24 and at 200x60, with colour and with NO_COLOR: what is approved is what goes out, rejected and left commands do
not; search, help, the editor, stopping while commands run, the result. The terminal is as it was before (stty, the
main screen, the cursor) after a normal end, SIGTERM, SIGINT, SIGHUP and a panic; a pane that is killed issues nothing.
`--panics PROGRAM` names a program that takes the terminal and panics (the test binary of the rigs).
"""
import json
import os
import re
import shlex
import signal
import subprocess
import time

from issuing_site import Site
from rig import Scratch, Tally, arguments, needs

# Writes down its arguments; a slow package waits for its file.
MANAGER = """#!/bin/sh
case "$2" in slow*) n=0; while [ ! -e %(folder)s/go ] && [ $n -lt 300 ]; do sleep 0.05; n=$((n+1)); done;; esac
shift 2; { printf '%%s|' "$@" | sed 's#[^|]*/lists/[0-9a-f]*[.]list#LIST#'; tr '\\n' ',' < "$2"; echo; } >> %(calls)s
[ ! -e %(folder)s/fail ] || exit 3
"""
SIZES = [(80, 24), (200, 60)]
# Selects a colour: 30-49 and 90-107, alone or among others.
COLOUR = re.compile(rb"\x1b\[(?:[0-9]+;)*(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:;[0-9]+)*m")
PATIENCE = 15


class Missing(Exception):
    """Something that should have been on the screen."""


class Pane:
    """One terminal, of a tmux of its own, with the program on it."""
    count = 0

    def __init__(self, folder, argv, size, environment):
        Pane.count += 1
        self.folder, self.name = folder, f"rig{os.getpid()}-{Pane.count}"
        folder.mkdir()
        words = " ".join(shlex.quote(str(word)) for word in argv)
        script = folder / "run"
        script.write_text(f"cd {folder}\nstty -a > before\necho on-the-main-screen\ntouch ready\n"
                          f"while [ ! -e begin ]; do sleep 0.02; done\n{words}\necho $? > status\n"
                          f"stty -a > after\ntouch done\nsleep 600\n")
        base = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder), "TERM": "screen-256color"}
        given = [f"{name}={value}" for name, value in (base | environment).items()]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", size[0], "-y", size[1], "env", "-i", *given, "sh", script)
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self.until("the shell", (folder / "ready").exists)
        self.raw = folder / "raw"
        self.tmux("pipe-pane", f"cat > {self.raw}")
        self.shell = int(self.tmux("display-message", "-p", "#{pane_pid}"))
        (folder / "begin").touch()

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-L", self.name, *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Missing(f"tmux {words[0]}: {done.stderr.strip()}")
        return done.stdout

    def until(self, what, holds, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if holds():
                return
            time.sleep(0.03)
        raise Missing(what)

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def see(self, *texts):
        """Waits until all of these stand on the screen."""
        try:
            self.until("", lambda: all(text in self.screen() for text in texts))
        except Missing:
            raise Missing(f"{texts} not on the screen:\n{self.screen()}") from None

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", "--", text)

    def go(self, job):
        """Moves to the row of a command."""
        self.keys("g")
        for _ in range(40):
            time.sleep(0.08)
            if any(line.startswith(">") and job in line for line in self.screen().splitlines()):
                return
            self.keys("j")
        raise Missing(f"no row {job}:\n{self.screen()}")

    def program(self):
        found = subprocess.run(["pgrep", "-P", str(self.shell)], capture_output=True, text=True, check=False).stdout.split()
        return int(found[0]) if found else None

    def ended(self):
        self.until("its end", (self.folder / "done").exists)

    def restored(self):
        """What is not as it was before, or None."""
        self.ended()
        # The size is that of the pane, whoever changed it.
        before, after = (re.sub(r"rows \d+; columns \d+;", "", (self.folder / name).read_text())
                         for name in ("before", "after"))
        if before != after:
            return f"stty: {before} became {after}"
        flags = self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}").split()
        if flags != ["0", "1", "0"]:
            return f"alternate screen, cursor, mouse: {flags}"
        if "on-the-main-screen" not in self.screen():
            return f"the main screen is not back:\n{self.screen()}"
        return None

    def status(self):
        return int((self.folder / "status").read_text())

    def close(self):
        subprocess.run(["tmux", "-L", self.name, "kill-server"], capture_output=True, check=False)


def state(program):
    """The letter by which the kernel names the state of a process; None: it is gone."""
    try:
        with open(f"/proc/{program}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


class Desk:
    """A server with some jobs to reissue, and the screen on it."""

    def __init__(self, program, folder, jobs):
        self.site = Site(program, folder, folder / "state")
        self.site.manager.write_text(MANAGER % {"folder": folder, "calls": self.site.calls_file})
        one = {"allow": [str(self.site.manager)], "parallel": 1}
        (self.site.rules / "redistribution.yaml").write_text(json.dumps({"servers": {"default": one}}) + "\n")
        self.folder, self.panes = folder, 0
        self.logs = [self.site.log(job) for job in jobs]

    def open(self, size, environment):
        self.panes += 1
        argv = self.site.argv(log=",".join(map(str, self.logs)))
        return Pane(self.folder / f"pane{self.panes}", argv, size, environment)

    def calls(self):
        return self.site.calls_file.read_text()


def flow(desk, pane, colour):
    """The plan, help, search, rejection, the editor, two approvals, what is left."""
    pane.see("redistribute is1  3 jobs, 6 recipients", "? help")
    pane.keys("?")
    pane.see("Nothing is issued without y.") if pane.size[1] > 40 else pane.see("Move")
    pane.keys("q")
    pane.see("y approve")
    pane.keys("/")
    pane.type("beta")
    pane.keys("Enter")
    pane.until("the row of beta", lambda: any(line.startswith(">") and "beta" in line for line in pane.screen().splitlines()))
    pane.keys("x")
    pane.see("rejected")
    assert desk.calls() == "", "a rejection issued something"
    pane.go("alpha")
    pane.keys("y")
    pane.see("Approve J", "y approves, n goes back")
    pane.keys("n")
    pane.see("y approve")
    assert desk.calls() == "", "n issued something"
    pane.keys("y")
    pane.see("y approves, n goes back")
    pane.keys("y")
    pane.see("result", "1 command confirmed to 2 recipients")
    assert desk.calls() == "-l|LIST|alpha-b,alpha-c,\n", f"alpha: {desk.calls()!r}"
    pane.keys("Enter")
    pane.see("y approve")
    pane.go("gamma")
    pane.keys("e")
    pane.see("one element per line")
    pane.keys("Down", "Down", "Down", "Down", "Down", "Enter")
    pane.type("--edited=it's $HOME")
    pane.keys("C-s")
    pane.see("edited", "y approve")
    pane.keys("d")
    pane.keys("y")
    pane.see("y approves, n goes back")
    pane.keys("y")
    pane.see("result", "command confirmed to 2 recipients")
    added = desk.calls().splitlines()[1]
    assert "|--edited=it's $HOME|" in added and added.endswith("gamma-b,gamma-c,"), f"gamma: {added!r}"
    pane.keys("q")
    pane.ended()
    assert "beta" not in desk.calls(), "what was rejected went out"
    assert desk.calls().count("\n") == 2, f"it went out twice: {desk.calls()!r}"
    raw = pane.raw.read_bytes()
    assert bool(COLOUR.search(raw)) == colour, f"colour codes: {COLOUR.findall(raw)[:5]}"
    assert b"\x1b[?1049h" in raw, "it did not take the alternate screen"


def stopping(desk, pane, _):
    """Stopping asks; what runs is seen to its end, the rest stays."""
    pane.see("redistribute is1  3 jobs, 6 recipients")
    pane.keys("A", "y")
    pane.see("Approve 3 commands to 6 recipients")
    if "type the number" in pane.screen():
        pane.type("6")
        pane.keys("Enter")
    else:
        pane.keys("y")
    pane.see("issuing", "running: 1")
    pane.keys("q")
    pane.see("f ", "k ")
    pane.keys("f")
    pane.see("stopping: the running commands finish")
    (desk.folder / "go").touch()
    pane.see("result", "1 command confirmed")
    pane.keys("q")
    pane.ended()
    assert desk.calls().count("\n") == 1, f"more than what ran: {desk.calls()!r}"


def waiting(desk, pane, _):
    """What failed for some of several is shown first at the next start, and goes out again by its name only."""
    (desk.folder / "fail").touch()
    pane.see("redistribute is1  3 jobs, 6 recipients")
    pane.go("alpha")
    pane.keys("y")
    pane.see("y approves, n goes back")
    pane.keys("y")
    pane.see("result", "without a known result: shown first at the next start")
    pane.keys("q")
    pane.ended()
    (desk.folder / "fail").unlink()
    again = desk.open(pane.size, {})
    try:
        again.see("commands of an earlier session", "waiting", "exit status 3")
        name = re.search(r"^> (J\S+) waiting", again.screen(), re.M).group(1)
        again.keys("Enter")
        again.see("y approve")
        again.go("alpha")
        again.keys("y")
        again.see("was issued before", "--again")
        again.keys("y")
        again.see("result", "redistribute --again")
        assert desk.calls().count("\n") == 1, f"y issued it twice: {desk.calls()!r}"
        again.keys("q")
        again.ended()
    finally:
        again.close()
    last = desk.open(pane.size, {})
    try:
        last.see("commands of an earlier session", "waiting")
        last.keys("r")
        last.see("again to 2 recipients?")
        last.type(name)
        last.keys("Enter")
        last.see("result", "1 command confirmed to 2 recipients")
        last.keys("q")
        last.ended()
    finally:
        last.close()
    assert desk.calls() == "-l|LIST|alpha-b,alpha-c,\n" * 2, f"{desk.calls()!r}"


def resizing(desk, pane, _):
    """The screen follows its terminal; one too small to read approves nothing."""
    pane.see("redistribute is1  3 jobs, 6 recipients")
    for columns, rows in ((100, 30), (40, 12), (20, 4), (132, 43), pane.size):
        pane.tmux("resize-window", "-x", columns, "-y", rows)
        if rows >= 5:
            # The keys of its foot, or the way out where there is no room for them.
            pane.until(f"a screen of {columns}x{rows}", lambda: len(pane.screen().splitlines()) <= rows and "help" in pane.screen())
        else:
            pane.see("too small")
            pane.keys("y", "y")
            time.sleep(0.3)
            pane.keys("n")
            assert desk.calls() == "", "approved on a screen too small to read"
    pane.see("redistribute is1  3 jobs, 6 recipients", "? help")
    pane.keys("q")
    pane.ended()
    assert desk.calls() == "", "resizing issued something"


def signalled(number):
    """A signal while a consent is open: the screen is given back, nothing goes out."""
    def case(desk, pane, _):
        pane.see("redistribute is1  3 jobs, 6 recipients")
        pane.go("alpha")
        pane.keys("y")
        pane.see("y approves, n goes back")
        os.kill(pane.program(), number)
        pane.ended()
        assert desk.calls() == "", "the signal issued something"
    return case


def closed(desk, pane, _):
    """The terminal goes away while a consent is open: the program ends, nothing goes out."""
    pane.see("redistribute is1  3 jobs, 6 recipients")
    pane.go("alpha")
    pane.keys("y")
    pane.see("y approves, n goes back")
    program = pane.program()
    pane.close()
    pane.until("the end of the program", lambda: state(program) in (None, "Z"))
    time.sleep(0.2)
    assert desk.calls() == "", "a closed terminal issued something"


def closed_while_issuing(desk, pane, _):
    """The terminal goes away while a command runs: it is seen to its end, no other is started."""
    pane.see("redistribute is1  3 jobs, 6 recipients")
    pane.keys("A", "y")
    pane.see("Approve 3 commands to 6 recipients")
    if "type the number" in pane.screen():
        pane.type("6")
        pane.keys("Enter")
    else:
        pane.keys("y")
    pane.see("issuing", "running: 1")
    program = pane.program()
    pane.close()
    time.sleep(0.5)
    (desk.folder / "go").touch()
    pane.until("the end of the program", lambda: state(program) in (None, "Z"))
    assert desk.calls().count("\n") == 1, f"other than what ran: {desk.calls()!r}"
    done = subprocess.run(desk.site.argv("journal", "--json"), capture_output=True, text=True, check=False)
    states = sorted(re.findall(r'"state":"([a-z]+)"', done.stdout))
    assert states == ["approved", "approved", "confirmed"], f"{states} {done.stdout[:300]}"


def suspended(desk, pane, _):
    """Ctrl-Z gives the terminal to the shell, and nothing goes out; SIGCONT brings the screen back."""
    pane.see("redistribute is1  3 jobs, 6 recipients")
    program = pane.program()
    pane.keys("C-z")
    # Without a shell that does job control a stop of the whole group may be ignored: then the screen stays.
    time.sleep(0.5)
    if state(program) == "T":
        pane.see("on-the-main-screen")
        os.kill(program, signal.SIGCONT)
        os.kill(pane.shell, signal.SIGCONT)
    pane.see("redistribute is1  3 jobs, 6 recipients")
    pane.keys("q")
    pane.ended()
    assert desk.calls() == "", "Ctrl-Z issued something"


def run(tally, name, program, folder, jobs, case, size, colour, looks=True):
    """One case on a server of its own."""
    desk = Desk(program, folder / re.sub(r"\W+", "-", name), jobs)
    pane, wrong = desk.open(size, {} if colour else {"NO_COLOR": "1"}), None
    pane.size = size
    try:
        case(desk, pane, colour)
        if looks:
            wrong = pane.restored()
        if not wrong and not colour and COLOUR.search(pane.raw.read_bytes()):
            wrong = "NO_COLOR, and a colour code was written"
    except (Missing, AssertionError) as error:
        wrong = str(error)
    finally:
        pane.close()
    tally.point(name, wrong)


def panicking(tally, folder, program):
    """A panic while the terminal is held: it is given back before the message is printed."""
    argv = [program, "--exact", "a_program_that_panics_on_the_screen", "--nocapture", "--test-threads=1"]
    pane, wrong = Pane(folder / "panic", argv, SIZES[0], {"AUTOTICKET_PANIC_ON_SCREEN": "1"}), None
    try:
        wrong = pane.restored()
        if not wrong and "panics while it holds the terminal" not in pane.screen():
            wrong = f"the message is not on the main screen:\n{pane.screen()}"
        if not wrong and b"\x1b[?1049h" not in pane.raw.read_bytes():
            wrong = "it never held the terminal"
    except Missing as error:
        wrong = str(error)
    finally:
        pane.close()
    tally.point("panic", wrong)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--panics", metavar="PROGRAM", help="takes the terminal and panics; without: not tried")
    options = parser.parse_args()
    needs("tmux", "stty", "pgrep")
    tally, plain, slow = Tally("screen"), ["alpha", "beta", "gamma"], ["slow-a", "slow-b", "slow-c"]
    with Scratch(options.scratch) as folder:
        for size in SIZES:
            at = f"{size[0]}x{size[1]}"
            for colour in (True, False):
                kind = "colour" if colour else "NO_COLOR"
                run(tally, f"flow {at} {kind}", options.autoticket, folder, plain, flow, size, colour)
            run(tally, f"stopping {at}", options.autoticket, folder, slow, stopping, size, False)
            run(tally, f"waiting {at}", options.autoticket, folder, plain, waiting, size, True)
            run(tally, f"resizing {at}", options.autoticket, folder, plain, resizing, size, True)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                name = f"{signal.Signals(number).name} {at}"
                run(tally, name, options.autoticket, folder, plain, signalled(number), size, True)
            run(tally, f"closed {at}", options.autoticket, folder, plain, closed, size, True, looks=False)
            run(tally, f"closed while issuing {at}", options.autoticket, folder, slow, closed_while_issuing, size, True,
                looks=False)
        run(tally, "suspended", options.autoticket, folder, plain, suspended, SIZES[0], True)
        if options.panics:
            panicking(tally, folder, options.panics)
    tally.done()


if __name__ == "__main__":
    main()
