"""Test the values that each environment variable may have."""

from __future__ import annotations

import pytest

from comet_updates.answer import errors
from comet_updates.answer.settings import settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BUCKET", ""),
        ("S3_ENDPOINT", ""),
        ("S3_ENDPOINT", "ftp://elsewhere"),
        ("S3_ENDPOINT", "amazon"),
        ("MEMORY_TTL_S", "-1"),
        ("MEMORY_TTL_S", "a minute"),
        ("LOG_LEVEL", "DEBUG"),
        ("LOG_SUCCESSES", "yes"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(variable: str, value: str) -> None:
    with pytest.raises(errors.SettingsError, match=f"^environment variable {variable}: "):
        settings({variable: value}, variable)
