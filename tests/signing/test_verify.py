"""Test metadata that is read and verified: which key may sign what, and what a product's key has signed."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from comet_updates import object_keys
from comet_updates.errors import Problem, RefusedUploadError
from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse
from comet_updates.signing import sign, verify
from comet_updates.signing.verify import NO_TRUST, read_anchor, read_seal
from comet_updates_cli.signing import offline_roles
from comet_updates_cli.signing.key_folder import create_private
from tests.signing.thief import signed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PRODUCT = "comet-cursor"
PATH, KEY = object_keys.target_path(PRODUCT, "stable"), object_keys.signed_key(PRODUCT, 1)
MANIFEST = b'{"version":"4.2.1"}\n'


class Keys:
    """Keys in files, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def uri(self, name: str) -> str:
        file = self._folder / f"{name}.pem"
        if not file.exists():
            create_private(file)
        return f"file2:{file}"

    def uris(self, *names: str) -> list[str]:
        return [self.uri(name) for name in names]

    def public(self, *names: str) -> list[Any]:
        return [sign.public_key(self.uri(name)) for name in names]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def root(keys: Keys) -> Root:
    return offline_roles.first_root(keys.public("a", "b"), 2, keys.public("targets"), keys.public("online")[0], NOW)


@pytest.fixture(scope="module")
def targets(keys: Keys) -> Targets:
    return offline_roles.delegated(offline_roles.first_targets(NOW), PRODUCT, keys.public("product"), 1, NOW)


@pytest.fixture(scope="module")
def uploaded(keys: Keys, root: Root, targets: Targets) -> dict[str, bytes]:
    return {
        object_keys.trust_key("root", 1): signed(root, *keys.uris("a", "b")),
        object_keys.trust_key("targets", 2): signed(targets, keys.uri("targets")),
    }


class TestAnchor:
    """Section 5.3 of the specification: 'Version N+1 of the root metadata file MUST have been signed by: (1) a
    threshold of keys specified in the trusted root metadata file (version N), and (2) a threshold of keys specified in
    the new root metadata file being validated (version N+1).'
    """

    def test_it_is_what_enough_people_signed_root_first(self, uploaded: dict[str, bytes]) -> None:
        anchor = read_anchor(uploaded)
        assert (anchor.root and anchor.root.version, anchor.targets and anchor.targets.version, anchor.refusals) == (
            1,
            2,
            {},
        )
        assert list(anchor.documents) == [object_keys.metadata_key("root", 1), object_keys.metadata_key("targets", 2)]
        assert list(anchor.documents.values()) == list(uploaded.values())

    def test_without_a_first_root_there_is_none(self, uploaded: dict[str, bytes]) -> None:
        assert read_anchor({}) == NO_TRUST
        assert read_anchor({key: body for key, body in uploaded.items() if "root" not in key}) == NO_TRUST

    @pytest.mark.parametrize("signers", [("a",), ("a", "thief"), ()])
    def test_a_first_root_that_too_few_signed_is_refused(
        self, keys: Keys, root: Root, uploaded: dict[str, bytes], signers: tuple[str, ...]
    ) -> None:
        key = object_keys.trust_key("root", 1)
        anchor = read_anchor(uploaded | {key: signed(root, *keys.uris(*signers))})
        assert anchor._replace(refusals={}) == NO_TRUST
        assert set(anchor.refusals) == {key}

    @pytest.mark.parametrize(
        ("signers", "counts"),
        [
            (("a", "b", "c"), True),
            (("a", "b"), False),  # enough of the old keys, one of the new ones
            (("b", "c"), False),  # enough of the new keys, one of the old ones
        ],
    )
    def test_the_next_root_is_vouched_for_by_the_one_before_and_by_itself(
        self, keys: Keys, root: Root, uploaded: dict[str, bytes], *, signers: tuple[str, ...], counts: bool
    ) -> None:
        after = offline_roles.rotated(root, "root", keys.public("c"), [keys.public("a")[0].keyid], NOW)
        key = object_keys.trust_key("root", 2)
        anchor = read_anchor(uploaded | {key: signed(after, *keys.uris(*signers))})
        assert anchor.root
        assert anchor.root.version == (2 if counts else 1)
        assert (object_keys.metadata_key("root", 2) in anchor.documents) == counts
        assert set(anchor.refusals) == (set() if counts else {key})

    def test_after_a_gap_no_root_counts(self, keys: Keys, root: Root, uploaded: dict[str, bytes]) -> None:
        third = offline_roles.renewed(offline_roles.renewed(root, NOW), NOW)
        anchor = read_anchor(uploaded | {object_keys.trust_key("root", 3): signed(third, *keys.uris("a", "b"))})
        assert anchor.root
        assert anchor.root.version == 1
        (refusal,) = anchor.refusals.values()
        assert (refusal.key, refusal.problems[0].remedy) == (
            object_keys.trust_key("root", 3),
            "Upload that version first",
        )

    def test_a_root_has_consistent_snapshots(self, keys: Keys, root: Root, uploaded: dict[str, bytes]) -> None:
        after = offline_roles.renewed(root, NOW)
        after.consistent_snapshot = False
        key = object_keys.trust_key("root", 2)
        (problem,) = read_anchor(uploaded | {key: signed(after, *keys.uris("a", "b"))}).refusals[key].problems
        assert problem.path == "$.signed.consistent_snapshot"

    def test_targets_that_do_not_count_leave_those_before(
        self, keys: Keys, targets: Targets, uploaded: dict[str, bytes]
    ) -> None:
        key = object_keys.trust_key("targets", 3)
        anchor = read_anchor(uploaded | {key: signed(offline_roles.renewed(targets, NOW), keys.uri("thief"))})
        assert anchor.targets
        assert anchor.targets.version == 2
        assert "version 1 of root names for targets" in str(anchor.refusals[key])


