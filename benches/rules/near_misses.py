#!/usr/bin/env python3
"""near_misses.py N FOLDER: makes the rules folder FOLDER with N format rules, of which one reads the mails.

The other N-1 stand before it and all but match: their subjects begin like those of the generated mails and
differ in the word after that, so a rule set pays for each of them unless it looks for literals first.
"""
import pathlib
import shutil
import sys

PER_FILE = 50
RULE = """\
  - format: miss-{n:05}
    order: {order}
    when:
      - {{in: subject, contains: ['SWD ALERT: vendor{n:05} failure']}}
      - {{in: body, matches: 'vendor{n:05}\\s+(?:rc|code)\\s*[=:]\\s*(-?\\d+)'}}
    fields:
      device: {{matches: '^\\s*target\\s+vendor{n:05}\\s*[:=]\\s*(?<device>[A-Za-z0-9][A-Za-z0-9._-]{{1,62}})'}}
      package: {{key: [Package, Failed package]}}
    failure:
      cases:
        - {{type: connection, contains: [timed out, refused], matches: 'E(CONN|HOST)\\w+'}}
"""


def main():
    count, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    shutil.copytree(pathlib.Path(__file__).parent, folder, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    rules = [RULE.format(n=n, order=-count + n) for n in range(count - 1)]
    for start in range(0, len(rules), PER_FILE):
        path = folder / "alerts" / f"miss{start // PER_FILE:04}.yaml"
        path.write_text("formats:\n" + "".join(rules[start:start + PER_FILE]))


if __name__ == "__main__":
    main()
