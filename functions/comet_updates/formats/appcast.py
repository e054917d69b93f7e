"""Appcasts, as Sparkle, WinSparkle and NetSparkle read them: the names in them, and how an import reads one.

Sources: sparkle-project/Sparkle at fa4eaa97, `SUAppcast.m` and `SUAppcastItem.m`; vslavik/winsparkle at baf83b10,
`src/appcast.cpp`; NetSparkleUpdater/NetSparkle at 70493547, `XMLAppCastGenerator.cs` and `AppCastItem.cs`.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime, parsedate_tz
from io import BytesIO
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import urlsplit

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.errors import ForeignFeedError, VersionSyntaxError
from comet_updates.formats import imported, xml_writer
from comet_updates.versions import Scheme, is_version, precedence

NAMESPACE = "http://www.andymatuschak.org/xml-namespaces/sparkle"
GROUPS = 7
"""Sparkle's own number of groups in a phased rollout."""

DEFAULT_CHANNEL = "stable"
"""The channel of items without `sparkle:channel`. Every app sees these items."""

SIGNATURES = {"ed25519": "edSignature", "dsa": "dsaSignature", "netsparkle": "signature"}
# The names that all three clients understand, the most common computer first. NetSparkle takes any that contains `win`.
SYSTEMS = {
    ("macos", "universal"): "macos",
    ("macos", "any"): "macos",
    ("macos", "x86_64"): "macos",
    ("macos", "aarch64"): "macos",
    ("windows", "any"): "windows",
    ("windows", "universal"): "windows",
    ("windows", "x86_64"): "windows-x64",
    ("windows", "i686"): "windows-x86",
    ("windows", "aarch64"): "windows-arm64",
    **{("linux", arch): "linux" for arch in ("any", "universal", "x86_64", "aarch64", "armv7", "i686", "riscv64")},
}
_S = f"{{{NAMESPACE}}}"
_OF_ANY_FILE = {
    *("url", "length", "type", "sparkle:type", "sparkle:installerArguments", "sparkle:installationType"),
    *("sparkle:deltaFrom", *(f"sparkle:{name}" for name in SIGNATURES.values())),
}
_OF_A_FILE = _OF_ANY_FILE | {
    *("sparkle:version", "sparkle:shortVersionString", "sparkle:os", "sparkle:channel", "sparkle:criticalUpdate"),
    *("sparkle:minimumSystemVersion", "sparkle:maximumSystemVersion"),
}
_OF_A_DELTA = _OF_ANY_FILE | {"sparkle:deltaFromSparkleExecutableSize", "sparkle:deltaFromSparkleLocales"}
READ = {
    *("title", "pubDate", "link", "description", "description xml:lang", "description sparkle:format", "enclosure"),
    *("releaseNotesLink", "releaseNotesLink xml:lang", "sparkle:releaseNotesLink", "sparkle:releaseNotesLink xml:lang"),
    *("sparkle:version", "sparkle:shortVersionString", "sparkle:channel", "sparkle:deltas", "sparkle:deltas/enclosure"),
    *("sparkle:minimumSystemVersion", "sparkle:maximumSystemVersion", "sparkle:hardwareRequirements"),
    *("sparkle:minimumUpdateVersion", "sparkle:minimumAutoupdateVersion", "sparkle:ignoreSkippedUpgradesBelowVersion"),
    *("sparkle:criticalUpdate", "sparkle:criticalUpdate sparkle:version", "sparkle:tags"),
    *("sparkle:tags/sparkle:criticalUpdate", "sparkle:informationalUpdate", "sparkle:phasedRolloutInterval"),
    *("sparkle:informationalUpdate/sparkle:version", "sparkle:informationalUpdate/sparkle:belowVersion"),
    *("sparkle:fullReleaseNotesLink", "sparkle:dsaSignature"),
    *(f"enclosure {name}" for name in _OF_A_FILE),
    *(f"sparkle:deltas/enclosure {name}" for name in _OF_A_DELTA),
}
"""The elements of an item that an import reads. An attribute follows its element after a space."""