def product(path: str = PATH, version: int = 1, **beside: Any) -> Targets:
    made = sign.product(version, NOW, {path: (MANIFEST, beside)})
    made.version = version
    return made


class TestSeal:
    """The state that a pipeline signed."""

    @pytest.fixture
    def read(self, keys: Keys, targets: Targets) -> Callable[..., Any]:
        """Return `read(metadata, key)`, which signs with the key of that name."""
        return lambda metadata, key="product": read_seal(targets, KEY, signed(metadata, keys.uri(key)))

    def test_it_is_the_hash_of_each_manifest(self, read: Callable[..., Any]) -> None:
        seal = read(product())
        assert (seal.version, seal.state) == (1, {PATH: sign.sha256(MANIFEST)})
        assert seal.expires == NOW + sign.PRODUCT_LIFE

    def test_what_is_beside_it_is_passed_on(self, read: Callable[..., Any], keys: Keys) -> None:
        appcast = sign.appcast(keys.uri("sparkle"), b"<rss/>")
        target = read(product(minisign="untrusted comment: x\n", appcast=[appcast])).manifests[PATH]
        assert (target.minisign, [said._asdict() for said in target.appcasts]) == ("untrusted comment: x\n", [appcast])

    def test_files_of_others_and_other_files_are_not_among_its_manifests(self, read: Callable[..., Any]) -> None:
        made = product()
        for path in ("comet-other/stable/manifest.json", "comet-cursor/stable/comet-cursor-4.2.1.tar.gz"):
            made.targets[path] = TargetFile(1, {"sha256": "00" * 32}, path)
        without = TargetFile(1, {"sha512": "00" * 64}, "comet-cursor/beta/manifest.json")
        made.targets[without.path] = without  # without the hash that would find it
        assert set(read(made).manifests) == {PATH}

    @pytest.mark.parametrize(
        ("beside", "path"),
        [
            ({"minisign": 7}, "custom"),
            ({"minisign": "é"}, "custom"),
            ({"minisign": "x" * 1_001}, "custom"),
            ({"appcast": [{"sha256": "00"}]}, "custom"),
            ({"appcast": [{"sha256": "00", "signature": "AAAA"}]}, "custom"),
            ({"appcast": [{"sha256": "00", "signature": "!"}]}, "custom"),
            ({"appcast": [7]}, "custom"),
            ({"appcast": 7}, "custom"),
        ],
    )
    def test_what_cannot_be_passed_on_is_refused(
        self, read: Callable[..., Any], beside: dict[str, Any], path: str
    ) -> None:
        with pytest.raises(RefusedUploadError) as refused:
            read(product(**beside))
        (problem,) = refused.value.problems
        assert problem.path == f"$.signed.targets['{PATH}'].{path}"
        assert problem.remedy == "Sign it with comet-updates"

    def test_what_another_key_signed_is_refused(self, read: Callable[..., Any]) -> None:
        with pytest.raises(RefusedUploadError, match=r"signed/comet-cursor/1.json: \$.signatures: is not signed"):
            read(product(), "online")

    def test_another_version_than_its_key_says_is_refused(self, read: Callable[..., Any]) -> None:
        with pytest.raises(RefusedUploadError, match=r"\$.signed.version: is 2, but the key has 1"):
            read(product(version=2))

    def test_another_kind_is_refused(self, read: Callable[..., Any], root: Root) -> None:
        with pytest.raises(RefusedUploadError, match=r"\$.signed._type: is not 'targets'"):
            read(root)


