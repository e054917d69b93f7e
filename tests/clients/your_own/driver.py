"""Run the client of docs/clients/your-own.md, which the test writes beside this.

Arguments: URL, version, group, and a file to verify.
"""

import json
import sys
from pathlib import Path

from client import is_right, latest, update  # type: ignore[attr-defined]  # the test writes it beside this

url, installed, group, file = sys.argv[1:]
found = update(latest(url), installed, int(group))
right = is_right(found, Path(file).read_bytes()) if found else None
json.dump({"found": found and found["url"], "right": right}, sys.stdout)
