"""Test the page of a product: an offer in words, hostile texts, and a size that can always be served."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from comet_updates import formats
from comet_updates.formats import atom, drop_in, notes
from comet_updates.model.channel import ChannelPolicy, Rollout
from comet_updates.model.fields import ARTIFACTS_MAX, LANGUAGES_MAX, NOTES_MAX_CHARS
from comet_updates.model.offer import Offer
from comet_updates.model.product import Product
from comet_updates.model.release import Release
from comet_updates.pages import index, setup_snippets
from comet_updates.pages.html import _ENVIRONMENT, MAX_BYTES
from comet_updates.pages.product import CHANNELS_MAX, HISTORY_MAX, render
from comet_updates.pages.site import Site
from comet_updates.publish.decide import decide
from tests.formats.offers import HOST, artifact, complete, offer, release
from tests.pages.read_page import Page, skipped

HOSTILE = """<script>x()</script>"'><img src=x onerror=x()>&amp;{{ 7 * 7 }}"""
WORST = "&" * 200  # each character takes five bytes in HTML


def product(*offers: Offer, documents: dict[str, list[str]] | None = None, language: str = "", **fields: Any) -> Page:
    return Page(rendered(*offers, documents=documents, **fields)[language].decode())


def rendered(*offers: Offer, documents: dict[str, list[str]] | None = None, **fields: Any) -> dict[str, bytes]:
    return render(Product(product="p", **fields), offers, documents or {}, has_news=True)


WHOLE = offer(
    release(
        "2.0.0",
        artifact("windows", "x86_64", "setup.exe"),
        artifact("linux", "aarch64", "app.delta", "delta", from_version="1.0.0", size=4_200_000),
        released_at="2026-11-03T12:00:00Z",
        notes={"en": "New:\n- a tail", "he": "שלום"},
    ),
    release("1.5.0", notes={"en": "Old"}),
    yanked=("1.5.0",),
)


def test_a_page_says_what_is_offered_and_from_which_host() -> None:
    page = product(WHOLE, name="Comet Cursor", homepage="https://www.example.com/")
    links = {link["href"]: link for link in page.all("a")}
    for name in ("setup.exe", "app.delta"):
        assert links[f"https://downloads.example.com/{name}"]["rel"] == "noreferrer nofollow"
    assert "https://www.example.com/" in links
    text = " ".join(page.text.split())
    for said in (
        "Comet Cursor",
        "2.0.0",
        "since 3 November 2026",
        "Windows Download installer (.exe) for Windows 64-bit Intel or AMD, ",
        "Linux, 64-bit ARM Delta from 1.0.0, 4 MB",
        "setup.exe from downloads.example.com",
        "SHA-256 of the files for Windows setup.exe " + "ab" * 32,
        "It is offered to everyone.",
        "withdrawn broken",
    ):
        assert said in text


def test_why_a_release_was_withdrawn_is_not_taken_for_what_was_new() -> None:
    html = rendered(WHOLE)[""].decode()
    assert html.index('<p class="bad" dir="auto">broken</p>') < html.index("Old")
    assert html.count('class="bad"') == 1


def test_what_updaters_alone_can_use_stands_apart() -> None:
    html = rendered(WHOLE)[""].decode()
    assert html.index("setup.exe") < html.index("<summary>Smaller files") < html.index("app.delta")


def test_a_mac_s_processors_have_their_own_names() -> None:
    text = product(offer(release("1.0.0", artifact("macos", "aarch64", "a.zip"), artifact("haiku", "any", "b")))).text
    assert "Apple silicon" in text
    assert "haiku All processors" in " ".join(text.split())


def links(*files: dict[str, Any]) -> list[tuple[str | None, bool]]:
    """Return the name of each file that the page links to, and whether the link is a button."""
    page = product(offer(release("1.0.0", *files)))
    found = [link for link in page.all("a") if (link["href"] or "").startswith(HOST)]
    return [((link["href"] or "").removeprefix(f"{HOST}/"), link.get("class") == "button") for link in found]


