"""Test which documents a TUF client accepts, and why it refuses others. Its requests do not depend on its memory."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tuf.api.metadata import Metadata

from comet_updates.errors import (
    NoAnswerError,
    StateError,
    TrustFailure,
    UnreadableOfferError,
    UntrustedAnswerError,
    UnusableRootError,
)
from comet_updates.signing import sign
from comet_updates.versions import Scheme
from comet_updates_cli.signing import offline_roles
from comet_updates_client import check, request, source_tuf, state
from comet_updates_client.check import App
from comet_updates_client.choose import Installed, Outcome, Verdict
from comet_updates_client.machine import Computer
from tests.client.conftest import Server, http, manifest
from tests.client.repository import NEW, OLD, PATH, ROLE, Repository, asked, path

NEWEST = "/tuf/metadata/timestamp.json"
CHECK = ["/tuf/metadata/2.root.json", NEWEST]


class InstalledApp:
    """A copy of an app that was shipped with a root, and its service."""

    def __init__(self, house: Repository, server: Server, folder: Path, tls: ssl.SSLContext) -> None:
        self.house, self.server, self._tls, self.rng = house, server, tls, Random(1)
        source = source_tuf.shipped(house.first_root)
        channel = request.channel(f"{server.url}/v1/comet-cursor/stable")
        computer = Computer("windows", "x86_64", "10.0")
        self.app = App(channel, Installed(Scheme.SEMVER, "4.2.0"), computer, folder / "state.json", source=source)

    def look(self) -> Verdict:
        return check.look(self.app, self._tls, datetime.now(UTC), self.rng, only_if_due=False)

    def refused(self) -> TrustFailure:
        with pytest.raises(UntrustedAnswerError) as refusal:
            self.look()
        return refusal.value.why

    def offered(self) -> str:
        release = self.look().release
        assert release
        return release.version

    def asks(self) -> list[str]:
        before = len(self.server.received)
        self.look()
        return asked(self.server.received[before:])

    @property
    def remembered(self) -> Path:
        return self.app.memory.with_suffix(".tuf")

    @property
    def state(self) -> state.State:
        return state.read(self.app.memory, self.rng)


@pytest.fixture
def house(tmp_path: Path) -> Repository:
    house = Repository(tmp_path / "keys")
    house.offer(OLD)
    return house


@pytest.fixture
def server(house: Repository) -> Iterator[Server]:
    with Server(house.answer) as server:
        yield server


@pytest.fixture
def copy(house: Repository, server: Server, tmp_path: Path, tls: ssl.SSLContext) -> InstalledApp:
    return InstalledApp(house, server, tmp_path / "copy", tls)


@pytest.fixture
def other(house: Repository, server: Server, tmp_path: Path, tls: ssl.SSLContext) -> InstalledApp:
    """Return a copy that has never asked."""
    return InstalledApp(house, server, tmp_path / "other", tls)


def test_what_the_key_of_the_product_signed_is_taken(copy: InstalledApp) -> None:
    assert copy.look().outcome is Outcome.UPDATE
    copy.house.offer(NEW)
    assert copy.offered() == "4.3.0"


def test_each_request_is_one_of_those_that_are_shown(copy: InstalledApp) -> None:
    shown = copy.app.source.requests(copy.app.channel)
    copy.look()
    paths = asked(copy.server.received)
    told = {"<number>": "1", "<sha256>": sign.sha256(OLD)}
    for mark, value in told.items():
        shown = tuple(each.replace(mark.encode(), value.encode()) for each in shown)
    assert copy.server.received == list(shown)
    assert paths[:2] == CHECK
    assert len(paths) == 6


def test_it_asks_as_often_as_the_timestamp_says_and_not_as_the_target_does(copy: InstalledApp) -> None:
    now = datetime.now(UTC)
    copy.look()
    assert copy.state.failures == 0
    assert copy.state.next_check
    assert timedelta(hours=12) <= copy.state.next_check - now <= timedelta(hours=37), "less than a week"


class TestRequests:
    """Requests depend only on the channel and on what the service publishes."""

    def test_they_never_say_what_was_seen_before(self, copy: InstalledApp, other: InstalledApp) -> None:
        first, second = copy.asks(), copy.asks()
        assert first == second == other.asks()
        copy.house.renew_root()
        copy.house.offer(NEW)
        assert copy.asks() == other.asks()
        assert copy.asks()[:3] == ["/tuf/metadata/2.root.json", "/tuf/metadata/3.root.json", NEWEST]

    def test_they_never_say_which_root_was_shipped(self, copy: InstalledApp, other: InstalledApp) -> None:
        copy.house.renew_root()
        copy.house.renew_root()
        newest = source_tuf.shipped(copy.house.documents[path("root", 3)])
        other.app = other.app._replace(source=newest)
        assert (newest.version, newest.requests(other.app.channel)) == (3, copy.app.source.requests(copy.app.channel))
        assert copy.asks() == other.asks()

    def test_a_client_that_keeps_what_it_has_would_say_it(
        self, copy: InstalledApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Positive control: python-tuf with a memory of its own sends different requests."""
        whole = source_tuf._manifest
        monkeypatch.setattr(
            source_tuf, "_manifest", lambda channel, root, _, fetcher: whole(channel, root, copy.remembered, fetcher)
        )
        assert copy.asks() != copy.asks()

    def test_what_is_refused_is_asked_for_like_what_is_taken(self, copy: InstalledApp, other: InstalledApp) -> None:
        """After a rollback of the service, the requests do not show which copy noticed it."""
        before = dict(copy.house.documents)
        copy.house.offer(NEW)
        copy.look()
        copy.house.documents = before
        seen = len(copy.server.received)
        copy.refused()
        assert asked(copy.server.received[seen:]) == other.asks()


