"""Test that clients do what docs/clients shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trustme

from comet_updates_client import request
from comet_updates_client.choose import Outcome
from testkit.documents import release
from testkit.project import ROOT
from tests.client.conftest import NOW, Server, http
from tests.client.test_source_minisign import BODY, OTHER, PAIR, comment, signature


def example_in(page: str, language: str) -> str:
    (source,) = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "clients" / page).read_text(), re.DOTALL)
    return str(source)


def test_the_app_in_the_documentation_waits_for_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    defined: dict[str, Any] = {}
    exec(compile(example_in("ask.md", "python"), "ask.md", "exec"), defined)
    assert defined["verdict"].outcome is Outcome.NOT_DUE
    assert set(json.loads((tmp_path / "state.json").read_text())) >= {"group", "next_check"}


def test_the_request_in_the_documentation_is_the_one_that_is_sent() -> None:
    (shown,) = re.findall(r"--show-request\n(.*?)```", (ROOT / "docs" / "clients" / "ask.md").read_text(), re.DOTALL)
    address = request.channel("https://updates.example.com/v1/comet-cursor/stable").address
    assert shown.replace("\n", "\r\n") + "\r\n" == request.ask(address).decode()


@pytest.mark.parametrize(
    ("changed", "is_taken"),
    [
        ({}, True),
        ({"body": b'{"version": "9"}'}, False),
        ({"comment": comment(f"{NOW:%Y-%m-%d}T00:00:00Z")}, False),
        ({"comment": comment(path="comet-cursor/beta/manifest.json")}, False),
        ({"comment": "timestamp:1"}, False),
        ({"pair": OTHER}, False),
    ],
    ids=["as it should be", "forged", "out of date", "another channel", "without an end", "another key"],
)
def test_a_signed_manifest_is_verified_as_the_documentation_shows_it(
    changed: dict[str, Any], *, is_taken: bool
) -> None:
    defined: dict[str, Any] = {}
    exec(compile(example_in("your-own.md", "py"), "your-own.md", "exec"), defined)
    defined["KEY"] = PAIR.public_key
    signed = signature(BODY, changed.get("comment", comment("9999-01-01T00:00:00Z")), changed.get("pair", PAIR))
    if is_taken:
        assert defined["verified"](BODY, signed) == json.loads(BODY)
    else:
        with pytest.raises(ValueError, match=r"signed for|failed|incompatible|isoformat"):
            defined["verified"](changed.get("body", BODY), signed)


def test_the_client_in_javascript_finds_the_same_file_and_sends_one_header(
    downloads: Server, authority: trustme.CA, tmp_path: Path
) -> None:
    if not shutil.which("node"):
        pytest.skip("node is not on PATH: install Node.js to test the client in JavaScript")
    document = release() | {"rollout": {"percent": 10}}
    downloads.answer = lambda _: http(json.dumps(document).encode())
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    cases = [("4.2.0", 9), ("4.2.0", 10), ("4.2.1", 0), ("4.10.0", 0), ("4.2", 0), ("3.9.9", 0)]
    asked = f"""
        latest("{downloads.url}/v1/comet-cursor/stable").then((manifest) => console.log(JSON.stringify(
            {json.dumps(cases)}.map(([installed, group]) => update(manifest, installed, group, "win32", "x64")))))
    """
    run = subprocess.run(
        ["node", "-e", example_in("your-own.md", "javascript") + asked],
        env=os.environ | {"NODE_EXTRA_CA_CERTS": str(tmp_path / "authority.pem")},
        capture_output=True,
        text=True,
        check=True,
    )
    (file,) = document["artifacts"]
    assert json.loads(run.stdout) == [file, None, None, None, file, file]
    (sent,) = downloads.received
    assert [line.split(b":")[0] for line in sent.split(b"\r\n")[1:-2]] == [b"Host"]
