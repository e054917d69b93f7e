"""Hostile uploads by name: a key, a body, and the field that the refusal must name.

Functions make the bodies, so that a list of many megabytes costs nothing until it is used.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from testkit.documents import release

PRODUCT = "comet-cursor"
MIB = 1024 * 1024


class Attack(NamedTuple):
    """An upload, and the JSON path that its refusal must name."""

    key: str
    body: bytes
    path: str = "$"


def key(version: str = "9.9.9", channel: str = "stable", product: str = PRODUCT) -> str:
    return f"releases/{product}/{channel}/{version}.json"


def _release(**fields: Any) -> dict[str, Any]:
    return release("9.9.9", **fields)


def _file(**fields: Any) -> dict[str, Any]:
    document = _release()
    document["artifacts"][0] |= fields
    return document


def _two(*others: dict[str, Any]) -> dict[str, Any]:
    """Return a release that describes one file several times."""
    document = _file(sha512="a" * 128)
    document["artifacts"] += [document["artifacts"][0] | other for other in others]
    return document


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _with(raw: str, field: str = "size") -> bytes:
    """Return a release with an artifact that has `raw` at a field, unescaped, unlike the output of `json.dumps`."""
    return _json(_file(**{field: "RAW"})).replace(b'"RAW"', raw.encode("utf-8", "surrogatepass"))


def _raw(**fields: str) -> bytes:
    """Return a release with more fields, whose values are raw JSON."""
    more = ", ".join(f'"{name}": {value}' for name, value in fields.items())
    return _json(_release())[:-1] + f", {more}}}".encode()


def over_faults(name: str) -> dict[str, Any]:
    """Return a release with 25 000 faults below a field of this name. Each fault's path repeats the name."""
    return _file(hosts={name: {f"{n:x}": 0 for n in range(25_000)}})


JSON: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "white space": lambda: b" \n" * 1000,
    "cut short": lambda: _json(_release())[:-2],
    "two documents": lambda: _json(_release()) * 2,
    "a comment": lambda: b"// x\n" + _json(_release()),
    "a comma too many": lambda: _json(_release())[:-1] + b",}",
    "single quotes": lambda: str(_release()).encode(),
    "a list": lambda: b"[" + _json(_release()) + b"]",
    "a text": lambda: json.dumps(json.dumps(_release())).encode(),
    "objects in depth": lambda: b'{"a":' * 85_000,
    "lists in depth": lambda: b"[" * 500_000,
    "lists in depth, closed": lambda: b"[" * 250_000 + b"]" * 250_000,
    "depth in a field": lambda: _raw(a="[" * 200_000 + "]" * 200_000),
    "some depth in a field": lambda: _raw(a="[" * 900 + "]" * 900),
    "a field twice": lambda: _raw(version='"9.9.9"'),
    "a field twice, once escaped": lambda: _raw(**{"v\\u0065rsion": '"9.9.9"'}),
    "a field twice inside": lambda: _with('1, "size": 2'),
    "a long field twice": lambda: _raw(a=f'{{"{"x" * 200_000}": 1, "{"x" * 200_000}": 2}}'),
    "NaN": lambda: _with("NaN"),
    "Infinity": lambda: _with("Infinity"),
    "minus Infinity": lambda: _with("-Infinity"),
    "a number of 5 000 digits": lambda: _with("9" * 5_000),
    "a number of 100 000 digits": lambda: _with("9" * 100_000),
    "a number of 500 000 digits": lambda: _with("1" * 500_000),
    "a fraction of 400 000 digits": lambda: _with(f"1.{'1' * 400_000}e400"),
    "a huge exponent": lambda: _with("1e999999999"),
    "a huge exponent of a schema": lambda: _json(_release()).replace(b'"schema": 1', b'"schema": 1E400'),
    "a number with a leading zero": lambda: _with("01"),
    "a hexadecimal number": lambda: _with("0x10"),
    "a lone surrogate": lambda: _raw(title=r'"\ud800"'),
    "a lone surrogate for a name": lambda: _raw(**{r"\udc00": "1"}),
    "surrogates in the wrong order": lambda: _raw(title=r'"\udc00\ud800"'),
    "a surrogate in UTF-8": lambda: _raw(title='"RAW"').replace(b"RAW", b"\xed\xa0\x80"),
    "an overlong slash": lambda: _raw(title='"RAW"').replace(b"RAW", b"\xc0\xaf"),
    "Latin-1": lambda: _raw(title='"RAW"').replace(b"RAW", b"Gr\xf6\xdfer"),
    "a byte order mark": lambda: b"\xef\xbb\xbf" + _json(_release()),
    "UTF-16": lambda: _json(_release()).decode().encode("utf-16"),
    "UTF-16 without a mark": lambda: _json(_release()).decode().encode("utf-16-le"),
    "UTF-32": lambda: _json(_release()).decode().encode("utf-32"),
    "UTF-7": lambda: b"+AHs-" + _json(_release())[1:],
    "gzip": lambda: b"\x1f\x8b\x08\x00" + bytes(100),
    "a NUL before": lambda: b"\0" + _json(_release()),
    "NULs after": lambda: _json(_release()) + bytes(1000),
    "a NUL raw in a text": lambda: _raw(title='"a\0b"'),
    "an executable": lambda: b"MZ" + bytes(range(256)) * 100,
    "a prototype": lambda: _raw(__proto__='{"schema": 1}'),
    "a prototype of hosts": lambda: _with('{"__proto__": {"min_version": "1"}}', "hosts"),
}
"""Bodies that different readers of JSON may read differently."""