WITHOUT_MEANING = {
    "guid": "the name of the item for RSS readers; no updater reads it",
    "guid isPermaLink": "a part of guid",
    "author": "for RSS readers; no updater reads it",
    "category": "for RSS readers; no updater reads it",
    "comments": "for RSS readers; no updater reads it",
    "sparkle:deltas/enclosure sparkle:version": "a delta leads to the version of its item",
    "sparkle:deltas/enclosure sparkle:shortVersionString": "a delta leads to the version of its item",
    "sparkle:deltas/enclosure sparkle:os": "only Sparkle reads deltas, and all are for macOS",
}
"""The elements and attributes of an item that an import leaves out without a remark, and why."""

HEAD_WITHOUT_MEANING = {
    "title": "the product and the channel are our title",
    "link": "the URL of the feed or of the product; updaters do not read it",
    "description": "for RSS readers; updaters do not show it",
    "language": "of the description",
    "pubDate": "of the feed; each item has its own",
    "lastBuildDate": "of the feed; each item has its own date",
    "generator": "the tool that wrote the feed",
    "copyright": "for RSS readers; updaters do not show it",
    "docs": "the address of the RSS specification",
    "ttl": "how long RSS readers wait; updaters do not read it",
}
"""The elements beside the items that an import leaves out without a remark, and why."""

_NAMES = {
    "version": "version",
    "build": "sparkle:version",
    "released_at": "pubDate",
    "notes": "description",
    "notes_url": "sparkle:releaseNotesLink",
    "history_url": "sparkle:fullReleaseNotesLink",
    "minimum_version": "sparkle:minimumUpdateVersion",
    "major_below_version": "sparkle:minimumAutoupdateVersion",
    "announce_below_version": "sparkle:ignoreSkippedUpgradesBelowVersion",
    "critical": "sparkle:criticalUpdate",
    "informational": "sparkle:informationalUpdate",
    "channel": "sparkle:channel",
    "display_version": "sparkle:shortVersionString",
}
_NAMES_OF_A_FILE = {
    "size": "length",
    "media_type": "type",
    "from_version": "sparkle:deltaFrom",
    "platform": "sparkle:os",
    "min_os": "sparkle:minimumSystemVersion",
    "max_os": "sparkle:maximumSystemVersion",
    "os_name": "sparkle:os",
    "signatures": "signature",
    "installation_type": "sparkle:installationType",
}
_PLATFORMS = ("windows", "macos", "linux")
_WINDOWS_ONLY = (".exe", ".msi")
_ANY_SYSTEM = (".zip", ".gz", ".xz", ".bz2", ".7z", ".tar", ".aar")
_INSTALLATION_TYPES = (None, "application", "package", "interactive-package")
_CHANNEL = re.compile(r"[A-Za-z0-9_.-]+")
_DOTTED = re.compile(r"[0-9]+(?:\.[0-9]+)*")


class _Item(NamedTuple):
    """One item to read.

    Attributes:
        place: its place in the feed, for people.
        element: the item itself.
        version: what the clients compare.
    """

    place: str
    element: ET.Element
    version: str

    @property
    def shown(self) -> str:
        """The version that people see."""
        return _said(self.element, "shortVersionString") or self.version


