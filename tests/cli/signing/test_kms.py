"""Test the online key in a KMS: which requests it gets, and how many."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.utils import ECDSAPrivateKey

from comet_updates_cli.signing import key_folder
from tests.signing.conftest import PATH, Client, HttpServer, TufPublisher

if TYPE_CHECKING:
    from testkit.s3 import S3, Wire


@pytest.fixture
def kms(aws: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a client of moto's KMS, changed to sign digests as AWS does. moto itself hashes them once more."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", aws)

    def sign(self: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        assert signing_algorithm == "ECDSA_SHA_256"
        assert len(message) == hashlib.sha256().digest_size
        signature: bytes = self.private_key.sign(message, ec.ECDSA(Prehashed(hashes.SHA256())))
        return signature

    monkeypatch.setattr(ECDSAPrivateKey, "sign", sign)
    return boto3.client("kms")


@pytest.fixture
def house(kms: Any, s3: S3, tmp_path: Path, open_sinks: None) -> TufPublisher:
    """Return a publisher with an online key in the KMS. The ceremony knows its public half."""
    arn = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    house = TufPublisher(s3, tmp_path, online=f"awskms:{arn}")
    key_folder.export(house.online, house.keys / "online.pem.pub")
    house.begin()
    return house


def asked(wire: Wire, since: int = 0) -> Counter[str]:
    """Return the number of requests to the KMS, by the name of the operation."""
    targets = (dict(headers).get("HTTP_X_AMZ_TARGET", "") for _, _, _, headers, _ in wire[since:])
    return Counter(target.removeprefix("TrentService.") for target in targets if target.startswith("TrentService."))


def test_clients_verify_what_a_key_in_the_kms_signed(house: TufPublisher, web: HttpServer, tmp_path: Path) -> None:
    house.release("4.2.1")
    house.sweep()
    assert Client(web, house.first_root, tmp_path / "client").check() == house.s3.get(f"public/v1/{PATH}")


def test_release_takes_two_signatures_and_no_other_request_to_the_kms(house: TufPublisher, wire: Wire) -> None:
    house.sweep()
    since = len(wire)
    house.release("4.2.1")
    house.sweep()
    assert asked(wire, since) == {"Sign": 2}
    house.sweep()
    assert asked(wire, since) == {"Sign": 2}


def test_month_without_a_release_takes_about_one_signature_a_day(house: TufPublisher, wire: Wire) -> None:
    house.release("4.2.1")
    house.sweep()
    since = len(wire)
    house.publisher.load_trust()
    for _ in range(30 * 4):
        house.later(hours=6)
        house.publisher.publish_trust()
    assert 30 <= asked(wire, since)["Sign"] <= 40


@pytest.mark.http
def test_a_kms_that_does_not_sign_stops_no_other_document(house: TufPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
    house.release("4.2.1")
    house.sweep()
    before = house.s3.get("public/tuf/metadata/timestamp.json")
    monkeypatch.setattr(ECDSAPrivateKey, "sign", lambda *_: b"no signature")
    house.release("4.3.0")
    with pytest.raises(house.failed):
        house.sweep()
    assert house.s3.json(f"public/v1/{PATH}")["version"] == "4.3.0"
    assert house.s3.get("public/tuf/metadata/timestamp.json") == before
