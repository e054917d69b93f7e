"""The rules of Sparkle and its relatives for an appcast. They find what a client would refuse or misread.

Each rule names its source: `SUAppcast.m`, `SUAppcastItem.m`, `SUAppcastDriver.m`, `SUConstants.m` and
`SPUInstallationType.m` of Sparkle 2; `appcast.cpp` of WinSparkle; `AppCastItem.cs` of NetSparkle.
"""

from __future__ import annotations

import base64
import binascii
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

SPARKLE = "{http://www.andymatuschak.org/xml-namespaces/sparkle}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
INSTALLATION_TYPES = {"application", "package", "interactive-package"}
SYSTEMS = {"macos", "windows", "windows-x64", "windows-x86", "windows-arm64", "linux"}

Rule = Callable[[ET.Element], Iterable[str]]


def problems(appcast: bytes) -> list[str]:
    """Return the problems of an appcast, as `version: problem`."""
    root = ET.fromstring(appcast.decode())
    if root.tag != "rss" or root.find("channel") is None:
        return ["SUAppcast.m: items are looked for at /rss/channel/item"]
    items = root.findall("channel/item")
    found = [f"{_version(item)}: {problem}" for item in items for rule in OF_AN_ITEM for problem in rule(item)]
    return found + [problem for rule in OF_ALL for problem in rule(items)]


def _version(item: ET.Element) -> str | None:
    enclosure = item.find("enclosure")
    said = None if enclosure is None else enclosure.get(f"{SPARKLE}version")
    return said or item.findtext(f"{SPARKLE}version")


def _is_web(url: str | None) -> bool:
    return bool(url) and urlsplit(url or "").scheme in ("http", "https") and bool(urlsplit(url or "").hostname)


