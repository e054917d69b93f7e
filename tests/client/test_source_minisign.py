"""Test which manifests a client accepts that has a minisign key, and why it refuses others."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import minisign
import pytest

from comet_updates import object_keys
from comet_updates.errors import NoAnswerError, TrustFailure, UntrustedAnswerError
from comet_updates.signing import minisig, sign
from comet_updates.versions import Scheme
from comet_updates_cli.signing.key_folder import create_private
from comet_updates_client import check, request, state, verify
from comet_updates_client.check import App
from comet_updates_client.choose import Installed, Outcome, Verdict
from comet_updates_client.machine import Computer
from comet_updates_client.source_minisign import SIGNATURE_MAX_BYTES, Minisign
from tests.client.conftest import NOW, Server, http, manifest

PAIR, OTHER = minisign.KeyPair.generate(), minisign.KeyPair.generate()
PATH = "comet-cursor/stable/manifest.json"
BODY = manifest("4.3.0")
URL = b"GET /v1/comet-cursor/stable "
SIGNATURE_URL = b"GET /v1/comet-cursor/stable/manifest.json.minisig "
IN_DATE = "2027-02-25T12:00:00Z"


def comment(expires: str = IN_DATE, path: str = PATH) -> str:
    return f"timestamp:{NOW.timestamp():.0f} expires:{expires} file:{path}"


def signature(body: bytes = BODY, trusted: str | None = None, pair: minisign.KeyPair = PAIR) -> bytes:
    return bytes(pair.secret_key.sign(body, trusted_comment=comment() if trusted is None else trusted))


class InstalledApp:
    """A copy of an app that has a key, and a service whose answers a test sets."""

    def __init__(self, folder: Path, tls: ssl.SSLContext) -> None:
        self.manifest: bytes | None = BODY
        self.signature: bytes | None = signature()
        self.server = Server(self._answer)
        self._tls = tls
        channel = request.channel(f"{self.server.url}/v1/comet-cursor/stable")
        own = Installed(Scheme.SEMVER, "4.2.0")
        computer = Computer("windows", "x86_64", "10.0")
        self.app = App(channel, own, computer, folder / "state.json", source=Minisign(PAIR.public_key))

    def _answer(self, asked: bytes) -> bytes:
        body = self.signature if asked.startswith(SIGNATURE_URL) else self.manifest
        return http(b"{}", "404 Not Found") if body is None else http(body, cache_control="max-age=300")

    def look(self) -> Verdict:
        return check.look(self.app, self._tls, NOW, Random(1), only_if_due=False)

    def refused(self) -> TrustFailure:
        with pytest.raises(UntrustedAnswerError) as refusal:
            self.look()
        assert state.read(self.app.memory, Random(1)).failures == 1
        return refusal.value.why


@pytest.fixture
def copy(tmp_path: Path, tls: ssl.SSLContext) -> Iterator[InstalledApp]:
    copy = InstalledApp(tmp_path, tls)
    with copy.server:
        yield copy


def test_a_signed_manifest_that_is_in_date_is_taken(copy: InstalledApp) -> None:
    assert copy.look().outcome is Outcome.UPDATE


def test_both_requests_are_those_that_are_shown(copy: InstalledApp) -> None:
    copy.look()
    copy.look()
    assert copy.server.received == list(copy.app.source.requests(copy.app.channel)) * 2
    assert [each.partition(b"HTTP")[0] for each in copy.server.received[:2]] == [URL, SIGNATURE_URL]


def test_what_our_own_pipeline_signs_is_taken(copy: InstalledApp, tmp_path: Path) -> None:
    """Use both programs of the format: `signing` makes the signature, and minisign's library reads it."""
    key = create_private(tmp_path / "key.pem")
    uri = f"file2:{tmp_path / 'key.pem'}"
    made = sign.minisign(uri, [key], object_keys.target_path("comet-cursor", "stable"), BODY, NOW)
    assert made
    copy.signature = made.encode()
    public = minisig.public_key(sign.key_number(key), bytes.fromhex(key.keyval["public"]))
    copy.app = copy.app._replace(source=Minisign(verify.key(public)))
    assert copy.look().outcome is Outcome.UPDATE


def test_a_forged_manifest_is_refused(copy: InstalledApp) -> None:
    copy.manifest = manifest("4.3.1")
    assert copy.refused() is TrustFailure.FORGED


