"""The errors of the answering function, and the base class of all our errors."""

from __future__ import annotations


class CometError(Exception):
    """The base class of all errors of this package."""


class SettingsError(CometError):
    """A setting of the deployment is missing or wrong, so the function does not start."""

    def __init__(self, variable: str, problem: str) -> None:
        """Name the environment `variable` and its `problem`."""
        super().__init__(f"environment variable {variable}: {problem}")
        self.variable = variable


class StoreUnavailableError(CometError):
    """S3 failed or gave an invalid answer, so the requested document is unknown."""
