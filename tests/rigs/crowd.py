#!/usr/bin/env python3
"""Two hundred `ingest` processes at once, some of them with the same mail: all exit 0, and the audit balances."""
import subprocess

from rig import Autoticket, Scratch, Tally, alert_mail, arguments, ending


def main():
    parser = arguments(__doc__)
    parser.add_argument("--processes", type=int, default=200)
    options = parser.parse_args()
    tally = Tally("crowd")
    with Scratch(options.scratch) as folder:
        at = Autoticket(options.autoticket, folder / "state")
        at.state.mkdir()
        at.init()
        # Every tenth mail comes by two ways in the same moment.
        names = [f"crowd{i - 1 if i % 10 == 9 else i}" for i in range(options.processes)]
        crowd = []
        for i, name in enumerate(names):
            path = folder / f"{i}.eml"
            path.write_bytes(alert_mail(name))
            with open(path, "rb") as mail:
                crowd.append(subprocess.Popen(at.argv("ingest"), stdin=mail, stdout=subprocess.DEVNULL))
        for name, process in zip(names, crowd):
            status = process.wait(timeout=120)
            tally.check(name, status == 0, ending(status))
        at.must("flush")
        ledger, devices = at.audit(), at.devices()
        tally.check("audit", ledger["counted"] == len(set(names)) and ledger["received"] == len(names)
                    and not ledger["spooled"], str(ledger))
        tally.check("devices", devices == {name: 1 for name in names},
                    f"{len(set(names) - set(devices))} lost, {sum(n > 1 for n in devices.values())} doubled")
    tally.done()


if __name__ == "__main__":
    main()
