"""Test drop-in URLs, which carry the client's version: it changes only the answer, and is kept nowhere."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.privacy_proof.report_data import SCREEN_LINES
from checks.privacy_proof.source import code_lines
from comet_updates.publish.bucket import open_bucket
from comet_updates.publish.publisher import Publisher
from testkit.documents import release
from testkit.observe import ANSWER, Lambda, Observation, differences
from testkit.people import Ask, Person, marked, people, request_of
from testkit.reviewed import SEES_VERSION
from testkit.search import found
from tests.formats.offers import artifact
from tests.privacy.conftest import EVERY_SO_MANY_CALLS, settings_for, tally, tried

if TYPE_CHECKING:
    from testkit.s3 import S3

BASE = "/drop-in/comet-cursor/stable"
LATEST = "4.2.2"
FILES = [
    artifact("macos", "universal", "App.zip", "archive"),
    artifact("linux", "x86_64", "App.AppImage", bundle="appimage"),
    artifact("windows", "x86_64", "App-4.2.2-full.nupkg"),
]
FORGETFUL_OR_NOT = pytest.mark.parametrize("ttl_s", ["0", "60"], ids=["forgetful", "remembering"])


@pytest.fixture(scope="module")
def drop_in(bucket: S3) -> S3:
    """Return the bucket with a product that has turned drop-in URLs on."""
    bucket.put("products/comet-cursor.json", {"product": "comet-cursor", "drop_in": ["electron", "tauri"]})
    bucket.put("releases/comet-cursor/stable/4.2.2.json", release(LATEST, artifacts=FILES))
    Publisher(open_bucket(bucket.bucket, bucket.endpoint), lambda: datetime.now(UTC)).publish("comet-cursor")
    return bucket


@pytest.fixture
def published(drop_in: S3, aws: str) -> dict[str, str]:
    """Return the environment of the functions in front of that bucket."""
    return settings_for(drop_in)


def asks(version: str) -> list[Ask]:
    """Return each form of URL, with the version of the client."""
    return [
        Ask(f"{BASE}/linux/x86_64/{version}"),
        Ask(f"{BASE}/linux-x86_64/{version}", "HEAD"),
        Ask(f"{BASE}/update/darwin/{version}"),
        Ask(f"{BASE}/darwin-arm64/v{version}", validator="*"),
        Ask(f"{BASE}/update/win32/{version}/RELEASES"),
    ]


def statuses(seen: Observation) -> set[int]:
    return {answer["statusCode"] for answer in seen.answers}


def without_repetitions(seen: Observation) -> Observation:
    """Return `seen` without repeated requests to S3: a client whose machine stalls for a second repeats a request."""
    return seen._replace(wire=tuple(request for request, _ in itertools.groupby(seen.wire)))


def requests(person: Person, version: str) -> list[dict[str, object]]:
    return [request_of(person, ask) for ask in asks(version)]


@FORGETFUL_OR_NOT
def test_the_version_in_a_drop_in_url_stays_nowhere(aws_lambda: Lambda, published: dict[str, str], ttl_s: str) -> None:
    person = marked(5)
    told = {f"version of {n}": f"{number}-x{person[field]}" for n, (number, field) in enumerate([
        ("1.0.0", "cookie"), (LATEST, "header"), ("99.0.0", "query"),
    ])}  # fmt: skip
    events = [event for version in told.values() for event in requests(person, version)]
    markers = person | {name: version.partition("-")[2] for name, version in told.items()}
    seen = aws_lambda.observe(ANSWER, published | {"MEMORY_TTL_S": ttl_s}, events, memory=True)
    assert statuses(seen) == {200, 204}
    assert len(seen.seen["stdout"].splitlines()) >= len(events), "the log is on, or this test proves nothing"
    assert found(markers, seen.sinks()) == []
    tally(canaries=len(markers), sinks=list(seen.sinks()))


@FORGETFUL_OR_NOT
def test_the_version_of_a_drop_in_client_changes_only_its_answer(
    aws_lambda: Lambda, published: dict[str, str], ttl_s: str
) -> None:
    def observed(version: str, person: Person) -> Observation:
        return aws_lambda.observe(ANSWER, published | {"MEMORY_TTL_S": ttl_s}, requests(person, version))

    older, same = observed("1.0.0", marked(1)), observed(LATEST, marked(1))
    assert (statuses(older), statuses(same)) == ({200}, {200, 204})

    @tried(3)
    @given(people(), st.tuples(*[st.integers(0, 99)] * 3).map(lambda parts: ".".join(map(str, parts))))
    def compared(person: Person, version: str) -> None:
        seen = observed(version, person)
        assert differences(seen, older).keys() <= {"answers"}
        # For all clients there are two sets of answers: with something newer, and without.
        assert json.dumps(seen.answers) in {json.dumps(older.answers), json.dumps(same.answers)}
        tally(pairs=len(asks(version)))

    compared()


def test_a_fault_of_any_call_reveals_nothing_of_a_drop_in_request(
    aws_lambda: Lambda, published: dict[str, str]
) -> None:
    one, other = (
        aws_lambda.observe(ANSWER, published, requests(marked(number), version)[:3], faults=EVERY_SO_MANY_CALLS)
        for number, version in ((1, "1.0.0-one"), (2, "1.0.0-other"))
    )
    assert differences(without_repetitions(one), without_repetitions(other)) == {}
    assert one.seen["errors"] == []
    assert one.seen["calls"] > 100
    assert len(one.seen["posted"]) > one.seen["calls"] / EVERY_SO_MANY_CALLS
    tally(pairs=len(one.seen["posted"]), faults=len(one.seen["posted"]))


def test_only_four_functions_get_the_version(aws_lambda: Lambda, published: dict[str, str]) -> None:
    marker = marked(5)["cookie"]
    seen = aws_lambda.observe(ANSWER, published, requests({}, f"1.0.0-x{marker}"), watch=[marker])
    assert set(seen.seen["receivers"]) == SEES_VERSION
    assert len(SEES_VERSION) == 4


def test_the_code_that_sees_the_version_fits_on_one_screen() -> None:
    assert sum(map(code_lines, SEES_VERSION)) <= SCREEN_LINES


class TestALeak:
    """Positive controls of the tests above."""

    @pytest.mark.parametrize("leak", ["raises_with_the_path", "echoes_the_path"])
    def test_of_the_version_is_found(self, aws_lambda: Lambda, published: dict[str, str], leak: str) -> None:
        marker = marked(5)["cookie"]
        seen = aws_lambda.observe(ANSWER, published, requests({}, f"1.0.0-x{marker}"), leak=leak, memory=True)
        assert found({"version": marker}, seen.sinks())

    def test_of_the_version_makes_a_difference(self, aws_lambda: Lambda, published: dict[str, str]) -> None:
        one, other = (
            aws_lambda.observe(ANSWER, published, requests({}, version), leak="raises_with_the_path")
            for version in ("1.0.0", "1.0.1")
        )
        assert "errors posted to Lambda" in differences(one, other)
