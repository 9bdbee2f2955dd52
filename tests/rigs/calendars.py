#!/usr/bin/env python3
"""Calendars written by Debian's python3-icalendar, their occurrences told by python-dateutil: `outage check` reads
each of them and agrees, at the first and last second of occurrences and one second beside them."""
import datetime
import json
import random
import subprocess
import sys
from zoneinfo import ZoneInfo

sys.path.insert(0, "/usr/lib/python3/dist-packages")
from dateutil.rrule import rrulestr  # noqa: E402
import pytz  # noqa: E402
from icalendar import Alarm, Calendar, Event, vRecur  # noqa: E402

from rig import Scratch, Tally, arguments  # noqa: E402

UTC = datetime.timezone.utc
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"]
RULES = [
    "FREQ=DAILY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=SU", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=SU",
    "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=MONTHLY;BYMONTHDAY=1,15,-1", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU", "FREQ=HOURLY;INTERVAL=7", "FREQ=DAILY;BYHOUR=2,14",
    "FREQ=YEARLY;BYWEEKNO=13,43;BYDAY=SU", "FREQ=MINUTELY;INTERVAL=95",
]


def instant(wall, zone):
    """The moment of a wall clock: skipped hours as if clocks had not changed, double ones the first time."""
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


class Case:
    """One random event and the moments at which it holds."""

    def __init__(self, dice):
        self.zone, self.rule = dice.choice(ZONES), dice.choice(RULES)
        self.first = datetime.datetime(2025, 9, 1) + datetime.timedelta(minutes=15 * dice.randrange(8000))
        self.length = datetime.timedelta(minutes=dice.choice([10, 30, 60, 90]))
        end = self.first + datetime.timedelta(days=500)
        starts = [s for s in rrulestr(self.rule, dtstart=self.first).between(self.first, end, inc=True)]
        if self.first not in starts:
            starts.insert(0, self.first)
        count = dice.choice([None, None, len(starts) // 2])
        if count and count > 1:
            starts, self.rule = starts[:count], f"{self.rule};COUNT={count}"
        self.except_ = dice.sample(starts, min(len(starts), 3)) if dice.random() < 0.5 else []
        self.further = [self.first + datetime.timedelta(days=3, minutes=7)] if dice.random() < 0.3 else []
        self.starts = [s for s in starts + self.further if s not in self.except_]
        self.until_known = end if not count else datetime.datetime.max

    def write(self, path):
        calendar, event = Calendar(), Event()
        zone = pytz.timezone(self.zone)  # the zones this version of python3-icalendar knows the names of
        calendar.add("prodid", "-//rig//example//")
        calendar.add("version", "2.0")
        event.add("uid", f"{path.stem}@example.com")
        event.add("summary", "a reason with a comma, a semicolon; and a length that has to be folded somewhere " * 2)
        event.add("location", "node7, node8")
        event.add("dtstart", zone.localize(self.first))
        event.add("dtend", zone.localize(self.first + self.length))
        event.add("rrule", vRecur.from_ical(self.rule))
        if self.except_:
            event.add("exdate", [zone.localize(s) for s in self.except_])
        for start in self.further:
            event.add("rdate", [zone.localize(start)])
        alarm = Alarm()
        alarm.add("action", "display")
        event.add_component(alarm)
        calendar.add_component(event)
        path.write_bytes(calendar.to_ical())

    def holds(self, at):
        def covers(start):
            begin, end = instant(start, self.zone), instant(start + self.length, self.zone)
            if end <= begin:
                end = begin + self.length
            return begin <= at < end
        return any(covers(s) for s in self.starts)

    def moments(self, dice):
        """Edges of occurrences, preferably of those near a change of clocks, and anything."""
        near = [s for s in self.starts if (s.month, s.day // 7) in [(3, 1), (3, 4), (10, 0), (10, 3), (10, 4), (11, 0)]]
        chosen = dice.sample(near, min(len(near), 6)) + dice.sample(self.starts, min(len(self.starts), 4))
        second = datetime.timedelta(seconds=1)
        for start in chosen:
            begin, end = instant(start, self.zone), instant(start + self.length, self.zone)
            yield from (begin - second, begin, end - second, end)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--calendars", type=int, default=40)
    options = parser.parse_args()
    tally, dice = Tally("calendars"), random.Random(options.seed)
    with Scratch(options.scratch) as folder:
        for number in range(options.calendars):
            case, path = Case(dice), folder / f"{number}.ics"
            case.write(path)
            for at in sorted(set(case.moments(dice)))[:24]:
                if at.replace(tzinfo=None) > case.until_known - datetime.timedelta(days=2):
                    continue
                command = [options.autoticket, "--now", at.strftime("%Y-%m-%dT%H:%M:%SZ"), "--json", "outage", "check",
                           str(path), "--device", "node8.example.com"]
                done = subprocess.run(command, capture_output=True, text=True, timeout=30)
                said = json.loads(done.stdout) if done.stdout else {"expectation": None, "items": [done.stderr]}
                wrong = [item for item in said["items"] if not isinstance(item, dict) or item["grade"] != "warning"]
                expected = "expected" in (said["expectation"] or {})
                tally.check(f"{number} {at}", not wrong and expected == case.holds(at),
                            f"{case.zone} {case.first} {case.length} {case.rule}: {expected} {wrong}")
    tally.done()


if __name__ == "__main__":
    main()
