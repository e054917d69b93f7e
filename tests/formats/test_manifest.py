"""Test `manifest.json` and `releases.json`, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from comet_updates import formats
from comet_updates.formats import manifest
from comet_updates.model.channel import Rollout
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release
from comet_updates.publish.uploads import parse
from testkit.project import ROOT


def release(version: str, **fields: Any) -> Release:
    wire = {"schema": 1, "product": "p", "channel": "stable", "version": version, **fields, "artifacts": []}
    read = Release.model_validate_json(json.dumps(wire))
    read.remember(wire, "")
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


EVERY_FIELD: dict[str, Any] = {
    "artifacts": [
        {
            "arch": "universal",
            "platform": "macos",
            "kind": "delta",
            "from_version": "1.9.0 (Build 7)",
            "url": "https://downloads.example.com/Größe%20 a.zip?x=1&y=%7B#f",
            "size": 2**53 - 1,
            "sha1": "ABCDEF0123456789abcdef0123456789ABCDEF01",
            "sha256": "ABCDEF0123456789abcdef0123456789" * 2,
            "sha512": "0123456789ABCDEF" * 8,
            "signatures": {"minisign": "untrusted comment: \n\tRWQ/+==", "ed25519": "a+/="},
            "min_os": "10.15",
            "max_os": "26",
            "file_name": "Größe a.zip",
            "media_type": "application/octet-stream",
            "bundle": "app",
            "package_id": "com.example.Comet",
            "from_executable_size": 2,
            "from_locales": "de,he",
            "installation_type": "application",
            "block_map_size": 1,
            "installer_arguments": '/S /D="C:\\x"',
            "os_name": "macos-x64",
            "requires_admin": True,
            "hosts": {"office": {"max_version": "16.*", "min_version": "1"}},
        }
    ],
    "version": "2.0.0-rc.1+B",
    "channel": "stable",
    "product": "p",
    "schema": 1,
    "released_at": "2026-11-20T13:00:00.120000000+05:45",
    "available_at": "2026-11-20T00:00:00-00:00",
    "title": '„Größer“ \\ </script> "\u00a0🚀',
    "display_version": "2 RC 1",
    "build": "007.0",
    "notes": {"pt-BR": "é\r\n\t\u200b", "en": ""},
    "notes_format": "html",
    "notes_url": {"en": "https://example.com/a", "de": "https://example.com/b"},
    "link": "https://example.com",
    "critical": {"below_version": "1.5"},
    "informational": {"below_version": "0.9", "versions": []},
    "minimum_version": "1.0",
    "major_below_version": "3.0.0",
    "announce_below_version": "3.5.0",
    "history_url": "https://www.example.com/history",
}
"""Every field of a release, in an unusual order, each with a value that a rewriter would change."""


def test_every_field_is_passed_on_as_it_was_written() -> None:
    assert set(EVERY_FIELD) == {"schema" if name == "schema_" else name for name in Release.model_fields}
    assert set(EVERY_FIELD["artifacts"][0]) == set(Artifact.model_fields)
    uploaded = json.dumps(EVERY_FIELD, indent=7).encode()  # escaped texts, which mean the same
    read = parse.parse(Release, "releases/p/stable/2.0.0-rc.1+B.json", uploaded)
    documents = formats.render(offer((read, None), rollout=Rollout(percent=0)))
    to_the_letter = json.dumps(EVERY_FIELD, ensure_ascii=False, separators=(",", ":"))
    assert documents["manifest.json"].decode() == to_the_letter[:-1] + ',"rollout":{"percent":0}}\n'
    assert to_the_letter in documents["releases.json"].decode()


def test_rendering_leaves_what_was_uploaded_as_it_was() -> None:
    withdrawn = release("2.0.0")
    before = json.dumps(withdrawn.wire)
    for _ in range(2):
        formats.render(offer((withdrawn, "broken"), (release("1.0.0"), None), latest=1, rollout=Rollout(percent=5)))
    assert json.dumps(withdrawn.wire) == before


def test_the_history_is_written_before_the_manifest() -> None:
    assert list(formats.render(offer((release("1.0.0"), None)))) == ["releases.json", "manifest.json"]


def test_a_channel_without_releases_has_no_documents() -> None:
    assert formats.render(Offer("p", "stable", None, None, ())) == {}


def test_a_channel_with_nothing_to_offer_has_only_its_history() -> None:
    assert list(formats.render(offer((release("1.0.0"), "broken"), latest=None))) == ["releases.json"]


def test_a_very_long_history_is_cut_at_its_oldest_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two bytes for each character: the limit counts the bytes that are sent.
    past = [(release(f"{number}.0.0", notes={"en": "é" * 500}), None) for number in range(100, 0, -1)]
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
    loaded = json.loads((ROOT / f"schemas/{schema}.json").read_text())
    jsonschema.validate(json.loads(rendered), loaded)
    with pytest.raises(jsonschema.ValidationError):  # positive control: the schema refuses unknown fields
        jsonschema.validate(json.loads(rendered) | {"colour": "red"}, loaded)


def test_notes_cannot_break_out_of_a_document() -> None:
    hostile = '"},{"version":"9.9.9"}]}\u2028</script><!--'
    served = formats.render(offer((release("1.0.0", notes={"en": hostile}), None)))
    assert json.loads(served["manifest.json"])["notes"]["en"] == hostile
