"""Plant a marker in every field of an event. Search for each, in every spelling, in everything that could keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit import leaks
from testkit.observe import ANSWER, PUBLISH, Lambda
from testkit.people import FIELDS, UPLOADER, Ask, Person, marked, notification_of, request_of
from testkit.search import found
from tests.privacy.conftest import THOROUGH, settings_for, tally

if TYPE_CHECKING:
    from testkit.s3 import S3, Wire

CHANNEL = "/v1/comet-cursor/stable"
PEOPLE = 4 * THOROUGH


def asks_of(person: Person) -> list[Ask]:
    """Return every kind of request. For URLs that are not ours, the path and the method carry markers, too."""
    return [
        Ask(CHANNEL),
        Ask(f"{CHANNEL}/releases.json", "HEAD"),
        Ask(CHANNEL, validator="*"),
        Ask(f"/{person['guid']}/{person['cookie']}"),
        Ask(f"/v1/{person['guid']}/stable"),
        Ask(f"/v1/comet-cursor/{person['guid']}"),
        Ask(f"/v1/comet-cursor/stable/{person['guid']}.json"),
        Ask(f"/drop-in/comet-cursor/{person['guid']}/darwin/4.2.0"),
        Ask(f"/v1/comet-cursor/stable/{person['cookie']}"),
        Ask(CHANNEL, f"X-{person['header']}"),
        Ask(CHANNEL, payload="1.0"),
    ]


def searched(aws_lambda: Lambda, environ: dict[str, str], people: list[Person]) -> list[str]:
    """Return the markers that are found after each of `people` has asked for everything, in one environment."""
    markers = {f"{field} of {n}": marker for n, person in enumerate(people) for field, marker in person.items()}
    assert len(set(markers.values())) == len(people) * len(people[0])
    events = [request_of(person, ask) for person in people for ask in asks_of(person)]
    seen = aws_lambda.observe(ANSWER, environ, events, memory=True)
    assert len(seen.seen["stdout"].splitlines()) >= len(events), "the log is on, or this test proves nothing"
    sinks = seen.sinks()
    tally(canaries=len(markers), sinks=list(sinks))
    return found(markers, {name: b"\n".join(dict.fromkeys(content.splitlines())) for name, content in sinks.items()})


@pytest.mark.parametrize("ttl_s", ["0", "60"], ids=["forgetful", "remembering"])
def test_no_canary_stays_anywhere(aws_lambda: Lambda, published: dict[str, str], ttl_s: str) -> None:
    people = [marked(number) for number in range(PEOPLE)]
    assert searched(aws_lambda, published | {"MEMORY_TTL_S": ttl_s}, people) == []


def test_no_canary_stays_anywhere_while_s3_fails(
    aws_lambda: Lambda, published: dict[str, str], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "fault", "500")
    assert searched(aws_lambda, published, [marked(0)]) == []


def test_no_canary_of_an_uploader_stays_anywhere(aws_lambda: Lambda, s3: S3) -> None:
    who = marked(1, UPLOADER)
    s3.put("releases/comet-cursor/stable/4.2.1.json", b"{}")
    event = notification_of(who, "releases/comet-cursor/stable/4.2.1.json", "releases/stray")
    seen = aws_lambda.observe(PUBLISH, settings_for(s3), [event], memory=True)
    assert '"outcome":"refused"' in seen.seen["stdout"]
    memory, sinks = "\n".join(seen.seen["memory"]), seen.sinks()
    del sinks["memory of the process"]  # it has all documents, so it is searched for the markers as they were sent
    assert found(who, sinks) == []
    assert [field for field, marker in who.items() if marker in memory] == []
    tally(canaries=len(who), sinks=list(seen.sinks()))


class TestALeak:
    """Positive controls of the tests above."""

    @pytest.mark.parametrize(
        "leak", [leak for leak in leaks.ALL if leak not in leaks.DERIVED], ids=lambda leak: leak.__name__
    )
    def test_is_found(self, aws_lambda: Lambda, published: dict[str, str], leak: leaks.Leak) -> None:
        person = marked(7)
        markers = {field: person[field] for field in FIELDS}
        in_memory = "_s3" not in leak.__code__.co_names  # boto3 has kinds of objects that are not listed: an error
        seen = aws_lambda.observe(
            ANSWER, published, [request_of(person, Ask(CHANNEL))], leak=leak.__name__, memory=in_memory
        )
        assert found(markers, seen.sinks())

    def test_of_an_uploader_is_found(self, aws_lambda: Lambda, s3: S3) -> None:
        who = marked(1, UPLOADER)
        seen = aws_lambda.observe(PUBLISH, settings_for(s3), [notification_of(who, "x")], leak="prints_who_uploaded")
        assert found(who, seen.sinks()) == ["principal in standard output"]
