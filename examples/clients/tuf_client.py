"""What is latest, as a stock client of TUF verifies it: `tuf_client.py https://updates.example.com PRODUCT CHANNEL`.

An app is shipped with `1.root.json`, and never asks for it as this example does: whoever could change that answer
could sign everything. All else is python-tuf's (https://pypi.org/project/tuf/).
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