FIELDS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "another product than the key": (lambda: _release(product="comet-skies"), "$.product"),
    "another channel than the key": (lambda: _release(channel="beta"), "$.channel"),
    "another version than the key": (lambda: release("9.9.8"), "$.version"),
    "a version that is equal to the key's": (lambda: release("9.9.9+x"), "$.version"),
    "a product in foreign letters": (lambda: _release(product="сomet-cursor"), "$.product"),  # noqa: RUF001
    "a product in capitals": (lambda: _release(product="Comet-Cursor"), "$.product"),
    "a product in wide letters": (lambda: _release(product="ｃomet-cursor"), "$.product"),  # noqa: RUF001
    "a product with a line break": (lambda: _release(product="comet-cursor\n"), "$.product"),
    "a product with a zero-width space": (lambda: _release(product="comet\u200b-cursor"), "$.product"),
    "a version in foreign digits": (lambda: release("٩.٩.٩"), "$.version"),
    "a path for a version": (lambda: release("../9.9.9"), "$.version"),
    "a title that turns the text around": (lambda: _release(title="4.2\u202egpj.exe"), "$.title"),
    "a title that isolates": (lambda: _release(title="\u2066x"), "$.title"),
    "a title that moves the cursor": (lambda: _release(title="\x1b[2Jx"), "$.title"),
    "a title with a C1 control": (lambda: _release(title="\x9b2Jx"), "$.title"),
    "a title in two lines": (lambda: _release(title="a\u2028b"), "$.title"),
    "a NUL in a title": (lambda: _release(title="a\0b"), "$.title"),
    "a NUL in the notes": (lambda: _release(notes={"en": "a\0b"}), "$.notes.en"),
    "a script for a link": (lambda: _release(link="javascript:alert(1)"), "$.link"),
    "a data URL": (lambda: _file(url="data:text/html,x"), "$.artifacts[0].url"),
    "a file URL": (lambda: _file(url="file:///etc/passwd"), "$.artifacts[0].url"),
    "a URL without TLS": (lambda: _file(url="http://example.com/a"), "$.artifacts[0].url"),
    "a URL of another host in a trick": (lambda: _file(url="https://a.example\\@b.example/"), "$.artifacts[0].url"),
    "a URL with a password": (lambda: _file(url="https://a:b@example.com/"), "$.artifacts[0].url"),
    "a URL in foreign letters": (lambda: _file(url="https://exаmple.com/a"), "$.artifacts[0].url"),  # noqa: RUF001
    "a URL that turns around": (lambda: _file(url="https://example.com/\u202eexe.a"), "$.artifacts[0].url"),
    "an address in brackets": (lambda: _file(url="https://[::1/a"), "$.artifacts[0].url"),
    "a long URL": (lambda: _file(url=f"https://example.com/{'a' * 100_000}"), "$.artifacts[0].url"),
    "a size for a rocket": (lambda: _file(size=10**18), "$.artifacts[0].size"),
    "a size as a fraction": (lambda: _file(size=1e300), "$.artifacts[0].size"),
    "true for a size": (lambda: _file(size=True), "$.artifacts[0].size"),
    "a formula for a size": (lambda: _file(size="=1+1"), "$.artifacts[0].size"),
    "two hashes for one URL": (lambda: _two({"sha256": "f" * 64}), "$.artifacts[1].sha256"),
    "two sizes for one URL": (lambda: _two({"size": 1, "arch": "aarch64"}), "$.artifacts[1].size"),
    "two hashes for one URL, not side by side": (lambda: _two({}, {"sha512": "f" * 128}), "$.artifacts[2].sha512"),
    "two hashes at two mirrors": (
        lambda: _two({"url": "https://mirror.example.com/setup-x64.exe", "sha256": "f" * 64}),
        "$.artifacts[1].sha256",
    ),
    "a hash of another length": (lambda: _file(sha256="0" * 63), "$.artifacts[0].sha256"),
    "a year before all": (lambda: _release(released_at="0001-01-01T00:00:00Z"), "$.released_at"),
    "a year after all": (lambda: _release(released_at="10000-01-01T00:00:00Z"), "$.released_at"),
    "an offset of days": (lambda: _release(released_at="2026-01-01T00:00:00+99:99"), "$.released_at"),
    "a year of a typing error": (lambda: _release(available_at="2206-11-20T12:00:00Z"), "$.available_at"),
    "a year after all in UTC": (lambda: _release(released_at="9999-12-31T23:59:59-23:59"), "$.released_at"),
    "a leap second": (lambda: _release(released_at="2016-12-31T23:59:60Z"), "$.released_at"),
    "a zebra for a minimum": (lambda: _release(minimum_version="zebra"), "$.minimum_version"),
    "two numbers for a minimum": (lambda: _release(minimum_version="4.2"), "$.minimum_version"),
    "critical below a zebra": (lambda: _release(critical={"below_version": "zebra"}), "$.critical.below_version"),
    "a page for those below a zebra": (
        lambda: _release(informational={"below_version": "zebra"}),
        "$.informational.below_version",
    ),
    "a page for zebras": (
        lambda: _release(informational={"versions": ["4.2.1", "zebra"]}),
        "$.informational.versions[1]",
    ),
    "major for zebras": (lambda: _release(major_below_version="zebra"), "$.major_below_version"),
    "announced again to zebras": (lambda: _release(announce_below_version="zebra"), "$.announce_below_version"),
    "45 000 unknown fields": (lambda: _release(**{f"{n:x}": 0 for n in range(45_000)}), "$.0"),
    "a long name over thousands of faults": (lambda: over_faults("x" * 150_000), "$"),
    "an allowed name over thousands of faults": (lambda: over_faults("x" * 200), f"$.artifacts[0].hosts.{'x' * 200}.0"),
    "unknown fields with escapes in their names": (lambda: _release(**{"\x1b[31m\u202e": 0}), "$.\\x1b[31m\\u202e"),
    "too many files": (lambda: _release(artifacts=[{}] * 50_000), "$.artifacts"),
    "notes in too many languages": (
        lambda: _release(notes={f"{a}{b}": "" for a in "abcdefghijk" for b in "abcdefghijk"}),
        "$.notes",
    ),
}
"""Releases that are valid JSON, and must still be refused."""

