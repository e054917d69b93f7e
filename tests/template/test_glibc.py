"""Test that Lambda's own C library has every symbol that the layers need."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.project import ROOT

WHEELS = ROOT / ".wheels"
OF_LAMBDA = (2, 34)
"""The version of glibc in Amazon Linux 2023, on which `python3.13` runs."""


def needed(wheel: Path) -> Iterator[tuple[int, int]]:
    """Yield the versions of glibc that the libraries in a wheel name."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if re.search(r"\.so(\.\d+)*$", name):
                for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", archive.read(name)):
                    yield int(major), int(minor)


@pytest.mark.full
@pytest.mark.skipif(not WHEELS.exists(), reason="the wheels of the layers are not here: make build")
def test_no_wheel_needs_a_newer_glibc_than_lambda_has() -> None:
    wheels = sorted(WHEELS.glob("*.whl"))
    newest = {wheel.name: max(needed(wheel), default=(0, 0)) for wheel in wheels}
    assert {name: version for name, version in newest.items() if version > OF_LAMBDA} == {}
    assert max(newest.values()) > (2, 10), "some wheel has a library"


def test_a_wheel_that_needs_a_newer_glibc_is_found(tmp_path: Path) -> None:
    """Positive control of the test above."""
    with zipfile.ZipFile(tmp_path / "new.whl", "w") as archive:
        archive.writestr("obstore/_obstore.abi3.so", b"\x7fELF\0GLIBC_2.17\0GLIBC_2.38\0")
        archive.writestr("README.md", "GLIBC_9.99")
    assert max(needed(tmp_path / "new.whl")) == (2, 38) > OF_LAMBDA
