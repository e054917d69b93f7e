"""Uploads built files to S3 for clients to download: verified by S3, resumed after an interruption, never overwritten.

Source: S3's API reference, "Checking object integrity" and "Conditional writes". The checksum of an object uploaded in
parts is the SHA-256 of its parts' SHA-256 ("composite"). It is comparable only for parts of the same size.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

from comet_updates.errors import ArtifactError, ConcurrentPublishError
from comet_updates.publish.bucket import open_client, translated_errors
from comet_updates.publish.stored import etag_of
from comet_updates_cli import files
from comet_updates_cli.hash_files import CHUNK_BYTES, Sums

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, PartTypeDef

PART_BYTES = 8 << 20  # smaller files are uploaded in one piece
PARTS_MAX = 10_000  # S3's own limit
IN_FLIGHT = 4  # times the parts' size: how much of a file is in memory
READ_TIMEOUT_S = 60  # S3 answers only when it has the whole part

Advance = Callable[[int], None]


class Place(NamedTuple):
    """A folder in an S3.

    Attributes:
        bucket: the bucket's name.
        prefix: the prefix of the keys; empty, or with a slash at its end.
        endpoint_url: the URL to use instead of AWS; `None` for AWS.
    """

    bucket: str
    prefix: str
    endpoint_url: str | None

    def url(self, file: Path) -> str:
        """Return the s3:// URL of a file in this folder."""
        return f"s3://{self.bucket}/{self.prefix}{file.name}"


class Downloads:
    """The files in a folder of S3. All methods raise `StoreUnavailableError` if S3 still fails after retries."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._s3: S3Client = open_client(place.bucket, place.endpoint_url, read_timeout_s=READ_TIMEOUT_S)

    def holds(self, file: Path, sums: Sums) -> bool:
        """Return whether the file is already uploaded.

        Raises:
            ArtifactError: a different file has its name.
        """
        with translated_errors(self._place.bucket):
            return self._holds(file, sums)

    def put(self, file: Path, sums: Sums, advance: Advance = lambda _: None) -> bool:
        """Upload a file. Return `False` if it was already uploaded.

        Args:
            file: the file to upload.
            sums: its size and hashes in the release; the file must not have changed since.
            advance: called with the number of bytes of each uploaded piece.

        Raises:
            ArtifactError: a different file has its name, or the file has changed; S3 stays unchanged.
            ConcurrentPublishError: somebody else is uploading a different file of this name.
        """
        if self.holds(file, sums):
            advance(sums.size_bytes)
            return False
        try:
            with translated_errors(self._place.bucket):
                send = self._put_whole if sums.size_bytes <= PART_BYTES else self._put_in_parts
                send(file, sums, advance)
        except ConcurrentPublishError:
            if self.holds(file, sums):  # somebody else has just uploaded the same file
                return False
            raise ConcurrentPublishError(
                f"{self._place.url(file)}: somebody else is uploading it. Try again."
            ) from None
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
            or self._sha256_there(file) == sums.sha256  # uploaded with another tool: hash it
        )
        if not is_same:
            raise ArtifactError(
                str(file),
                f"{self._place.url(file)} already exists with different content",
                "Files are never replaced, because clients may have them. Release a new version, or choose another"
                " --upload-to",
            )
        return True

    def _sha256_there(self, file: Path) -> str:
        found = hashlib.sha256()
        body = self._s3.get_object(Bucket=self._place.bucket, Key=self._key(file))["Body"]
        for chunk in body.iter_chunks(CHUNK_BYTES):
            found.update(chunk)
        return found.hexdigest()

    def _put_whole(self, file: Path, sums: Sums, advance: Advance) -> None:
        body = files.read(file, sums.size_bytes)
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
                if number > IN_FLIGHT:  # do not read more of the file than can be uploaded
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
        """Return the latest interrupted upload of this file and its parts by number; or a new upload without parts."""
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
        """Upload a part, unless S3 already has exactly this one."""
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
    """Return whether an uploaded part has this checksum. An S3 without checksums in its list gives the MD5 as ETag."""
    return there["ChecksumSHA256"] == checksum if "ChecksumSHA256" in there else there["ETag"] == etag_of(body)


def _part_bytes(size_bytes: int) -> int:
    """Return the size of a file's parts. It is always the same for a file, so that another run can continue."""
    return max(PART_BYTES, -(-size_bytes // PARTS_MAX))


def _parts(file: Path, size_bytes: int) -> Iterator[bytes]:
    with files.opened(file) as opened:
        while body := opened.read(_part_bytes(size_bytes)):
            yield body


def _told(checksum: str, file: Path, sums: Sums) -> bool:
    """Return whether S3's checksum of an object is that of this file, uploaded whole or in our parts."""
    digest = checksum.partition("-")[0]  # the number of parts follows it
    if not digest or digest == _in_base64(bytes.fromhex(sums.sha256)):
        return bool(digest)
    return digest == _sha256(b"".join(hashlib.sha256(body).digest() for body in _parts(file, sums.size_bytes)))


def _sha256(body: bytes) -> str:
    return _in_base64(hashlib.sha256(body).digest())


def _in_base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _same(file: Path, sha256: str, sums: Sums) -> None:
    if sha256 != sums.sha256:
        raise ArtifactError(str(file), "changed during the release", "Run this again when the build has finished")