def parse(body: bytes, feed: imported.Feed) -> None:
    """Read an appcast of Sparkle, WinSparkle or NetSparkle. See `imported`.

    The scheme of the versions follows from all of them: see `_scheme`.

    Raises:
        ForeignFeedError: the document is not an appcast, or Sparkle would reject it.
    """
    root = _tree(body, feed)
    if root.tag != "rss" or root.find("channel") is None:
        raise ForeignFeedError(f"not an appcast: it begins with <{_short(root.tag)}>, not with <rss> and <channel>")
    _read_head(feed, root, body)
    elements = root.findall("channel/item")
    systems = _Systems(feed, elements)
    items = list(_usable(feed, elements, systems))
    feed.scheme = _scheme(items)
    read: dict[tuple[str, str], str] = {}
    for item in items:
        name = _name(item, feed.scheme)
        channel = _channel(feed, item)
        if read.get((channel, name), item.version) != item.version:
            # Two builds with the same visible version.
            name += f"+{re.sub('[^0-9A-Za-z.]+', '-', item.version).strip('-')}"
        if (channel, name) in read:
            _read_again(feed, item, systems, channel, name)
            continue
        read[channel, name] = item.version
        _read(feed, item, systems, channel, name)
    _decide_channels(feed)
    _decide_rollouts(feed, items, read)


def _tree(body: bytes, feed: imported.Feed) -> ET.Element:
    """Return the document with the names that Sparkle reads.

    Sparkle compares the namespace, and then the name with its prefix. So a prefix `sparkle` of another namespace, such
    as one that begins with https://, counts, too.
    """
    try:
        prefixes = [declared for _, declared in ET.iterparse(BytesIO(body), events=("start-ns",))]  # noqa: S314 (as below)
        root = ET.fromstring(body)  # noqa: S314 (expat fetches nothing and limits the growth of entities)
    except ET.ParseError as error:
        raise ForeignFeedError(f"not XML: {error}") from error
    except (LookupError, ValueError) as error:  # an encoding that does not exist
        raise ForeignFeedError(f"not XML: {error}") from error
    others = {uri for prefix, uri in prefixes if prefix == "sparkle" and uri != NAMESPACE}
    for uri in sorted(others):
        feed.remark(
            "xmlns:sparkle",
            f"is {uri!r}. It is read as Sparkle does, by its prefix. WinSparkle and NetSparkle ignore such names."
            f" Our appcast has {NAMESPACE!r}",
        )
    if others:
        for element in root.iter():
            element.tag = _renamed(element.tag, others)
            for name in list(element.attrib):
                element.set(_renamed(name, others), element.attrib.pop(name))
    return root


def _renamed(name: str, namespaces: set[str]) -> str:
    uri, _, local = name.removeprefix("{").rpartition("}")
    return f"{_S}{local}" if uri in namespaces else name


def _read_head(feed: imported.Feed, root: ET.Element, body: bytes) -> None:
    """Add remarks about what is beside the items."""
    for channel in root.findall("channel"):
        feed.unknown(
            "the feed", {_short(child.tag) for child in channel if child.tag != "item"}, HEAD_WITHOUT_MEANING.keys()
        )
    if outside := len(list(root.iter("item"))) - len(root.findall("channel/item")):
        feed.remark(f"{outside} items", "left out: they are not in <channel>, so Sparkle does not read them")
    if re.search(rb"<!--\s*sparkle-signatures:", body):
        feed.remark(
            "the feed",
            "left out: its signature, because our appcast has other bytes. For apps with SURequireSignedFeed, sign it"
            " again with --sign-appcast-with",
        )


