"""Test metadata that is read and verified: which key may sign what, and what a product's key has signed."""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner, Key, SSlibKey
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from comet_updates import object_keys
from comet_updates.errors import Problem, RefusedUploadError
from comet_updates.model.release import Release
from comet_updates.publish.uploads import parse
from comet_updates.signing import sign, verify
from comet_updates.signing.verify import NO_TRUST, TrustAnchor, read_seal
from comet_updates_cli.signing import offline_roles
from comet_updates_cli.signing.key_folder import create_private
from tests.signing.thief import signed

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PRODUCT = "comet-cursor"
PATH, KEY = object_keys.target_path(PRODUCT, "stable"), object_keys.signed_key(PRODUCT, 1)
MANIFEST = b'{"version":"4.2.1"}\n'
A_DAY = timedelta(days=1)


def read_anchor(uploaded: dict[str, bytes]) -> TrustAnchor:
    """Read metadata of which each key has one version."""
    return verify.read_anchor({key: [body] for key, body in uploaded.items()})


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

    @pytest.mark.parametrize("role", ["root", "targets"])
    def test_first_valid_version_counts_whatever_is_before_and_after_it(
        self, keys: Keys, root: Root, targets: Targets, uploaded: dict[str, bytes], role: str
    ) -> None:
        made: Any = root if role == "root" else targets
        signers = keys.uris("a", "b") if role == "root" else keys.uris("targets")
        key = object_keys.trust_key(role, made.version + 1)
        first, second = (signed(offline_roles.renewed(made, NOW + A_DAY * number), *signers) for number in range(2))
        unsigned = signed(offline_roles.renewed(made, NOW), keys.uri("thief"))
        versions = {key: [body] for key, body in uploaded.items()} | {key: [b"junk", unsigned, first, second, b"junk"]}
        anchor = verify.read_anchor(versions)
        assert anchor.documents[object_keys.metadata_key(role, made.version + 1)] == first
        assert anchor.refusals == {}

    def test_refusal_without_a_valid_version_is_that_of_the_first(self, uploaded: dict[str, bytes]) -> None:
        key, another = (object_keys.trust_key("root", number) for number in (2, 1))
        versions = {key: [body] for key, body in uploaded.items()} | {key: [b"junk", uploaded[another]]}
        (problem,) = verify.read_anchor(versions).refusals[key].problems
        assert problem.problem == "is not TUF metadata"

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


ONE_OWNER: list[Any] = [
    rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP256R1()),
    Ed25519PrivateKey.generate(),
]


def _written(kind: int, **other: str) -> Any:
    """Return a public key of one owner under the id `x`, with some parts of the key written in another way."""
    key = SSlibKey.from_crypto(ONE_OWNER[kind].public_key())
    public = other.pop("public", None) or key.keyval["public"]
    parts = {"keytype": key.keytype, "scheme": key.scheme, **other, "keyval": {"public": public}}
    return Key.from_dict("x", parts)


def _pem(kind: int) -> str:
    public: str = SSlibKey.from_crypto(ONE_OWNER[kind].public_key()).keyval["public"]
    return public


COMPRESSED = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
"""What precedes a compressed point of P-256 in a SubjectPublicKeyInfo: RFC 5480."""


def _compressed() -> str:
    point = ONE_OWNER[1].public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(COMPRESSED + point).decode()}\n-----END PUBLIC KEY-----\n"


SAME_KEY: dict[str, tuple[int, Callable[[], Any]]] = {
    "another id": (2, lambda: _written(2)),
    "upper case": (2, lambda: _written(2, public=_pem(2).upper())),
    "spaces": (2, lambda: _written(2, public=" ".join(textwrap.wrap(_pem(2), 2)))),
    "a compressed point": (1, lambda: _written(1, public=_compressed())),
    "a comment before the key": (1, lambda: _written(1, public=f"mine\n{_pem(1)}")),
    "another scheme": (0, lambda: _written(0, scheme="rsa-pkcs1v15-sha256")),
    "another form of PEM": (
        0,
        lambda: _written(0, public=ONE_OWNER[0].public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()),
    ),
}


