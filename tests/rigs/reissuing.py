"""What the rigs of redistribution know of the program: how it is called, and what its plan has to say.

Only this file names options of `redistribute` and fields of its JSON. A rig writes down what truly happened as a
list of expected commands, each a dictionary:

    recipients  name to outcome, of those that have to be delivered to
    argv        the original vector, narrowed as the logfile rule narrows; LIST stands for a new distribution list
    sure        false: the log does not hold enough to know the vector, so it is refused, ambiguous, or right
"""
import json
import subprocess

LIST = "{list}"
# The recipient of a row that GNU parallel ran on its own machine.
LOCAL = ":"


class Redistribute:
    """The program on one machine. `start` runs an argument vector there to its end."""

    def __init__(self, start, program, rules, state):
        self.start, self.program, self.rules, self.state = start, str(program), str(rules), str(state)

    def argv(self, *args):
        return [self.program, "--rules", self.rules, "--state", self.state, *map(str, args)]

    def init(self):
        done = self.start([self.program, "--state", self.state, "init", "--install-id", "rig"])
        if done.returncode != 0:
            raise RuntimeError(f"init: {done.returncode}: {done.stderr.decode(errors='replace')}")

    def approve_all(self, logs):
        """Reissues whatever failed; the finished process."""
        return self.start(self.argv("redistribute", "--log", ",".join(map(str, logs)), "--approve", "all"))

    def listed(self, logs):
        """Exit status and plan."""
        done = self.start(self.argv("redistribute", "--log", ",".join(map(str, logs)), "--list", "--json"))
        if done.returncode not in (0, 1):
            raise RuntimeError(f"--list: {done.returncode}: {done.stderr.decode(errors='replace')[-600:]}")
        return done.returncode, json.loads(done.stdout)

    def journal(self):
        """The record of who approved what, verified; the finished process."""
        return self.start(self.argv("redistribute", "journal"))


def here(argv, **more):
    """`start` for rigs whose logs lie on this machine."""
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False, **more)


def rules(allow):
    """A rules folder's redistribution.yaml that lets these programs start."""
    return json.dumps({"servers": {"default": {"allow": [str(program) for program in allow]}}}) + "\n"


def differences(plan, expected):
    """Where a plan says something else than what truly happened; empty: it says just that."""
    found, wrong = {}, []
    unsure = [item for item in expected if not item.get("sure", True)]
    for job in plan["jobs"]:
        outcomes = {recipient["name"]: recipient["outcome"] for recipient in job["recipients"]["failed"]}
        for command in job["commands"]:
            said = {name: outcomes.get(name, "not failed") for name in command["recipients"]}
            found.setdefault(key(said, command["argv"]), []).append((command, said))
        twin = next((item for item in unsure if item["recipients"] == outcomes), None)
        if not job["commands"] and twin:
            unsure.remove(twin)
        elif not job["commands"]:
            wrong.append(f"{job['id']} is refused: {job.get('refused')}")
    for item in expected:
        if not item.get("sure", True):
            continue
        same = found.get(key(item["recipients"], item["argv"]))
        if same:
            same.pop()
        else:
            wrong.append(f"missing: {item['recipients']} {item['argv']}")
    rest = [pair for pairs in found.values() for pair in pairs]
    for command, said in rest:
        twin = next((item for item in unsure if item["recipients"] == said), None)
        if twin is None:
            wrong.append(f"too much: {said} {command['argv']}")
        else:
            unsure.remove(twin)
            if command["argv"] != twin["argv"] and command["grade"] != "ambiguous":
                wrong.append(f"called {command['grade']}: {command['argv']} instead of {twin['argv']}")
    wrong.extend(f"missing: {item['recipients']} {item['argv']}" for item in unsure)
    return wrong


def key(outcomes, argv):
    return json.dumps([sorted(outcomes.items()), argv])
