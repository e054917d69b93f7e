"""Test the progress of long work: a bar on a terminal, and nothing for pipes, logs and `--quiet`."""

from __future__ import annotations

import io

import pytest

from comet_updates_cli import output


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *, quiet: bool) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with output.in_bytes("Hashing", 2_000_000, quiet=quiet) as advance:
        advance(1_000_000)
    assert list(output.each("Checking", ["one", "two"], quiet=quiet)) == ["one", "two"]
    return stream.getvalue()


def test_a_terminal_shows_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(monkeypatch, Terminal(), quiet=False)
    assert "Hashing" in said
    assert "1.0/2.0 MB" in said
    assert "Checking" in said


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Terminal(), True)], ids=["a log", "--quiet"])
def test_nothing_else_is_written_to(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *, quiet: bool) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert shown(monkeypatch, stream, quiet=quiet) == ""
