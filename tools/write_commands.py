"""Write docs/commands.md from the commands themselves. `make commands` runs it, and a test compares the page."""

from __future__ import annotations

from pathlib import Path

import typer
import typer.main
from typer.cli import get_docs_for_click

from comet_updates_cli import app

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
NAME = "comet-updates"


def render() -> str:
    """Return the page, as the installed Typer writes it."""
    command = typer.main.get_command(app)
    written = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name=NAME), name=NAME, title="Commands")
    return "\n".join(line.rstrip() for line in written.strip().splitlines()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