class TestDownloads:
    def test_files_are_grouped_by_system_with_one_button_each(self) -> None:
        files = (
            artifact("linux", "x86_64", "app.deb"),
            artifact("haiku", "any", "app.hpkg", "archive"),
            artifact("windows", "aarch64", "arm.exe"),
            artifact("macos", "x86_64", "intel.dmg"),
            artifact("linux", "x86_64", "app.AppImage", "archive"),
            artifact("windows", "x86_64", "app.zip", "archive"),
            artifact("windows", "x86_64", "setup.exe"),
            artifact("macos", "aarch64", "apple.dmg"),
            artifact("haiku", "aarch64", "arm.hpkg", "archive"),
        )
        assert links(*files) == [
            *[("setup.exe", True), ("app.zip", False), ("arm.exe", False)],
            *[("apple.dmg", True), ("intel.dmg", False)],
            *[("app.deb", True), ("app.AppImage", False)],
            *[("app.hpkg", True), ("arm.hpkg", False)],
        ]

    def test_files_for_updates_have_no_button(self) -> None:
        files = [artifact("windows", "any", f"{name}.delta", "delta", from_version="1") for name in "ab"]
        assert links(*files) == [("a.delta", False), ("b.delta", False)]

    @pytest.mark.parametrize(
        ("name", "fields", "package"),
        [
            ("app.AppImage", {}, "AppImage"),
            ("app_1.0.0_amd64.deb", {}, "Debian package (.deb)"),
            ("app-1.0.0.tar.gz", {}, "archive (.tar.gz)"),
            ("app-1.0.0", {}, "archive"),
            ("download", {"bundle": "rpm"}, "RPM package (.rpm)"),
            ("download", {"bundle": "nsis"}, "archive"),
            ("download", {"file_name": "App.DMG"}, "disk image (.dmg)"),
            ("app.exe", {"bundle": "appimage"}, "archive (.exe)"),
            ("app.<b>", {}, "archive"),
        ],
    )
    def test_type_of_a_package_is_in_its_name(self, name: str, fields: dict[str, Any], package: str) -> None:
        file = artifact("linux", "x86_64", name, "archive", **fields)
        assert f"Download {package} for Linux" in " ".join(product(offer(release("1.0.0", file))).text.split())

    def test_checksums_are_folded(self) -> None:
        html = rendered(WHOLE)[""].decode()
        before = html[: html.index("ab" * 32)]
        assert before.count("<details") == before.count("</details>") + 1
        assert before.rindex("SHA-256") > before.rindex("<details>") == before.rindex("<details")

    def test_file_without_a_checksum_has_nothing_to_unfold(self) -> None:
        assert (
            "SHA-256" not in rendered(offer(release("1.0.0", artifact("linux", "any", "a", sha256=None))))[""].decode()
        )


class TestAChannelThatEqualsAnother:
    OLD, NEW = release("1.0.0", notes={"en": "old news"}), release("2.0.0", artifact("linux", "any", "a.zip"))

    def test_is_one_line_that_unfolds_its_history(self) -> None:
        beta = release("1.9.0", channel="beta", notes={"en": "beta news"})
        page = rendered(offer(self.NEW, self.OLD), offer(self.NEW, beta, channel="beta"))[""].decode()
        assert page.count(f"{HOST}/a.zip") == 1
        line = page[page.index('id="channel-beta"') : page.index("</section>", page.index('id="channel-beta"'))]
        words = " ".join(Page(f"<p {line}").text.split())
        assert words.startswith("beta Same release as stable: 2.0.0 History of beta 1.9.0 beta news")
        assert line.index("</summary>") < line.index("1.9.0") < line.index("</details>")
        assert "/v1/p/beta/releases.json" in line

    @pytest.mark.parametrize(
        "other",
        [
            offer(release("2.0.0", channel="beta"), channel="beta"),
            offer(OLD, channel="beta"),
            offer(NEW, channel="beta", rollout=Rollout(percent=10)),
            replace(offer(NEW, channel="beta"), is_pinned=True),
            replace(offer(NEW, channel="beta"), paused_at=datetime(2026, 11, 5, tzinfo=UTC)),
            offer(channel="beta"),
        ],
        ids=["release of its own", "other version", "rollout", "pinned", "paused", "nothing"],
    )
    def test_is_shown_in_full_if_anything_differs(self, other: Offer) -> None:
        assert "Same release as" not in product(offer(self.NEW, self.OLD), other).text
        assert "Same release as" in product(offer(self.NEW, self.OLD), offer(self.NEW, channel="beta")).text

    def test_names_the_channel_that_is_shown_in_full(self) -> None:
        text = product(*(offer(self.NEW, channel=channel) for channel in ("stable", "beta", "nightly"))).text
        assert text.count("Same release as stable: 2.0.0") == 2


