"""The bucket as the publisher sees it: list, read, and write only if nobody else did. The only user of boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.errors import ConcurrentPublishError
from comet_updates.publish.stored import Current, Listed, Stored, etag_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

Page = TypeVar("Page", bound=Mapping[str, object])
Result = TypeVar("Result")
MAX_CONNECTIONS = 32
ATTEMPTS = 5
"""The number of times that we try a write while others keep writing first."""

_REMEDIES = {
    "404": "Check that --endpoint-url is the URL of an S3",
    "AccessDenied": "Use credentials that may do this; docs/releasing.md lists the rights",
    "403": "Use credentials that may do this; docs/releasing.md lists the rights",
    "ExpiredToken": "Sign in again",
    "InvalidAccessKeyId": "Check AWS_ACCESS_KEY_ID, and that --endpoint-url is the S3 that it is for",
    "NoSuchBucket": "Check the name of the bucket, and that --endpoint-url is the S3 that it is in",
    "SignatureDoesNotMatch": "Check AWS_SECRET_ACCESS_KEY",
}

# 412: the object is not what the condition says; 409: somebody is writing it now; 404: If-Match on what is gone.
_LOST_RACE = frozenset(
    {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "NoSuchUpload", "412", "409", "404"}
)


class Bucket:
    """A bucket; everything here raises `StoreUnavailableError` when S3 fails for good.

    Args:
        client: boto3's S3 client; see `open_bucket`.
        name: the bucket's name.
    """

    def __init__(self, client: S3Client, name: str) -> None:
        self._s3 = client
        self._name = name

    def listed(self, prefix: str) -> dict[str, Listed]:
        """What the bucket says of every object below `prefix`, by key."""
        with _of_s3(self._name):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)
            return {
                found["Key"]: Listed(found["ETag"], found["LastModified"])
                for page in _whole(pages)
                for found in page.get("Contents", ())
            }

    def etags(self, prefix: str) -> dict[str, str]:
        """The ETag of every object below `prefix`, by key."""
        return {key: found.etag for key, found in self.listed(prefix).items()}

    def children(self, prefix: str) -> tuple[list[str], list[str]]:
        """What stands directly below `prefix`: keys, and prefixes of more keys."""
        with _of_s3(self._name):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix, Delimiter="/")
            keys, prefixes = [], []
            for page in _whole(pages):
                keys += [found["Key"] for found in page.get("Contents", ())]
                prefixes += [found["Prefix"] for found in page.get("CommonPrefixes", ())]
            return keys, prefixes

    def versions(self, prefix: str) -> dict[str, tuple[Stored, ...]]:
        """The versions of every existing object below `prefix` since it was last deleted, the newest first, by key."""
        with _of_s3(self._name):
            pages = _whole(self._s3.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=prefix))
            deleted_at: dict[str, datetime] = {}
            for marker in (marker for page in pages for marker in page.get("DeleteMarkers", ())):
                deleted_at.setdefault(marker["Key"], marker["LastModified"])
            found: dict[str, list[Stored]] = {}
            for version in (version for page in pages for version in page.get("Versions", ())):
                key = version["Key"]
                if key not in deleted_at or version["IsLatest"] or version["LastModified"] > deleted_at[key]:
                    stored = Stored(
                        key, version["VersionId"], version["ETag"], version["Size"], version["LastModified"]
                    )
                    found.setdefault(key, []).append(stored)
            return {key: tuple(stored) for key, stored in found.items()}

    def get(self, stored: Stored) -> bytes:
        """The bytes of one version, and not others: raises `StoreUnavailableError` for what its ETag does not say."""
        with _of_s3(self._name):
            found = self._s3.get_object(Bucket=self._name, Key=stored.key, VersionId=stored.version_id)
            return _body(found, stored.etag, stored.size_bytes)

    def current(self, key: str) -> Current | None:
        """An object as it is; `None` if there is none. Raises `StoreUnavailableError` as `get` does."""
        try:
            with _of_s3(self._name):
                found = self._s3.get_object(Bucket=self._name, Key=key)
                return Current(_body(found, found["ETag"], found["ContentLength"]), found["ETag"])
        except ConcurrentPublishError:  # what a condition does not hold for is just not there
            return None

    def put(self, key: str, body: bytes, content_type: str, *, replaces: str | None) -> None:
        """Write `body` if the object still has the ETag `replaces`, or still does not exist if that is `None`.

        Raises:
            ConcurrentPublishError: it was written or deleted meanwhile; nothing is changed.
        """
        with _of_s3(self._name):
            if replaces is None:
                done = self._s3.put_object(
                    Bucket=self._name, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*"
                )
            else:
                done = self._s3.put_object(
                    Bucket=self._name, Key=key, Body=body, ContentType=content_type, IfMatch=replaces
                )
            if done["ETag"] != etag_of(body):
                raise StoreUnavailableError("S3 wrote other bytes than it was sent")

    def delete(self, key: str, *, replaces: str) -> None:
        """Delete the object if it still has the ETag `replaces`. Raises `ConcurrentPublishError` as `put` does."""
        with _of_s3(self._name):
            self._s3.delete_object(Bucket=self._name, Key=key, IfMatch=replaces)


@contextmanager
def _of_s3(name: str) -> Iterator[None]:
    """As `translated_errors`; an answer that no S3 gives is a failure of S3, too."""
    try:
        with translated_errors(name):
            yield
    except (ResponseParserError, LookupError, ValueError, RecursionError) as error:
        # The last is boto3, on its way to one region after another, as long as it is sent on.
        raise StoreUnavailableError("what answered is no S3. Check --endpoint-url.") from error


def _body(found: GetObjectOutputTypeDef, etag: str, size_bytes: int) -> bytes:
    """The bytes that S3 sends; raises `StoreUnavailableError` if they are not those of this ETag and size."""
    body = found["Body"].read()
    # Who uploads may choose another encryption, or parts: then the ETag is no MD5, and the size has to do.
    is_md5 = "-" not in etag and found.get("ServerSideEncryption", "AES256") == "AES256"
    if len(body) != size_bytes or (is_md5 and etag_of(body) != etag):
        raise StoreUnavailableError("S3 sent other bytes than it stores")
    return body


def _whole(pages: Iterable[Page]) -> list[Page]:
    """The pages of a listing; raises `LookupError` for what is none. To boto3, nothing at all would be an empty one."""
    found = list(pages)
    if any("IsTruncated" not in page for page in found):
        raise LookupError
    return found


@contextmanager
def translated_errors(name: str) -> Iterator[None]:
    """Raise our own errors in place of boto3's.

    Args:
        name: of the bucket that is asked.

    Raises:
        ConcurrentPublishError: somebody else wrote first.
        StoreUnavailableError: S3 fails or cannot be asked; the text says what to do.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _LOST_RACE and not error.operation_name.startswith("List"):  # a list can lose no race
            raise ConcurrentPublishError("somebody else wrote first") from error
        remedy = _REMEDIES.get(code, "Look it up in the S3 documentation")
        raise StoreUnavailableError(f"S3 refused a request for the bucket {name!r}: {code}. {remedy}.") from error
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound, CredentialRetrievalError) as error:
        raise StoreUnavailableError(
            f"there are no AWS credentials: {error}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        ) from error
    except ParamValidationError as error:
        raise StoreUnavailableError(f"{name!r} is no name that a bucket can have. Check --bucket.") from error
    except BotoCoreError as error:
        raise StoreUnavailableError(
            f"S3 did not answer: {error}. Check the network, --endpoint-url and the region (AWS_REGION)."
        ) from error


def open_bucket(name: str, endpoint_url: str | None) -> Bucket:
    """The bucket `name` in AWS's S3 or in another, with credentials and region as boto3 reads them from `AWS_*`."""
    return Bucket(open_client(name, endpoint_url, read_timeout_s=5), name)


def open_client(name: str, endpoint_url: str | None, *, read_timeout_s: float) -> S3Client:
    """boto3's client for an S3 that has the bucket `name`. Raises `StoreUnavailableError` if it cannot be made."""
    config = Config(
        connect_timeout=2,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=MAX_CONNECTIONS,
    )
    try:
        with translated_errors(name):
            return boto3.client("s3", endpoint_url=endpoint_url, config=config)
    except ValueError as error:  # what boto3 raises for no URL at all
        raise StoreUnavailableError(f"{endpoint_url!r} is no URL of an S3. Write it with https://.") from error


class WriteResult(NamedTuple):
    """What a run did to one product."""

    written: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    def and_then(self, later: WriteResult) -> WriteResult:
        """This, and what was done after it."""
        return WriteResult(self.written + later.written, self.deleted + later.deleted)


def write_changes(bucket: Bucket, existing: Mapping[str, str], wanted: Mapping[str, bytes]) -> WriteResult:
    """Make the objects `existing` (ETags by key) be `wanted`: put what differs, in its order; delete the rest.

    Raises:
        ConcurrentPublishError: one of them is not what `existing` says any more; some may be written already.
        StoreUnavailableError: S3 fails.
    """
    written, deleted = [], []
    for key, body in wanted.items():
        etag = existing.get(key)
        if etag is None and key.startswith(object_keys.REJECTED_LONG_KEYS):  # these are not listed by product
            etag = bucket.etags(key).get(key)
        if etag != etag_of(body):
            bucket.put(key, body, urls.content_type(key), replaces=etag)
            written.append(key)
    for key in sorted(set(existing) - set(wanted)):
        bucket.delete(key, replaces=existing[key])
        deleted.append(key)
    return WriteResult(tuple(written), tuple(deleted))


def retry_conflicts(attempt: Callable[[], Result]) -> Result:
    """Return the result of `attempt`. After a conflict, call it again, up to `ATTEMPTS` times in all.

    Args:
        attempt: reads the current state, then writes on the condition that nobody else has written.

    Raises:
        ConcurrentPublishError: the last attempt met a conflict, too.
        CometError: another error of `attempt`; it is not retried.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(ConcurrentPublishError):
            return attempt()
    return attempt()
