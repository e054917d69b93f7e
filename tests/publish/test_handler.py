"""Test the Lambda entry of the publishing function: the events that it accepts, and those that it asks for again."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from comet_updates.answer.errors import SettingsError
from comet_updates.publish import run as publishing
from comet_updates.publish.bucket import WriteResult
from testkit.documents import release
from testkit.events import SWEEP, notification

if TYPE_CHECKING:
    from testkit.fresh import Handler
    from testkit.s3 import S3, Wire

MANIFEST = "public/v1/comet-cursor/stable/manifest.json"
INDEX = "public/pages/index.html"
KEY = "releases/comet-cursor/stable/4.2.1.json"


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


def body(*keys: str) -> str:
    text: str = notification(*keys)["Records"][0]["body"]
    return text


def failed(result: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]


class PanicError(BaseException):
    """An error like the panic of a Rust library, which is not an `Exception`."""


def fail_for(
    publish: Handler, failing: str, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] = RuntimeError
) -> None:
    """Let one product fail, with a text that must not reach the log."""
    run = publish.__globals__["_run"]()
    original = run._publisher.publish

    def fail(product: str, *seen: Any) -> Any:
        if product == failing:
            raise error("releases/b/stable/1.0.0.json")
        return original(product, *seen)

    monkeypatch.setattr(run._publisher, "publish", fail)


def sweep_failed(publish: Handler) -> type[Exception]:
    """Return the error class of the handler's present import."""
    error: type[Exception] = publish.__globals__["SweepFailedError"]
    return error


