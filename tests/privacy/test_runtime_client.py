"""What the real Lambda runtime client posts and logs, whatever fails: it must never meet an exception of ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

from tests.conftest import SWEEP, fresh_import, release, request
from tests.privacy.identify import found, identified, person

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import S3, Handler

URL = "/v1/comet-cursor/stable"


class RuntimeApi:
    """Stands where Lambda does: takes what the runtime client posts and logs."""

    def __init__(self) -> None:
        self.marshaller = LambdaMarshaller()
        self.results: list[Any] = []
        self.errors: list[Any] = []
        self.logged: list[Any] = []

    def post_invocation_result(self, _id: str, result: str, *_: object) -> None:
        self.results.append(json.loads(result))

    def post_invocation_error(self, *error: object) -> None:
        self.errors.append(error)

    def log(self, message: object, *_: object) -> None:
        self.logged.append(message)

    log_error = log


def invoke(handler: Handler, event: dict[str, Any]) -> RuntimeApi:
    """One invocation, through the code that runs on Lambda."""
    api = RuntimeApi()
    bootstrap.handle_event_request(
        api, handler, "id", json.dumps(event), "application/json", None, None, "arn", 0, None, api
    )
    return api


def break_read(module: Any, text: str) -> None:
    def fail(*_: object) -> None:
        raise KeyError(text)

    module.respond.names = type("Names", (), {"public_key": staticmethod(fail)})


def break_log(module: Any, text: str) -> None:
    def fail(*_: object) -> None:
        raise SystemExit(text)

    module.Log.write = fail


def break_nothing(_module: Any, _text: str) -> None: ...


@pytest.mark.parametrize("fault", [break_read, break_log, break_nothing], ids=lambda fault: fault.__name__)
def test_the_runtime_client_never_meets_an_exception(
    s3: S3,
    publish: Handler,
    environment: None,
    open_sinks: None,
    capfd: pytest.CaptureFixture[str],
    fault: Callable[[Any, str], None],
) -> None:
    s3.put("releases/comet-cursor/stable/4.2.1.json", release())
    publish(SWEEP, None)
    module = fresh_import("comet_updates.answer.handler")
    capfd.readouterr()
    fault(module, person(1)["guid"])
    api = invoke(module.handler, identified(URL, person(1)))
    out, err = capfd.readouterr()
    assert (api.errors, api.logged, len(api.results)) == ([], [], 1)
    sinks = {"posted": repr(api.results).encode(), "stdout": out.encode(), "stderr": err.encode()}
    assert found(person(1), sinks) == []


def test_a_handler_that_raises_is_heard_by_the_runtime_client(
    answer: Handler, capfd: pytest.CaptureFixture[str]
) -> None:
    """Positive control: the same event, a handler that is not total."""

    def leaky(event: dict[str, Any], _context: object) -> dict[str, Any]:
        raise KeyError(event["rawPath"])

    api = invoke(leaky, request(f"{URL}/{person(1)['guid']}"))
    posted = {"posted": repr(api.errors).encode(), "logged": repr(api.logged).encode()}
    assert found({"guid": person(1)["guid"]}, posted) == ["guid in posted", "guid in logged"]
