"""Changes of the document about the publisher, which the pages for people show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from comet_updates import object_keys
from comet_updates.model.publisher import PublisherDocument
from comet_updates.publish.bucket import Bucket
from comet_updates.publish.publisher_document import PublisherUploads
from comet_updates.publish.stored import etag_of
from comet_updates.publish.uploads import parse
from comet_updates_cli import files
from comet_updates_cli.policy_edits import Plan, Wire

KEY = object_keys.PUBLISHER


def publisher(bucket: Bucket, file: Path | None, fields: Mapping[str, str], colours: Mapping[str, str]) -> Plan:
    """Return the plan to write the document about the publisher.

    Args:
        bucket: the bucket of the service.
        file: the new document. Without a file, the document in the bucket is changed, if there is one.
        fields: the fields to set.
        colours: the colours to set.

    Raises:
        RefusedUploadError: the document would be refused.
        StoreUnavailableError: S3 fails.
        UnreadableFileError: the file cannot be read.
    """
    etag = bucket.etags(KEY).get(KEY)  # first, so that the write fails if somebody else writes later
    document = {**_base(bucket, file), **fields}
    if colours:
        document["colours"] = {**(document.get("colours") or {}), **colours}
    body = parse.as_json(document)
    parse.check_size(KEY, len(body))
    parse.parse(PublisherDocument, KEY, body)
    return Plan(KEY, None if etag == etag_of(body) else body, etag, {})


def _base(bucket: Bucket, file: Path | None) -> Wire:
    if file:
        body = files.read(file, parse.UPLOAD_MAX_BYTES)
        parse.check_size(KEY, len(body))
        return parse.parse(PublisherDocument, KEY, body).wire
    found = PublisherUploads(bucket).read().document
    return found.wire if found else {"schema": 1}
