"""Test which objects `serve --data` writes as files, and what they keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from comet_updates_cli.local.kept import KeptBucket, is_safe
from testkit.memory_bucket import MemoryBucket, Objects


@pytest.mark.parametrize(
    ("key", "safe"),
    [
        ("releases/nova/stable/1.0.0.json", True),
        ("releases/../../outside.json", False),
        ("/outside.json", False),
        ("releases//x.json", False),
        ("releases/C:\\x.json", False),
        ("releases/a\x00.json", False),
    ],
)
def test_key_is_a_file_only_if_it_stays_in_the_folder(key: str, *, safe: bool) -> None:
    assert is_safe(key) is safe


def test_objects_come_back_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    objects = Objects()
    bucket = MemoryBucket(objects)
    kept = KeptBucket(tmp_path)
    for key in ("b", "a", "c/d"):
        objects.put(key, key.encode())
        objects.tick()
    kept.save(bucket)
    found = [*KeptBucket(tmp_path).objects()]
    assert [(one.key, one.body) for one in found] == [("b", b"b"), ("a", b"a"), ("c/d", b"c/d")]
    assert [one.written_at for one in found] == [bucket.listed("")[one.key].written_at for one in found]


def test_deleted_object_is_deleted_and_its_neighbours_stay(tmp_path: Path) -> None:
    objects = Objects()
    kept = KeptBucket(tmp_path)
    for key in ("a", "b"):
        objects.put(key, b"x")
    kept.save(MemoryBucket(objects))
    (tmp_path / "mine.txt").write_text("of the user")
    objects.put("a", None)
    kept.save(MemoryBucket(objects))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["b", "mine.txt"]