def test_without_a_homepage_there_is_no_link_to_one() -> None:
    assert all((link["href"] or "").startswith(("/", "#")) for link in product(offer(release("1.0.0"))).all("a"))


@pytest.mark.parametrize(
    ("critical", "said"),
    [(True, "critical"), ({"below_version": "1.2.0"}, "critical for versions below 1.2.0"), (False, None)],
    ids=str,
)
def test_a_critical_release_is_marked_and_for_whom(critical: object, said: str | None) -> None:
    text = product(offer(release("1.0.0", critical=critical))).text
    assert ("critical" in text) is (said is not None)
    assert said is None or said in text
    assert critical is not True or "below" not in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"percent": 10}, "rolling out to 10 percent of the copies."),
        ({"groups": 7, "interval": 86_400}, "in 7 groups, one every day from 20 November 2026 on; by 26 November 2026"),
        ({"groups": 2, "interval": 172_800}, "one every 2 days "),
        ({"groups": 2, "interval": 5_400}, "one every 90 minutes "),
        ({"groups": 2, "interval": 1}, "one every second "),
    ],
    ids=str,
)
def test_a_rollout_is_told_in_words(fields: dict[str, Any], said: str) -> None:
    start: dict[str, Any] = {} if "percent" in fields else {"start": "2026-11-20T12:00:00Z"}
    page = product(offer(release("1.0.0"), rollout=Rollout(**fields, **start)))
    assert said in page.text
    assert [bar["value"] for bar in page.all("progress")] == (["10"] if "percent" in fields else [])


HELD: dict[str, dict[str, Any]] = {
    "This channel stays at 1.0.0 for now.": {"pin": "1.0.0"},
    "New releases have been held back since 5 November 2026.": {"paused_at": "2026-11-05T00:00:00Z"},
}


def decided(*releases: Release, **policy: Any) -> Offer:
    """Return the offer of a channel with this policy. Its releases came out a week apart, from 1 November on."""
    document = json.dumps({"schema": 1, "product": "p", "channel": "stable", **policy})
    policies = {"stable": ChannelPolicy.model_validate_json(document)}
    return decide(Product(product="p"), "stable", policies, releases, datetime(2026, 12, 1, tzinfo=UTC))


