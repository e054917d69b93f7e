"""A bucket in memory; for tests that are marked `http`, in an S3 over HTTP."""

from __future__ import annotations

from testkit.memory_bucket import s3

__all__ = ["s3"]