VERSIONS = ("4.2", "v4.2.0", "1.0.0-01", "00.1.2", f"1.0.{'9' * 100}.1", "1.0.0_1", "latest")
"""Versions that the product's scheme cannot order."""

KEYS = {
    "the parent folder": "releases/../public/v1/comet-cursor/stable/manifest.json",
    "two parent folders": "releases/../../x.json",
    "the parent folder for a product": "releases/../stable/9.9.9.json",
    "the parent folder for a channel": "releases/comet-cursor/../9.9.9.json",
    "the parent folder for a version": "releases/comet-cursor/stable/...json",
    "an encoded parent folder": "releases/comet-cursor/%2e%2e/9.9.9.json",
    "an encoded slash": "releases/comet-cursor%2fstable/9.9.9.json",
    "twice encoded": "releases/comet-cursor/%252e%252e/9.9.9.json",
    "a backslash": "releases/comet-cursor\\stable\\9.9.9.json",
    "a backslash in a channel": "releases/comet-cursor/..\\stable/9.9.9.json",
    "no product": "releases//stable/9.9.9.json",
    "no channel": "releases/comet-cursor//9.9.9.json",
    "no version": "releases/comet-cursor/stable/.json",
    "a slash too many": "releases//comet-cursor/stable/9.9.9.json",
    "a folder too many": "releases/comet-cursor/stable/more/9.9.9.json",
    "a folder too few": "releases/comet-cursor/9.9.9.json",
    "a product in capitals": "releases/Comet-Cursor/stable/9.9.9.json",
    "a channel in capitals": "releases/comet-cursor/STABLE/9.9.9.json",
    "an ending in capitals": "releases/comet-cursor/stable/9.9.9.JSON",
    "another ending": "releases/comet-cursor/stable/9.9.9.json.exe",
    "no ending": "releases/comet-cursor/stable/9.9.9",
    "foreign letters": "releases/сomet-cursor/stable/9.9.9.json",  # noqa: RUF001
    "letters with marks": "releases/come\u0301t-cursor/stable/9.9.9.json",
    "wide letters": "releases/ｃomet-cursor/stable/9.9.9.json",  # noqa: RUF001
    "a zero-width space": "releases/comet-cursor\u200b/stable/9.9.9.json",
    "a letter that turns around": "releases/comet-cursor/\u202estable/9.9.9.json",
    "a space after": "releases/comet-cursor /stable/9.9.9.json",
    "a tab": "releases/comet-cursor/sta\tble/9.9.9.json",
    "a plus": "releases/comet+cursor/stable/9.9.9.json",
    "a question mark": "releases/comet-cursor/stable/9.9.9.json?x=.json",
    "a number sign": "releases/comet-cursor/stable/#9.9.9.json",
    "a formula": "releases/comet-cursor/=cmd|' C'!A0/9.9.9.json",
    "a prototype": "releases/__proto__/stable/9.9.9.json",
    "a long product": f"releases/{'a' * 65}/stable/9.9.9.json",
    "the longest key there is": f"releases/comet-cursor/stable/{'9' * (1024 - 34)}.json",
    "a long key of letters of four bytes": f"releases/comet-cursor/{'🚀' * 240}/9.9.9.json",
    "a version that ends in a dash": "releases/comet-cursor/stable/1.0.0-.json",
    "a product's document in a folder": "products/comet-cursor/x.json",
    "a product's document in capitals": "products/Comet-Cursor.json",
    "a channel of no product": "channels/stable.json",
    "an approval of no version": "approvals/comet-cursor/stable.json",
    "an approval in the parent folder": "approvals/comet-cursor/../9.9.9.json",
}
"""Keys below the prefixes of uploads that are not valid. The body is a valid release."""

