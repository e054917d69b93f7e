"""What one run tried, and what went wrong: what a test holds against its budget and `make torture` adds up."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass

from testkit.counts import tally


@dataclass
class Counts:
    """How much was tried, and how often an answer or a document was wrong, or something accepted was lost."""

    inputs: int = 0
    crashes: int = 0
    interleavings: int = 0
    answers: int = 0
    wrong: int = 0
    lost: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    def told(self) -> Counts:
        """Itself, told to `make torture` if that runs."""
        tally(**asdict(self))
        return self