def test_product_that_takes_too_long_fails_and_others_are_published(
    s3: S3, publish: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some hostile notes take seconds each. Without a limit for each product, they take all the time of a sweep."""
    for product in ("slow", "other"):
        s3.put(f"releases/{product}/stable/4.2.1.json", release(product=product))
    run = publish.__globals__["_run"]()
    original, slow = run._publisher.publish, ["slow"]

    def is_interrupted(product: str, *seen: Any) -> Any:
        if product in slow and 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= publishing.PRODUCT_MAX_S:
            signal.raise_signal(signal.SIGALRM)  # the time is over
        return original(product, *seen)

    monkeypatch.setattr(run._publisher, "publish", is_interrupted)
    with pytest.raises(sweep_failed(publish)):
        publish(SWEEP, None)
    assert s3.keys("public/v1/other/")
    assert s3.keys("public/v1/slow/") == []
    del slow[:]
    publish(SWEEP, None)
    assert s3.keys("public/v1/slow/"), "positive control"
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_time_limit_interrupts_a_computation() -> None:
    with pytest.raises(TimeoutError), publishing._time_limit(0.01):
        for _ in range(10**9):
            pass


@pytest.mark.http
def test_an_upload_is_published(s3: S3, publish: Handler) -> None:
    s3.put(KEY, release())
    assert publish(notification(KEY), None) == {"batchItemFailures": []}
    assert s3.json(MANIFEST) == release()


@pytest.mark.http
def test_many_messages_for_one_product_are_one_publication(s3: S3, publish: Handler, wire: Wire) -> None:
    for version in ("4.2.1", "4.2.2", "4.2.3"):
        s3.put(f"releases/comet-cursor/stable/{version}.json", release(version))
    del wire[:]
    publish(batch(*[body(f"releases/comet-cursor/stable/4.2.{n}.json") for n in (1, 2, 3)] * 3), None)
    written = sum(method == "PUT" for method, *_ in wire)
    assert written == 9, (
        "the appcast, the news twice, the history, the manifest, entry and page, the list and its source"
    )


@pytest.mark.parametrize(
    "spelled",
    ["releases/comet-cursor/stable/1.0.0%2Bb.json", "releases%2Fcomet-cursor%2Fstable%2F1.0.0%2Bb.json"],
)
def test_a_key_is_read_as_s3_spells_it(s3: S3, publish: Handler, spelled: str) -> None:
    s3.put("releases/comet-cursor/stable/1.0.0+b.json", release("1.0.0+b"))
    publish(batch(json.dumps({"Records": [{"s3": {"object": {"key": spelled}}}]})), None)
    assert s3.json(MANIFEST)["version"] == "1.0.0+b"


def test_what_is_not_a_notification_comes_again_alone(s3: S3, publish: Handler) -> None:
    s3.put(KEY, release())
    junk = ["junk", "[]", "{", '{"Records": [{}]}', '{"Records": [{"s3": {"object": {"key": 7}}}]}', '{"Records": 7}']
    junk.append("[" * 100_000)
    result = publish(batch(*junk, body(KEY), '{"Event": "s3:TestEvent"}'), None)
    assert failed(result) == [str(number) for number in range(len(junk))]
    assert s3.json(MANIFEST) == release()


@pytest.mark.http
@pytest.mark.usefixtures("no_backoff")
def test_while_s3_fails_every_message_comes_again(
    s3: S3, publish: Handler, wire: Wire, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    s3.put(KEY, release())
    monkeypatch.setattr(wire, "fault", "503")
    assert failed(publish(batch(body(KEY), body("releases/x.json")), None)) == ["0", "1"]
    assert {json.loads(line)["outcome"] for line in capfd.readouterr().out.splitlines()} == {"failed"}


@pytest.mark.http
@pytest.mark.usefixtures("no_backoff")
def test_a_failed_sweep_is_an_error_in_constant_words(
    s3: S3, publish: Handler, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put(KEY, release())
    monkeypatch.setattr(wire, "fault", "503")
    with pytest.raises(sweep_failed(publish), match=r"^the bucket could not be listed$"):
        publish(SWEEP, None)


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, RecursionError, PanicError])
def test_one_products_failure_is_not_the_others(
    s3: S3, publish: Handler, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    for product in ("a", "b", "c"):
        s3.put(f"releases/{product}/stable/1.0.0.json", release("1.0.0", product=product))
    fail_for(publish, "b", monkeypatch, error)
    with pytest.raises(sweep_failed(publish), match=r"^not everything could be published$"):
        publish(SWEEP, None)
    assert {key.split("/")[2] for key in s3.keys("public/v1/")} == {"a", "c"}


def test_a_sweep_does_not_always_begin_with_the_same_product(
    s3: S3, publish: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vary the order. Otherwise a product that uses up the time would keep those after it from being published."""
    for product in ("a", "b", "c"):
        s3.put(f"releases/{product}/stable/1.0.0.json", release("1.0.0", product=product))
    publish(SWEEP, None)
    swept: list[str] = []

    def sweep(product: str, _: object) -> WriteResult:
        swept.append(product)
        return WriteResult()

    publisher = publish.__globals__["_run"]()._publisher
    monkeypatch.setattr(publisher, "publish", sweep)
    for _ in range(30):
        publish(SWEEP, None)
    assert len(swept) == 30 * 3
    assert len(set(swept[::3])) > 1


def test_nothing_of_the_uploader_is_logged(s3: S3, publish: Handler, capfd: pytest.CaptureFixture[str]) -> None:
    s3.put(KEY, release())
    event = notification(KEY)
    inner = json.loads(event["Records"][0]["body"])
    inner["Records"][0] |= {
        "userIdentity": {"principalId": "AWS:alice"},
        "requestParameters": {"sourceIPAddress": "203.0.113.5"},
    }
    event["Records"][0] |= {"body": json.dumps(inner), "attributes": {"SenderId": "alice"}}
    publish(event, None)
    out, err = capfd.readouterr()
    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["published"] * 2, "the product, and the list"
    assert not [word for word in ("alice", "203.0.113.5") if word in out + err]


def test_only_the_messages_of_a_product_that_failed_come_again(
    s3: S3, publish: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    for product in ("a", "b"):
        s3.put(f"releases/{product}/stable/1.0.0.json", release("1.0.0", product=product))
    fail_for(publish, "b", monkeypatch)
    a, b = (f"releases/{product}/stable/1.0.0.json" for product in "ab")
    assert failed(publish(batch(body(a), body(b), body("releases/x.json"), body(a, b), body(a)), None)) == ["1", "3"]
    assert "public/v1/a/stable/manifest.json" in s3.keys("public/")


def test_a_product_is_listed_by_its_own_event_and_no_more_once_it_is_gone(s3: S3, publish: Handler) -> None:
    s3.put(KEY, release())
    publish(notification(KEY), None)
    assert b'href="/comet-cursor"' in s3.get(INDEX)
    s3.delete(KEY)
    publish(notification(KEY), None)
    assert b'href="/comet-cursor"' not in s3.get(INDEX)


def test_a_list_that_could_not_be_written_comes_again_with_every_message(
    s3: S3, publish: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Any:
        raise RuntimeError

    publisher = publish.__globals__["_run"]()._publisher
    s3.put(KEY, release())
    event = batch(body(KEY), body(KEY), '{"Event": "s3:TestEvent"}')
    with monkeypatch.context() as patch:
        patch.setattr(publisher, "publish_index", fail)
        assert failed(publish(event, None)) == ["0", "1", "2"], "the sweep of the test event fails, too"
    assert s3.keys(INDEX) == []
    assert failed(publish(event, None)) == []
    assert s3.keys(INDEX) == [INDEX], "although nothing of the product was left to write"


def test_a_stray_upload_is_refused_by_its_own_event(s3: S3, publish: Handler) -> None:
    s3.put("releases/x.json", b"{")
    assert failed(publish(notification("releases/x.json"), None)) == []
    assert s3.keys("rejected/") == ["rejected/releases/x.json.json"]


TEST_EVENT = '{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "comet-updates"}'


def test_the_test_event_of_a_new_bucket_publishes_everything(s3: S3, publish: Handler) -> None:
    """Do not wait for the schedule, since a new stack answers 503 until its first sweep."""
    assert failed(publish(batch(TEST_EVENT), None)) == []
    assert s3.keys(INDEX) == [INDEX]
    assert s3.keys("public/pages/privacy.html"), "the page on privacy, of which no upload tells"


def test_a_message_that_is_not_a_test_event_starts_no_sweep(s3: S3, publish: Handler) -> None:
    """Positive control of the test above."""
    assert failed(publish(batch('{"Event": "s3:OtherEvent"}'), None)) == []
    assert s3.keys("public/") == []


def test_the_test_event_comes_again_if_the_sweep_fails(
    s3: S3, publish: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> Any:
        raise publishing.SweepFailedError

    monkeypatch.setattr(publishing.Run, "sweep", fail)
    assert failed(publish(batch(TEST_EVENT), None)) == ["0"]


def test_a_sweep_needs_no_event(s3: S3, publish: Handler) -> None:
    s3.put(KEY, release())
    s3.put("releases/x.json", b"{")
    assert publish(SWEEP, None) == {}
    assert s3.json(MANIFEST) == release()
    assert s3.keys("rejected/") == ["rejected/releases/x.json.json"]
    assert "public/schemas/manifest.json" in s3.keys("public/schemas/")


def test_pages_show_the_url_of_the_service(s3: S3, publish: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_URL", "https://updates.example.com")
    publish(SWEEP, None)
    assert b"curl https://updates.example.com/v1/my-app/stable" in s3.get(INDEX)
    s3.put(KEY, release())
    publish(SWEEP, None)
    page = s3.get("public/pages/comet-cursor.html")
    assert b"https://updates.example.com/v1/comet-cursor/stable" in page
    assert b"https://HOST" not in page


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BUCKET", None),
        ("BUCKET", ""),
        ("S3_ENDPOINT", None),
        ("LOG_SUCCESSES", None),
        ("LOG_SUCCESSES", "yes"),
        ("ONLINE_KEY", None),
        ("ONLINE_KEY", "key.pem"),
        ("SERVICE_URL", None),
        ("SERVICE_URL", "updates.example.com"),
        ("SERVICE_URL", "https://updates.example.com/"),
    ],
)
def test_missing_or_invalid_setting_stops_the_start_and_is_named(
    publish: Handler, monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"^environment variable {variable}: ") as caught:
        publish(SWEEP, None)
    assert caught.value.variable == variable