class _Systems:
    """Finds out which system a file is for, if necessary from the other files of the feed."""

    def __init__(self, feed: imported.Feed, elements: list[ET.Element]) -> None:
        self._feed = feed
        files = [file for element in elements for file in element.findall("enclosure")]
        unmarked = [file for file in files if not file.get(f"{_S}os")]
        # Sparkle takes a file without `sparkle:os` for macOS, WinSparkle and NetSparkle take it for Windows.
        self._is_for_windows = any(
            _path(file).endswith(_WINDOWS_ONLY) or file.get(f"{_S}installerArguments") or file.get(f"{_S}signature")
            for file in unmarked
        )
        self.has_sparkle = not files or any(self._platform(file)[0] == "macos" for file in files)
        """Whether the feed has files for Sparkle, whose rules are the strictest."""

    def system(self, place: str, file: ET.Element) -> tuple[str, str, str | None]:
        """Return the platform and the architecture of a file, and its `sparkle:os` if ours is another one."""
        platform, reason = self._platform(file)
        os = (file.get(f"{_S}os") or "").strip()
        if not os:
            if reason:
                name = imported.SYSTEM_NAMES[platform]
                self._feed.remark(place, f"has no sparkle:os. It is taken for {name}: {reason}. Or use --os")
            return platform, "any", None
        arch = imported.arch(os)
        # Only NetSparkle's apps choose by the architecture. Their filters look for exactly this name.
        is_own = platform in _PLATFORMS and arch != "any" and os != SYSTEMS.get((platform, arch))
        return platform, arch, os if is_own else None

    def _platform(self, file: ET.Element) -> tuple[str, str]:
        """Return the platform of a file, and why, if the feed does not say it and the file's type is not enough."""
        os = (file.get(f"{_S}os") or "").strip().lower()
        if os:
            return next((ours for ours in _PLATFORMS if _is_named(ours, os)), os), ""
        return (self._feed.platform, "") if self._feed.platform else self._guess(_path(file))

    def _guess(self, path: str) -> tuple[str, str]:
        by_name = imported.platform(path)
        if path.endswith(_WINDOWS_ONLY):
            return "windows", "files of its type are for Windows"
        if by_name == "linux" or (by_name == "windows" and path.endswith(_ANY_SYSTEM)):
            return by_name, "its name says so"
        if by_name and not path.endswith(_ANY_SYSTEM):
            return by_name, ""
        if self._is_for_windows:
            return "windows", "the feed has other files for WinSparkle or NetSparkle"
        return "macos", "Sparkle does so, but WinSparkle and NetSparkle take it for Windows"


def _is_named(platform: str, os: str) -> bool:
    """Return whether `sparkle:os` names a platform, as NetSparkle's `AppCastItem` sees it."""
    words = {"windows": ("win",), "macos": ("mac", "osx"), "linux": ("linux",)}[platform]
    return any(word in os for word in words)


def _path(file: ET.Element) -> str:
    try:
        return urlsplit((file.get("url") or "").strip()).path.lower()
    except ValueError:
        return ""


def _usable(feed: imported.Feed, elements: list[ET.Element], systems: _Systems) -> Iterator[_Item]:
    """Yield the items that a client can use.

    Raises:
        ForeignFeedError: Sparkle would reject the whole feed because of an item.
    """
    for number, element in enumerate(elements, start=1):
        version = _version(element)
        title = " ".join((element.findtext("title") or "").split())
        place = f"item {number} ({(version or title)[:80]})" if version or title else f"item {number}"
        if element.find(f"enclosure[@{_S}deltaFrom]") is not None:
            feed.remark(place, "left out: its own file is a delta. Sparkle ignores such an item")
            continue
        problem = _problem(element, version)
        if problem and systems.has_sparkle:
            raise ForeignFeedError(
                f"{place} {problem}. Sparkle rejects a feed with such an item (SUAppcastItem.m). Correct or remove it"
            )
        if problem:
            feed.remark(place, f"left out: it {problem}. WinSparkle and NetSparkle do not offer it either")
        elif version:
            yield _Item(place, element, version)


def _problem(element: ET.Element, version: str | None) -> str | None:
    """Return why Sparkle cannot read an item, or None."""
    if not version:
        return "has no sparkle:version"
    files = element.findall("enclosure")
    links = _is_web(element.findtext("link"))
    if not files and not links:
        return "has neither an <enclosure> nor a <link>"
    for file in files:
        if not (file.get("url") or "").strip() and not links:
            return "has an <enclosure> without a url"
        if file.get("url") and not _is_web(file.get("url")):
            return f"has the url {file.get('url')!r}, which does not begin with https://"
        if file.get(f"{_S}installationType") not in _INSTALLATION_TYPES:
            return f"has the unknown sparkle:installationType {file.get(f'{_S}installationType')!r}"
    return None