@pytest.mark.parametrize(
    ("refused", "path", "problem", "remedy"),
    [
        (lambda: parse.parse(Release, KEY, b"[]"), "$", "is not a JSON object", "Begin with { and end with }"),
        (
            lambda: verify.parse(KEY, b"[]", Targets),
            "$",
            "is not TUF metadata",
            "Create it with comet-updates keys or comet-updates release",
        ),
        (
            lambda: verify.read(KEY, Metadata(product(version=2)).to_bytes(), 1, Targets),
            "$.signed.version",
            "is 2, but the key has 1",
            "Use the same version in both",
        ),
    ],
    ids=["upload", "metadata", "field of metadata"],
)
def test_refusal_names_its_key_path_problem_and_remedy(
    refused: Callable[[], object], path: str, problem: str, remedy: str
) -> None:
    """Refuse uploads and metadata in the same form, in every module that reads them."""
    with pytest.raises(RefusedUploadError) as refusal:
        refused()
    assert refusal.value.key == KEY
    assert refusal.value.problems == (Problem(path, problem, remedy),)


def json_of(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )


CANONICAL = json_of(st.none() | st.booleans() | st.integers() | st.text())
"""Values that can be signed: TUF's form of JSON has no fractions."""

JSON = json_of(CANONICAL | st.floats())
FIELDS = st.sampled_from(
    ["signed", "signatures", "_type", "version", "spec_version", "expires", "targets", "custom", "delegations"]
)
NASTY = {
    "nested deeply": "[" * 400 + "]" * 400,
    "nested far too deeply": "[" * 100_000 + "]" * 100_000,
    "half a letter": r'"\ud800"',
    "no number": "NaN",
    "a fraction": "1.5",
    "a number without end": "9" * 10_000,
}


@st.composite
def broken(draw: st.DrawFn, sound: bytes) -> bytes:
    """Draw valid metadata, with other values in some places."""
    document = json.loads(sound)

    def breaking(value: Any) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(JSON)
        if isinstance(value, dict):
            return {draw(FIELDS) if draw(st.integers(0, 19)) == 0 else name: breaking(of) for name, of in value.items()}
        return [breaking(each) for each in value] if isinstance(value, list) else value

    return json.dumps(breaking(document)).encode()


class TestNoise:
    """The worst result of any upload is a refusal."""

    @given(st.data())
    def test_in_the_place_of_a_signature(self, keys: Keys, targets: Targets, data: st.DataObject) -> None:
        sound = signed(product(minisign="x"), keys.uri("product"))
        junk = data.draw(st.binary(max_size=200) | JSON.map(lambda found: json.dumps(found).encode()) | broken(sound))
        try:
            read_seal(targets, KEY, junk)
        except RefusedUploadError as refused:
            assert all(problem.path and problem.remedy for problem in refused.problems)  # noqa: PT017

    @given(st.data())
    def test_signed_by_who_may(self, keys: Keys, targets: Targets, data: st.DataObject) -> None:
        """Even the key of a product may sign nonsense."""
        made = product()
        made.targets[PATH].unrecognized_fields["custom"] = data.draw(
            CANONICAL | st.fixed_dictionaries({}, optional={"minisign": CANONICAL, "appcast": CANONICAL})
        )
        with suppress(RefusedUploadError):
            read_seal(targets, KEY, signed(made, keys.uri("product")))

    @pytest.mark.parametrize("place", ["signed", "signatures", "_type", "version", "expires", "custom", "x"])
    @pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
    def test_in_the_place_of_one_field(self, keys: Keys, targets: Targets, nasty: str, place: str) -> None:
        document = json.loads(signed(product(minisign="x"), keys.uri("product")))
        within = {"signed": document, "signatures": document, "custom": document["signed"]["targets"][PATH]}
        within.get(place, document["signed"])[place] = "NASTY"
        with pytest.raises(RefusedUploadError):
            read_seal(targets, KEY, json.dumps(document).replace('"NASTY"', nasty).encode())

    @given(st.data())
    def test_in_the_place_of_trust(self, uploaded: dict[str, bytes], data: st.DataObject) -> None:
        junk = {key: data.draw(st.binary(max_size=99) | broken(body)) for key, body in uploaded.items()}
        read_anchor(junk)
        read_anchor(uploaded | {object_keys.trust_key("root", 2): junk[object_keys.trust_key("root", 1)]})

    def test_the_control(self, keys: Keys, targets: Targets) -> None:
        sound = signed(product(minisign="x"), keys.uri("product"))
        assert read_seal(targets, KEY, sound).version == 1
        assert Metadata.from_bytes(sound).signed.version == 1
