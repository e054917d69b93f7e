from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from comet_updates_cli import ask_text
from comet_updates_client.choose import Outcome, Verdict
from tests.client.conftest import artifact, offered


@given(st.text())
def test_no_text_can_steer_a_terminal(text: str) -> None:
    shown = ask_text.clean(f"{text}\x1b[2J\x9b1m\a\r\x00\u202e\u2028")
    assert all(character.isprintable() or character in "\n\u200c\u200d" for character in shown)


def test_text_of_all_scripts_stays() -> None:
    text = "Zürich, 東京, שלום, \U0001f469\u200d\U0001f680, می\u200cخواهم\nnext line"  # noqa: RUF001
    assert ask_text.clean(text) == text


@pytest.mark.parametrize(
    ("language", "found"),
    [
        ("de", "Deutsch"),
        ("de_AT.UTF-8", "Deutsch"),
        ("pt-BR", "Brasil"),
        ("PT-br", "Brasil"),
        ("fr", "English"),
        ("C.UTF-8", "English"),
        ("", "English"),
    ],
)
def test_notes_are_in_the_language_that_is_closest(language: str, found: str) -> None:
    assert ask_text.notes({"de": "Deutsch", "en": "English", "pt-BR": "Brasil"}, language) == found


def test_notes_in_no_language_that_is_known_are_shown_all_the_same() -> None:
    assert ask_text.notes({"ja": "日本語"}, "de") == "日本語"
    assert ask_text.notes({}, "de") == ""


def test_markup_is_not_shown() -> None:
    assert ask_text.notes({"en": "<p>Faster &amp; <b>smaller</b>&#27;[2J if 1 < 2</p>"}, "en") == (
        "Faster & smaller[2J if 1 < 2"
    )


def test_version_size_notes_and_urgency_are_shown() -> None:
    release = offered(title="Comet Cursor 4.2", link="https://www.example.com/4.2")
    file = artifact(b"x" * 2_048, "https://downloads.example.com/app.zip")
    shown = list(ask_text.describe(Verdict(Outcome.UPDATE, release, file, is_critical=True), "4.2.0", "en", 80))
    assert shown == [
        "An update is available.",
        "  version    4.2.1 (installed: 4.2.0)",
        "  size       2.0 kB",
        "  from       https://downloads.example.com/app.zip",
        "  critical   yes: the publisher asks you to update soon",
        "  | Comet Cursor 4.2",
        "  | Fixes a crash when the pointer theme changes.",
        "  more at    https://www.example.com/4.2",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "line\n" * 10_000,
        "x" * 100_000,
        "\n  from       https://evil.example",
        f"{' x' * 70}  from       https://evil",
        "東" * 90,
    ],
    ids=["many lines", "a long line", "a line like ours", "a wrapped line like ours", "wide letters"],
)
@pytest.mark.parametrize("field", ["title", "notes", "display_version", "link"])
def test_text_of_a_service_never_looks_like_a_line_of_ours(field: str, text: str) -> None:
    release = offered(notes={"en": "Fixes."}, title="Title", link="https://www.example.com")
    changed: dict[str, Any] = {field: {"en": text} if field == "notes" else text}
    release = release._replace(**changed)
    shown = list(ask_text.describe(Verdict(Outcome.PAGE, release), "4.2.0", "en", 80))
    assert shown[0] == "An update is available. Download it from its web page."
    assert all(line.startswith(("  version    ", "  | ", "  |", "  more at    ")) for line in shown[1:])
    assert all("\n" not in line for line in shown)
    quoted = [line for line in shown if line.startswith("  |")]
    assert max(map(cell_len, quoted)) <= 80, "so the terminal wraps none"
    assert len(quoted) <= ask_text.NOTES_MAX_ROWS + 2


def test_every_outcome_is_told_in_words() -> None:
    assert set(ask_text.SAYS) == set(Outcome)