class TestNothing:
    """Only the owner of the keys can state that nothing is offered."""

    def test_is_offered_on_this_channel(self, copy: InstalledApp) -> None:
        copy.house.offer(NEW, channel="beta")
        assert copy.look() == Verdict(Outcome.NOTHING)
        assert copy.state.failures == 0

    def test_is_offered_any_more(self, copy: InstalledApp) -> None:
        copy.look()
        copy.house.offer()
        assert copy.look() == Verdict(Outcome.NOTHING)

    def test_was_ever_offered(self, copy: InstalledApp, tmp_path: Path) -> None:
        house = Repository(tmp_path / "keys")
        house.refresh()
        copy.server.answer = house.answer
        copy.app = copy.app._replace(source=source_tuf.shipped(house.first_root))
        assert copy.look() == Verdict(Outcome.NOTHING)

    def test_is_said_of_a_product_that_nobody_speaks_for(self, copy: InstalledApp) -> None:
        channel = request.channel(f"{copy.server.url}/v1/another/stable")
        copy.app = copy.app._replace(channel=channel)
        assert copy.look() == Verdict(Outcome.NOTHING)

    def test_is_no_answer_of_a_service_that_has_nothing_signed(self, copy: InstalledApp) -> None:
        copy.server.answer = lambda _: http(b"{}", "404 Not Found")
        with pytest.raises(NoAnswerError, match="answers with status 404"):
            copy.look()
        assert copy.state.failures == 1


def stolen(house: Repository) -> Repository:
    """Return another publisher, who signs the same release under the same names with other keys."""
    thief = Repository(house._folder / "thief")
    thief.offer(NEW)
    return thief


def _forge(role: str) -> Callable[[Repository], None]:
    def forge(house: Repository) -> None:
        version = None if role == "timestamp" else 1
        house.documents[path(role, version)] = stolen(house).documents[path(role, version)]

    return forge


def _forge_all(house: Repository) -> None:
    house.documents = stolen(house).documents


def _forge_root(house: Repository) -> None:
    thief = stolen(house)
    thief.renew_root()
    house.documents[path("root", 2)] = thief.documents[path("root", 2)]


def _forge_manifest(house: Repository) -> None:
    (target,) = (key for key in house.documents if key.startswith("/tuf/targets/"))
    house.documents[target] = house.documents[target].replace(b"4.2.1", b"4.2.9")


def _another_product(house: Repository) -> None:
    """Sign this product's path with the key of another product, under the name of this product's role."""
    signed = sign.product(1, house.now, {PATH: (NEW, {})})
    key = sign.public_key(house.key("other"))
    made = offline_roles.delegated(offline_roles.first_targets(house.now), "comet-cursor", [key], 1, house.now)
    house.publish(ROLE, signed, made, "other")


@pytest.mark.parametrize(
    "forge",
    [
        *(_forge(role) for role in ("timestamp", "snapshot", "targets", ROLE)),
        *(_forge_all, _forge_root, _forge_manifest, _another_product),
    ],
    ids=["timestamp", "snapshot", "targets", "product", "all", "root", "manifest", "another product's key"],
)
def test_what_is_forged_is_refused(copy: InstalledApp, forge: Callable[[Repository], None]) -> None:
    forge(copy.house)
    assert copy.refused() is TrustFailure.FORGED
    assert copy.state.failures == 1


