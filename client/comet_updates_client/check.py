"""Check for an update once: whether it is time, the request to the service, and what its answer means for this copy."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

from comet_updates.errors import NoAnswerError
from comet_updates_client import choose, manifest, request, schedule, state
from comet_updates_client.choose import Installed, Outcome, Verdict
from comet_updates_client.machine import Computer
from comet_updates_client.source import Source, Tls


class App(NamedTuple):
    """The settings of an app.

    Attributes:
        channel: the channel that it requests.
        installed: the installed version. Never sent.
        computer: the computer that it runs on. Never sent.
        memory: the file in which it stores its `state`.
        interval_s: the average time between two requests, in seconds.
        source: how it verifies an answer.
    """

    channel: request.Channel
    installed: Installed
    computer: Computer
    memory: Path
    interval_s: float = schedule.INTERVAL_S
    source: Source = Tls()


def look(app: App, tls: ssl.SSLContext, now: datetime, rng: Random, *, only_if_due: bool) -> Verdict:
    """Request the offer and compare it with the installed version. If updates are switched off, send nothing.

    The time of the next request is stored before this request is sent. So a program that crashes during a request does
    not send another one at once.

    Args:
        app: the app.
        tls: the TLS settings that identify the service.
        now: aware.
        rng: draws the group and the times.
        only_if_due: send a request only if it is time. A copy that never sent one draws a time, and waits for it.

    Raises:
        NoAnswerError: the service does not answer, or its answer is not valid HTTP or has another status.
        UntrustedAnswerError: the answer cannot be verified with the keys that the app trusts.
        UnreadableOfferError: the manifest in the answer is not valid.
        VersionSyntaxError: a version in it, or the installed one, does not parse under the product's scheme.
        StateError: the state file cannot be written.
    """
    known = state.read(app.memory, rng)
    if known.is_off:
        return Verdict(Outcome.OFF)
    app.installed.rank(app.installed.version)
    if only_if_due and known.next_check is None:
        state.write(app.memory, known._replace(next_check=schedule.first(now, app.interval_s, rng)))
        return Verdict(Outcome.NOT_DUE)
    if only_if_due and not known.is_due(now):
        return Verdict(Outcome.NOT_DUE)
    failures = min(known.failures + 1, state.FAILURES_MAX)
    failed = known._replace(failures=failures, next_check=schedule.after_failure(now, failures, 0, rng))
    state.write(app.memory, failed)
    try:
        answer = app.source.ask(app.channel, app.memory, tls, now)
    except NoAnswerError as error:
        at = schedule.after_failure(now, failures, error.wait_s, rng)
        state.write(app.memory, failed._replace(next_check=at))
        raise
    # `app.source` has verified these bytes.
    release = None if answer.body is None else manifest.parse(answer.body, app.channel.product)
    at = schedule.after_answer(now, app.interval_s, answer.wait_s, rng)
    state.write(app.memory, known._replace(failures=0, next_check=at))
    if release is None:
        return Verdict(Outcome.NOTHING)
    return choose.choose(release, app.installed, app.computer, group=known.group, skipped=known.skipped, now=now)


def skip(app: App, release: manifest.Release, rng: Random) -> None:
    """Do not offer `release` or lower releases to the user again.

    Raises:
        StateError: the state file cannot be written.
        VersionSyntaxError: the release has no build number, and the product's scheme needs one.
    """
    known = state.read(app.memory, rng)
    state.write(app.memory, known._replace(skipped=choose.known_as(release, app.installed)))


def switch_off(memory: Path, rng: Random) -> None:
    """Switch updates off: never send a request again.

    Raises:
        StateError: the state file cannot be written.
    """
    state.write(memory, state.read(memory, rng)._replace(is_off=True))


def switch_on(memory: Path, rng: Random) -> None:
    """Switch updates on, and offer skipped releases again.

    Raises:
        StateError: the state file cannot be written.
    """
    state.write(memory, state.read(memory, rng)._replace(is_off=False, skipped=None))
