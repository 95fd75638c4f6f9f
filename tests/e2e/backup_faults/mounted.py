"""One fault that needs file systems of its own: measured in a mount namespace that is gone with the process.

``unshare --mount python mounted.py FAULT TEMPLATE SCRATCH`` prints the row as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.e2e.backup_faults.events import list_events
from tests.e2e.backup_faults.fault import measure
from tests.e2e.backup_faults.shop import find_template

if __name__ == "__main__":
    name, template, scratch = sys.argv[1:]
    fault = next(one for one in list_events() if one.id == name)
    shop = replace(find_template(Path(template), fault.engine), is_apart=True)
    row = measure(fault, shop, Path(scratch))
    print(json.dumps({"codes": dict(row.codes), "restic": row.restic, "onwards": row.onwards, "wrong": row.wrong}))