def _is_web(written: str | None) -> bool:
    """Return whether `written` is a URL on the web, or a relative one."""
    text = (written or "").strip()
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text)
    return bool(text) and (scheme is None or text.lower().startswith(("https://", "http://")))


def _scheme(items: list[_Item]) -> imported.SchemeName:
    """Return the scheme for the versions of a feed.

    Numbers with dots are `dotted`, or `build` if people see other versions. Semantic versions whose order is Sparkle's
    are `semver`. All others are `sparkle`.

    Raises:
        ForeignFeedError: a version has no order.
    """
    versions = [item.version for item in items]
    if all(_DOTTED.fullmatch(version) for version in versions):
        return "dotted" if all(item.shown == item.version for item in items) else "build"
    ordered = []
    for item in items:
        try:
            ordered.append(precedence(Scheme.SPARKLE, item.version))
        except VersionSyntaxError as error:
            raise ForeignFeedError(f"{item.place}, sparkle:version: {error}") from error
    if all(is_version(Scheme.SEMVER, version) for version in versions):
        by_semver = sorted(zip(versions, ordered, strict=True), key=lambda pair: precedence(Scheme.SEMVER, pair[0]))
        if all(lower <= higher for (_, lower), (_, higher) in pairwise(by_semver)):
            return "semver"
    return "sparkle"


def _name(item: _Item, scheme: str) -> str:
    """Return the version of the release: what people see, or what decides the order of semantic versions.

    Raises:
        ForeignFeedError: it cannot be a version.
    """
    written = item.version if scheme == "semver" else item.shown
    usable = re.match(object_keys.VERSION, written)
    if usable is None:
        raise ForeignFeedError(f"{item.place}: {written!r} cannot be a version. Begin it with a letter or a digit")
    return usable.group()


def _channel(feed: imported.Feed, item: _Item) -> str:
    """Return the channel of an item.

    Raises:
        ForeignFeedError: the name cannot be a channel here.
    """
    inner = item.element.findtext(f"{_S}channel")
    attribute = next((found for file in item.element.findall("enclosure") if (found := file.get(f"{_S}channel"))), None)
    if attribute and inner is None:
        feed.remark(item.place, "sparkle:channel is an attribute, which no updater reads. It is imported as if it were")
    written = (inner if inner is not None else attribute or "").strip()
    if not written:
        return feed.channel
    if not _CHANNEL.fullmatch(written):
        feed.remark(item.place, f"sparkle:channel {written!r} is not a valid name. Sparkle offers the item to everyone")
        return feed.channel
    name = written.lower()
    problem = object_keys.forbidden(name, product=False) or ("" if urls.is_name(name) else "is not a valid name here")
    if problem:
        raise ForeignFeedError(f"{item.place}, sparkle:channel: {written!r} {problem}. Rename it in the feed")
    if name != written:
        feed.remark(
            item.place,
            f"sparkle:channel {written!r} became {name!r}. Sparkle compares letter by letter: copies that allow"
            f" {written!r} need the URL of the channel's own appcast.xml",
        )
    return name


