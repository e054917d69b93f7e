"""Write XML with the standard library, from texts that may contain any character."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def add(
    parent: ET.Element, name: str, text: str | None = None, attributes: dict[str, str | None] | None = None
) -> ET.Element:
    """Add an element to `parent`. Attributes that are None are left out."""
    given = {key: characters(value) for key, value in (attributes or {}).items() if value is not None}
    element = ET.SubElement(parent, name, given)
    element.text = characters(text) if text else None
    return element


def add_text(parent: ET.Element, name: str, text: str | None, attributes: dict[str, str | None] | None = None) -> None:
    """Add an element that contains `text`, unless `text` is empty."""
    if text:
        add(parent, name, text, attributes)


def size_bytes(element: ET.Element) -> int:
    """Return the size of `element`, written alone."""
    return len(ET.tostring(element, encoding="utf-8"))


def write(root: ET.Element) -> bytes:
    """Return the document, indented, in UTF-8."""
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def characters(text: str) -> str:
    """Return `text` with U+FFFD for each character that XML forbids, even escaped (XML 1.0, production 2)."""
    return _NOT_IN_XML.sub("\ufffd", text)