class TestAChannelThatIsHeld:
    @pytest.mark.parametrize("said", HELD)
    def test_says_so(self, said: str) -> None:
        old, new = (release(f"{number}.0.0", released_at=f"2026-11-0{number * 4}T00:00:00Z") for number in (1, 2))
        held, free = (product(decided(old, new, **policy)).text for policy in (HELD[said], {}))
        assert said in held
        assert said not in free
        assert "2.0.0" in free

    @pytest.mark.parametrize(
        "policy", [{"pin": "1.0.0"}, {"pin": "9.9.9"}, {"pin": "2.0.0"}, HELD[list(HELD)[1]]], ids=str
    )
    def test_says_nothing_that_depends_on_what_is_held_back(self, policy: dict[str, Any]) -> None:
        """Show neither that a higher release exists, nor the pinned version, which may not be public."""
        old = release("1.0.0", released_at="2026-11-04T00:00:00Z")
        higher = release("2.0.0", available_at="2027-01-01T00:00:00Z", notes={"en": "secret"})
        with_more, without = (rendered(decided(*known, **policy)) for known in ((old, higher), (old,)))
        assert with_more == without
        assert b"2.0.0" not in with_more[""]
        assert b"9.9.9" not in with_more[""]
        assert b"This channel" in with_more[""] or b"held back" in with_more[""]

    def test_that_offers_nothing_names_no_version(self) -> None:
        text = product(decided(release("2.0.0"), pin="1.0.0")).text
        assert "This channel offers nothing new for now." in text
        assert "1.0.0" not in text

    @pytest.mark.parametrize("held", [{"is_pinned": True}, {"paused_at": datetime(2026, 11, 5, tzinfo=UTC)}], ids=str)
    def test_is_told_to_people_only(self, held: dict[str, Any]) -> None:
        """Documents for programs do not change: a client reads the same as if no higher release existed."""
        free = offer(complete("1.1.0"), complete("1.0.0"))
        shown = replace(free, **held)
        assert formats.render(shown) == formats.render(free)
        assert drop_in.render(shown, ["electron", "tauri"]) == drop_in.render(free, ["electron", "tauri"])
        assert atom.product([shown]) == atom.product([free])
        assert index.entry(Product(product="p"), [shown]) == index.entry(Product(product="p"), [free])
        assert rendered(shown) != rendered(free), "positive control: the page changes"


class TestItsNotes:
    def test_are_markdown_whose_headings_are_none_of_the_page(self) -> None:
        page = product(offer(release("1.0.0", notes={"en": "# Big\n\n###### small\n\n- *one*\n\n|a|\n|-|\n|b|"})))
        assert {"em", "li", "table", "strong"} <= {tag for tag, _ in page.elements}
        assert (page.levels.count(1), skipped(page.levels)) == (1, [])

    def test_are_in_one_language_on_each_page_which_links_to_the_others(self) -> None:
        offered = offer(
            release("2.0.0", notes={"en": "new", "he": "חדש", "de": "neu"}), release("1.0.0", notes={"en": "old"})
        )
        made = rendered(offered, languages=["de"])
        assert list(made) == ["", "en", "he"], "the product's own language first"
        for language, tag, said in (("", "de", "neu"), ("en", "en", "new"), ("he", "he", "חדש")):
            page = Page(made[language].decode())
            assert [notes["lang"] for notes in page.all("div")] == [tag, "en"], "all other texts are in English"
            assert said in page.text
            switch = {link["hreflang"]: link for link in page.all("a") if "hreflang" in link}
            assert {at: link["href"] for at, link in switch.items()} == {"de": "/p", "en": "/p/en", "he": "/p/he"}
            assert [at for at, link in switch.items() if link.get("aria-current")] == [tag]

    def test_need_no_switch_in_one_language(self) -> None:
        made = rendered(offer(release("1.0.0", notes={"de": "neu"})))
        assert list(made) == [""]
        assert "Language of the notes" not in made[""].decode()

    def test_in_a_language_that_no_url_can_name_are_on_no_page_of_their_own(self) -> None:
        assert list(rendered(offer(release("1.0.0", notes={"en": "x", "dn-12345": "y", "elvish": "z"})))) == [""]

    def test_are_told_once_where_two_channels_offer_the_same(self) -> None:
        old, new = release("1.0.0", notes={"en": "old news"}), release("2.0.0-b", channel="beta")
        page = product(offer(old), offer(new, old, channel="beta"))
        assert page.text.count("old news") == 1
        assert "from stable" in page.text


