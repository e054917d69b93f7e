"""Run the command as `python -m comet_updates_cli`."""

from __future__ import annotations

from comet_updates_cli import app

app(prog_name="comet-updates")