def has_a_version(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m: an item without a version fails the whole feed.

    A version in the file's name does not count here.
    """
    if not (_version(item) or "").strip():
        yield "has no version"


def can_be_downloaded_or_read(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m: without an enclosure there must be a link. Both must be http or https."""
    enclosure, link = item.find("enclosure"), item.findtext("link")
    if enclosure is None and not _is_web(link):
        yield "has neither a file nor a link"
    if link is not None and not _is_web(link):
        yield "has a link that leads nowhere"
    for file in item.iter("enclosure"):
        if not _is_web(file.get("url")):
            yield "has a file without a URL"


def has_one_file(item: ET.Element) -> Iterator[str]:
    """SUAppcast.m keeps one enclosure of an item, and does not say which."""
    if len(item.findall("enclosure")) > 1:
        yield "has several files"


def names_its_system(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m reads a missing `sparkle:os` as macOS; appcast.cpp and AppCastItem.cs read it as Windows."""
    for file in item.iter("enclosure"):
        if file.get(f"{SPARKLE}os") not in SYSTEMS:
            yield f"is for {file.get(f'{SPARKLE}os')!r}, which not all clients understand"


def has_a_known_installation_type(item: ET.Element) -> Iterator[str]:
    """SPUInstallationType.m: an unknown type fails the whole feed."""
    for file in item.iter("enclosure"):
        if file.get(f"{SPARKLE}installationType", "application") not in INSTALLATION_TYPES:
            yield "has an unknown installation type"


def has_a_length_in_bytes(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m reads a number. SPUDownloadDriver.m compares it with the size of the download."""
    for file in item.iter("enclosure"):
        if not re.fullmatch(r"[1-9][0-9]*", file.get("length", "1")):
            yield "has a length that is not a number"


def is_signed_by_64_bytes(item: ET.Element) -> Iterator[str]:
    """SUSignatures.m: an Ed25519 signature is 64 bytes in base64. Anything else counts as a broken one."""
    for file in item.iter("enclosure"):
        signature = file.get(f"{SPARKLE}edSignature")
        try:
            is_whole = signature is None or len(base64.b64decode(signature, validate=True)) == 64
        except binascii.Error:
            is_whole = False
        if not is_whole:
            yield "has an invalid signature"


def has_a_date_that_is_read(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m: `E, dd MMM yyyy HH:mm:ss Z`, in English. A phased rollout starts at that date, and needs one."""
    date = item.findtext("pubDate")
    if date is None:
        if item.find(f"{SPARKLE}phasedRolloutInterval") is not None:
            yield "is rolled out without a date"
        return
    try:
        datetime.strptime(date, "%a, %d %b %Y %H:%M:%S %z")
    except ValueError:
        yield f"has a date that is not read: {date!r}"


def is_rolled_out_in_seconds(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m reads a whole number. Zero turns the rollout off."""
    if not re.fullmatch(r"[1-9][0-9]*", item.findtext(f"{SPARKLE}phasedRolloutInterval", "1")):
        yield "has an interval that is not a number of seconds"


def is_on_a_channel_with_a_sound_name(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m: if the channel's name has another form, everybody is offered the item."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", item.findtext(f"{SPARKLE}channel", "default")):
        yield "is on a channel that is ignored"


def says_each_thing_once_per_language(item: ET.Element) -> Iterator[str]:
    """SUAppcast.m: of several elements of one name, `xml:lang` chooses. One without a language is the last resort."""
    counted = Counter((child.tag, child.get(LANGUAGE)) for child in item if child.tag != "enclosure")
    for (tag, language), number in counted.items():
        if number > 1:
            yield f"says {tag} {number} times for the language {language}"


def tells_of_itself_where_people_can_read(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m: `informationalUpdate` has an effect only together with a link."""
    if item.find(f"{SPARKLE}informationalUpdate") is not None and not _is_web(item.findtext("link")):
        yield "is informational without a link"


def has_notes_that_are_no_url(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m: a description that begins like a URL is read as a URL."""
    if item.find(f"{SPARKLE}releaseNotesLink") is None:
        for notes in item.findall("description"):
            if re.match("https?://", notes.text or ""):
                yield "has notes that are taken for a URL"


def has_deltas_that_start_somewhere(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m: each delta needs `deltaFrom`. SUAppcastDriver.m drops an item whose own file has it."""
    for delta in item.findall(f"{SPARKLE}deltas/enclosure"):
        if not delta.get(f"{SPARKLE}deltaFrom"):
            yield "has a delta from nowhere"
    own = item.find("enclosure")
    if own is not None and own.get(f"{SPARKLE}deltaFrom") is not None:
        yield "is a delta only"


def asks_for_hardware_that_is_known(item: ET.Element) -> Iterator[str]:
    """SUAppcastItem.m of 2.9: only `arm64` is known."""
    if item.findtext(f"{SPARKLE}hardwareRequirements", "arm64") != "arm64":
        yield "asks for unknown hardware"


def leaves_those_who_wait_a_release(items: list[ET.Element]) -> Iterator[str]:
    """SUAppcastDriver.m: a client whose group has to wait gets the best of the other items, so there must be one."""
    waiting = [item for item in items if item.find(f"{SPARKLE}phasedRolloutInterval") is not None]
    if waiting and len(waiting) == len(items) and len({_version(item) for item in items}) > 1:
        yield "every release is rolled out"


OF_AN_ITEM: tuple[Rule, ...] = (
    has_a_version,
    can_be_downloaded_or_read,
    has_one_file,
    names_its_system,
    has_a_known_installation_type,
    has_a_length_in_bytes,
    is_signed_by_64_bytes,
    has_a_date_that_is_read,
    is_rolled_out_in_seconds,
    is_on_a_channel_with_a_sound_name,
    says_each_thing_once_per_language,
    tells_of_itself_where_people_can_read,
    has_notes_that_are_no_url,
    has_deltas_that_start_somewhere,
    asks_for_hardware_that_is_known,
)
OF_ALL: tuple[Callable[[list[ET.Element]], Iterable[str]], ...] = (leaves_those_who_wait_a_release,)