def test_a_product_cannot_speak_for_another(copy: InstalledApp) -> None:
    """Do not look at a target that is signed by a key without authority for its path."""
    copy.house.versions[ROLE] += 1
    elsewhere = sign.product(copy.house.versions[ROLE], copy.house.now, {"another/stable/manifest.json": (NEW, {})})
    copy.house.publish(ROLE, elsewhere, copy.house.targets, "product")
    copy.house.refresh()
    copy.app = copy.app._replace(channel=request.channel(f"{copy.server.url}/v1/another/stable"))
    assert copy.look() == Verdict(Outcome.NOTHING)


def test_what_is_frozen_is_noticed_when_the_timestamp_is_over(
    server: Server, tmp_path: Path, tls: ssl.SSLContext
) -> None:
    ages = {2.9: True, 3.1: False}
    for days, is_taken in ages.items():
        house = Repository(tmp_path / str(days), datetime.now(UTC) - timedelta(days=days))
        house.offer(OLD)
        server.answer = house.answer
        copy = InstalledApp(house, server, tmp_path / f"copy-{days}", tls)
        if is_taken:
            assert copy.offered() == "4.2.1"
        else:
            assert copy.refused() is TrustFailure.OUT_OF_DATE


def test_old_product_signature_is_refused_despite_a_fresh_timestamp(
    server: Server, tmp_path: Path, tls: ssl.SSLContext
) -> None:
    """Refuse the expired signature of the product, so that a thief of the online key cannot hold it back for longer."""
    house = Repository(tmp_path / "keys", datetime.now(UTC) - timedelta(days=91))
    house.offer(OLD)
    house.later(days=91)
    house.refresh()
    server.answer = house.answer
    assert InstalledApp(house, server, tmp_path / "copy", tls).refused() is TrustFailure.OUT_OF_DATE


def test_what_was_there_before_is_rolled_back(copy: InstalledApp, other: InstalledApp) -> None:
    before = dict(copy.house.documents)
    copy.house.offer(NEW)
    assert copy.offered() == "4.3.0"
    copy.house.documents = before
    assert copy.refused() is TrustFailure.ROLLED_BACK
    assert other.offered() == "4.2.1", "positive control: a client that never saw the newer one cannot notice"


def test_a_thief_of_the_online_key_cannot_roll_a_product_back(copy: InstalledApp, other: InstalledApp) -> None:
    copy.house.offer(NEW)
    assert copy.offered() == "4.3.0"
    copy.house.refresh(**{ROLE: 1})
    assert copy.refused() is TrustFailure.ROLLED_BACK
    assert other.offered() == "4.2.1", "positive control, as above"


def test_stolen_first_root_keys_do_not_fool_a_copy_with_the_next_root(copy: InstalledApp) -> None:
    house, thief = copy.house, stolen(copy.house)
    house.publish_root(
        offline_roles.rotated(house.root, "root", [sign.public_key(house.key("root-b"))], [], house.now),
        "root",
        "root-b",
    )
    house.refresh()
    assert copy.offered() == "4.2.1"
    online = sign.public_key(thief.key("online"))
    (old,) = house.root.roles["timestamp"].keyids
    first = Repository.__new__(Repository)
    first.__dict__.update(house.__dict__, root=Metadata.from_bytes(house.first_root).signed, documents={})
    first.publish_root(offline_roles.rotated(first.root, "online", [online], [old], house.now))
    house.documents |= first.documents
    copy.house.documents[NEWEST] = thief.documents[NEWEST]
    assert copy.refused() is TrustFailure.FORGED


def test_a_root_that_is_gone_is_noticed(copy: InstalledApp) -> None:
    copy.house.renew_root()
    copy.look()
    del copy.house.documents[path("root", 2)]
    assert copy.refused() is TrustFailure.ROLLED_BACK


def test_new_keys_are_followed(copy: InstalledApp) -> None:
    """Exchange the online key: signatures of the old key are refused, and those of the new key are accepted."""
    copy.look()
    house = copy.house
    (old,) = house.root.roles["timestamp"].keyids
    online = sign.public_key(house.key("online-b"))
    house.publish_root(offline_roles.rotated(house.root, "online", [online], [old], house.now))
    assert copy.refused() is TrustFailure.FORGED
    (house._folder / "online-b.pem").replace(house._folder / "online.pem")
    house.offer(NEW)
    assert copy.offered() == "4.3.0"


@pytest.mark.parametrize(
    ("where", "size_bytes"),
    [
        (NEWEST, source_tuf.TIMESTAMP_MAX_BYTES),
        (path("root", 2), source_tuf.SIGNED_MAX_BYTES),
        (path("targets", 1), source_tuf.SIGNED_MAX_BYTES),
        (path(ROLE, 1), source_tuf.SIGNED_MAX_BYTES),
    ],
    ids=["timestamp", "root", "targets", "product"],
)
def test_what_is_huge_is_refused(copy: InstalledApp, where: str, size_bytes: int) -> None:
    copy.house.documents[where] = b" " * (size_bytes + 1)
    assert copy.refused() is TrustFailure.TOO_LARGE


