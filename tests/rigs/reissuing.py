"""What the rigs of redistribution know of the program: how it is called, and what its plan has to say.

Only this file names options of `redistribute` and fields of its JSON. A rig writes down what truly happened as a
list of expected commands, each a dictionary:

    recipients  name to outcome, of those that have to be delivered to
    argv        the original vector, narrowed as the logfile rule narrows; LIST stands for a new distribution list
    limit       option and its other spellings, where the rule inserts one: argv is the original then
    optional    true: whether it had an effect can't be known, so it may be listed
    may_be      the log does not hold enough to know the vector: these grades, or a refusal, are as right as it
"""
import json
import subprocess

LIST = "{list}"
# The recipient of a row that GNU parallel ran on its own machine.
LOCAL = ":"


class Redistribute:
    """The program on one machine, by its own name or by its link. `start` runs a vector there to its end."""

    def __init__(self, start, program, state, rules=None, link=None):
        self.start, self.program, self.link = start, str(program), link
        self.folders = ["--state", str(state), *(["--rules", str(rules)] if rules else [])]

    def argv(self, *args):
        words = [self.link] if self.link else [self.program, "redistribute"]
        return [*words, *map(str, args), *self.folders]

    def init(self):
        done = self.start([self.program, *self.folders[:2], "init", "--install-id", "rig"])
        if done.returncode != 0:
            raise RuntimeError(f"init: {done.returncode}: {done.stderr.decode(errors='replace')}")

    def to_approve_all(self, logs):
        """The command that reissues whatever failed."""
        return self.argv("--log", joined(logs), "--approve", "all")

    def to_list(self, logs):
        return self.argv("--log", joined(logs), "--list")

    def approve_all(self, logs):
        return self.start(self.to_approve_all(logs))

    def listed(self, logs):
        """Exit status and plan."""
        done = self.start([*self.to_list(logs), "--json"])
        if done.returncode not in (0, 1):
            raise RuntimeError(f"--list: {done.returncode}: {done.stderr.decode(errors='replace')[-600:]}")
        return done.returncode, json.loads(done.stdout)

    def journal(self):
        """The record of who approved what, verified; the finished process."""
        return self.start(self.argv("journal"))


def joined(logs):
    return ",".join(map(str, logs))


def here(argv, **more):
    """`start` for rigs whose logs lie on this machine."""
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False, **more)


def rules(allow, reachability=None):
    """A rules folder's redistribution.yaml that lets these programs start, and says how recipients are asked first."""
    asked = {"reachability": reachability} if reachability else {}
    return json.dumps({"servers": {"default": {"allow": [str(program) for program in allow], **asked}}}) + "\n"


def differences(plan, expected):
    """Where a plan says something else than what truly happened; empty: it says just that."""
    wrong, left = [], list(expected)
    for job in plan["jobs"]:
        outcomes = {recipient["name"]: recipient["outcome"] for recipient in job["recipients"]["failed"]}
        if not outcomes or job.get("folded"):
            continue
        commands = job["commands"] or [{"recipients": list(outcomes), "argv": None, "grade": "refused"}]
        for command in commands:
            said = {name: outcomes.get(name, "not failed") for name in command["recipients"]}
            twins = [item for item in left if item["recipients"] == said]
            same = next((item for item in twins if right(command["argv"], item)), None)
            near = next((item for item in twins if command["grade"] in ["refused", *item.get("may_be", [])]
                         and item.get("may_be")), None)
            if same or near:
                left.remove(same or near)
            else:
                why = job.get("refused") or command["grade"]
                wrong.append(f"{job['id']} is not what happened ({why}): {said} {command['argv']}")
    return wrong + [f"missing: {item['recipients']} {item['argv']}" for item in left
                    if not item.get("optional")]


def right(argv, item):
    """Whether a vector is the expected one. An inserted option may stand anywhere, its names in any order."""
    if argv is None or "limit" not in item:
        return argv == item["argv"]
    rest, names = without(argv, item["limit"])
    original, _ = without(item["argv"], item["limit"])
    return rest == original and names is not None and sorted(names.split(",")) == sorted(item["recipients"])


def without(argv, options):
    """A vector without an option, and the option's value; options in argv stand as `-l x`, `--limit x`, `--limit=x`."""
    rest, value, words = [], None, iter(argv)
    for word in words:
        name, joined, after = word.partition("=")
        if word in options:
            value = next(words, "")
        elif joined and name in options:
            value = after
        else:
            rest.append(word)
    return rest, value


def proven(tally, expected):
    """The comparison itself: the true plan differs nowhere, and every kind of wrong plan does."""
    def plan(items):
        jobs = []
        for number, item in enumerate(items, 1):
            argv = list(item["argv"])
            if "limit" in item:
                argv = [argv[0], "--limit", ",".join(item["recipients"]), *without(argv[1:], item["limit"])[0]]
            failed = [{"name": name, "outcome": outcome} for name, outcome in item["recipients"].items()]
            command = {"recipients": list(item["recipients"]), "argv": argv, "grade": "exact"}
            jobs.append({"id": f"J{number}", "recipients": {"failed": failed}, "commands": [command]})
        return {"jobs": jobs}
    wrong = differences(plan(expected), expected)
    tally.check("comparison: the true plan", not wrong, "; ".join(wrong))
    tally.check("comparison: too little", differences(plan(expected[1:]), expected))
    tally.check("comparison: too much", differences(plan([*expected, expected[0]]), expected))
    other = plan(expected)
    other["jobs"][0]["commands"][0]["argv"].append("--more")
    tally.check("comparison: another vector", differences(other, expected))
    other = plan(expected)
    other["jobs"][0]["commands"][0]["recipients"].append("web1")
    tally.check("comparison: a superset", differences(other, expected))
    other = plan(expected)
    other["jobs"][0]["commands"] = []
    tally.check("comparison: refused", bool(differences(other, expected)) != bool(expected[0].get("may_be")))
