"""Waits until clients get what a command wrote, and prints what they get. The help of `comet-updates` has the codes."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates_cli import channel_status, wait_until_live
from comet_updates_cli.options import DONE, NOT_LIVE, REFUSED, Waiting, Where
from comet_updates_cli.terminal import say, warn

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.policy_edits import Plan
    from comet_updates_cli.wait_until_live import DocumentStatus, ReleaseStatus

POLL_S = 1.0
LATE = "late"


def follow(plan: Plan, bucket: Bucket, where: Where, waiting: Waiting, report: dict[str, Any]) -> int:
    """Wait for what a plan wrote, and return the exit code.

    Args:
        plan: the plan that was carried out, for a release, an approval or a channel policy.
        bucket: the bucket of the service.
        where: the options of the command.
        waiting: the service to ask, and for how long.
        report: gets the field `live` for `--json`.

    Raises:
        CometError: S3 fails, or somebody deleted the upload.
    """
    upload = object_keys.parse_upload(plan.key)
    assert upload is not None  # noqa: S101 (we made it)
    following = _Following(upload, bucket, where, waiting, report)
    return following.decision(plan) if upload.kind == "channel" else following.release()


class _Following:
    """The wait of one command for what it uploaded."""

    def __init__(
        self, upload: object_keys.Upload, bucket: Bucket, where: Where, waiting: Waiting, report: dict[str, Any]
    ) -> None:
        self._upload, self._bucket, self._where, self._waiting = upload, bucket, where, waiting
        self._deadline = time.monotonic() + waiting.timeout_s
        self._service = wait_until_live.Service(waiting.service_url, self._deadline)
        self._report = report

    def release(self) -> int:
        """Wait until all documents show the release, or waiting cannot help. Return the exit code."""
        upload, service = self._upload, self._service
        stands = wait_until_live.standing(self._bucket, upload, datetime.now(UTC))
        sights: list[DocumentStatus] = []
        while stands.state == wait_until_live.OFFERED and stands.offer:
            is_complete = self._is_published()  # before the documents are listed, so that none is missing in the list
            sights = wait_until_live.sights(self._bucket, stands.offer, service)
            is_told = upload.version in wait_until_live.versions_live(service, upload.product, upload.channel)
            if is_complete and is_told and all(sight.is_live for sight in sights):
                break
            if time.monotonic() >= self._deadline:
                return self._late(object_keys.release_key(upload.product, upload.channel, upload.version), sights)
            time.sleep(POLL_S)
            stands = wait_until_live.standing(self._bucket, upload, datetime.now(UTC))
        self._note(stands.state, stands.says, sights)
        return self._tell_release(stands, sights)

    def _is_published(self) -> bool:
        """Return whether publishing has written all documents of the channel."""
        status = channel_status.status(self._bucket, self._upload.product, datetime.now(UTC))
        return all(channel.is_live for channel in status.channels if channel.channel == self._upload.channel)

    def decision(self, plan: Plan) -> int:
        """Wait until all documents that the channel policy changes are live. Return the exit code."""
        product = self._upload.product
        channels = {self._upload.channel, *filter(None, map(object_keys.document_channel, plan.changes))}
        while True:
            status = channel_status.status(self._bucket, product, datetime.now(UTC))
            if plan.key in status.refused:
                return self._refused([f"{plan.key}: refused: {problem}" for problem in status.refused[plan.key]])
            found = [channel for channel in status.channels if channel.channel in channels]
            sights = wait_until_live.changed(self._bucket, product, self._changed(plan), self._service)
            if all(channel.is_live for channel in found) and all(sight.is_live for sight in sights):
                break
            if time.monotonic() >= self._deadline:
                return self._late(plan.key, sights)
            time.sleep(POLL_S)
        self._note(wait_until_live.OFFERED, [], sights)
        for channel in found:
            offered = f"{channel.latest or 'no release'}{f', reaches {channel.rollout}' if channel.rollout else ''}"
            self._say(f"live at {self._url(channel.channel)}: {offered}")
        return DONE

    def _changed(self, plan: Plan) -> list[str]:
        """Return the documents that the plan changes, or all of the channel if it was carried out before."""
        of_channel = urls.document_key(self._upload.product, self._upload.channel, "")
        return [*plan.changes] or [*self._bucket.etags(of_channel)]

    def _tell_release(self, stands: ReleaseStatus, sights: list[DocumentStatus]) -> int:
        if stands.state != wait_until_live.OFFERED or stands.offer is None:
            warn(*(f"comet-updates: {line}" for line in stands.says))
            return REFUSED if stands.state == wait_until_live.REFUSED else NOT_LIVE
        self._say(f"live at {self._url(stands.offer.channel)}")
        self._say(*wait_until_live.lines(sights))
        if reached := wait_until_live.rollout(stands.offer):
            self._say(f"  reaches {reached}")
        return DONE

    def _refused(self, says: list[str]) -> int:
        self._note(wait_until_live.REFUSED, says, [])
        warn(*(f"comet-updates: {line}" for line in says))
        return REFUSED

    def _late(self, key: str, sights: list[DocumentStatus]) -> int:
        """Report that time is up, with the refusals that may be the reason."""
        refused = channel_status.status(self._bucket, self._upload.product, datetime.now(UTC)).refused
        says = [f"{other}: refused: {problem}" for other, problems in refused.items() for problem in problems]
        warn(f"comet-updates: {key}: not live after {self._waiting.timeout_s:.0f} s. Run comet-updates status.")
        warn(*(f"comet-updates: {line}" for line in says))
        self._note(LATE, says, sights)
        return REFUSED if says else NOT_LIVE

    def _note(self, state: str, says: list[str], sights: list[DocumentStatus]) -> None:
        self._report["live"] = {
            "state": state,
            "says": says,
            "documents": [sight._asdict() for sight in sights],
        }

    def _url(self, channel: str) -> str:
        path = urls.document_path(self._upload.product, channel, "").rstrip("/")
        return self._waiting.service_url.rstrip("/") + path

    def _say(self, *lines: str) -> None:
        if not self._where.as_json and not self._where.quiet:
            say(*lines)
