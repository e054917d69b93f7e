"""Fixtures: a bucket in memory, or in an S3 over HTTP for tests marked `http`."""

from __future__ import annotations

from testkit.memory_bucket import s3

__all__ = ["s3"]
