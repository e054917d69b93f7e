"""The page of a product: what each channel offers, with downloads and history, and how to point an updater at it.

Each page has the notes in one language, and links to the pages in other languages. The browser's language is never
read. If a page is too large, parts are left out in this order: the oldest history, notes, files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from comet_updates.answer import urls
from comet_updates.formats import notes
from comet_updates.model.fields import ARTIFACTS_MAX, LANGUAGES_MAX
from comet_updates.model.offer import Offer
from comet_updates.model.product import Product
from comet_updates.model.release import Artifact, Release
from comet_updates.pages import html as pages_html
from comet_updates.pages import setup_snippets, wording
from comet_updates.pages.site import NEUTRAL, Site

CHANNELS_MAX = 25
"""How many channels are shown. The page only names more channels, up to `NAMED_MAX`."""
NAMED_MAX = 200
HISTORY_MAX = 50
"""How many earlier releases of a channel are shown. `releases.json` has all."""

_SPACE = Markup(" ")
_PROCESSORS = ("universal", "any", "x86_64", "aarch64", "i686", "armv7", "riscv64")
_MAC_PROCESSORS = ("universal", "any", "aarch64", "x86_64")
"""Processors, in the order in which a system's files are shown: what runs on most computers first."""


@dataclass
class _Group:
    """The HTML of files that are shown together.

    Attributes:
        title: the name of their system; empty for files that only updaters use.
        files: each file.
        sums: the checksum of each file that has one.
    """

    title: str
    files: list[Markup] = field(default_factory=list)
    sums: list[Markup] = field(default_factory=list)


@dataclass
class _Channel:
    """The HTML of a channel on the page.

    `same_as` is an earlier channel that offers the same release. The channel is one line then.
    """

    offer: Offer
    same_as: str = ""
    systems: list[_Group] = field(default_factory=list)
    updates: _Group = field(default_factory=lambda: _Group(""))
    missing_files: int = 0
    notes: Markup = field(default_factory=Markup)
    has_long_notes: bool = False
    history: list[Markup] = field(default_factory=list)
    is_cut: bool = False

    @classmethod
    def widest(cls, offer: Offer) -> _Channel:
        """Return a channel with every part that can be shown, but with empty lists, to measure its size."""
        files = _Group("", [_SPACE], [_SPACE])
        return cls(offer, "", [files], files, ARTIFACTS_MAX, _SPACE, has_long_notes=True, history=[_SPACE], is_cut=True)

    @property
    def name(self) -> str:
        return self.offer.channel


class _Room:
    """The number of bytes that are left on the page."""

    def __init__(self, left_bytes: int) -> None:
        self.left_bytes = left_bytes

    def takes(self, share_bytes: int, *shown: Markup) -> bool:
        """Return whether `shown` fits into its share. If so, subtract its size from the bytes left."""
        size_bytes = sum(len(part.encode()) + 1 for part in shown)  # with the ends of the lines
        if size_bytes > min(share_bytes, self.left_bytes):
            return False
        self.left_bytes -= size_bytes
        return True


def render(
    about: Product,
    offers: Sequence[Offer],
    documents: Mapping[str, Collection[str]],
    *,
    has_news: bool,
    site: Site = NEUTRAL,
) -> dict[str, bytes]:
    """Return the pages by language. The first language's page has the key `""`.

    Args:
        about: the product.
        offers: the offers of its channels, in display order.
        documents: the names of the documents for updaters, by channel.
        has_news: whether the product has a feed to link to.
        site: what all pages share.
    """
    languages = _languages(about, offers)
    made = {}
    for number, language in enumerate(languages or [notes.FALLBACK]):
        page = _Page(about, offers, documents, languages, language, has_news=has_news, site=site)
        made[language if number else ""] = page.render()
    return made


