"""The environment variables of the functions and their valid values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from comet_updates.answer.errors import SettingsError

SETTINGS = {
    "BUCKET": ".+",
    "S3_ENDPOINT": "aws|https?://.+",
    "MEMORY_TTL_S": r"[0-9]+(\.[0-9]+)?",
    "LOG_LEVEL": "INFO|WARNING|ERROR",
    "LOG_SUCCESSES": "true|false",
    "ONLINE_KEY": "none|[a-z0-9]+:.+",
    "SERVICE_URL": "none|https?://[A-Za-z0-9.:-]+",
}
"""The environment variables of the functions, and the pattern of valid values."""


def settings(environment: Mapping[str, str], *variables: str) -> tuple[str, ...]:
    """Return the values of `variables`, in their order.

    Raises:
        SettingsError: a variable is missing or not valid.
    """
    for variable in variables:
        if not re.fullmatch(SETTINGS[variable], environment.get(variable, "")):
            raise SettingsError(variable, f"must be `{SETTINGS[variable]}`")
    return tuple(environment[variable] for variable in variables)
