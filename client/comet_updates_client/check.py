"""One look for an update: whether it is time, the question to the service, and what its answer means for this copy."""

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
    """What an app knows of itself.

    Attributes:
        channel: what it asks for.
        installed: what it is. Never sent.
        computer: what it runs on. Never sent.
        memory: the file in which it remembers what `state` says.
        interval_s: how often it asks, on average.
        source: what has to vouch for an answer.
    """

    channel: request.Channel
    installed: Installed
    computer: Computer
    memory: Path
    interval_s: float = schedule.INTERVAL_S
    source: Source = Tls()


def look(app: App, tls: ssl.SSLContext, now: datetime, rng: Random, *, only_if_due: bool) -> Verdict:
    """Ask what is offered, and compare it here; as `app.source` does, or not at all if this copy is switched off.

    When to ask next is written down before: a program that dies while it asks does not ask again at once.

    Args:
        app: who looks.
        tls: by what the service is known.
        now: aware.
        rng: what draws the group and the times.
        only_if_due: ask only if it is time. A copy that never asked draws a time, and waits for it.

    Raises:
        NoAnswerError: the service does not answer as it should.
        UntrustedAnswerError: nobody whom the app trusts vouches for its answer.
        UnreadableOfferError: its answer cannot be understood.
        VersionSyntaxError: a version in it, or the installed one, does not parse under the product's scheme.
        StateError: nothing can be remembered.
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
    # Whoever has to vouch for these bytes did.
    release = None if answer.body is None else manifest.parse(answer.body, app.channel.product)
    at = schedule.after_answer(now, app.interval_s, answer.wait_s, rng)
    state.write(app.memory, known._replace(failures=0, next_check=at))
    if release is None:
        return Verdict(Outcome.NOTHING)
    return choose.choose(release, app.installed, app.computer, group=known.group, skipped=known.skipped, now=now)


def skip(app: App, release: manifest.Release, rng: Random) -> None:
    """Say nothing of `release`, nor of anything lower, any more. Raises `StateError`."""
    known = state.read(app.memory, rng)
    state.write(app.memory, known._replace(skipped=choose.known_as(release, app.installed)))


def switch_off(memory: Path, rng: Random) -> None:
    """Never ask again. Raises `StateError`."""
    state.write(memory, state.read(memory, rng)._replace(is_off=True))


def switch_on(memory: Path, rng: Random) -> None:
    """Ask again, and say something of what was skipped, too. Raises `StateError`."""
    state.write(memory, state.read(memory, rng)._replace(is_off=False, skipped=None))
