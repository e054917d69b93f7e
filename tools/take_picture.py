"""Take the picture in the README: a sample product's page, and the same on a terminal.

Usage, with `make run` in another terminal: .venv/bin/python tools/take_picture.py [SERVICE [S3]]
"""

from __future__ import annotations

import base64
import html
import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "page-and-terminal.png"
COMMAND = "comet-updates status comet-cursor"
FILTER = "yanked"  # withdrawn releases would be wider than the picture
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
FRAME = """<!doctype html><style>
body{margin:0;width:1200px;height:980px;background:#e4e4f3;position:relative;overflow:hidden;font-family:sans-serif}
img{position:absolute;left:32px;top:32px;width:800px;border-radius:14px;border:1px solid #c9c9de}
pre{position:absolute;right:28px;top:780px;margin:0;padding:22px 26px;background:#10121c;color:#e8e9f5;
border-radius:12px;font:13.5px/1.6 ui-monospace,"DejaVu Sans Mono",monospace}b{color:#b4b5ff;font-weight:400}</style>"""


def main(service: str, s3: str) -> None:
    """Write the picture. Exits with an error if Chromium is not on PATH."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("chromium is not on PATH: install it to take pictures")
    said = subprocess.run(  # noqa: S603 (our own command)
        [Path(sys.executable).parent / "comet-updates", *COMMAND.split()[1:], "--bucket=comet-updates"],
        env=os.environ | CREDENTIALS | {"AWS_ENDPOINT_URL": s3, "COLUMNS": "200"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = "\n".join(line.rstrip() for line in said.splitlines() if not line.startswith(FILTER))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 900, "height": 1100}, color_scheme="light")
        page.goto(f"{service}/comet-cursor")
        shown = base64.b64encode(page.screenshot()).decode()
        page.set_viewport_size({"width": 1200, "height": 980})
        page.goto("about:blank")
        terminal = f"<pre><b>$</b> {COMMAND} | grep -v ^{FILTER}\n{html.escape(lines)}</pre>"
        page.set_content(f'{FRAME}<img src="data:image/png;base64,{shown}">{terminal}')
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*(given + ["http://127.0.0.1:8080", "http://127.0.0.1:9090"][len(given) :]))