UNLISTED_KEYS = ("releases/comet-cursor/sta\nble/9.9.9.json", "releases/x/\x1b[2J/9.9.9.json", "products/\0.json")
"""Further keys, which Amazon S3 lists percent-encoded. moto cannot do so."""

POLICIES: dict[str, tuple[dict[str, Any], str]] = {
    "a rollout until the end of time": (
        {
            "rollout": {
                "version": "4.2.1",
                "start": "9999-12-31T00:00:00Z",
                "interval": 31_536_000,
                "groups": 100,
            }
        },
        "$.rollout.start",
    ),
    "a pin on a zebra": ({"pin": "zebra"}, "$.pin"),
    "a pin on two numbers": ({"pin": "4.2"}, "$.pin"),
    "a yank of a zebra": (
        {"yanked": [{"version": "4.2.1", "reason": "x"}, {"version": "zebra", "reason": "x"}]},
        "$.yanked[1].version",
    ),
    "a time for a zebra": ({"available_at": {"zebra": "2026-11-20T12:00:00Z"}}, "$.available_at.zebra"),
    "a rollout of a zebra": ({"rollout": {"version": "zebra", "percent": 1}}, "$.rollout.version"),
    "rollouts of zebras": ({"rollout": [{"version": "zebra", "percent": 1}]}, "$.rollout[0].version"),
    "a pin on a path": ({"pin": "../../x"}, "$.pin"),
    "includes in capitals": ({"includes": ["STABLE"]}, "$.includes[0]"),
    "a reason that turns around": ({"yanked": [{"version": "4.2.1", "reason": "\u202e"}]}, "$.yanked[0].reason"),
    "an owner": ({"owner": "mallory"}, "$.owner"),
}
APPROVALS: dict[str, tuple[dict[str, Any], str]] = {
    "of another release": ({"version": "9.9.8"}, "$.version"),
    "of another product": ({"product": "comet-skies"}, "$.product"),
    "of no bytes": ({"sha256": ""}, "$.sha256"),
    "with a star for a hash": ({"sha256": "*" * 64}, "$.sha256"),
    "of other bytes": ({"version": "4.2.1", "sha256": "0" * 64}, "$.sha256"),
    "of a zebra": ({"version": "zebra"}, "$.version"),
    "by somebody": ({"by": "mallory"}, "$.by"),
}


