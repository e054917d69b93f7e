"""The code that a privacy reviewer must read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ANSWER_MODULES = {
    "comet_updates",
    "comet_updates.answer",
    "comet_updates.answer.drop_in",
    "comet_updates.answer.errors",
    "comet_updates.answer.handler",
    "comet_updates.answer.log",
    "comet_updates.answer.respond",
    "comet_updates.answer.settings",
    "comet_updates.answer.store",
    "comet_updates.answer.urls",
}


SEES = {
    "comet_updates.answer.handler.build.<locals>.handle",
    "comet_updates.answer.respond.respond",
    "comet_updates.answer.respond._matches",
    "comet_updates.answer.urls.public_key",
}
"""The functions that receive any part of a request, which a reviewer must read."""

SEES_VERSION = {
    "comet_updates.answer.handler.build.<locals>.handle",
    "comet_updates.answer.drop_in.respond",
    "comet_updates.answer.drop_in._is_newer",
    "comet_updates.answer.urls.drop_in",
}
"""The functions that receive the version in a drop-in URL."""


def environment(trees: Iterable[Path]) -> dict[str, str]:
    """Return the environment of a process with nothing but the answering function's settings, and `trees` to import.

    Nothing listens at its S3.
    """
    return {
        "BUCKET": "bucket",
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "MEMORY_TTL_S": "60",
        "LOG_LEVEL": "INFO",
        "LOG_SUCCESSES": "false",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, trees)),
    }


class Reading(dict[str, Any]):
    """An event that records which parts are read."""

    def __init__(self, value: dict[str, Any], read: set[str], path: str = "") -> None:
        super().__init__(value)
        self._read = read
        self._path = path

    def __getitem__(self, key: str) -> Any:
        return self._noted(key, super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        return self._noted(key, super().get(key, default))

    def __iter__(self) -> Any:
        return self._whole(super().__iter__())

    def __repr__(self) -> str:
        return str(self._whole(super().__repr__()))

    def items(self) -> Any:
        return self._whole(super().items())

    def values(self) -> Any:
        return self._whole(super().values())

    def _whole(self, value: Any) -> Any:
        self._read.add(f"{self._path}.*".lstrip("."))
        return value

    def _noted(self, key: str, value: Any) -> Any:
        path = f"{self._path}.{key}".lstrip(".")
        self._read.add(path)
        return Reading(value, self._read, path) if isinstance(value, dict) else value


READ = {
    *("headers", "headers.if-none-match", "rawPath"),
    *("requestContext", "requestContext.http", "requestContext.http.method"),
}
"""All that is read of a request: three texts, and what they are in."""