def test_no_answer_is_read_to_its_end_if_it_has_none(copy: InstalledApp) -> None:
    read = 0

    def endless(_: bytes) -> Iterator[bytes]:
        nonlocal read
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            read += 65_536
            yield b"x" * 65_536

    copy.server.answer = endless
    with pytest.raises(NoAnswerError, match="more than 2000000 bytes"):
        copy.look()
    assert read < 20_000_000, "the buffers of the sockets hold the rest"


def test_a_signed_manifest_that_is_huge_is_not_taken(copy: InstalledApp) -> None:
    copy.house.offer(manifest("4.3.0", title="x" * 1_000_000))
    assert copy.refused() is TrustFailure.TOO_LARGE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>log in to this network</html>",
        b"{}",
        b"[]",
        b"null",
        b"[" * 10_000,
        b'{"signed":{},"signatures":[]}',
    ],
    ids=["nothing", "a page", "an object", "a list", "null", "deep", "empty metadata"],
)
@pytest.mark.parametrize("where", [NEWEST, path("snapshot", 1), path("targets", 1), path(ROLE, 1), path("root", 2)])
def test_what_is_no_metadata_is_refused(copy: InstalledApp, where: str, body: bytes) -> None:
    copy.house.documents[where] = body
    assert copy.refused() is TrustFailure.UNREADABLE


@pytest.mark.parametrize("where", [path("snapshot", 1), path("targets", 1), path(ROLE, 1)])
def test_what_is_missing_is_asked_for_again_later(copy: InstalledApp, where: str) -> None:
    del copy.house.documents[where]
    with pytest.raises(NoAnswerError, match="status 404"):
        copy.look()
    assert copy.state.failures == 1


def test_a_service_that_is_down_says_when_to_come_back(copy: InstalledApp) -> None:
    now = datetime.now(UTC)
    copy.server.answer = lambda _: http(status="503 Service Unavailable", retry_after="7200")
    with pytest.raises(NoAnswerError, match="status 503"):
        copy.look()
    assert copy.state.next_check
    assert copy.state.next_check - now >= timedelta(seconds=7200)


def test_a_signed_manifest_of_another_product_is_not_understood(copy: InstalledApp) -> None:
    copy.house.offer(manifest("4.3.0", product="another"))
    with pytest.raises(UnreadableOfferError):
        copy.look()


def test_a_memory_that_is_broken_is_begun_anew(copy: InstalledApp) -> None:
    copy.look()
    for file in copy.remembered.rglob("*.json"):
        file.write_bytes(b"\x00")
    assert copy.offered() == "4.2.1"


def test_a_copy_that_cannot_remember_does_not_ask(copy: InstalledApp) -> None:
    copy.app.memory.parent.mkdir()
    copy.remembered.touch()
    with pytest.raises(StateError):
        copy.look()
    assert copy.server.connections == 0


@pytest.mark.parametrize("what", ["", "{}", "timestamp", "unsigned"])
def test_a_root_that_is_none_is_told_before_anything_is_asked(house: Repository, what: str) -> None:
    said = {"timestamp": house.documents[NEWEST], "unsigned": offline_roles.unsigned(house.root)}
    with pytest.raises(UnusableRootError):
        source_tuf.shipped(said.get(what, what.encode()))


def test_whatever_is_answered_ends_in_an_error_of_ours(copy: InstalledApp, house: Repository) -> None:
    """Change one byte of any document, or replace the value at any place in it."""
    good = dict(house.documents)
    wheres = st.sampled_from([path("root", 1), NEWEST, path("snapshot", 1), path("targets", 1), path(ROLE, 1)])
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
        max_leaves=4,
    )

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(wheres, st.integers(0, 10_000), values)
    def tried(where: str, at: int, value: object) -> None:
        document = json.loads(good[where])
        places = list(_places(document))
        holder, key = places[at % len(places)]
        is_same = holder[key] == value
        holder[key] = value
        to = path("root", 2) if "root" in where else where
        house.documents = good | {to: json.dumps(document).encode()}
        if not is_same:
            try:
                copy.look()
            except (UntrustedAnswerError, NoAnswerError):
                return

    tried()


def _places(document: object) -> Iterator[tuple[dict[str, object], str]]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield document, key
            yield from _places(value)
    elif isinstance(document, list):
        for value in document:
            yield from _places(value)
