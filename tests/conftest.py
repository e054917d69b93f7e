"""Fixtures for all tests: moto's S3 over HTTP (one for all tests), a bucket for each test, and the real handlers."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from testkit.events import SWEEP
from testkit.fresh import Handler, forget_logger, fresh_import
from testkit.s3 import ON_THIS_MACHINE, S3, Wire

# On a busy machine, or while coverage is measured, an example takes longer than hypothesis expects.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", settings.get_profile("no clock"))  # new examples: `--hypothesis-profile=explore`
settings.register_profile("repeat", settings.get_profile("no clock"), derandomize=True)  # no change fails by chance
settings.load_profile("repeat")


@pytest.fixture(scope="session")
def wire() -> Wire:
    return Wire()


@pytest.fixture(scope="session")
def s3_endpoint(wire: Wire) -> Iterator[str]:
    """Yield the URL of an S3 over HTTP. moto's patches inside the process do not reach obstore."""
    logging.getLogger("werkzeug").disabled = True
    application = wire.recording(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def aws(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set an AWS environment that reaches only this machine. Return the S3 endpoint."""
    for name, value in ON_THIS_MACHINE.items():
        monkeypatch.setenv(name, value)
    return s3_endpoint


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 retry at once. By default it waits for up to a second."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


@pytest.fixture
def s3(aws: str) -> Iterator[S3]:
    made = S3(aws)
    yield made
    made.drop()


@pytest.fixture
def environment(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment of a deployment that remembers nothing and logs everything."""
    for name, value in _settings(s3).items():
        monkeypatch.setenv(name, value)


def _settings(s3: S3) -> dict[str, str]:
    logging_all = {"LOG_LEVEL": "INFO", "LOG_SUCCESSES": "true"}
    return {
        "BUCKET": s3.bucket,
        "S3_ENDPOINT": s3.endpoint,
        "MEMORY_TTL_S": "0",
        "ONLINE_KEY": "none",
        "SERVICE_URL": "none",
    } | logging_all


@contextmanager
def reopened_sinks() -> Iterator[None]:
    """Reopen what `answer.log.Log` closes, since this process outlives the handler."""
    root, hooks = logging.getLogger(), (sys.unraisablehook, threading.excepthook)
    handlers, last_resort, raises = root.handlers[:], logging.lastResort, logging.raiseExceptions
    forget_logger()
    with warnings.catch_warnings():
        yield
    root.handlers, logging.lastResort, logging.raiseExceptions = handlers, last_resort, raises
    sys.unraisablehook, threading.excepthook = hooks


@pytest.fixture
def open_sinks() -> Iterator[None]:
    """Reopen what `answer.log.Log` closes."""
    with reopened_sinks():
        yield


@pytest.fixture
def publish(s3: S3, environment: None, open_sinks: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handler]:
    """Start the publishing function, and yield its handler."""
    module = importlib.import_module("comet_updates.publish.handler")
    s3.connect(monkeypatch)
    forget_logger()
    module._run.cache_clear()
    yield module.handler
    module._run.cache_clear()


@pytest.fixture
def answer(s3: S3, environment: None, open_sinks: None, monkeypatch: pytest.MonkeyPatch) -> Handler:
    """Start the answering function, and return its handler."""
    module = importlib.import_module("comet_updates.answer.handler")
    s3.connect(monkeypatch)
    forget_logger()
    handler: Handler = module.build(module.Settings.from_environment(os.environ))
    return handler


@pytest.fixture(scope="module")
def deploy(s3_endpoint: str) -> Callable[[dict[str, dict[str, Any]]], Handler]:
    """Return a function that publishes uploads in a new bucket, and returns a new answering function for it.

    For fixtures that all tests of a module share.
    """

    def deployed(uploads: dict[str, dict[str, Any]]) -> Handler:
        with published_bucket(s3_endpoint, uploads):
            handler: Handler = fresh_import("comet_updates.answer.handler").handler
            return handler

    return deployed


@contextmanager
def published_bucket(endpoint: str, uploads: dict[str, dict[str, Any]]) -> Iterator[S3]:
    """Publish uploads in a new bucket, and yield it.

    In this block, the environment is that of functions with this bucket.
    """
    with pytest.MonkeyPatch.context() as patch, reopened_sinks():
        for name, value in ON_THIS_MACHINE.items():
            patch.setenv(name, value)
        s3 = S3(endpoint)
        for key, document in uploads.items():
            s3.put(key, document)
        for name, value in _settings(s3).items():
            patch.setenv(name, value)
        fresh_import("comet_updates.publish.handler").handler(SWEEP, None)
        yield s3
