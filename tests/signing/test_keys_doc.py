"""Test docs/keys.md: its commands are run, section by section, and a stock TUF client checks the result of each."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from comet_updates.answer.log import Log
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.publisher import Publisher
from comet_updates.publish.run import Run, SweepFailedError
from testkit.documents import release
from testkit.project import ROOT
from testkit.s3 import S3
from tests.signing.conftest import PATH, Client, HttpServer

if TYPE_CHECKING:
    from testkit.fresh import Handler

DOC = (ROOT / "docs" / "keys.md").read_text()
SECTIONS = [
    (title, re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOC, re.DOTALL | re.MULTILINE)
]


def test_each_section_has_commands() -> None:
    without = ["How do I end a product?", "How many products can one root have?"]  # other tests try these
    assert len(SECTIONS) == 7 + len(without)
    assert [title for title, blocks in SECTIONS if not blocks] == without


@pytest.mark.full
@pytest.mark.usefixtures("open_sinks")
@pytest.mark.http
def test_the_documented_commands_lead_clients_through_every_loss(s3: S3, answer: Handler, tmp_path: Path) -> None:
    s3.put("releases/comet-cursor/stable/4.2.1.json", release())
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "comet-updates").symlink_to(Path(sys.executable).with_name("comet-updates"))
    environment = {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": s3.endpoint,
        "BUCKET": s3.bucket,
    }
    web = HttpServer(answer)
    client: Client | None = None
    try:
        for number, (title, blocks) in enumerate(SECTIONS):
            for block in blocks:
                script = f"set -eu\n{block}"
                done = subprocess.run(
                    ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, (title, done.stdout, done.stderr)
                if client and title.endswith(" without a gap?"):
                    assert client.check() == s3.get(f"public/v1/{PATH}"), block
                bucket = Bucket(s3.client, s3.bucket)
                publisher = Publisher(bucket, lambda: datetime.now(UTC), f"file2:{tmp_path / 'deployed.pem'}")
                with suppress(SweepFailedError):  # between two blocks, until the key is deployed
                    Run(publisher, Log(successes=False, level="ERROR")).sweep()
            client = client or Client(web, (tmp_path / "trust" / "root" / "1.json").read_bytes(), tmp_path / "client")
            new = client._replace(folder=tmp_path / f"new-{number}")
            assert client.check() == new.check() == s3.get(f"public/v1/{PATH}"), title
    finally:
        web.close()
