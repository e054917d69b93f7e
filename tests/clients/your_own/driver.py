"""Runs the client in docs/clients/your-own.md, which the test puts beside this: URL, version, group, a file to hold."""

import json
import sys
from pathlib import Path

import client

url, installed, group, file = sys.argv[1:]
found = client.update(client.latest(url), installed, int(group))
is_right = client.is_right(found, Path(file).read_bytes()) if found else None
json.dump({"found": found and found["url"], "right": is_right}, sys.stdout)
