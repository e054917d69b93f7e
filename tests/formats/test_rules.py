"""Test the XML documents against the rules of their readers, and each rule against a document that breaks it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comet_updates.formats import atom, sparkle
from comet_updates.model.offer import Offer
from tests.formats import atom_rules, sparkle_rules
from tests.formats.offers import HOST, PHASED, artifact, complete, offer, percent, release

SIGNED: dict[str, Any] = {"signatures": {"ed25519": base64.b64encode(b"x" * 64).decode()}}
MAC = artifact("macos", "universal", "App.zip", "archive", **SIGNED)
DELTA = artifact("macos", "universal", "App.delta", "delta", from_version="99", **SIGNED)
DATED = {"released_at": "2026-11-20T12:00:00Z"}
WHOLE = release("1.0.0", MAC, DELTA, notes={"en": "New", "de": "Neu"}, link=f"{HOST}/new", critical=True, **DATED)

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80)
LANGUAGES = st.sampled_from(["en", "de", "und", "pt-BR"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "notes": st.dictionaries(LANGUAGES, TEXTS | st.just("https://x.test"), max_size=3),
        "notes_format": st.sampled_from(["markdown", "html", "text"]),
        "notes_url": st.sampled_from([f"{HOST}/notes", {"en": f"{HOST}/en", "de": f"{HOST}/de"}]),
        "link": st.just(f"{HOST}/page"),
        "released_at": st.sampled_from(["2026-11-20T12:00:00Z", "1999-01-02T03:04:05+09:30"]),
        "critical": st.sampled_from([True, {"below_version": "0.9"}]),
        "informational": st.sampled_from([True, {"versions": ["0.8"], "below_version": "0.7"}]),
        "minimum_version": st.just("0.5"),
        "channel": st.sampled_from(["stable", "beta", "a.b_c-d"]),
    },
)
FILES = st.lists(
    st.tuples(
        st.sampled_from(["macos", "windows", "linux", "haiku"]),
        st.sampled_from(["universal", "any", "x86_64", "aarch64", "i686"]),
        st.sampled_from(["App.zip", "App Setup.exe", "größe.dmg", "App-1.0.0-full.nupkg", "App.pkg"]),
    ).map(lambda given: artifact(*given, "archive", **SIGNED)),
    max_size=4,
)
ROLLOUTS = st.sampled_from([None, percent(10), PHASED])


@st.composite
def offers(draw: st.DrawFn) -> Offer:
    """Draw one of our offers, with one release or two."""
    releases = [
        release(version, *draw(FILES), **draw(FIELDS)) for version in ("2.0.0", "1.0.0")[: draw(st.integers(1, 2))]
    ]
    rollout = draw(ROLLOUTS)
    return offer(*releases, rollout=rollout, is_complete=rollout is None)


@settings(deadline=None)
@given(offers())
def test_every_appcast_is_one_that_sparkle_and_its_relatives_read(given: Offer) -> None:
    for appcast in sparkle.render(given).values():
        assert sparkle_rules.problems(appcast) == []


@settings(deadline=None)
@given(offers())
def test_every_feed_of_news_is_valid_atom(given: Offer) -> None:
    for feed in (*atom.render(given).values(), atom.product([given])):
        assert feed is None or atom_rules.problems(feed) == []


def test_the_offer_with_a_file_for_every_client_is_read() -> None:
    given = offer(complete("2.0.0"), WHOLE)
    assert sparkle_rules.problems(sparkle.render(given)["appcast.xml"]) == []
    assert atom_rules.problems(atom.render(given)["feed.atom"]) == []


APPCAST = sparkle.render(offer(WHOLE))["appcast.xml"].decode()
FEED = atom.render(offer(WHOLE))["feed.atom"].decode()
ENCLOSURE = APPCAST[APPCAST.index("<enclosure") : APPCAST.index("/>", APPCAST.index("<enclosure")) + 2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<rss", "<feed"),
        ("<sparkle:version>1.0.0</sparkle:version>", ""),
        (f'url="{HOST}/App.zip"', 'url="App.zip"'),
        (f"<link>{HOST}/new</link>", "<link>ftp://x.test/</link>"),
        (ENCLOSURE, ENCLOSURE * 2),
        (ENCLOSURE, ENCLOSURE.replace('sparkle:os="macos"', "")),
        (ENCLOSURE, ENCLOSURE.replace('sparkle:os="macos"', 'sparkle:os="darwin"')),
        (ENCLOSURE, ENCLOSURE.replace("/>", ' sparkle:installationType="magic" />')),
        (ENCLOSURE, ENCLOSURE.replace('length="1000"', 'length="1 kB"')),
        (ENCLOSURE, ENCLOSURE.replace('edSignature="', 'edSignature="?')),
        (ENCLOSURE, ENCLOSURE.replace("/>", ' sparkle:deltaFrom="98" />')),
        ("Fri, 20 Nov 2026 12:00:00 +0000", "2026-11-20"),
        ("pubDate>", "sparkle:phasedRolloutInterval>"),
        ("<sparkle:criticalUpdate />", "<sparkle:phasedRolloutInterval>soon</sparkle:phasedRolloutInterval>"),
        ("<sparkle:criticalUpdate />", "<sparkle:channel>no such</sparkle:channel>"),
        ("<sparkle:criticalUpdate />", "<title>Twice</title>"),
        ("<sparkle:criticalUpdate />", "<sparkle:hardwareRequirements>m1</sparkle:hardwareRequirements>"),
        (f"<link>{HOST}/new</link>", "<sparkle:informationalUpdate />"),
        (">New<", ">https://x.test<"),
        (' xml:lang="de"', ' xml:lang="en"'),
        (' sparkle:deltaFrom="99"', ""),
    ],
    ids=lambda text: text[:40],
)
def test_an_appcast_that_a_client_would_refuse_or_misread_is_found(old: str, new: str) -> None:
    assert sparkle_rules.problems(APPCAST.encode()) == []
    broken = APPCAST.replace(old, new).replace("</rss>", "</feed>" if new == "<feed" else "</rss>")
    assert broken != APPCAST
    assert sparkle_rules.problems(broken.encode()) != []


def test_a_rollout_that_leaves_the_others_nothing_is_found() -> None:
    phased = "<sparkle:phasedRolloutInterval>60</sparkle:phasedRolloutInterval></item>"
    two = sparkle.render(offer(release("2.0.0", MAC, **DATED), WHOLE))["appcast.xml"].decode()
    assert sparkle_rules.problems(two.replace("</item>", phased, 1).encode()) == []
    assert sparkle_rules.problems(two.replace("</item>", phased).encode()) != []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2005/Atom", "2006/Atom"),
        ("<title>p stable</title>", ""),
        ("<title>p stable</title>", "<title>a</title><title>b</title>"),
        ("urn:uuid:", ""),
        ("2026-11-20T12:00:00Z", "2026-11-20 12:00:00"),
        (' href="feed.atom"', ""),
        ('rel="self"', 'rel="via"'),
        ("<name>p</name>", ""),
        ('<content type="html">', '<content type="image">'),
        ('length="1000"', 'length="large"'),
        ("</entry>", "<more/></entry>"),
        ("</entry>", '<link rel="alternate" href="https://x.test/"/></entry>'),
    ],
    ids=lambda text: text[:40],
)
def test_a_feed_that_a_validator_would_refuse_is_found(old: str, new: str) -> None:
    assert atom_rules.problems(FEED.encode()) == []
    broken = FEED.replace(old, new)
    assert broken != FEED
    assert atom_rules.problems(broken.encode()) != []


def test_two_entries_of_one_id_are_found() -> None:
    entry = FEED[FEED.index("<entry>") : FEED.index("</entry>") + len("</entry>")]
    assert atom_rules.problems(FEED.replace(entry, entry * 2).encode()) != []


@pytest.mark.parametrize("rules", [sparkle_rules, atom_rules], ids=["sparkle", "atom"])
def test_every_rule_says_where_it_is_from(rules: Any) -> None:
    every = [rule for table in vars(rules).values() if isinstance(table, tuple) for rule in table]
    assert len(every) > 8
    assert all(rule.__doc__ and (".m" in rule.__doc__ or rule.__doc__[0].isdigit()) for rule in every)
