"""`manifest.json` and `releases.json`, to the byte."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from comet_updates import formats
from comet_updates.formats import manifest
from comet_updates.model import Offer, Release, Rollout
from tests.conftest import ROOT


def release(version: str, **fields: Any) -> Release:
    wire = {"schema": 1, "product": "p", "channel": "stable", "version": version, **fields, "artifacts": []}
    read = Release.model_validate_json(json.dumps(wire))
    read.remember(wire)
    return read


def offer(*history: tuple[Release, str | None], latest: int | None = 0, rollout: Rollout | None = None) -> Offer:
    return Offer("p", "stable", history[latest][0] if latest is not None else None, rollout, history)


def test_golden_bytes() -> None:
    documents = formats.render(offer((release("2.0.0", title="Größer"), None), (release("1.0.0"), "broken")))
    assert documents == {
        "releases.json": (
            '{"schema":1,"product":"p","channel":"stable","releases":['
            '{"schema":1,"product":"p","channel":"stable","version":"2.0.0","title":"Größer","artifacts":[]},'
            '{"schema":1,"product":"p","channel":"stable","version":"1.0.0","artifacts":[],"yanked":"broken"}]}\n'
        ).encode(),
        "manifest.json": (
            '{"schema":1,"product":"p","channel":"stable","version":"2.0.0","title":"Größer","artifacts":[]}\n'
        ).encode(),
    }


@pytest.mark.parametrize(
    "rollout", [{"percent": 10}, {"start": "2026-11-20T12:00:00Z", "interval": 86400, "groups": 7}], ids=str
)
def test_a_rollout_stands_beside_the_release(rollout: dict[str, Any]) -> None:
    read = Rollout.model_validate_json(json.dumps(rollout))
    served = json.loads(formats.render(offer((release("2.0.0"), None), rollout=read))["manifest.json"])
    assert served["rollout"] == rollout


def test_a_channel_without_releases_has_no_documents() -> None:
    assert formats.render(Offer("p", "stable", None, None, ())) == {}


def test_a_channel_with_nothing_to_offer_has_only_its_history() -> None:
    assert list(formats.render(offer((release("1.0.0"), "broken"), latest=None))) == ["releases.json"]


def test_a_very_long_history_is_cut_at_its_oldest_end(monkeypatch: pytest.MonkeyPatch) -> None:
    past = [(release(f"{number}.0.0", notes={"en": "x" * 1_000}), None) for number in range(100, 0, -1)]
    monkeypatch.setattr(manifest, "HISTORY_MAX_BYTES", 20_000)
    body = formats.render(offer(*past))["releases.json"]
    versions = [entry["version"] for entry in json.loads(body)["releases"]]
    assert len(body) < 21_000
    assert versions == [f"{number}.0.0" for number in range(100, 100 - len(versions), -1)]
    assert len(versions) > 10


@pytest.mark.parametrize(("document", "schema"), [("manifest.json", "manifest"), ("releases.json", "history")])
def test_documents_are_of_the_form_that_their_schema_tells(document: str, schema: str) -> None:
    rollout = Rollout(percent=5)
    rendered = formats.render(offer((release("2.0.0"), None), (release("1.0.0"), "broken"), rollout=rollout))[document]
    jsonschema.validate(json.loads(rendered), json.loads((ROOT / f"schemas/{schema}.json").read_text()))


def test_notes_cannot_break_out_of_a_document() -> None:
    hostile = '"},{"version":"9.9.9"}]}\u2028</script><!--'
    served = formats.render(offer((release("1.0.0", notes={"en": hostile}), None)))
    assert json.loads(served["manifest.json"])["notes"]["en"] == hostile
