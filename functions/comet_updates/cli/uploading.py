"""Puts built files where clients download them: checked by S3, resumed where it was interrupted, never over another.

Source: S3's API reference, "Checking object integrity" and "Conditional writes". The checksum of an object that came in
parts is the SHA-256 of the SHA-256 of its parts ("composite"), which says the same only of parts of the same size.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

from comet_updates.cli.hashing import CHUNK_BYTES, Sums
from comet_updates.errors import ArtifactError, ConcurrentPublishError
from comet_updates.publish.bucket import etag_of, open_client, translated_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, PartTypeDef

PART_BYTES = 8 << 20  # what fits is sent in one piece
PARTS_MAX = 10_000  # S3's own limit
IN_FLIGHT = 4  # with the parts' size: how much of a file is in memory
READ_TIMEOUT_S = 60  # S3 answers a part once it has all of it

Advance = Callable[[int], None]


class Place(NamedTuple):
    """A folder in an S3.

    Attributes:
        bucket: its name.
        prefix: what the keys begin with; empty, or with a slash at its end.
        endpoint_url: of another S3 than Amazon's.
    """

    bucket: str
    prefix: str
    endpoint_url: str | None

    def url(self, file: Path) -> str:
        """Where a file goes, as people write it."""
        return f"s3://{self.bucket}/{self.prefix}{file.name}"


class Downloads:
    """The files in a place; everything here raises `StoreUnavailableError` when S3 fails for good."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._s3: S3Client = open_client(place.bucket, place.endpoint_url, read_timeout_s=READ_TIMEOUT_S)

    def holds(self, file: Path, sums: Sums) -> bool:
        """Whether the file is there already. Raises `ArtifactError` if another is there in its place."""
        with translated_errors(self._place.bucket):
            return self._holds(file, sums)

    def put(self, file: Path, sums: Sums, advance: Advance = lambda _: None) -> bool:
        """Put a file there. Gives `False` if it was there already.

        Args:
            file: what to send.
            sums: what is released of it: it must not have changed since.
            advance: is told how many bytes more are there.

        Raises:
            ArtifactError: another is there in its place, or the file has changed; what is there stays as it is.
            ConcurrentPublishError: somebody else is sending another.
        """
        if self.holds(file, sums):
            advance(sums.size_bytes)
            return False
        try:
            with translated_errors(self._place.bucket):
                send = self._put_whole if sums.size_bytes <= PART_BYTES else self._put_in_parts
                send(file, sums, advance)
        except ConcurrentPublishError:
            if self.holds(file, sums):  # somebody else was faster, with the same
                return False
            raise ConcurrentPublishError(f"{self._place.url(file)}: somebody else is sending it. Try again") from None
        return True

    def _holds(self, file: Path, sums: Sums) -> bool:
        try:
            there = self._s3.head_object(Bucket=self._place.bucket, Key=self._key(file), ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "404":
                return False
            raise
        is_same = there["ContentLength"] == sums.size_bytes and (
            _told(there.get("ChecksumSHA256", ""), file, sums)
            or self._sha256_there(file) == sums.sha256  # sent in another way than ours: read it
        )
        if not is_same:
            raise ArtifactError(
                str(file),
                f"{self._place.url(file)} is there already, with other content",
                "What clients may have is never replaced: build under a new version, or choose another --upload-to",
            )
        return True

    def _sha256_there(self, file: Path) -> str:
        found = hashlib.sha256()
        body = self._s3.get_object(Bucket=self._place.bucket, Key=self._key(file))["Body"]
        for chunk in body.iter_chunks(CHUNK_BYTES):
            found.update(chunk)
        return found.hexdigest()

    def _put_whole(self, file: Path, sums: Sums, advance: Advance) -> None:
        body = file.read_bytes()
        _same(file, hashlib.sha256(body).hexdigest(), sums)
        self._s3.put_object(
            Bucket=self._place.bucket,
            Key=self._key(file),
            Body=body,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=_sha256(body),
            IfNoneMatch="*",
        )
        advance(len(body))

    def _put_in_parts(self, file: Path, sums: Sums, advance: Advance) -> None:
        upload_id, there = self._unfinished(file)

        def put(number: int, body: bytes) -> CompletedPartTypeDef:
            part = self._part(file, upload_id, number, body, there.get(number))
            advance(len(body))
            return part

        whole = hashlib.sha256()
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            parts: list[Future[CompletedPartTypeDef]] = []
            for number, body in enumerate(_parts(file, sums.size_bytes), 1):
                whole.update(body)
                if number > IN_FLIGHT:  # so that no more of the file is read than can be sent
                    parts[number - IN_FLIGHT - 1].result()
                parts.append(pool.submit(put, number, body))
            completed = [part.result() for part in parts]
        _same(file, whole.hexdigest(), sums)
        self._s3.complete_multipart_upload(
            Bucket=self._place.bucket,
            Key=self._key(file),
            UploadId=upload_id,
            MultipartUpload={"Parts": completed},
            IfNoneMatch="*",
        )

    def _unfinished(self, file: Path) -> tuple[str, dict[int, PartTypeDef]]:
        """The upload of this file that was interrupted last, and its parts by number; or a new one, without parts."""
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._place.bucket, Prefix=self._key(file)
        )
        uploads = [
            upload
            for page in pages
            for upload in page.get("Uploads", ())
            if upload["Key"] == self._key(file) and upload.get("ChecksumAlgorithm") == "SHA256"
        ]
        if not uploads:
            made = self._s3.create_multipart_upload(
                Bucket=self._place.bucket, Key=self._key(file), ChecksumAlgorithm="SHA256", ChecksumType="COMPOSITE"
            )
            return made["UploadId"], {}
        upload_id = max(uploads, key=lambda upload: upload["Initiated"])["UploadId"]
        listed = self._s3.get_paginator("list_parts").paginate(
            Bucket=self._place.bucket, Key=self._key(file), UploadId=upload_id
        )
        return upload_id, {part["PartNumber"]: part for page in listed for part in page.get("Parts", ())}

    def _part(
        self, file: Path, upload_id: str, number: int, body: bytes, there: PartTypeDef | None
    ) -> CompletedPartTypeDef:
        """Send a part, unless just this one is there."""
        checksum = _sha256(body)
        if there and there["Size"] == len(body) and _agrees(there, checksum, body):
            etag = there["ETag"]
        else:
            etag = self._s3.upload_part(
                Bucket=self._place.bucket,
                Key=self._key(file),
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=checksum,
            )["ETag"]
        return {"PartNumber": number, "ETag": etag, "ChecksumSHA256": checksum}

    def _key(self, file: Path) -> str:
        return self._place.prefix + file.name


