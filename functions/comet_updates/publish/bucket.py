"""The publisher's access to the bucket: list, read, and write on condition that nobody else wrote. Uses boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

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
from comet_updates.errors import ConcurrentPublishError, UnreadableObjectError
from comet_updates.publish.stored import Current, Listed, Stored, etag_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

Page = TypeVar("Page", bound=Mapping[str, object])
Result = TypeVar("Result")
MAX_CONNECTIONS = 32
ATTEMPTS = 5
"""The number of times that we try a write while others keep writing first."""

CLOCK_MAX_S = 300
"""How far the clock of this machine may be from S3's. A sweep runs as often, so a release may be as late anyway."""

_RIGHTS = "Use credentials with the rights that docs/ci.md lists, and docs/releasing.md for --upload-to"
_REMEDIES = {
    "RequestTimeTooSkewed": "Set the clock of this machine",
    "404": "Check that --endpoint-url is the URL of an S3 server",
    "AccessDenied": _RIGHTS,
    "403": _RIGHTS,
    "ExpiredToken": "Sign in again",
    "InvalidObjectState": "The object is in an archive. Restore it, or upload it again",
    "InvalidAccessKeyId": "Check AWS_ACCESS_KEY_ID and --endpoint-url",
    "NoSuchBucket": "Check the name of the bucket and --endpoint-url",
    "SignatureDoesNotMatch": "Check AWS_SECRET_ACCESS_KEY",
}

# 412: the object does not meet the condition; 409: somebody is writing it now; 404: If-Match on a deleted object. A 404
# without one of S3's codes comes from a server that is not S3.
_LOST_RACE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "NoSuchUpload", "412", "409"})


