"""Print the latest version, verified by a stock client: `tuf_client.py https://updates.example.com PRODUCT CHANNEL`.

An app must be shipped with `1.root.json`. It must not download it, as this example does: an attacker who can change
that
answer can sign everything. python-tuf does the rest (https://pypi.org/project/tuf/).
"""

import json
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

from tuf.ngclient import Updater

service, product, channel = sys.argv[1:]
root = urlopen(f"{service}/tuf/metadata/1.root.json").read()
with tempfile.TemporaryDirectory() as folder:
    updater = Updater(folder, f"{service}/tuf/metadata/", folder, f"{service}/tuf/targets/", bootstrap=root)
    target = updater.get_targetinfo(f"{product}/{channel}/manifest.json")
    manifest = json.loads(Path(updater.download_target(target)).read_bytes()) if target else {}
print(f"{product} {channel}: {manifest.get('version', 'nothing')}, verified")
