from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from comet_updates.answer.errors import CometError
from comet_updates.errors import NoAnswerError, StateError, UnreadableOfferError, VersionSyntaxError
from comet_updates.versions import Scheme
from comet_updates_client import check, request, state
from comet_updates_client.check import App
from comet_updates_client.choose import Installed, Outcome, Verdict
from comet_updates_client.machine import Computer
from tests.client.conftest import NOW, Server, http, manifest

CACHE = "public, max-age=300, stale-while-revalidate=600"
DAY = timedelta(days=1)
OF_MINISIGN = {"cryptography", "_cffi_backend", "_openssl", "cffi", "typing_extensions"}


class InstalledApp:
    """A copy of an app in front of a service."""

    def __init__(self, server: Server, memory: Path, tls: ssl.SSLContext) -> None:
        self.server, self._tls, self.rng = server, tls, Random(1)
        channel = request.channel(f"{server.url}/v1/comet-cursor/stable")
        computer = Computer("windows", "x86_64", "10.0")
        self.app = App(channel, Installed(Scheme.SEMVER, "4.2.0"), computer, memory)
        self.now = NOW

    def look(self, *, only_if_due: bool = False) -> Verdict:
        return check.look(self.app, self._tls, self.now, self.rng, only_if_due=only_if_due)

    @property
    def state(self) -> state.State:
        return state.read(self.app.memory, self.rng)


@pytest.fixture
def copy(tmp_path: Path, tls: ssl.SSLContext) -> Iterator[InstalledApp]:
    with Server(lambda _: http(manifest(), cache_control=CACHE)) as server:
        yield InstalledApp(server, tmp_path / "state.json", tls)


def test_one_look_is_one_request(copy: InstalledApp) -> None:
    assert copy.look().outcome is Outcome.UPDATE
    assert copy.server.received == [request.ask(copy.app.channel.address)]
    assert copy.server.connections == 1


def test_off_means_off(copy: InstalledApp) -> None:
    """Open no connection while checks are off. Positive control: once they are on again, a connection is opened."""
    check.switch_off(copy.app.memory, copy.rng)
    for only_if_due in (False, True):
        assert copy.look(only_if_due=only_if_due) == Verdict(Outcome.OFF)
    copy.now += 1000 * DAY
    assert copy.look(only_if_due=True) == Verdict(Outcome.OFF)
    assert copy.server.connections == 0
    check.switch_on(copy.app.memory, copy.rng)
    assert copy.look().outcome is Outcome.UPDATE
    assert copy.server.connections == 1


def test_a_skipped_version_is_not_told_of_until_a_higher_one_comes(copy: InstalledApp) -> None:
    found = copy.look()
    assert found.release
    check.skip(copy.app, found.release, copy.rng)
    assert copy.server.connections == 1
    assert copy.look().outcome is Outcome.SKIPPED
    copy.server.answer = lambda _: http(manifest("4.3.0"))
    assert copy.look().outcome is Outcome.UPDATE


def test_a_copy_that_never_asked_waits_for_the_time_that_it_draws(copy: InstalledApp) -> None:
    assert copy.look(only_if_due=True).outcome is Outcome.NOT_DUE
    drawn = copy.state.next_check
    assert drawn
    assert NOW <= drawn <= NOW + DAY
    assert copy.look(only_if_due=True).outcome is Outcome.NOT_DUE
    assert copy.state.next_check == drawn
    assert copy.server.connections == 0
    copy.now = drawn
    assert copy.look(only_if_due=True).outcome is Outcome.UPDATE


def test_after_an_answer_it_is_not_time_for_half_an_interval(copy: InstalledApp) -> None:
    copy.look()
    for hours in range(12):
        copy.now = NOW + timedelta(hours=hours)
        assert copy.look(only_if_due=True).outcome is Outcome.NOT_DUE
    copy.now = NOW + timedelta(hours=36)
    assert copy.look(only_if_due=True).outcome is Outcome.UPDATE
    assert copy.server.connections == 2


def test_an_answer_that_is_good_for_longer_is_not_asked_for_before(copy: InstalledApp) -> None:
    copy.server.answer = lambda _: http(manifest(), cache_control="max-age=400000")
    copy.look()
    assert copy.state.next_check == NOW + timedelta(seconds=400_000)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(status="503 Service Unavailable", retry_after="7200"), NoAnswerError),
        (http(status="302 Found", location="https://elsewhere.example/"), NoAnswerError),
        (http(b"<html>log in to this network</html>"), UnreadableOfferError),
        (http(manifest("4.x")), VersionSyntaxError),
        (b"", NoAnswerError),
    ],
    ids=["503", "a redirect", "a page", "a version that is none", "nothing"],
)
def test_a_failure_is_told_and_the_next_one_waits_longer(
    copy: InstalledApp, answer: bytes, error: type[CometError]
) -> None:
    copy.server.answer = lambda _: answer
    for failures in (1, 2, 3):
        with pytest.raises(error):
            copy.look()
        if error is VersionSyntaxError:  # the answer itself was valid
            return
        told = timedelta(seconds=7200 if b"retry" in answer else 0)
        assert copy.state.next_check
        assert copy.state.failures == failures
        assert told <= copy.state.next_check - NOW <= told + timedelta(seconds=60 * 2 ** (failures - 1))
    copy.server.answer = lambda _: http(manifest())
    copy.look()
    assert copy.state.failures == 0


def test_a_program_that_dies_while_it_asks_has_noted_that_it_did(copy: InstalledApp) -> None:
    seen = []
    copy.server.answer = lambda _: seen.append(copy.state) or http(manifest())  # type: ignore[func-returns-value]
    copy.look()
    assert seen[0].failures == 1
    assert seen[0].next_check is not None


def test_where_nothing_is_offered_nothing_is_to_be_done(copy: InstalledApp) -> None:
    copy.server.answer = lambda _: http(b'{"status":404}', "404 Not Found", cache_control="max-age=60")
    assert copy.look() == Verdict(Outcome.NOTHING)
    assert copy.state.failures == 0


def test_a_copy_that_can_remember_nothing_does_not_ask(copy: InstalledApp, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    copy.app = copy.app._replace(memory=tmp_path / "file" / "state.json")
    with pytest.raises(StateError):
        copy.look()
    assert copy.server.connections == 0


def test_a_copy_that_does_not_know_its_own_version_does_not_ask(copy: InstalledApp) -> None:
    copy.app = copy.app._replace(installed=Installed(Scheme.SEMVER, "four"))
    with pytest.raises(VersionSyntaxError):
        copy.look()
    assert copy.server.connections == 0


def test_a_group_is_kept_from_look_to_look(copy: InstalledApp) -> None:
    copy.server.answer = lambda _: http(manifest(rollout={"percent": 50}))
    outcomes = {copy.look().outcome for _ in range(10)}
    assert len(outcomes) == 1


def test_the_package_needs_three_small_libraries_and_no_more() -> None:
    """Apps need neither the command's libraries for terminals, nor anything of the service."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "from comet_updates_client import download, check\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours_and_theirs = set(run.stdout.split())
    assert {"comet_updates", "comet_updates_client", "minisign", "packaging", "semver"} <= ours_and_theirs
    assert ours_and_theirs - {"comet_updates", "comet_updates_client", "minisign", "packaging", "semver"} <= OF_MINISIGN