class TestPointing:
    DOCUMENTS = ("appcast.xml", "latest-mac.yml", "tauri.json", "RELEASES", "RELEASES.json", "releases.osx.json")

    def test_names_the_updaters_whose_documents_are_there_with_their_urls(self) -> None:
        page = product(WHOLE, documents={"stable": [*self.DOCUMENTS, "manifest.json"]})
        paths = [link["href"] for link in page.all("a") if (link["href"] or "").startswith("/v1/p/stable/")]
        assert {f"/v1/p/stable/{name}" for name in self.DOCUMENTS} <= set(paths)
        assert "https://HOST/v1/p/stable/appcast.xml" in page.text
        assert "An updater of your own" in page.text

    def test_names_none_whose_document_is_not_there(self) -> None:
        assert [pointer.updater for pointer in setup_snippets.find("p", "beta", ["tauri.json", "feed.atom"])] == [
            "Tauri"
        ]
        assert "For updaters" not in product(offer(channel="stable")).text

    def test_shows_the_url_of_the_service_if_it_is_known(self) -> None:
        documents = {"stable": ["appcast.xml", "manifest.json"]}
        made = [
            render(Product(product="p"), [WHOLE], documents, has_news=False, site=Site(url))[""].decode()
            for url in ("https://updates.example.com", None)
        ]
        assert [html.count("https://updates.example.com/v1/p/stable") for html in made] == [4, 0]
        assert ["HOST" in html for html in made] == [False, True]

    def test_is_at_the_first_channel_that_offers_something(self) -> None:
        page = product(offer(), offer(release("1.0.0"), channel="beta"), documents={"beta": ["manifest.json"]})
        assert "curl https://HOST/v1/p/beta" in page.text


def test_whatever_people_upload_is_text() -> None:
    hostile = release(
        "1.0.0",
        artifact("windows", "x86_64", '"><script>x()</script>', "delta", from_version=HOSTILE, min_os=HOSTILE),
        display_version=HOSTILE,
        notes_format="text",
        notes={"en": HOSTILE},
        critical={"below_version": HOSTILE},
    )
    withdrawn = release("0.9.0", display_version=HOSTILE, notes={"en": HOSTILE}, notes_format="text")
    shown = Offer("p", "stable", hostile, None, ((hostile, None), (withdrawn, HOSTILE)))
    page = product(shown, name=HOSTILE, homepage='https://example.com/"onclick=x()')
    assert page.text.count(HOSTILE) == 10, "title, name, version, critical, notes, delta, system; three in the history"
    assert not page.all("script")
    assert not page.all("img")
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]


def test_what_is_not_escaped_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ENVIRONMENT, "autoescape", False)
    _ENVIRONMENT.cache.clear()  # type: ignore[union-attr]
    page = product(offer(release("1.0.0", display_version=HOSTILE)))
    _ENVIRONMENT.cache.clear()  # type: ignore[union-attr]
    assert page.all("script")


def test_a_page_is_the_same_whenever_it_is_made() -> None:
    assert rendered(WHOLE) == rendered(WHOLE)