@pytest.mark.parametrize(
    "signed",
    [
        signature(pair=OTHER),
        signature(manifest("4.2.1")),
        signature().replace(b"2027-02-25", b"2028-02-25"),
        signature()[:-9],
        b"",
        b"<html>",
        b"untrusted comment: \xff\n\n\n\n",
    ],
    ids=["another key", "another manifest", "a changed expiry", "cut short", "nothing", "a page", "no text"],
)
def test_what_the_key_did_not_sign_is_refused(copy: InstalledApp, signed: bytes) -> None:
    copy.signature = signed
    assert copy.refused() is TrustFailure.FORGED


@pytest.mark.parametrize(
    "path", ["other/stable/manifest.json", "comet-cursor/beta/manifest.json", f"./{PATH}", "manifest.json", ""]
)
def test_a_signature_for_another_product_or_channel_is_refused(copy: InstalledApp, path: str) -> None:
    copy.signature = signature(trusted=comment(path=path))
    assert copy.refused() is TrustFailure.OF_ANOTHER


@pytest.mark.parametrize(
    ("seconds", "is_taken"), [(1, True), (0, False), (-1, False)], ids=["just not", "just", "a second ago"]
)
def test_what_is_over_is_refused(copy: InstalledApp, seconds: int, *, is_taken: bool) -> None:
    """Refuse an expired signature, since it may hide a newer release."""
    copy.signature = signature(trusted=comment(f"{NOW + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"))
    if is_taken:
        assert copy.look().outcome is Outcome.UPDATE
    else:
        assert copy.refused() is TrustFailure.OUT_OF_DATE


@pytest.mark.parametrize(
    "trusted",
    [
        f"timestamp:1 file:{PATH}",
        f"timestamp:1 expires: file:{PATH}",
        f"timestamp:1 expires:2027-02-30T00:00:00Z file:{PATH}",
        f"timestamp:1 expires:2027-02-25 file:{PATH}",
        f"timestamp:1 expires:2027-02-25T12:00:00+00:00 file:{PATH}",
        f"timestamp:1 expires:{IN_DATE} expires:2020-01-01T00:00:00Z file:{PATH}",
    ],
    ids=["none", "empty", "no day", "a day alone", "another form", "two"],
)
def test_without_an_end_nothing_is_taken(copy: InstalledApp, trusted: str) -> None:
    copy.signature = signature(trusted=trusted)
    assert copy.refused() is TrustFailure.OUT_OF_DATE


@pytest.mark.parametrize("trusted", ["", f"timestamp:1 expires:{IN_DATE}", f"{comment()} file:{PATH}"])
def test_what_does_not_say_what_it_is_of_just_once_is_refused(copy: InstalledApp, trusted: str) -> None:
    copy.signature = signature(trusted=trusted)
    assert copy.refused() is TrustFailure.OF_ANOTHER


def test_what_is_added_to_the_comment_later_does_no_harm(copy: InstalledApp) -> None:
    copy.signature = signature(trusted=f"{comment()} serial:7")
    assert copy.look().outcome is Outcome.UPDATE


def test_a_manifest_without_a_signature_is_refused(copy: InstalledApp) -> None:
    copy.signature = None
    assert copy.refused() is TrustFailure.UNSIGNED


def test_that_nothing_is_offered_is_not_believed(copy: InstalledApp) -> None:
    copy.manifest = copy.signature = None
    assert copy.refused() is TrustFailure.UNSIGNED


def test_what_is_huge_is_not_read(copy: InstalledApp) -> None:
    copy.signature = b"x" * (SIGNATURE_MAX_BYTES + 1)
    with pytest.raises(NoAnswerError, match="more than 10000 bytes"):
        copy.look()
    copy.manifest = b"x" * 1_000_001
    with pytest.raises(NoAnswerError, match="more than 1000000 bytes"):
        copy.look()


def test_a_service_that_is_down_says_when_to_come_back(copy: InstalledApp) -> None:
    copy.server.answer = lambda _: http(status="503 Service Unavailable", retry_after="7200")
    with pytest.raises(NoAnswerError, match="status 503"):
        copy.look()
    at = state.read(copy.app.memory, Random(1)).next_check
    assert at
    assert at - NOW >= timedelta(seconds=7200)
