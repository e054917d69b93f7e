"""The versions of one upload that were in effect, with their times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Generic, TypeVar

from comet_updates.publish.stored import Stored

Document = TypeVar("Document")


class Timeline(Generic[Document]):
    """The valid versions of an upload in the order of time. They are read when they are first needed.

    Args:
        versions: all versions, the newest first.
        read: returns the document in a version, or None if it was refused and so was never in effect.
        default: the document in effect before the first version.
    """

    def __init__(
        self, versions: Sequence[Stored], read: Callable[[Stored], Document | None], default: Document
    ) -> None:
        self._versions = versions
        self._read = read
        self._default = default

    def since(self, at: datetime) -> Iterator[tuple[datetime, Document]]:
        """Yield the document in effect at `at`, with the time `at`, then each later document with its time.

        S3 stores times to the second: a version from the same second as `at` counts as written before.
        """
        later = [(moment, document) for moment, document in self._valid if moment > at]
        now = [document for moment, document in self._valid if moment <= at]
        yield at, now[-1] if now else self._default
        yield from later

    @cached_property
    def _valid(self) -> list[tuple[datetime, Document]]:
        read = ((stored.written_at, self._read(stored)) for stored in reversed(self._versions))
        return [(moment, document) for moment, document in read if document is not None]