def attacks() -> dict[str, Attack]:
    """Return all attacks, by name."""
    found = {f"JSON: {name}": Attack(key(), body()) for name, body in JSON.items()}
    found |= {f"field: {name}": Attack(key(), _json(make()), path) for name, (make, path) in FIELDS.items()}
    for version in VERSIONS:
        found[f"version: {version[:20]}"] = Attack(key(version), _json(release(version)), "$.version")
    found |= {f"key: {name}": Attack(where, _json(_release())) for name, where in KEYS.items()}
    for name, (fields, path) in POLICIES.items():
        policy = {"schema": 1, "product": PRODUCT, "channel": "stable"} | fields
        found[f"policy: {name}"] = Attack(f"channels/{PRODUCT}/stable.json", _json(policy), path)
    for name, (fields, path) in APPROVALS.items():
        approval = {"schema": 1, "product": PRODUCT, "channel": "stable", "version": "9.9.9", "sha256": "a" * 64}
        version = fields["version"] if fields.get("version") in ("4.2.1", "zebra") else "9.9.9"
        at = f"approvals/{PRODUCT}/stable/{version}.json"
        found[f"approval: {name}"] = Attack(at, _json(approval | fields), path)
    product = _json({"schema": 1, "product": PRODUCT, "name": "\u202e"})
    found["product: a name that turns around"] = Attack(f"products/{PRODUCT}.json", product, "$.name")
    return found


def mutated(random: random.Random) -> Iterator[bytes]:
    """Yield valid releases, broken at random: bytes changed, cut or doubled, or whole values replaced. Never ends."""
    values: list[Any] = [None, True, -1, 0, 10**18, 1e308, "", "\0", "\u202e", "=1+1", "x" * 1000]
    values += [[], {}, [[]] * 50, {"": {}}]
    while True:
        document = _file(signatures={"ed25519": "x"}, hosts={"a": {"min_version": "1"}})
        for _ in range(random.randint(1, 3)):
            target: Any = random.choice([document, document["artifacts"][0], document["notes"]])
            name = random.choice([*target, random.choice(["__proto__", "x", "\ud800", "sha512", "critical"])])
            target[name] = random.choice(values)
            document.setdefault("artifacts", [{}])
            document["artifacts"] = document["artifacts"] or [{}]
            document["notes"] = document.get("notes") if isinstance(document.get("notes"), dict) else {}
            if not (isinstance(document["artifacts"], list) and isinstance(document["artifacts"][0], dict)):
                break
        body = bytearray(_json(document))
        for _ in range(random.choice([0, 0, 1, 5])):
            at = random.randrange(len(body))
            body[at : at + random.randint(0, 3)] = random.randbytes(random.randint(0, 3))
        yield bytes(body)