def _agrees(there: PartTypeDef, checksum: str, body: bytes) -> bool:
    """Whether a part that is there has this checksum. An S3 that does not list it says the MD5."""
    return there["ChecksumSHA256"] == checksum if "ChecksumSHA256" in there else there["ETag"] == etag_of(body)


def _part_bytes(size_bytes: int) -> int:
    """How large the parts of a file are: always the same for the same file, so that another run continues it."""
    return max(PART_BYTES, -(-size_bytes // PARTS_MAX))


def _parts(file: Path, size_bytes: int) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while body := opened.read(_part_bytes(size_bytes)):
            yield body


def _told(checksum: str, file: Path, sums: Sums) -> bool:
    """Whether S3 says by its checksum that an object is this file, sent whole or in our parts."""
    digest = checksum.partition("-")[0]  # behind it stands the number of parts
    if not digest or digest == _in_base64(bytes.fromhex(sums.sha256)):
        return bool(digest)
    return digest == _sha256(b"".join(hashlib.sha256(body).digest() for body in _parts(file, sums.size_bytes)))


def _sha256(body: bytes) -> str:
    return _in_base64(hashlib.sha256(body).digest())


def _in_base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _same(file: Path, sha256: str, sums: Sums) -> None:
    if sha256 != sums.sha256:
        raise ArtifactError(str(file), "was changed while it was released", "Run this again once it is built")
