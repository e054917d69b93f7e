from __future__ import annotations

import base64
import io
from typing import BinaryIO

import minisign
import pytest

from comet_updates.errors import RefusedDownloadError
from comet_updates_client import verify
from comet_updates_client.manifest import Artifact
from tests.client.conftest import artifact

BODY = b"new version"
PAIR, OTHER = minisign.KeyPair.generate(), minisign.KeyPair.generate()
URL = "https://downloads.example.com/app.tar.gz"


def signature(body: bytes, pair: minisign.KeyPair = PAIR, *, is_prehashed: bool = True) -> str:
    """Return a signature in the form of Tauri's releases."""
    signed = pair.secret_key.sign(body, trusted_comment="timestamp:1", prehash=is_prehashed)
    return base64.b64encode(bytes(signed)).decode()


def signed(told: str) -> Artifact:
    return artifact(BODY, URL, signatures={"minisign": told})


@pytest.fixture
def file() -> BinaryIO:
    opened = io.BytesIO(BODY)
    opened.seek(3)  # wherever the last write ended
    return opened


@pytest.mark.parametrize(
    "told",
    [
        signature(BODY),
        signature(BODY, is_prehashed=False),
        base64.b64decode(signature(BODY)).decode(),
    ],
    ids=["as Tauri has it", "of the older form", "as minisign has it"],
)
def test_what_the_key_signed_is_taken(file: BinaryIO, told: str) -> None:
    verify.check(file, signed(told), PAIR.public_key)


def forged_comment() -> str:
    lines = base64.b64decode(signature(BODY)).replace(b"timestamp:1", b"timestamp:2")
    return base64.b64encode(lines).decode()


@pytest.mark.parametrize(
    "told",
    [
        signature(BODY, OTHER),
        signature(b"old version"),
        forged_comment(),
        signature(BODY)[:-8],
        base64.b64encode(b"untrusted comment: \xff\n").decode(),
        "!",
        "\udcff",
        "untrusted comment: \udcff",
    ],
    ids=[
        *("another key", "another file", "another comment", "cut short", "no text", "no base64", "no letter"),
        "no letter in it",
    ],
)
def test_what_it_did_not_sign_is_refused(file: BinaryIO, told: str) -> None:
    with pytest.raises(RefusedDownloadError, match="not signed with the key that this app trusts"):
        verify.check(file, signed(told), PAIR.public_key)


def test_a_key_asks_for_a_signature() -> None:
    with pytest.raises(RefusedDownloadError, match="not signed"):
        verify.check_promised(artifact(BODY, URL), PAIR.public_key)
    assert verify.check_promised(artifact(BODY, URL), None) == len(BODY)


@pytest.mark.parametrize("fields", [{"size": None}, {"sha256": None}, {"sha256": None, "sha1": "0" * 40}], ids=str)
def test_what_cannot_be_verified_is_not_downloaded(fields: dict[str, str | None]) -> None:
    with pytest.raises(RefusedDownloadError, match="does not state the file's size and hash"):
        verify.check_promised(artifact(BODY, URL, **fields), None)


@pytest.mark.parametrize("fields", [{"size": 12}, {"sha256": "0" * 64}, {"sha512": "0" * 128}], ids=str)
def test_size_and_every_hash_that_is_stated_have_to_be_right(file: BinaryIO, fields: dict[str, object]) -> None:
    assert verify.has_its_bytes(file, artifact(BODY, URL))
    assert not verify.has_its_bytes(file, artifact(BODY, URL, **fields))


def test_a_key_is_read_as_minisign_and_as_tauri_write_it() -> None:
    line, whole = PAIR.public_key.to_base64().decode(), bytes(PAIR.public_key)
    for text in (line, whole.decode(), f"{whole.decode()}\n", base64.b64encode(whole).decode()):
        assert verify.key(text) == PAIR.public_key


@pytest.mark.parametrize("text", ["", " ", "RW", "RWQ", "\u00fc", "AAAA", "RW" + "A" * 54])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(RefusedDownloadError):
        verify.check(io.BytesIO(), artifact(BODY, URL), verify.key(text))
