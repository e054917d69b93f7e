"""Test that the description of the URLs matches their grammar and the answers."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest

from comet_updates.answer import respond, urls
from comet_updates.formats import openapi
from testkit.project import ROOT
from tests.answer.test_respond import ask

DESCRIPTION: dict[str, Any] = json.loads(openapi.render())
EXAMPLES = {"product": "comet-cursor", "channel": "stable", "document": "appcast.xml", "name": "openapi"}


def test_the_checked_in_file_is_what_is_published() -> None:
    assert (ROOT / "schemas" / "openapi.json").read_bytes() == openapi.render(), "run `make schemas`"


@pytest.mark.parametrize("path", DESCRIPTION["paths"])
def test_every_path_in_it_leads_to_a_document_of_a_type_that_it_names(path: str) -> None:
    key = urls.public_key(path.format(**EXAMPLES))
    assert key
    content = DESCRIPTION["paths"][path]["get"]["responses"]["200"]["content"]
    assert urls.content_type(key).partition(";")[0] in content


@pytest.mark.parametrize("path", DESCRIPTION["paths"])
def test_its_parameters_have_the_form_of_the_grammar(path: str) -> None:
    parameters = DESCRIPTION["paths"][path]["parameters"]
    patterns = {given["name"]: given["schema"]["pattern"] for given in parameters if given["in"] == "path"}
    assert set(patterns) == set(re.findall(r"\{(\w+)\}", path))
    for name, pattern in patterns.items():
        assert re.search(pattern, EXAMPLES[name])
        assert not re.search(pattern, "../x")
        assert urls.public_key(path.format(**EXAMPLES | {name: "../x"})) is None


def test_every_status_and_header_of_an_answer_is_in_it() -> None:
    responses = DESCRIPTION["paths"]["/v1/{product}/{channel}"]["get"]["responses"]
    answers = [ask(), ask(if_none_match="*"), respond.NOT_FOUND, respond.UNAVAILABLE]
    assert {str(answer.status) for answer in answers} == set(responses)
    for answer in answers[:2]:
        assert answer.headers.keys() - {"content-type"} <= responses[str(answer.status)]["headers"].keys()
    assert set(openapi.HEADERS) == set(DESCRIPTION["components"]["headers"])


@pytest.mark.parametrize(
    "answer", [respond.NOT_FOUND, respond.NOT_ALLOWED, respond.FAILED, respond.UNAVAILABLE], ids=lambda a: str(a.status)
)
def test_every_refusal_has_the_form_that_it_names(answer: respond.Answer) -> None:
    problem = DESCRIPTION["components"]["schemas"]["problem"]
    jsonschema.validate(json.loads(answer.body), problem)
    assert not jsonschema.Draft202012Validator(problem).is_valid(json.loads(answer.body) | {"detail": "x"})