def _read(feed: imported.Feed, item: _Item, systems: _Systems, channel: str, name: str) -> None:
    element, place = item.element, item.place
    _add_unknown(feed, place, element)
    link = element.findtext("link")
    if link and not _is_web(link):
        feed.remark(place, f"left out: the link {link.strip()!r}. Sparkle takes only https:// and http://")
        link = None
    notes = _by_language(feed, place, "description", element.findall("description"))
    links = _by_language(
        feed,
        place,
        "releaseNotesLink",
        [*element.findall(f"{_S}releaseNotesLink"), *element.findall("releaseNotesLink")],
    )
    form = next((note.get(f"{_S}format", "html").lower() for note in element.findall("description") if note.text), None)
    fits = {"markdown": None, "plain-text": "text"}
    informational = _read_informational(element.find(f"{_S}informationalUpdate"))
    if informational and not (link or "").strip():
        feed.remark(place, "left out: sparkle:informationalUpdate. Sparkle ignores it without a <link>")
        informational = None
    feed.add(
        name,
        [*_files(feed, item, systems), *_deltas(feed, item, systems)],
        channel,
        place=place,
        names=_NAMES,
        build=item.version if feed.scheme == "build" or (feed.scheme == "sparkle" and item.version != name) else None,
        display_version=item.shown if item.shown != name else None,
        released_at=_read_date(feed, place, element.findtext("pubDate")),
        title=" ".join((element.findtext("title") or "").split()),
        link=feed.url(f"{place}, link", link),
        notes=notes,
        notes_format=fits.get(form, "html") if form else None,
        notes_url={language: _optional_url(feed, f"{place}, releaseNotesLink", url) for language, url in links.items()},
        critical=_read_critical(element),
        informational=informational,
        minimum_version=_said(element, "minimumUpdateVersion"),
        major_below_version=_said(element, "minimumAutoupdateVersion"),
        announce_below_version=_said(element, "ignoreSkippedUpgradesBelowVersion"),
        history_url=_optional_url(
            feed, f"{place}, fullReleaseNotesLink", element.findtext(f"{_S}fullReleaseNotesLink")
        ),
    )


def _optional_url(feed: imported.Feed, place: str, written: str | None) -> str | None:
    if written and written.strip() and not _is_web(written):
        feed.remark(place, f"left out: {written.strip()[:100]!r}. Sparkle takes only https:// and http://")
        return None
    return feed.url(place, written)


def _by_language(feed: imported.Feed, place: str, name: str, elements: list[ET.Element]) -> dict[str, str]:
    """Return the texts of elements of one name by language. Of two in one language, the first counts."""
    found: dict[str, str] = {}
    for element in elements:
        language = element.get(xml_writer.LANGUAGE, imported.NO_LANGUAGE).strip().replace("_", "-")
        if (element.text or "").strip() and found.setdefault(language or imported.NO_LANGUAGE, element.text or "") != (
            element.text
        ):
            feed.remark(place, f"left out: a second {name} in the same language")
    return found


def _read_again(feed: imported.Feed, item: _Item, systems: _Systems, channel: str, name: str) -> None:
    """Read another item of a release that was read before, and add its files for other systems."""
    _add_unknown(feed, item.place, item.element)
    release = next(r for r in feed.releases if (r["channel"], r["version"]) == (channel, name))
    known = {(file["platform"], file["arch"]) for file in release["artifacts"]}
    files = _files(feed, item, systems)
    others = [file for file in files if (file["platform"], file["arch"]) not in known]
    release["artifacts"] += others
    if others:
        release["artifacts"] += _deltas(feed, item, systems)
    if len(others) < len(files) or not files:
        feed.remark(item.place, f"{name} is in the feed twice. The first one is imported; the client uses it, too")


def _files(feed: imported.Feed, item: _Item, systems: _Systems) -> list[imported.Entry]:
    files = [file for file in item.element.findall("enclosure") if (file.get("url") or "").strip()]
    return [_file(feed, item, systems, file, f"{item.place}, enclosure") for file in files]


def _deltas(feed: imported.Feed, item: _Item, systems: _Systems) -> Iterator[imported.Entry]:
    """Yield the deltas that Sparkle can use. It ignores the others."""
    for number, delta in enumerate(item.element.findall(f"{_S}deltas/enclosure"), start=1):
        place = f"{item.place}, delta {number}"
        if not delta.get(f"{_S}deltaFrom"):
            feed.remark(place, "left out: it has no sparkle:deltaFrom. Sparkle ignores it")
        elif not _is_web(delta.get("url")):
            feed.remark(place, "left out: it has no url with https://. Sparkle ignores it")
        else:
            yield _file(feed, item, systems, delta, place)


