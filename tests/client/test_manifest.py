from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comet_updates.answer.errors import CometError
from comet_updates.errors import UnreadableOfferError
from comet_updates.versions import Scheme
from comet_updates_cli import ask_text
from comet_updates_client import choose
from comet_updates_client.machine import Computer
from comet_updates_client.manifest import Below, Rollout, parse
from testkit.documents import release
from testkit.project import ROOT
from tests.client.conftest import NOW, manifest

SAMPLES = sorted((ROOT / "samples" / "releases").rglob("*.json"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    *("schema", "product", "version", "build", "display_version", "title", "notes", "link", "critical"),
    *("informational", "minimum_version", "rollout", "artifacts"),
)
ARTIFACT_FIELDS = (
    *("platform", "arch", "kind", "url", "size", "sha256", "sha512", "signatures", "min_os", "max_os", "file_name"),
)


def use(body: bytes) -> None:
    """Do all that a client does with a manifest before it asks a person. Only our own errors may be raised."""
    try:
        release = parse(body, "comet-cursor")
        own = choose.Installed(Scheme.SEMVER, "1.0.0")
        verdict = choose.choose(release, own, Computer("windows", "x86_64", "10.0"), group=50, skipped=None, now=NOW)
        for line in ask_text.describe(verdict, "1.0.0", "de_AT.UTF-8", 80):
            line.encode()
    except CometError as error:
        str(error).encode()


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.name)
def test_every_sample_is_understood(file: Any) -> None:
    said = json.loads(file.read_bytes())
    read = parse(file.read_bytes(), said["product"])
    assert (read.version, len(read.artifacts)) == (said["version"], len(said["artifacts"]))


def test_what_is_read_is_what_was_written() -> None:
    read = parse(
        manifest(
            build="77",
            critical={"below_version": "4.0.0"},
            minimum_version="3.0.0",
            rollout={"start": "2026-11-20T12:00:00Z", "interval": 86_400, "groups": 7},
            unknown={"a": [1]},
        ),
        "comet-cursor",
    )
    assert (read.version, read.build, read.minimum_version) == ("4.2.1", "77", "3.0.0")
    assert read.critical == Below(below="4.0.0")
    assert read.rollout == Rollout(None, datetime(2026, 11, 20, 12, tzinfo=UTC), 86_400, 7)
    assert read.artifacts[0].size_bytes == 48_213_001


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'{"schema":' * 20_000)
@example(b"9" * 10_000)
@example(b"\xff\xfe{}")
@example(b'"\\ud800"')
def test_no_bytes_do_harm(body: bytes) -> None:
    use(body)


@given(JSON)
def test_no_json_does_harm(document: Any) -> None:
    use(json.dumps(document).encode())


@given(st.sampled_from(FIELDS), JSON)
@example("title", "\ud800")
@example("version", "1.0.0\x1b[2J")
@example("version", f"{'9' * 60}.{'9' * 60}.0")
@example("rollout", {"start": "9999-12-31T23:59:59-23:59", "interval": 1, "groups": 1})
@example("rollout", {"start": "0001-01-01T00:00:00+23:59", "interval": 1, "groups": 1})
@example("minimum_version", "\u202e")
def test_no_value_of_a_field_does_harm(field: str, value: Any) -> None:
    use(json.dumps(release() | {field: value}).encode())


@given(st.sampled_from(ARTIFACT_FIELDS), JSON)
@example("size", 10**400)
@example("min_os", "1" * 150)
def test_no_value_of_a_field_of_an_artifact_does_harm(field: str, value: Any) -> None:
    document = release()
    document["artifacts"][0][field] = value
    use(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"schema": 2}, "$.schema"),
        ({"schema": True}, "$.schema"),
        ({"product": "another"}, "$.product"),
        ({"version": "../4"}, "$.version"),
        ({"version": None}, "$.version"),
        ({"artifacts": {}}, "$.artifacts"),
        ({"artifacts": [1]}, "$.artifacts[0]"),
        ({"rollout": {"stage": 3}}, "$.rollout.percent"),
        ({"rollout": {"percent": 101}}, "$.rollout.percent"),
        ({"rollout": {"start": "2026-02-30T00:00:00Z", "interval": 1, "groups": 2}}, "$.rollout.start"),
        ({"notes": {"en": 1}}, "$.notes.en"),
        ({"critical": "yes"}, "$.critical"),
    ],
    ids=str,
)
def test_what_is_not_of_its_form_is_told_by_its_field(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(UnreadableOfferError) as told:
        parse(manifest(**fields), "comet-cursor")
    assert told.value.path == path


@pytest.mark.parametrize("url", ["http://a.example/f", "file:///etc/passwd", "https://me@a.example/f", "/f"])
def test_a_file_is_only_ever_at_an_https_url(url: str) -> None:
    document = release()
    document["artifacts"][0]["url"] = url
    with pytest.raises(UnreadableOfferError):
        parse(json.dumps(document).encode(), "comet-cursor")
