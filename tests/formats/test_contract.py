"""Test the rules that every format keeps.

A format that is added to the registry is tested here without further work.
"""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest

from comet_updates import formats
from comet_updates.answer import urls
from comet_updates.formats import manifest
from tests.formats.offers import artifact, complete, offer, percent, release

FORMATS = pytest.mark.parametrize("module", formats.ALL, ids=lambda module: module.__name__.rpartition(".")[2])
NEWER, OLDER = complete("2.0.0"), complete("1.0.0")


def said(documents: dict[str, bytes]) -> str:
    return "\n".join(body.decode() for name, body in documents.items() if name != "releases.json")


@FORMATS
def test_every_document_has_a_name_that_a_url_can_ask_for_and_a_type(module: ModuleType) -> None:
    documents = module.render(offer(NEWER, OLDER))
    assert documents
    for name in documents:
        key = urls.public_key(f"/v1/p/stable/{name}")
        assert key == urls.document_key("p", "stable", name)
        assert urls.content_type(key)


@FORMATS
def test_the_same_offer_gives_the_same_bytes(module: ModuleType) -> None:
    assert module.render(offer(NEWER, OLDER)) == module.render(offer(NEWER, OLDER))


@FORMATS
def test_a_yanked_release_is_offered_to_nobody(module: ModuleType) -> None:
    assert "2.0.0" not in said(module.render(offer(NEWER, OLDER, yanked=("2.0.0",))))


@FORMATS
def test_where_all_is_withdrawn_nothing_is_offered(module: ModuleType) -> None:
    assert set(module.render(offer(NEWER, yanked=("2.0.0",)))) <= {"releases.json"}


@FORMATS
def test_a_channel_without_releases_has_no_documents(module: ModuleType) -> None:
    assert module.render(offer()) == {}


@pytest.mark.parametrize("module", [module for module in formats.ALL if module is not manifest])
def test_format_ignores_a_release_without_files(module: ModuleType) -> None:
    """Test the formats that a client reads directly. Our own manifest shows the release without files."""
    assert module.render(offer(release("3.0.0"), NEWER)) == module.render(offer(NEWER))


@FORMATS
@pytest.mark.parametrize("share", [0, 10, 99])
def test_a_format_without_rollouts_stays_at_the_release_before(module: ModuleType, share: int) -> None:
    documents = module.render(offer(NEWER, OLDER, rollout=percent(share), is_complete=False))
    knows = re.search(rf"stagingPercentage: {share}\b|# {share}%|\"percent\":{share}\b", said(documents))
    assert knows or "2.0.0" not in said(documents)
    assert "1.0.0" in said(documents) or knows


@FORMATS
def test_a_complete_rollout_is_for_everyone(module: ModuleType) -> None:
    assert "2.0.0" in said(module.render(offer(NEWER, OLDER, rollout=percent(100), is_complete=True)))


HOSTILE = [
    "<script>alert(1)</script>",
    "]]>&lt;&#0;",
    "---\n- !!python/object:os.system {}",
    "\"': # %\n\tx: *y",
    "\u202e\u05d0",
    "x" * 100_000,
]


@FORMATS
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_hostile_notes_cannot_break_a_document(module: ModuleType, text: str) -> None:
    plain, hostile = (module.render(offer(complete("2.0.0", notes={"en": notes}))) for notes in ("x", text))
    assert plain.keys() == hostile.keys()


@FORMATS
@pytest.mark.parametrize("fields", [{"url": "https://downloads.example.com/a b#c.exe"}, {"sha512": None, "sha1": None}])
def test_a_file_that_a_client_could_not_take_is_left_out(module: ModuleType, fields: dict[str, Any]) -> None:
    odd = {name: value for name, value in (artifact("windows", "any", "x.exe") | fields).items() if value is not None}
    module.render(offer(release("2.0.0", odd)))  # an empty result is allowed, an error is not
