"""Test the command `publisher`: it writes a whole document, or changes single fields of the one in the bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from comet_updates import object_keys
from testkit.project import ROOT

if TYPE_CHECKING:
    from tests.cli.conftest import Shop

KEY = object_keys.PUBLISHER
SAMPLE = ROOT / "samples" / KEY


def test_document_is_written_once(shop: Shop) -> None:
    assert "would write" in shop.run("publisher", str(SAMPLE), "--dry-run").output
    assert shop.s3.keys() == []
    assert shop.run("publisher", str(SAMPLE)).output == f"wrote {KEY}\n"
    assert shop.s3.json(KEY) == json.loads(SAMPLE.read_bytes())
    assert "nothing to do" in shop.run("publisher", str(SAMPLE)).output


def test_options_change_single_fields_of_the_document_in_the_bucket(shop: Shop) -> None:
    assert shop.run("publisher", "--name", "Acme", "--contact", "privacy@example.com").exit_code == 0
    shop.run("publisher", "--colour", "#4038b4")
    shop.run("publisher", "--dark-colour", "#000080", "--name", "Acme Ltd")
    assert shop.s3.json(KEY) == {
        "schema": 1,
        "name": "Acme Ltd",
        "contact": "privacy@example.com",
        "colours": {"light": "#4038b4", "dark": "#000080"},
    }


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--name", "Acme"), f"{KEY}: $.contact: Field required. Add the field."),
        (("--name", "Acme", "--contact", "c", "--colour", "red"), f"{KEY}: $.colours.light:"),
    ],
    ids=["missing", "wrong"],
)
def test_document_that_would_be_refused_is_not_written(shop: Shop, options: tuple[str, ...], says: str) -> None:
    done = shop.run("publisher", *options)
    assert (done.exit_code, shop.s3.keys()) == (1, [])
    assert says in done.output


def test_command_without_a_file_or_a_field_is_an_error_of_usage(shop: Shop) -> None:
    done = shop.run("publisher")
    assert (done.exit_code, "use --name" in done.output) == (2, True)


def test_product_key_does_not_sign_the_document(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_SIGN_WITH", "file2:none.pem")
    assert shop.run("publisher", str(SAMPLE)).exit_code == 0
