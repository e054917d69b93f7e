"""The counts of one run: a test compares them with its budget, and `make torture` adds them up."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass

from testkit.counts import tally


@dataclass
class Counts:
    """The number of attempts, of wrong answers or documents, and of accepted uploads that were lost."""

    inputs: int = 0
    crashes: int = 0
    interleavings: int = 0
    answers: int = 0
    wrong: int = 0
    lost: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    def told(self) -> Counts:
        """Report the counts to `make torture`, if it runs, and return them."""
        tally(**asdict(self))
        return self