def _languages(about: Product, offers: Sequence[Offer]) -> list[str]:
    """Return the languages of the notes on the page: first the product's languages, then English, then the others.

    There are as many at most as one release may have: each has a page, and each page links to all.
    """
    told = {
        language: None
        for offer in offers[:CHANNELS_MAX]
        for release, _ in offer.history[:HISTORY_MAX]
        for language in release.notes
        if urls.public_key(urls.page_path(about.product, language))
    }
    order = [*about.languages, notes.FALLBACK, *sorted(told)]
    return list(dict.fromkeys(language for language in order if language in told))[:LANGUAGES_MAX]


class _Page:
    """A page in one language, while it is built."""

    def __init__(
        self,
        about: Product,
        offers: Sequence[Offer],
        documents: Mapping[str, Collection[str]],
        languages: Sequence[str],
        language: str,
        *,
        has_news: bool,
        site: Site,
    ) -> None:
        self._about = about
        self._offers = offers
        self._documents = documents
        self._languages = languages
        self._language = language
        self._has_news = has_news
        self._site = site
        self._channels: list[_Channel] = []

    def render(self) -> bytes:
        room = self._furnish()
        for fill, share in ((self._add_files, 0.5), (self._add_notes, 0.7), (self._add_history, 1.0)):
            self._fill(room, fill, share)
        return self._html()

    def _furnish(self) -> _Room:
        """Create the channels, as many as leave half of the page for their content. Return the room for content."""
        number = CHANNELS_MAX
        while True:
            self._channels = [_Channel.widest(offer) for offer in self._offers[:number]]
            size_bytes = len(self._html())
            if size_bytes < pages_html.MAX_BYTES // 2 or number == 1:
                break
            number //= 2
        self._channels = []
        for offer in self._offers[:number]:
            self._channels.append(_Channel(offer, self._same_as(offer)))
        return _Room(pages_html.MAX_BYTES - size_bytes)

    def _same_as(self, offer: Offer) -> str:
        """Return the first channel on the page that offers the same release to the same users; empty if none does."""
        if offer.latest is None or offer.is_pinned or offer.paused_at:
            return ""
        of = (offer.latest.channel, offer.latest.version, offer.rollout)
        for channel in self._channels:
            latest = channel.offer.latest
            if latest and (latest.channel, latest.version, channel.offer.rollout) == of:
                return channel.name
        return ""

    def _fill(self, room: _Room, fill: Callable[[_Channel, _Room, int], None], share: float) -> None:
        """Fill each channel with its part of this share of the room. Room that a channel leaves goes to later ones."""
        kept_bytes = int(room.left_bytes * (1 - share))
        for number, channel in enumerate(self._channels):
            fill(channel, room, (room.left_bytes - kept_bytes) // (len(self._channels) - number))

    def _add_files(self, channel: _Channel, room: _Room, share_bytes: int) -> None:
        if channel.offer.latest is None or channel.same_as:
            return
        groups = {"": channel.updates}
        files = _by_use(channel.offer.latest.artifacts)
        for number, artifact in enumerate(files):
            title = "" if artifact.kind == "delta" else wording.system(artifact)
            group = groups.get(title) or _Group(title)
            shown = pages_html.part("file", artifact=artifact, words=wording, is_main=title and not group.files)
            sha256 = pages_html.part("sum", artifact=artifact)
            around = Markup() if title in groups else pages_html.part("files", group=_Group(title, [], [_SPACE]))
            before_bytes = room.left_bytes
            if not room.takes(share_bytes, shown, sha256, around):
                channel.missing_files = len(files) - number
                break
            share_bytes -= before_bytes - room.left_bytes
            groups[title] = group
            group.files.append(shown)
            group.sums += [sha256] if artifact.sha256 else []
        channel.systems = [group for title, group in groups.items() if title]

    def _add_notes(self, channel: _Channel, room: _Room, share_bytes: int) -> None:
        if channel.offer.latest is None or channel.same_as:
            return
        notes = self._notes(channel.offer.latest, share_bytes)
        if notes is not None and room.takes(share_bytes, notes):
            channel.notes = notes
        else:
            channel.has_long_notes = True

    def _add_history(self, channel: _Channel, room: _Room, share_bytes: int) -> None:
        before = [past for past in channel.offer.history if past[0] is not channel.offer.latest]
        channel.is_cut = len(before) > HISTORY_MAX
        shown_channels = {shown.name for shown in self._channels}
        for release, withdrawn in before[:HISTORY_MAX]:
            is_told_elsewhere = release.channel != channel.name and release.channel in shown_channels
            notes = Markup() if is_told_elsewhere else self._notes(release, share_bytes)
            shown = self._past(channel, release, withdrawn, notes)
            before_bytes = room.left_bytes
            if not room.takes(share_bytes, shown):
                channel.is_cut = True
                return
            share_bytes -= before_bytes - room.left_bytes
            channel.history.append(shown)

    def _past(self, channel: _Channel, release: Release, withdrawn: str | None, notes: Markup | None) -> Markup:
        return pages_html.part(
            "past",
            product=self._about.product,
            channel=channel,
            release=release,
            withdrawn=withdrawn,
            notes=notes or "",
            has_long_notes=notes is None,
        )

    def _notes(self, release: Release, max_bytes: int) -> Markup | None:
        """Return the notes in the page's language, or in another of theirs, or None if they are too long."""
        language = notes.language(release, self._language)
        if len(release.notes.get(language, "")) > max_bytes:  # their HTML is longer, and slow to make
            return None
        html = Markup(_flat(notes.notes_html(release, language)))  # noqa: S704 (sanitised)
        shown = pages_html.part("notes", html=html, language=language)
        return shown if len(shown.encode()) <= max_bytes else None

    def _html(self) -> bytes:
        product = self._about.product
        others = [offer.channel for offer in self._offers[len(self._channels) :]]
        first = next((channel.offer for channel in self._channels if channel.offer.latest), None)
        return pages_html.render(
            "product",
            self._site,
            product=product,
            name=self._about.name or product,
            homepage=self._about.homepage,
            has_news=self._has_news,
            channels=self._channels,
            others=others[:NAMED_MAX],
            more=len(others[NAMED_MAX:]),
            pointers=setup_snippets.find(
                product, first.channel, self._documents.get(first.channel, ()), self._site.service_url
            )
            if first
            else [],
            pointed=first.channel if first else "",
            service_url=self._site.service_url,
            languages=self._switch(),
            words=wording,
        )

    def _switch(self) -> Iterable[tuple[str, str, str, bool]]:
        """Return for each language its tag, its name, the path of its page, and whether this is that page."""
        return [
            (
                language,
                wording.language(language),
                urls.page_path(self._about.product, language if number else ""),
                language == self._language,
            )
            for number, language in enumerate(self._languages)
        ]


def _by_use(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Return the files, with the one that most people of each system want first. Files for updates come last."""
    files: dict[str, list[Artifact]] = {system: [] for system in wording.SYSTEMS}
    updates = []
    for artifact in artifacts:
        if artifact.kind == "delta":
            updates.append(artifact)
        else:
            files.setdefault(artifact.platform, []).append(artifact)
    systems = [sorted(files, key=_use) for files in files.values() if files]
    return [files[0] for files in systems] + [file for files in systems for file in files[1:]] + updates


def _use(artifact: Artifact) -> tuple[int, bool]:
    order = _MAC_PROCESSORS if artifact.platform == "macos" and artifact.arch in _MAC_PROCESSORS else _PROCESSORS
    return order.index(artifact.arch), artifact.kind != "installer" and wording.package(artifact) != "AppImage"


def _flat(html: str) -> str:
    """Return notes with bold paragraphs for headings, since the page has its own headings.

    Tags must be written as the sanitiser writes them.
    """
    return re.sub(r"</h[1-6]>", "</strong></p>", re.sub(r"<h[1-6]>", "<p><strong>", html))