def _file(feed: imported.Feed, item: _Item, systems: _Systems, file: ET.Element, place: str) -> imported.Entry:
    url = feed.url(place, file.get("url")) or ""
    delta = file.get(f"{_S}deltaFrom")
    # Only Sparkle has deltas, and it reads no `sparkle:os` of theirs.
    platform, arch, os_name = ("macos", "any", None) if delta else systems.system(place, file)
    needs = _said(item.element, "hardwareRequirements")
    if needs and needs != "arm64":
        feed.remark(item.place, f"left out: sparkle:hardwareRequirements {needs!r}. Releases have no such field")
    if needs == "arm64" and platform == "macos":
        arch = "aarch64"
    signatures = {kind: found for kind, name in SIGNATURES.items() if (found := file.get(f"{_S}{name}"))}
    legacy = (item.element.findtext(f"{_S}dsaSignature") or "").strip()
    if legacy and platform == "windows":
        signatures.setdefault("dsa", legacy)
    elif legacy:
        feed.remark(item.place, "left out: the element sparkle:dsaSignature, which only WinSparkle reads")
    return imported.entry(
        place,
        _NAMES_OF_A_FILE,
        platform=platform,
        arch=arch,
        kind="delta" if delta else imported.kind(_path(file)) if not _path(file).endswith(".dmg") else "archive",
        url=url,
        size=_size(feed, f"{place}, length", file.get("length")),
        signatures=signatures,
        min_os=_said(item.element, "minimumSystemVersion"),
        max_os=_said(item.element, "maximumSystemVersion"),
        from_version=delta,
        from_executable_size=_size(
            feed, f"{place}, deltaFromSparkleExecutableSize", file.get(f"{_S}deltaFromSparkleExecutableSize")
        )
        if delta
        else None,
        from_locales=file.get(f"{_S}deltaFromSparkleLocales") if delta else None,
        installation_type=file.get(f"{_S}installationType"),
        media_type=file.get("type") or file.get(f"{_S}type"),
        installer_arguments=file.get(f"{_S}installerArguments"),
        os_name=os_name,
    )


def _size(feed: imported.Feed, place: str, written: str | None) -> int | None:
    """Return a number of bytes. Any other text counts as none, as in the clients."""
    try:
        return imported.size(place, written)
    except ForeignFeedError as error:
        feed.remark(place, f"left out: {str(error).removeprefix(f'{place} is ')}")
        return None


def _read_date(feed: imported.Feed, place: str, written: str | None) -> str | None:
    """Return a date as our documents have it, or None if it cannot be read."""
    text = re.sub(r"([+-][0-9]{2}):([0-9]{2})$", r"\1\2", " ".join((written or "").split()))
    if not text:
        return None
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        try:
            date = datetime.fromisoformat(text)
        except ValueError:
            feed.remark(place, f"pubDate {text!r} is left out: it is not a valid date")
            return None
    if date.tzinfo:
        return date.isoformat()
    parsed = parsedate_tz(text)
    if not text.endswith("-0000") or parsed is None:
        feed.remark(place, f"pubDate {text!r} has no time zone that RFC 822 knows. It is read as UTC")
    return date.replace(tzinfo=UTC).isoformat()


def _read_critical(element: ET.Element) -> bool | imported.Wire | None:
    critical = element.find(f"{_S}criticalUpdate")
    critical = element.find(f"{_S}tags/{_S}criticalUpdate") if critical is None else critical
    if critical is None:  # an attribute of the file: NetSparkle
        return (
            any(file.get(f"{_S}criticalUpdate") in ("true", "1", "yes") for file in element.iter("enclosure")) or None
        )
    below = critical.get(f"{_S}version")
    return {"below_version": below} if below else True


def _read_informational(element: ET.Element | None) -> bool | imported.Wire | None:
    if element is None:
        return None
    versions = [child.text for child in element.findall(f"{_S}version") if child.text]
    return imported.given(versions=versions, below_version=element.findtext(f"{_S}belowVersion")) or True