class TestSamePublicKey:
    """A threshold counts distinct public keys. Section 4.3 of the specification: 'Clients MUST ensure that for any
    KEYID represented in this key list and in other files, only one unique key has that KEYID.' It does not ask for the
    opposite.
    """

    @staticmethod
    def owned(kind: int, written: Any, role: str) -> tuple[str, bytes]:
        """Return root or targets in which one owner reaches a threshold of two alone, signed by the owner."""
        key = SSlibKey.from_crypto(ONE_OWNER[kind].public_key())
        if role == "root":
            made: Any = offline_roles.first_root([key, written], 2, [key], key, NOW)
        else:
            made = offline_roles.delegated(offline_roles.first_targets(NOW), PRODUCT, [key, written], 2, NOW)
        metadata = Metadata(made)
        for each in (key, SSlibKey(written.keyid, key.keytype, written.scheme, key.keyval)):
            metadata.sign(CryptoSigner(ONE_OWNER[kind], each), append=True)
        return object_keys.trust_key(role, made.version), metadata.to_bytes()

    @pytest.mark.parametrize(("kind", "written"), SAME_KEY.values(), ids=SAME_KEY)
    def test_root_that_one_owner_signed_twice_is_refused(self, kind: int, written: Callable[[], Any]) -> None:
        key, body = self.owned(kind, written(), "root")
        root = Metadata[Root].from_bytes(body)
        root.signed.verify_delegate("root", root.signed_bytes, root.signatures)  # python-tuf accepts it
        anchor = read_anchor({key: body})
        (problem,) = anchor.refusals[key].problems
        assert anchor.root is None
        assert problem.path == "$.signed.roles"
        assert "the same public key twice" in problem.problem

    def test_targets_with_the_key_of_a_product_twice_are_refused(self, keys: Keys, uploaded: dict[str, bytes]) -> None:
        _, body = self.owned(2, _written(2), "targets")
        metadata = Metadata[Targets].from_bytes(body)
        metadata.signed.version = 3
        key = object_keys.trust_key("targets", 3)
        anchor = read_anchor(uploaded | {key: signed(metadata.signed, keys.uri("targets"))})
        assert anchor.targets
        assert anchor.targets.version == 2
        assert anchor.refusals[key].problems[0].path == "$.signed.delegations"

    @pytest.mark.parametrize("role", ["root", "targets"])
    def test_different_keys_of_one_role_are_accepted(self, keys: Keys, uploaded: dict[str, bytes], role: str) -> None:
        """Positive control: a role with two keys. One of them also signs for other roles."""
        key, other = keys.public("a"), [_written(1)]
        if role == "root":
            made: Any = offline_roles.first_root([*key, *other], 1, [*key, *other], key[0], NOW)
            upload = {object_keys.trust_key(role, 1): signed(made, keys.uri("a"))}
        else:
            made = offline_roles.delegated(offline_roles.first_targets(NOW), PRODUCT, [*key, *other], 2, NOW)
            upload = uploaded | {object_keys.trust_key(role, 2): signed(made, keys.uri("targets"))}
        assert read_anchor(upload).refusals == {}

    @pytest.mark.parametrize(
        "public", ["00", "é", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"], ids=["hex", "é", "PEM"]
    )
    def test_keys_that_cannot_be_compared_are_refused(self, keys: Keys, public: str) -> None:
        broken = _written(1 if "BEGIN" in public else 2, public=public)
        made = offline_roles.first_root([*keys.public("a"), broken], 1, keys.public("a"), keys.public("a")[0], NOW)
        key = object_keys.trust_key("root", 1)
        (problem,) = read_anchor({key: signed(made, keys.uri("a"))}).refusals[key].problems
        assert problem.problem == "the key x cannot be compared with other keys"


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