class TestAPageThatWouldBeTooLong:
    def test_lacks_the_oldest_of_its_history_and_links_to_all_of_it(self) -> None:
        past = [release(f"{number}.0.0") for number in range(HISTORY_MAX + 2, 0, -1)]
        page = product(offer(*past))
        assert "Older releases do not fit on this page" in page.text
        assert [
            f"{number}.0.0" for number in (52, 2, 1) if f">{number}.0.0<" in rendered(offer(*past))[""].decode()
        ] == [
            "52.0.0",
            "2.0.0",
        ]
        assert "/v1/p/stable/releases.json" in [link["href"] for link in page.all("a")]

    def test_lacks_notes_that_are_too_long_and_links_to_them(self) -> None:
        past = [release(f"{number}.0.0", notes={"en": f"Notes {number} {'x' * 30_000}"}) for number in range(30, 0, -1)]
        text = product(offer(*past)).text
        assert "Notes 30" in text
        assert "Notes 29" in text
        assert "Notes 1 " not in text
        assert "1.0.0" in text
        assert "The notes are too long for this page" in text

    def test_does_not_lack_what_fits(self) -> None:
        text = product(WHOLE).text
        assert "too long" not in text
        assert "do not fit on this page" not in text

    @pytest.mark.parametrize("channels", [1, 3])
    def test_looks_only_at_the_newest_of_ten_thousand_releases(
        self, monkeypatch: pytest.MonkeyPatch, channels: int
    ) -> None:
        rendering = notes.notes_html
        read: list[str | None] = []

        def counted(release: Release, tag: str | None) -> str:
            read.append(tag)
            return rendering(release, tag)

        monkeypatch.setattr(notes, "notes_html", counted)
        past = [release(f"{number}.0.0", notes={"en": "Fixes a crash."}) for number in range(10_000, 0, -1)]
        (html,) = rendered(*(offer(*past, channel=f"c{number}") for number in range(channels))).values()
        assert len(html) < MAX_BYTES
        assert 0 < len(read) <= channels * (HISTORY_MAX + 1)

    @pytest.mark.parametrize("channels", [1, 40, 1_000])
    @pytest.mark.parametrize("sign", ["<", "x", "\n", "&\n\n", "- x\n", "ü"])
    def test_is_cut_to_what_may_be_served(self, channels: int, sign: str) -> None:
        notes = {"en": (sign * NOTES_MAX_CHARS)[:NOTES_MAX_CHARS]}
        file = artifact("windows", "any", "a.exe")
        past = [release(f"{number}.0.0", file, notes=notes) for number in (3, 2, 1)]
        offers = [
            offer(*(one.model_copy(update={"channel": channel}) for one in past), channel=channel)
            for channel in (f"c{number}" for number in range(channels))
        ]
        (html,) = rendered(*offers).values()
        assert len(html) <= MAX_BYTES
        text = Page(html.decode()).text
        assert text.count("3.0.0") >= min(channels, CHANNELS_MAX), "with its latest version"
        assert text.count("a.exe") >= min(channels, CHANNELS_MAX), "and what to download"
        if channels > CHANNELS_MAX:
            assert "c39" in text, "the others are named"

    def test_is_cut_whatever_the_texts(self) -> None:
        url = f"https://downloads.example.com/{'&' * 1_900}"
        files = [artifact("windows", "any", "a.exe", file_name=WORST, url=url, min_os=WORST)] * ARTIFACTS_MAX
        fields = {"title": WORST, "display_version": WORST, "link": url, "critical": {"below_version": WORST}}
        channels = [f"{number:02}{'c' * 62}" for number in range(100)]
        worst = release("1.0.0", *files, **fields)
        offers = [offer(worst.model_copy(update={"channel": channel}), channel=channel) for channel in channels]
        same = [offer(worst, channel=channel) for channel in channels]
        for shown in (offers, same):
            page = rendered(*shown, name=WORST, homepage=url)[""]
            assert len(page) <= MAX_BYTES
            assert "more files, in" in Page(page.decode()).text

    def test_is_cut_however_many_systems_there_are(self) -> None:
        """Count the heading and the folded checksums of each system, too."""
        files = [artifact(f"{number:030}", "any", "a.exe") for number in range(ARTIFACTS_MAX)]
        past = [release(f"{number}.0.0", notes={"en": "x" * 3_000}) for number in range(HISTORY_MAX, 0, -1)]
        page = rendered(offer(release("99.0.0", *files), *past))[""]
        assert MAX_BYTES - 4_000 < len(page) <= MAX_BYTES
        assert "more files, in" in Page(page.decode()).text


def test_the_news_of_a_product_are_linked_where_there_are_any() -> None:
    about = Product(product="p")
    with_news, without = (render(about, [WHOLE], {}, has_news=there)[""] for there in (True, False))
    assert with_news.count(b'href="/p/feed.atom"') == 2
    assert b"feed.atom" not in without


def test_product_has_no_more_pages_than_a_release_may_have_languages() -> None:
    """Releases with other languages each made thousands of pages, and each of these linked to all others."""
    tags = [f"{chr(97 + number // 26)}{chr(97 + number % 26)}-x" for number in range(LANGUAGES_MAX, 5 * LANGUAGES_MAX)]
    releases = [
        release(f"{number + 1}.0.0", notes=dict.fromkeys(tags[number * LANGUAGES_MAX :][:LANGUAGES_MAX], "x"))
        for number in range(4)
    ]
    made = rendered(offer(*releases), languages=["zz", tags[-1]])
    assert len(made) == LANGUAGES_MAX
    assert f'lang="{tags[-1]}"' in made[""].decode(), "the language that the product names is the first"
    assert max(map(len, made.values())) <= MAX_BYTES
