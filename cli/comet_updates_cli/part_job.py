"""One of several jobs that build a release: it uploads its part, and the whole release if all parts are there."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from comet_updates.errors import DecisionError
from comet_updates.publish.bucket import Bucket
from comet_updates_cli.options import Where
from comet_updates_cli.release_parts import Part, Parts
from comet_updates_cli.terminal import say

POLL_S = 1.0


class Job(NamedTuple):
    """The options of one job.

    Attributes:
        part: the name of its part; `None` for a job without files.
        names: the names of all parts; empty if the job does not know them.
        percent: the percentage of users to reach first.
        replaces: whether the part replaces a different one.
    """

    part: str | None
    names: tuple[str, ...]
    percent: int | None
    replaces: bool


class PartJob:
    """A release that several jobs build, as one of the jobs sees it."""

    def __init__(self, job: Job, bucket: Bucket, where: Where, document: dict[str, Any]) -> None:
        self._job, self._where = job, where
        self._deadline = time.monotonic() + (where.waiting.timeout_s if where.waiting else 0)
        self._part = None if job.part is None else Part(job.part, job.names, job.percent, document)
        self._parts = Parts(bucket, document["product"], document["channel"], document["version"], job.names)
        self._uploaded = self._parts.uploaded()

    def preview(self) -> dict[str, Any]:
        """Return the release with the parts that are known, or as it is uploaded.

        Raises:
            DecisionError: this job's part contradicts them; or this job has no part, and one is missing.
        """
        if self._uploaded is not None:
            if self._part:
                self._parts.check_contained(self._part, self._uploaded)
            return self._uploaded
        if self._part:
            return self._parts.preview(self._part, replaces=self._job.replaces)
        missing, whole = self._all()
        if whole is None:
            raise DecisionError(f"parts are missing: {', '.join(missing)}. Run their jobs first, then run this again.")
        return whole.release

    def join(self, report: dict[str, Any]) -> tuple[dict[str, Any], int | None] | None:
        """Upload this job's part. Return the whole release and its first percentage, or None if parts are missing."""
        if self._uploaded is not None:
            return self._uploaded, self._job.percent
        if self._part:
            key, is_dry = self._parts.key(self._part.name), self._where.dry_run
            is_new = is_dry or self._parts.save(self._part, replaces=self._job.replaces)
            report["part"] = {"key": key, "written": is_new and not is_dry}
            done = f"{'would write' if is_dry else 'wrote'} {key}"
            self._say(done if is_new else f"nothing to do: {key} is already up to date")
        if not self._job.names:
            self._say("To release all parts, run comet-updates release --parts with their names.")
            return None
        missing, whole = self._all()
        if whole is None:
            report.setdefault("part", {})["missing"] = missing
            self._say(f"The release waits for other parts: {', '.join(missing)}.")
            return None
        return whole.release, whole.percent

    def _all(self) -> tuple[list[str], Part | None]:
        """Return the missing parts, and the joined parts if none is missing. Waits for them if it may."""
        newest = self._part if self._where.dry_run or self._job.replaces else None
        missing, whole = self._parts.join(newest)
        while whole is None and not self._where.dry_run and time.monotonic() < self._deadline:
            time.sleep(POLL_S)
            missing, whole = self._parts.join(newest)
        return missing, whole

    def _say(self, line: str) -> None:
        if not self._where.as_json and not self._where.quiet:
            say(line)
