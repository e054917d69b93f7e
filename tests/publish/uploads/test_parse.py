"""Test which uploads are accepted and which are refused, field by field, each with its path and its remedy."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import jsonschema
import pytest

from comet_updates.errors import RefusedUploadError
from comet_updates.model import schemas
from comet_updates.model.channel import ChannelPolicy
from comet_updates.model.fields import ARTIFACTS_MAX, NOTES_MAX_CHARS
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse as uploads_parse
from testkit.documents import release
from testkit.project import ROOT

KEY = "releases/comet-cursor/stable/4.2.1.json"
SHA512 = "0123456789abcdef" * 8


def parse(document: dict[str, Any], key: str = KEY) -> Release:
    return uploads_parse.parse(Release, key, json.dumps(document).encode())


def refusal(document: dict[str, Any] | bytes, key: str = KEY, model: Any = Release) -> RefusedUploadError:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(RefusedUploadError) as refused:
        uploads_parse.parse(model, key, body)
    assert all(
        problem.path.startswith("$") and problem.problem and problem.remedy for problem in refused.value.problems
    )
    return refused.value


def with_artifact(**fields: Any) -> dict[str, Any]:
    document = release()
    document["artifacts"][0] |= fields
    return document


def without(document: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != field}


COMPLETE = release(
    build="20261120.1",
    display_version="4.2.1 (Leonids)",
    available_at="2026-11-21T00:00:00.5-08:00",
    title="Comet Cursor 4.2.1",
    notes={"en": "# New\n\n\tfaster", "pt-BR": "", "und": "🚀"},
    notes_format="html",
    notes_url={"en": "https://example.com/notes", "de": "https://example.com/Größe 1"},
    link="https://example.com:8443/?a=b#c",
    critical={"below_version": "4.0"},
    informational={"versions": ["2.4", "2.5"], "below_version": "0.5"},
    minimum_version="3.0.0",
    major_below_version="3.0.0",
    announce_below_version="3.5.0",
    history_url="https://www.example.com/history",
    artifacts=[
        {
            "platform": "macos",
            "arch": "universal",
            "kind": "delta",
            "url": "https://downloads.example.com/a b.delta",
            "size": 2**53 - 1,
            "sha1": "0123456789" * 4,
            "sha256": "ABCDEF0123456789" * 4,
            "sha512": SHA512,
            "signatures": {"ed25519": "a+b/=", "minisign": "untrusted comment:\nRWQ="},
            "min_os": "10.14",
            "max_os": "15.9",
            "from_version": "4.2.0",
            "file_name": "Comet Cursor.delta",
            "media_type": "application/octet-stream",
            "bundle": "app",
            "package_id": "com.example.comet",
            "from_executable_size": 2,
            "from_locales": "de,he",
            "installation_type": "application",
            "block_map_size": 1,
            "installer_arguments": "/S /D=C:\\Comet",
            "os_name": "macos-x64",
            "requires_admin": True,
            "hosts": {"zotero": {"min_version": "6.999"}},
        }
    ],
)


def test_every_field_there_is_is_accepted_and_passed_on_as_it_was_written() -> None:
    assert set(COMPLETE) == {field.alias or name for name, field in Release.model_fields.items()}
    assert parse(COMPLETE).wire == COMPLETE


def test_the_smallest_release_is_accepted() -> None:
    parse({"schema": 1, "product": "comet-cursor", "channel": "stable", "version": "4.2.1", "artifacts": []})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a GUID for a product": (release(product="3f2504e0-4f89-11d3-9a0c-0305e82c3301"), "$.product"),
    "a reserved name for a product": (release(product="privacy"), "$.product"),
    "a download number for a channel": (release(channel="1234567"), "$.channel"),
    "an unknown field": (release(colour="red"), "$.colour"),
    "an unknown field of an artifact": (with_artifact(md5="0"), "$.artifacts[0].md5"),
    "no version": (without(release(), "version"), "$.version"),
    "no schema": (without(release(), "schema"), "$.schema"),
    "another schema": (release(schema=2), "$.schema"),
    "true for a schema": (release(schema=True), "$.schema"),
    "a float for a schema": (release(schema=1.5), "$.schema"),
    "no artifacts": (without(release(), "artifacts"), "$.artifacts"),
    "http": (with_artifact(url="http://example.com/a"), "$.artifacts[0].url"),
    "ftp": (with_artifact(url="ftp://example.com/a"), "$.artifacts[0].url"),
    "no host": (with_artifact(url="https:///a"), "$.artifacts[0].url"),
    "a user in the URL": (with_artifact(url="https://me:secret@example.com/a"), "$.artifacts[0].url"),
    "a trick with a backslash": (with_artifact(url="https://good.example\\.evil.example/a"), "$.artifacts[0].url"),
    "a host in foreign letters": (with_artifact(url="https://ex\u0430mple.com/a"), "$.artifacts[0].url"),
    "a space before the URL": (with_artifact(url=" https://example.com/a"), "$.artifacts[0].url"),
    "a line break in the URL": (with_artifact(url="https://example.com/a\nb"), "$.artifacts[0].url"),
    "a bad port": (with_artifact(url="https://example.com:99999/a"), "$.artifacts[0].url"),
    "a script for a link": (release(link="javascript:alert(1)"), "$.link"),
    "an http link in one language": (release(notes_url={"en": "http://example.com"}), "$.notes_url.en"),
    "a number for a link": (release(notes_url=5), "$.notes_url"),
    "no bytes": (with_artifact(size=0), "$.artifacts[0].size"),
    "less than no bytes": (with_artifact(size=-1), "$.artifacts[0].size"),
    "a size as text": (with_artifact(size="12"), "$.artifacts[0].size"),
    "a size with a fraction": (with_artifact(size=1.5), "$.artifacts[0].size"),
    "a size that JSON cannot hold": (with_artifact(size=2**53), "$.artifacts[0].size"),
    "a short hash": (with_artifact(sha256="abc"), "$.artifacts[0].sha256"),
    "a hash that is none": (with_artifact(sha256="g" * 64), "$.artifacts[0].sha256"),
    "a hash in base64": (with_artifact(sha512="a" * 86 + "=="), "$.artifacts[0].sha512"),
    "an architecture by another name": (with_artifact(arch="arm64"), "$.artifacts[0].arch"),
    "a platform in capitals": (with_artifact(platform="Windows"), "$.artifacts[0].platform"),
    "an unknown kind": (with_artifact(kind="exe"), "$.artifacts[0].kind"),
    "a delta from nowhere": (with_artifact(kind="delta"), "$.artifacts[0]"),
    "a start without a delta": (with_artifact(from_version="1"), "$.artifacts[0]"),
    "an empty signature": (with_artifact(signatures={"minisign": ""}), "$.artifacts[0].signatures.minisign"),
    "a date without an offset": (release(released_at="2026-11-20T12:00:00"), "$.released_at"),
    "a day that is none": (release(released_at="2026-02-30T12:00:00Z"), "$.released_at"),
    "a date as a number": (release(released_at=1795435200), "$.released_at"),
    "a date without a time": (release(available_at="2026-11-20"), "$.available_at"),
    "a language that is none": (release(notes={"e": ""}), "$.notes.e"),
    "too long notes": (release(notes={"en": "x" * (NOTES_MAX_CHARS + 1)}), "$.notes.en"),
    "a NUL in the notes": (release(notes={"en": "a\0b"}), "$.notes.en"),
    "too many artifacts": (release(artifacts=release()["artifacts"] * (ARTIFACTS_MAX + 1)), "$.artifacts"),
    "a title that turns the text around": (release(title="4.2\u202egpj.exe"), "$.title"),
    "a title of two lines": (release(title="a\nb"), "$.title"),
    "a title with an escape": (release(title="\x1b[31mred"), "$.title"),
    "a critical text": (release(critical="yes"), "$.critical"),
    "critical below nothing": (release(critical={}), "$.critical.below_version"),
    "null": (release() | {"version": None}, "$.version"),
    "another product than the key": (release(product="comet-skies"), "$.product"),
    "another channel than the key": (release(channel="beta"), "$.channel"),
    "another version than the key": (release("4.2.2"), "$.version"),
    "a product in capitals": (release(product="Comet-Cursor"), "$.product"),
}


@pytest.mark.parametrize(("document", "path"), REFUSED.values(), ids=REFUSED)
def test_a_fault_is_refused_at_its_field(document: dict[str, Any], path: str) -> None:
    assert path in {problem.path for problem in refusal(document).problems}


def test_all_faults_are_told_at_once() -> None:
    document = with_artifact(size=-1, sha256="x") | {"title": "", "colour": "red"}
    assert {problem.path for problem in refusal(document).problems} == {
        "$.artifacts[0].size",
        "$.artifacts[0].sha256",
        "$.title",
        "$.colour",
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{", id="cut short"),
        pytest.param(b"{}{}", id="two objects"),
        pytest.param(b'{"schema": 1, "schema": 1}', id="a field twice"),
        pytest.param(b'{"notes": {"en": "", "en": ""}}', id="a field twice inside"),
        pytest.param(b'{"size": NaN}', id="NaN"),
        pytest.param(b'{"size": -Infinity}', id="Infinity"),
        pytest.param(b'{"size": ' + b"9" * 400_000 + b"}", id="an endless number"),
        pytest.param(b'{"a":' * 90_000, id="a depth bomb"),
        pytest.param(b"[" * 400_000, id="a depth bomb of lists"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param("{}".encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"title": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"title": "\\ud800"}', id="half a character"),
        pytest.param(b'{"__proto__": {"schema": 1}}', id="a prototype"),
    ],
)
def test_what_is_not_plain_json_is_refused(body: bytes) -> None:
    refusal(body)


def test_a_file_is_refused_by_its_size_before_it_is_read() -> None:
    uploads_parse.check_size(KEY, uploads_parse.UPLOAD_MAX_BYTES)
    with pytest.raises(RefusedUploadError, match="larger than"):
        uploads_parse.check_size(KEY, uploads_parse.UPLOAD_MAX_BYTES + 1)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"includes": ["stable", "Beta"]}, "$.includes[1]"),
        ({"pin": 4}, "$.pin"),
        ({"paused_at": True}, "$.paused_at"),
        ({"yanked": [{"version": "1.0.0"}]}, "$.yanked[0].reason"),
        ({"rollout": {"version": "1.0.0", "percent": 101}}, "$.rollout.percent"),
        ({"rollout": {"version": "1.0.0", "percent": 0.1}}, "$.rollout.percent"),
        ({"rollout": {"version": "1.0.0"}}, "$.rollout"),
        ({"rollout": {"version": "1.0.0", "percent": 1, "groups": 7}}, "$.rollout"),
        ({"rollout": {"version": "1.0.0", "interval": 60, "groups": 7}}, "$.rollout"),
        ({"rollout": {"percent": 1}}, "$.rollout.version"),
        ({"owner": "alice"}, "$.owner"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_policy_is_as_strict(fields: dict[str, Any], path: str) -> None:
    document = {"schema": 1, "product": "p", "channel": "c", **fields}
    assert path in {problem.path for problem in refusal(document, "channels/p/c.json", ChannelPolicy).problems}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"version_scheme": "roman"}, "$.version_scheme"),
        ({"release_hosts": ["https://example.com"]}, "$.release_hosts[0]"),
        ({"homepage": "http://example.com"}, "$.homepage"),
        ({"mail": "alice@example.com"}, "$.mail"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_product_is_as_strict(fields: dict[str, Any], path: str) -> None:
    document = {"schema": 1, "product": "p", **fields}
    assert path in {problem.path for problem in refusal(document, "products/p.json", Product).problems}


class TestTheSchemas:
    SCHEMAS: ClassVar = {path.stem: json.loads(path.read_text()) for path in (ROOT / "schemas").glob("*.json")}

    def test_the_checked_in_files_are_those_of_the_models(self) -> None:
        stale = [
            name for name, body in schemas.render().items() if (ROOT / f"schemas/{name}.json").read_bytes() != body
        ]
        assert stale == [], "run `make schemas`"

    @pytest.mark.parametrize("name", SCHEMAS)
    def test_they_are_json_schemas(self, name: str) -> None:
        jsonschema.Draft202012Validator.check_schema(self.SCHEMAS[name])

    def test_they_accept_what_is_accepted(self) -> None:
        for document in (release(), COMPLETE):
            jsonschema.validate(document, self.SCHEMAS["release"])

    def test_they_refuse_most_of_what_is_refused(self) -> None:
        """Schemas cannot check agreement with the key, real dates, hosts, or one field against another."""
        validator = jsonschema.Draft202012Validator(self.SCHEMAS["release"])
        missed = {name for name, (document, _) in REFUSED.items() if validator.is_valid(document)}
        assert missed <= {
            *(name for name in REFUSED if "than the key" in name),
            *("a day that is none", "a date without an offset", "a date without a time"),
            *("a user in the URL", "a trick with a backslash", "a host in foreign letters", "a bad port"),
            *("a delta from nowhere", "a start without a delta", "a line break in the URL", "true for a schema"),
            "a language that is none",
        }
