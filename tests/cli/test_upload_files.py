"""Test the upload of built files in parts that S3 checks: only missing files are sent, and none is overwritten."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.errors import ArtifactError
from comet_updates_cli import hash_files, upload_files
from comet_updates_cli.upload_files import PART_BYTES, Downloads, Place
from testkit.s3 import S3, Wire

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import PartTypeDef

pytestmark = pytest.mark.http

PARTS = 3
KEY = "comet-cursor/4.2.1/App.bin"


class Killed(BaseException):
    """An error that none of our code catches, as when the process is killed."""


class Upload:
    """A file, the URL that it goes to, and the requests of its upload."""

    def __init__(self, folder: Path, s3: S3, wire: Wire) -> None:
        self.s3, self.wire = s3, wire
        self.file = folder / "App.bin"
        self.save(random.Random(7).randbytes(PART_BYTES * (PARTS - 1) + 1_000))

    def save(self, body: bytes) -> None:
        self.file.write_bytes(body)

    def put(self, advance: Callable[[int], None] = lambda _: None) -> bool:
        downloads = Downloads(Place(self.s3.bucket, KEY.removesuffix("App.bin"), self.s3.endpoint))
        return downloads.put(self.file, hash_files.sums(self.file), advance)

    def sent(self, since: int) -> list[str]:
        """Return the requests that had a body: parts by number, or whole objects by path."""
        return [query or path for method, path, query, _, body in self.wire[since:] if method == "PUT" and body]

    def unfinished(self) -> int:
        return len(self.s3.client.list_multipart_uploads(Bucket=self.s3.bucket).get("Uploads", ()))


@pytest.fixture
def upload(tmp_path: Path, s3: S3, wire: Wire) -> Upload:
    return Upload(tmp_path, s3, wire)


def part_numbers(sent: list[str]) -> list[int]:
    return sorted(int(query.split("partNumber=")[1].split("&")[0]) for query in sent)


def test_a_large_file_goes_up_in_parts_and_arrives_as_it_is(upload: Upload) -> None:
    done: list[int] = []
    before = len(upload.wire)
    assert upload.put(done.append) is True
    assert part_numbers(upload.sent(before)) == [1, 2, 3]
    assert upload.s3.get(KEY) == upload.file.read_bytes()
    assert sum(done) == upload.file.stat().st_size
    assert upload.unfinished() == 0


def test_a_small_file_goes_up_in_one_piece(upload: Upload) -> None:
    upload.save(b"small")
    before = len(upload.wire)
    assert upload.put() is True
    assert len(upload.sent(before)) == 1
    assert upload.s3.get(KEY) == b"small"


@pytest.mark.parametrize("size_bytes", [5, PART_BYTES + 5], ids=["whole", "parts"])
def test_every_piece_carries_its_sha256_and_the_end_a_condition(upload: Upload, size_bytes: int) -> None:
    """S3 refuses a part whose bytes have another hash, and the completion if another object has the key."""
    upload.save(random.Random(1).randbytes(size_bytes))
    before = len(upload.wire)
    upload.put()
    ends = []
    for method, _, query, headers, body in upload.wire[before:]:
        told = dict(headers)
        if method == "PUT":
            assert told["HTTP_X_AMZ_CHECKSUM_SHA256"] == upload_files._sha256(body)
        if (method == "PUT" and not query) or (method == "POST" and "uploadId" in query):
            ends.append(told["HTTP_IF_NONE_MATCH"])
    assert ends == ["*"]


@pytest.mark.parametrize("size_bytes", [5, PART_BYTES + 5], ids=["whole", "parts"])
def test_a_second_time_sends_nothing(upload: Upload, size_bytes: int) -> None:
    upload.save(random.Random(1).randbytes(size_bytes))
    assert upload.put() is True
    before = len(upload.wire)
    assert upload.put() is False
    assert [request[0] for request in upload.wire[before:]] == ["HEAD"]


def test_what_somebody_else_sent_in_another_way_is_read_to_be_compared(upload: Upload) -> None:
    upload.s3.put(KEY, upload.file.read_bytes())
    assert upload.put() is False


@pytest.mark.parametrize("size_bytes", [5, PART_BYTES + 5], ids=["whole", "parts"])
@pytest.mark.parametrize("sent_by_us", [True, False])
def test_another_file_of_the_same_size_is_refused_and_left(
    upload: Upload, size_bytes: int, *, sent_by_us: bool
) -> None:
    first, second = (random.Random(seed).randbytes(size_bytes) for seed in (1, 2))
    upload.save(first)
    if sent_by_us:
        upload.put()
    else:
        upload.s3.put(KEY, first)
    upload.save(second)
    with pytest.raises(ArtifactError) as refused:
        upload.put()
    assert f"s3://{upload.s3.bucket}/{KEY} already exists with different content. Files are never" in str(refused.value)
    assert str(refused.value).startswith(str(upload.file))
    assert upload.s3.get(KEY) == first


def test_an_interrupted_upload_sends_only_what_is_missing(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(_: int) -> None:
        raise Killed

    monkeypatch.setattr(upload_files, "IN_FLIGHT", 1)
    before = len(upload.wire)
    with pytest.raises(Killed):
        upload.put(die)
    assert part_numbers(upload.sent(before)) == [1]
    before = len(upload.wire)
    assert upload.put() is True
    assert part_numbers(upload.sent(before)) == [2, 3]
    assert upload.s3.get(KEY) == upload.file.read_bytes()
    assert upload.unfinished() == 0


def test_a_part_that_is_there_with_other_bytes_is_sent_again(upload: Upload) -> None:
    where: dict[str, Any] = {"Bucket": upload.s3.bucket, "Key": KEY}
    left = upload.s3.client.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")["UploadId"]
    second = upload.file.read_bytes()[PART_BYTES : 2 * PART_BYTES]
    for number, body in ((1, b"x" * PART_BYTES), (2, second)):
        upload.s3.client.upload_part(**where, UploadId=left, PartNumber=number, Body=body)
    before = len(upload.wire)
    assert upload.put() is True
    assert part_numbers(upload.sent(before)) == [1, 3]
    assert upload.s3.get(KEY) == upload.file.read_bytes()


def test_an_unfinished_upload_of_another_kind_or_file_is_left_alone(upload: Upload) -> None:
    for key in (KEY, f"{KEY}.sig"):
        upload.s3.client.create_multipart_upload(Bucket=upload.s3.bucket, Key=key)
    assert upload.put() is True
    assert upload.s3.get(KEY) == upload.file.read_bytes()
    assert upload.unfinished() == 2


def test_a_file_that_changes_meanwhile_never_gets_there(upload: Upload) -> None:
    downloads = Downloads(Place(upload.s3.bucket, "", upload.s3.endpoint))
    sums = hash_files.sums(upload.file)
    upload.save(upload.file.read_bytes()[:-1] + b"!")
    with pytest.raises(ArtifactError, match="changed during the release"):
        downloads.put(upload.file, sums)
    upload.save(b"small")
    small = hash_files.sums(upload.file)
    upload.save(b"other")
    with pytest.raises(ArtifactError, match="changed during the release"):
        downloads.put(upload.file, small)
    assert upload.s3.keys() == []


@pytest.mark.parametrize("size_bytes", [5, PART_BYTES + 5], ids=["whole", "parts"])
@pytest.mark.parametrize("is_same", [True, False])
def test_who_is_overtaken_looks_what_is_there(upload: Upload, size_bytes: int, *, is_same: bool) -> None:
    upload.save(random.Random(1).randbytes(size_bytes))
    body = upload.file.read_bytes() if is_same else b"other"

    def overtake() -> None:
        method, _, query, _, sent = upload.wire[-1]
        if (method == "PUT" and sent and not query) or (method == "POST" and "uploadId" in query):
            upload.wire.watch = lambda: None
            upload.s3.put(KEY, body)

    upload.wire.watch = overtake
    if is_same:
        assert upload.put() is False
    else:
        with pytest.raises(ArtifactError, match="with different content"):
            upload.put()
    assert upload.s3.get(KEY) == body


def test_a_checksum_that_s3_lists_counts_more_than_an_etag() -> None:
    body = b"part"
    listed: PartTypeDef = {"ETag": '"other"', "ChecksumSHA256": upload_files._sha256(body)}
    assert upload_files._agrees(listed, upload_files._sha256(body), body)
    assert not upload_files._agrees(listed | {"ChecksumSHA256": "other"}, upload_files._sha256(body), body)
    assert upload_files._agrees({"ETag": f'"{hashlib.md5(body).hexdigest()}"'}, "", body)


def test_no_file_has_more_parts_than_s3_takes() -> None:
    assert upload_files._part_bytes(1) == PART_BYTES
    largest = 5 * 2**40
    assert -(-largest // upload_files._part_bytes(largest)) <= upload_files.PARTS_MAX


def test_a_bucket_that_is_not_there_is_named_with_what_to_do(upload: Upload) -> None:
    downloads = Downloads(Place("no-such-bucket", "", upload.s3.endpoint))
    with pytest.raises(StoreUnavailableError, match=r"'no-such-bucket': NoSuchBucket\. Check the name of the bucket"):
        downloads.put(upload.file, hash_files.sums(upload.file))
