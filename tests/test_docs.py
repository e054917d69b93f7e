"""What the documentation shows is what works: examples are accepted, links lead somewhere, commands exist."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from typer.models import CommandInfo

from comet_updates import formats, names
from comet_updates.cli import app
from comet_updates.model import ChannelPolicy, Product, Release
from comet_updates.publish import uploads
from tests.conftest import ROOT, release

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXAMPLES = sorted([*ROOT.glob("samples/**/*.json"), *ROOT.glob("examples/**/*.json")])


def json_blocks(page: Path) -> list[dict[str, object]]:
    blocks = re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)
    return [json.loads(block.replace("<64 hex digits>", "0" * 64)) for block in blocks]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_example_is_accepted(file: Path) -> None:
    key = "/".join(file.relative_to(ROOT).parts[1:])
    uploads.parse(uploads.MODELS[uploads.check_key(key).kind], key, file.read_bytes())


def test_the_release_in_the_readme_is_accepted() -> None:
    (document,) = json_blocks(ROOT / "README.md")
    key = names.release_key("comet-cursor", "stable", "4.2.1")
    uploads.parse(Release, key, json.dumps(document).encode())


def test_the_policy_and_the_refusal_in_the_guide_are_what_the_service_reads_and_writes() -> None:
    policy, rejection = json_blocks(ROOT / "docs" / "releasing.md")
    uploads.parse(ChannelPolicy, names.channel_key("comet-cursor", "stable"), json.dumps(policy).encode())
    schema = json.loads((ROOT / "schemas" / "rejection.json").read_text())
    assert set(rejection) == set(schema["properties"])


def test_the_product_that_turns_on_drop_in_urls_is_accepted() -> None:
    (document,) = json_blocks(ROOT / "docs" / "clients" / "drop-in.md")
    uploads.parse(Product, names.product_key("comet-cursor"), json.dumps(document).encode())


def drop_in_paths() -> list[str]:
    guide = (ROOT / "docs" / "clients" / "drop-in.md").read_text()
    return [path for path in re.findall(r"`(/[^`]+4\.2\.0[^`]*)`", guide) if "{" not in path]


@pytest.mark.parametrize("path", drop_in_paths())
def test_every_drop_in_url_in_the_guide_leads_to_a_document(path: str) -> None:
    assert len(drop_in_paths()) == 7
    assert names.drop_in(f"/drop-in/comet-cursor/stable{path}")


def decisions() -> list[str]:
    rows = re.findall(r'^\|[^|]*\| `("[^`]+)`', (ROOT / "docs" / "releasing.md").read_text(), re.MULTILINE)
    assert len(rows) == 7
    return rows


@pytest.mark.parametrize("decision", decisions())
def test_every_decision_in_the_guide_is_accepted(decision: str) -> None:
    document = json.loads(f'{{"schema": 1, "product": "comet-cursor", "channel": "stable", {decision}}}')
    uploads.parse(ChannelPolicy, names.channel_key("comet-cursor", "stable"), json.dumps(document).encode())


@pytest.mark.parametrize("module", formats.ALL, ids=lambda module: module.__name__)
def test_the_guide_says_what_each_format_needs(module: ModuleType) -> None:
    guide = (ROOT / "docs" / "releasing.md").read_text()
    assert all(f"| {needed} |" in guide for needed in module.NEEDS.split("; on macOS "))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_make_targets_exist(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    targets = set(re.findall(r"(?:`|\$ )make ([a-z]+)", text))
    assert targets <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_shown_exists(page: Path) -> None:
    text = page.read_text()
    groups = {
        group.name: group.typer_instance for group in app.registered_groups if group.name and group.typer_instance
    }
    shown = set(re.findall(r"comet-updates (?:--[a-z-]+ \S+ )*([a-z][a-z-]+)(?=[ `\n])", text))
    assert shown <= _names(app) | groups.keys()
    for name, group in groups.items():
        below = set(re.findall(rf"comet-updates (?:--[a-z-]+ \S+ )*{name} ([a-z]+)", text))
        assert below <= _names(group)


def test_the_page_of_commands_is_what_the_commands_say_of_themselves() -> None:
    written = runpy.run_path(str(ROOT / "tools" / "write_commands.py"))["render"]()
    assert (ROOT / "docs" / "commands.md").read_text() == written, "make commands"
    assert "Exit codes: 0" in written


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_shell_is_told_how_to_complete_the_commands(shell: str) -> None:
    """Typer asks the process around it which shell it is; where that cannot be seen, it takes the variable's word."""
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-c", "from comet_updates.cli import app; app(prog_name='comet-updates')"]
    shown = subprocess.run(
        [*command, "--show-completion", shell], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    assert "_COMET_UPDATES_COMPLETE" in shown.stdout


def test_a_command_is_completed() -> None:
    environment = {**os.environ, "_COMET_UPDATES_COMPLETE": "complete_bash", "COMP_WORDS": "comet-updates roll"}
    command = [sys.executable, "-c", "from comet_updates.cli import app; app(prog_name='comet-updates')"]
    found = subprocess.run(
        command, env=environment | {"COMP_CWORD": "1"}, stdout=subprocess.PIPE, text=True, check=True
    )
    assert found.stdout.split() == ["rollback", "rollout"]


def _names(of: typer.Typer) -> set[str]:
    return {command.name or command.callback.__name__ for command in _commands(of) if command.callback}


def _commands(of: typer.Typer) -> list[CommandInfo]:
    below = [
        command for group in of.registered_groups if group.typer_instance for command in _commands(group.typer_instance)
    ]
    return of.registered_commands + below


def test_the_version_is_the_newest_in_the_changelog() -> None:
    from comet_updates import __version__  # noqa: PLC0415

    assert (
        f"({__version__})" in (ROOT / "CHANGELOG.md").read_text()
        or f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
    )


def example_client() -> dict[str, Any]:
    """What the program in docs/clients/your-own.md defines."""
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "clients" / "your-own.md").read_text(), re.DOTALL)
    defined: dict[str, Any] = {}
    exec(compile(source, "your-own.md", "exec"), defined)
    return defined


@pytest.mark.parametrize(
    ("installed", "group", "is_found"),
    [("4.2.0", 9, True), ("4.2.0", 10, False), ("4.2.1", 0, False), ("4.10.0", 0, False)],
)
def test_the_client_in_the_documentation_decides_for_itself(
    monkeypatch: pytest.MonkeyPatch, installed: str, group: int, *, is_found: bool
) -> None:
    client = example_client()
    monkeypatch.setattr(client["platform"], "system", lambda: "Windows")
    monkeypatch.setattr(client["platform"], "machine", lambda: "AMD64")
    manifest = release() | {"rollout": {"percent": 10}}
    found = client["update"](manifest, installed, group)
    assert (found == manifest["artifacts"][0]) == is_found
