"""What of one upload was in effect, and when."""

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
        versions: all of them, the newest first.
        read: a version → the document; `None` for one that was refused, and so was never in effect.
        default: what was in effect before the first.
    """

    def __init__(
        self, versions: Sequence[Stored], read: Callable[[Stored], Document | None], default: Document
    ) -> None:
        self._versions = versions
        self._read = read
        self._default = default

    def since(self, at: datetime) -> Iterator[tuple[datetime, Document]]:
        """What was in effect at `at`, told as of then, and all that came later, each with its moment.

        S3 tells moments to the second: what was written in the second of `at` counts as written before.
        """
        later = [(moment, document) for moment, document in self._valid if moment > at]
        now = [document for moment, document in self._valid if moment <= at]
        yield at, now[-1] if now else self._default
        yield from later

    @cached_property
    def _valid(self) -> list[tuple[datetime, Document]]:
        read = ((stored.written_at, self._read(stored)) for stored in reversed(self._versions))
        return [(moment, document) for moment, document in read if document is not None]