class Bucket:
    """A bucket. Every method raises `StoreUnavailableError` if S3 still fails after retries.

    Args:
        client: boto3's S3 client; see `open_bucket`.
        name: the bucket's name.
    """

    def __init__(self, client: S3Client, name: str) -> None:
        self._s3 = client
        self._name = name

    def listed(self, prefix: str) -> dict[str, Listed]:
        """Return the ETag and the time of every object below `prefix`, by key."""
        with _of_s3(self._name):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)
            return {
                found["Key"]: Listed(found["ETag"], found["LastModified"])
                for page in _whole(pages)
                for found in page.get("Contents", ())
            }

    def etags(self, prefix: str) -> dict[str, str]:
        """Return the ETag of every object below `prefix`, by key."""
        return {key: found.etag for key, found in self.listed(prefix).items()}

    def children(self, prefix: str) -> tuple[list[str], list[str]]:
        """Return the keys directly below `prefix`, and the prefixes of the keys further below."""
        with _of_s3(self._name):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix, Delimiter="/")
            keys, prefixes = [], []
            for page in _whole(pages):
                keys += [found["Key"] for found in page.get("Contents", ())]
                prefixes += [found["Prefix"] for found in page.get("CommonPrefixes", ())]
            return keys, prefixes

    def versions(self, prefix: str, *, deletions: bool = False) -> dict[str, tuple[Stored, ...]]:
        """Return the versions of every existing object below `prefix`, by key, the newest first.

        Versions from before an object was last deleted are left out. With `deletions`, everything is returned: all
        versions of objects that exist or existed, and each deletion.
        """
        with _of_s3(self._name):
            pages = _whole(self._s3.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=prefix))
            found: dict[str, list[tuple[datetime, bool, Stored]]] = {}
            for version in (version for page in pages for version in page.get("Versions", ())):
                key, at = version["Key"], version["LastModified"]
                stored = Stored(key, version["VersionId"], version["ETag"], version["Size"], at)
                found.setdefault(key, []).append((at, version["IsLatest"], stored))
            for marker in (marker for page in pages for marker in page.get("DeleteMarkers", ())):
                key, at = marker["Key"], marker["LastModified"]
                deletion = Stored(key, marker["VersionId"], "", 0, at)
                found.setdefault(key, []).append((at, marker["IsLatest"], deletion))
            # S3 stores times to the second. Of one second, the latest is known; a deletion counts as later than others.
            all_of = {
                key: tuple(stored for *_, stored in sorted(each, key=_age, reverse=True)) for key, each in found.items()
            }
            return all_of if deletions else since_deletion(all_of)

    def get(self, stored: Stored) -> bytes:
        """Return the bytes of one version.

        Raises:
            UnreadableObjectError: S3 refuses this object, or sends bytes that do not match its ETag and size.
            StoreUnavailableError: S3 fails.
        """
        try:
            with _of_s3(self._name):
                found = self._s3.get_object(Bucket=self._name, Key=stored.key, VersionId=stored.version_id)
                return _body(found, stored.etag, stored.size_bytes)
        except StoreUnavailableError as error:
            if isinstance(error.__cause__, BotoCoreError):  # S3 gave no answer
                raise
            raise UnreadableObjectError(stored.key, str(error)) from error

    def current(self, key: str) -> Current | None:
        """Return the current version of an object, or None if the object does not exist.

        Raises:
            StoreUnavailableError: S3 fails, or sends bytes that do not match the object's ETag and size.
        """
        with _of_s3(self._name):
            try:
                found = self._s3.get_object(Bucket=self._name, Key=key)
            except self._s3.exceptions.NoSuchKey:  # any other 404 is not about the object
                return None
            return Current(_body(found, found["ETag"], found["ContentLength"]), found["ETag"])

    def put(self, key: str, body: bytes, content_type: str, *, replaces: str | None) -> None:
        """Write `body` if the object still has the ETag `replaces`, or still does not exist if `replaces` is None.

        Raises:
            ConcurrentPublishError: somebody else wrote or deleted the object. It is not changed.
            StoreUnavailableError: S3 fails.
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
        """Delete the object if it still has the ETag `replaces`.

        Raises:
            ConcurrentPublishError: somebody else wrote or deleted the object. It is not changed.
            StoreUnavailableError: S3 fails.
        """
        with _of_s3(self._name):
            self._s3.delete_object(Bucket=self._name, Key=key, IfMatch=replaces)


def _age(one: tuple[datetime, bool, Stored]) -> tuple[datetime, bool, bool]:
    at, is_latest, stored = one
    return at, is_latest, stored.is_deletion


def since_deletion(versions: Mapping[str, tuple[Stored, ...]]) -> dict[str, tuple[Stored, ...]]:
    """Return the versions of each existing object that were written after its last deletion."""
    left = {key: tuple(takewhile(lambda stored: not stored.is_deletion, each)) for key, each in versions.items()}
    return {key: each for key, each in left.items() if each}


@contextmanager
def _of_s3(name: str) -> Iterator[None]:
    """Raise our own errors in place of boto3's, also for answers that cannot come from an S3 server.

    Args:
        name: the name of the bucket.

    Raises:
        ConcurrentPublishError: somebody else wrote first.
        StoreUnavailableError: S3 fails or cannot be reached, or the server is not S3.
    """
    try:
        with translated_errors(name):
            yield
    except (ResponseParserError, LookupError, ValueError, RecursionError) as error:
        # boto3 raises RecursionError if a server redirects it to one region after another.
        raise StoreUnavailableError("the server is not S3. Check --endpoint-url.") from error


def _body(found: GetObjectOutputTypeDef, etag: str, size_bytes: int) -> bytes:
    """Return the bytes that S3 sends.

    Raises:
        StoreUnavailableError: the bytes do not match the ETag and the size.
    """
    body = found["Body"].read()
    # An uploader may use another encryption, or multipart upload. The ETag is not an MD5 then: check only the size.
    is_md5 = "-" not in etag and found.get("ServerSideEncryption", "AES256") == "AES256"
    if len(body) != size_bytes or (is_md5 and etag_of(body) != etag):
        raise StoreUnavailableError("S3 sent other bytes than it stores")
    return body


def _whole(pages: Iterable[Page]) -> list[Page]:
    """Return the pages of a listing. boto3 itself takes an empty answer for an empty listing.

    Raises:
        LookupError: an answer is not a page of a listing.
    """
    found = list(pages)
    if any("IsTruncated" not in page for page in found):
        raise LookupError
    return found


@contextmanager
def translated_errors(name: str) -> Iterator[None]:
    """Raise our own errors in place of boto3's.

    Args:
        name: the name of the bucket.

    Raises:
        ConcurrentPublishError: somebody else wrote first.
        StoreUnavailableError: S3 fails or cannot be reached. The text names the remedy.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _LOST_RACE and not error.operation_name.startswith("List"):  # a listing has no condition
            raise ConcurrentPublishError("somebody else wrote first") from error
        remedy = _REMEDIES.get(code, "Look it up in the S3 documentation")
        raise StoreUnavailableError(f"S3 refused a request for the bucket {name!r}: {code}. {remedy}.") from error
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound, CredentialRetrievalError) as error:
        raise StoreUnavailableError(
            f"AWS credentials are missing: {error}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        ) from error
    except ParamValidationError as error:
        raise StoreUnavailableError(f"{name!r} is not a valid bucket name. Check --bucket.") from error
    except BotoCoreError as error:
        raise StoreUnavailableError(
            f"S3 did not answer: {error}. Check the network, --endpoint-url and the region (AWS_REGION)."
        ) from error


def open_bucket(name: str, endpoint_url: str | None) -> Bucket:
    """Open the bucket `name`. boto3 reads the credentials and the region from `AWS_*`.

    Args:
        name: the name of the bucket.
        endpoint_url: the URL of the S3 server, or None for AWS.

    Raises:
        StoreUnavailableError: the URL or the settings are not valid.
    """
    return Bucket(open_client(name, endpoint_url, read_timeout_s=5), name)


def open_client(name: str, endpoint_url: str | None, *, read_timeout_s: float) -> S3Client:
    """Return a boto3 client for the S3 server that has the bucket `name`.

    Raises:
        StoreUnavailableError: the URL or the settings are not valid.
    """
    config = Config(
        connect_timeout=2,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=MAX_CONNECTIONS,
    )
    try:
        with translated_errors(name):
            client = boto3.client("s3", endpoint_url=endpoint_url, config=config)
            client.meta.events.register("after-call.s3", _check_clock)
            return client
    except ValueError as error:  # boto3 raises this for an invalid URL
        raise StoreUnavailableError(f"{endpoint_url!r} is not the URL of an S3. Write it with https://.") from error


def _check_clock(parsed: Mapping[str, Any], **_: object) -> None:
    """Check the clock of this machine by the time in an answer of S3. Every run lists before it decides or writes.

    A clock that is ahead would publish what is not due. TUF clients would keep a state that was signed ahead of its
    time. AWS refuses requests that differ by 15 minutes, and other S3 servers often do not check.

    Raises:
        StoreUnavailableError: the clock differs from S3's by more than `CLOCK_MAX_S`.
    """
    try:
        at_s3 = parsedate_to_datetime(parsed["ResponseMetadata"]["HTTPHeaders"]["date"])
        difference_s = abs((datetime.now(UTC) - at_s3).total_seconds())
    except (LookupError, TypeError, ValueError):  # no time, or one without a time zone
        return
    if difference_s > CLOCK_MAX_S:
        raise StoreUnavailableError(
            f"the clock of this machine differs from S3's by {difference_s / 60:.0f} minutes. Set the clock."
        )


class WriteResult(NamedTuple):
    """The keys that a run wrote and deleted."""

    written: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    def and_then(self, later: WriteResult) -> WriteResult:
        """Return this change combined with a later one."""
        return WriteResult(self.written + later.written, self.deleted + later.deleted)


def write_changes(bucket: Bucket, existing: Mapping[str, str], wanted: Mapping[str, bytes]) -> WriteResult:
    """Change the objects `existing` (ETags by key) to `wanted`.

    Write the objects that differ, in the order of `wanted`, then delete those that are not in `wanted`.

    Raises:
        ConcurrentPublishError: an object no longer has the ETag in `existing`. Some objects may be written already.
        StoreUnavailableError: S3 fails.
    """
    written, deleted = [], []
    for key, body in wanted.items():
        etag = existing.get(key)
        if etag is None and key.startswith(object_keys.REJECTED_LONG_KEYS):  # listings by product do not contain these
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