def _decide_channels(feed: imported.Feed) -> None:
    """Decide that each channel of the feed offers the default channel, too, as Sparkle does.

    Raises:
        ForeignFeedError: the default channel has a name that our appcast does not leave out.
    """
    named = list(dict.fromkeys(release["channel"] for release in feed.releases if release["channel"] != feed.channel))
    if not named:
        return
    if feed.channel != DEFAULT_CHANNEL:
        raise ForeignFeedError(
            f"has items of the channels {', '.join(named)}. Import it with --channel {DEFAULT_CHANNEL}: only its items"
            " have no sparkle:channel in our appcast, so that every copy sees them"
        )
    for channel in named:
        feed.decision(f"sparkle:channel {channel}", channel, includes=[feed.channel])
    every = "all"
    if len(named) > 1:
        feed.decision("sparkle:channel", every, includes=[feed.channel, *named])
    path = urls.document_path(feed.product, named[0] if len(named) == 1 else every, "appcast-channels.xml")
    feed.remark(
        "sparkle:channel",
        f"for copies that ask one URL and choose with allowedChannels, that URL is {path}. Copies without a channel can"
        f" also use {urls.document_path(feed.product, feed.channel, 'appcast.xml')}",
    )


def _decide_rollouts(feed: imported.Feed, items: list[_Item], read: dict[tuple[str, str], str]) -> None:
    """Decide the rollout of the newest release of each channel. The rollouts of older releases have no effect."""
    by_version = {item.version: item for item in reversed(items)}
    for channel in dict.fromkeys(channel for channel, _ in read):
        newest = max(
            (release for release in feed.releases if release["channel"] == channel),
            key=lambda release: precedence(Scheme(feed.scheme), release["version"], release.get("build")),
        )
        item = by_version[read[channel, newest["version"]]]
        place = f"{item.place}, phasedRolloutInterval"
        interval = _size(feed, place, _said(item.element, "phasedRolloutInterval"))
        if interval and not newest.get("released_at"):
            feed.remark(place, "left out: without a valid pubDate, Sparkle offers the release to everyone at once")
        elif interval:
            rollout = {"start": newest["released_at"], "interval": interval, "groups": GROUPS}
            feed.decision(place, channel, rollout={"version": newest["version"], **rollout})


def _version(item: ET.Element) -> str | None:
    """Return the item's version, or None.

    If the item has none, the text between the last `_` of the file name and its ending is the version, as in the
    client.
    """
    enclosure = item.find("enclosure")
    _, found, end = (enclosure.get("url") or "").rpartition("_") if enclosure is not None else ("", "", "")
    return _said(item, "version") or (end.rpartition(".")[0] if found else "") or None


def _said(item: ET.Element, name: str) -> str | None:
    """Return the attribute `name` of the file, or the text of the element `name`, or None."""
    enclosure = item.find("enclosure")
    said = (enclosure.get(f"{_S}{name}") or "").strip() if enclosure is not None else None
    return said or (item.findtext(f"{_S}{name}") or "").strip() or None


def _add_unknown(feed: imported.Feed, place: str, item: ET.Element) -> None:
    """Add a remark for each element and attribute that is not imported."""
    found = {name for child in item for name in _names(child, "")}
    unknown = found - READ - WITHOUT_MEANING.keys()
    # Without the parts of an element that is unknown itself.
    feed.unknown(
        place, {name for name in unknown if not any(name.startswith((f"{n} ", f"{n}/")) for n in unknown)}, set()
    )


def _names(element: ET.Element, parent: str) -> Iterator[str]:
    name = f"{parent}{_short(element.tag)}"
    yield name
    yield from (f"{name} {_short(attribute)}" for attribute in element.attrib)
    for child in element:
        yield from _names(child, f"{name}/")


def _short(tag: str) -> str:
    return tag.replace(_S, "sparkle:").replace(xml_writer.LANGUAGE, "xml:lang")
