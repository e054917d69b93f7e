"""The rules of a product for single releases and between releases. Pure: each function yields the problems it finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import unquote, urljoin, urlsplit

from comet_updates.errors import Problem, RefusedUploadError, VersionSyntaxError
from comet_updates.model.channel import ChannelPolicy
from comet_updates.model.product import Product
from comet_updates.model.release import Approval, Artifact, Release
from comet_updates.signing import file_signatures
from comet_updates.versions import Scheme, precedence

_FACTS = ("size", "sha256", "sha512", "sha1")
"""The fields that describe the bytes of a file."""

_FOR = ("platform", "arch", "kind", "min_os", "max_os", "from_version", "bundle", "package_id")
"""The fields by which a client chooses a file, with `hosts`."""

_HTTPS_PORT = 443

CHECKED_SINCE = datetime(2026, 11, 29, tzinfo=UTC)
"""Texts and signatures are checked since then. Releases that were uploaded before stay accepted."""

_NAMED_MAX = 5
"""How many releases a refusal names."""


def check_release(key: str, release: Release, product: Product) -> None:
    """Check a release against the rules of its product for single releases.

    Raises:
        RefusedUploadError: the release breaks a rule. The error contains every problem.
    """
    own = own_problems(release, product, CHECKED_SINCE)
    if problems := (*text_problems(release), *own, *version_problems(release, product)):
        raise RefusedUploadError(key, problems)


def check_policy(key: str, policy: ChannelPolicy, product: Product) -> None:
    """Check a policy against the version scheme of its product.

    Raises:
        RefusedUploadError: a version does not parse. The error contains every problem.
    """
    if problems := tuple(policy_problems(policy, product)):
        raise RefusedUploadError(key, problems)


def version_problems(release: Release, product: Product) -> Iterator[Problem]:
    """Yield a problem for each version in a release that does not parse under the product's scheme."""
    scheme = Scheme(product.version_scheme)
    field = "build" if scheme.uses_build and (release.build or scheme is Scheme.BUILD) else "version"
    yield from _unparsed(f"$.{field}", release.version, release.build, product)
    for path, version in release.other_versions():
        yield from _unparsed(path, version, version, product)


def text_problems(release: Release) -> Iterator[Problem]:
    """Yield a problem for each text with a control character. XML parsers and terminals read C1 controls differently.

    Only for releases that were uploaded since `CHECKED_SINCE`.
    """
    for path, character in release.control_characters:
        yield Problem(
            path,
            f"has the control character U+{ord(character):04X}",
            "Remove it, or save the text as UTF-8",
        )


def _signature_problems(release: Release, product: Product) -> Iterator[Problem]:
    """Yield a problem for each signature that the product's key cannot have made, as far as it shows without a file."""
    for index, artifact in enumerate(release.artifacts):
        for kind, signature in artifact.signatures.items():
            key = product.signing_keys.get(kind) if kind in file_signatures.KINDS else None
            if key and (problem := file_signatures.problem(kind, signature, key)):
                remedy = "Sign the file with the product's key, or correct `signing_keys` of the product"
                yield Problem(f"$.artifacts[{index}].signatures.{kind}", problem, remedy)


def allows(product: Product, release: Release, uploaded: datetime) -> bool:
    """Return whether a release that was `uploaded` at that time follows the rules of `product` for single releases."""
    return not (any(own_problems(release, product, uploaded)) or any(version_problems(release, product)))


def policy_problems(policy: ChannelPolicy, product: Product) -> Iterator[Problem]:
    """Yield a problem for each version in a policy that does not parse under the product's scheme.

    Under the schemes `build` and `sparkle`, a policy names releases by their version, which may only be shown.
    """
    if not Scheme(product.version_scheme).uses_build:
        for path, version in policy.versions():
            yield from _unparsed(path, version, None, product)


def approval_problems(approval: Approval, product: Product) -> Iterator[Problem]:
    """Yield a problem if the approval's version does not parse under the product's scheme. As for policies."""
    if not Scheme(product.version_scheme).uses_build:
        yield from _unparsed("$.version", approval.version, None, product)


def _unparsed(path: str, version: str, build: str | None, product: Product) -> Iterator[Problem]:
    try:
        precedence(Scheme(product.version_scheme), version, build)
    except VersionSyntaxError as error:
        yield Problem(path, f"does not parse under the product's version scheme `{error.scheme}`", error.remedy)


def unaccepting(
    product: Product, before: Product, lost: Sequence[Release], unreadable: Iterable[ChannelPolicy]
) -> Iterator[Problem]:
    """Yield the problems of a product's document that would make accepted uploads invalid.

    Args:
        product: the document.
        before: the document that it would replace.
        lost: the releases. Their versions do not parse under `product`, or their order breaks `only_higher_on`.
        unreadable: the policies. They name versions that do not parse under `product`.
    """
    keep = f"Keep `{before.version_scheme}`, or"
    said = f"is `{product.version_scheme}`, which would make accepted"
    if lost:
        problem = f"{said} releases invalid: {some_of(lost)}"
        yield Problem("$.version_scheme", problem, f"{keep} release under another product name")
    for policy in unreadable:
        path = next((problem.path for problem in policy_problems(policy, product)), "$.pin")
        problem = f"{said} decisions invalid: {path} of {policy.channel}"
        yield Problem("$.version_scheme", problem, f"{keep} remove that version from the channel's policy first")


def some_of(releases: Iterable[Release]) -> str:
    """Return the names of the first releases and the number of the others, for a problem of a product document."""
    named = sorted(f"{one.channel} {one.version}" for one in releases)
    more = f" and {len(named) - _NAMED_MAX} more" if len(named) > _NAMED_MAX else ""
    return f"{', '.join(named[:_NAMED_MAX])}{more}"


def own_problems(release: Release, product: Product, uploaded: datetime) -> Iterator[Problem]:
    """Yield the problems of a release's files: contradictions, hosts, signatures, sizes and hashes.

    Args:
        release: the release to check.
        product: its product, as it is or was.
        uploaded: the time of the upload. Rules that are newer do not apply.
    """
    yield from _contradictions(release)
    if uploaded >= CHECKED_SINCE:
        yield from _signature_problems(release, product)
    required = product.signed_with.get(release.channel, [])
    for index, artifact in enumerate(release.artifacts):
        host = urlsplit(artifact.url).hostname
        if product.release_hosts and host not in product.release_hosts:
            yield Problem(
                f"$.artifacts[{index}].url",
                f"is on the host {host!r}, which the product does not allow",
                f"Use one of {', '.join(product.release_hosts)}, or add the host to `release_hosts` of the product",
            )
        if required and artifact.signatures.keys().isdisjoint(required):
            yield Problem(
                f"$.artifacts[{index}].signatures",
                f"has no signature of a kind that the product requires on {release.channel}: {', '.join(required)}",
                "Sign the file",
            )
        if product.max_size is not None and (artifact.size is None or artifact.size > product.max_size):
            yield Problem(
                f"$.artifacts[{index}].size",
                f"is missing, or larger than the {product.max_size} bytes that the product allows",
                "Release the right file, or raise `max_size` of the product",
            )
        for fact in ("size", "sha256") if product.requires_size_and_hash else ():
            if getattr(artifact, fact) is None:
                yield Problem(
                    f"$.artifacts[{index}].{fact}",
                    "is missing, but the product requires it (requires_size_and_hash)",
                    "Add it, or make the release with comet-updates release, which does",
                )


def _contradictions(release: Release) -> Iterator[Problem]:
    """Yield a problem for each artifact that describes the file of an earlier artifact of the release differently.

    It is the same file at the same URL. It is also the same file under the same name at another URL, if the artifacts
    are for the same computers: a client may take either.
    """
    described: dict[object, tuple[int, Artifact]] = {}
    for index, artifact in enumerate(release.artifacts):
        same = [described.setdefault(place, (index, artifact)) for place in (_same_url(artifact), _place(artifact))]
        facts = ((fact, earlier) for earlier, before in same for fact in _differing(artifact, before))
        for fact, earlier in islice(facts, 1):
            yield Problem(
                f"$.artifacts[{index}].{fact}",
                f"differs from $.artifacts[{earlier}].{fact} for the same file",
                "Correct the wrong one, or give another file another URL and name",
            )


def _same_url(artifact: Artifact) -> object:
    """Return what all spellings of an artifact's URL have in common. Clients get the same file from each of them."""
    url = urlsplit(artifact.url)
    return url.hostname, url.port or _HTTPS_PORT, unquote(urljoin("/", url.path)), url.query


def _place(artifact: Artifact) -> object:
    """Return the name of the file with the fields by which a client chooses it. A file without a name has its URL."""
    name = artifact.url.rpartition("/")[2] or artifact.url
    return name, *(getattr(artifact, field) for field in _FOR), tuple(artifact.hosts)


def _differing(artifact: Artifact, other: Artifact) -> Iterator[str]:
    """Yield the facts in which two descriptions of a file contradict each other."""
    for fact in _FACTS:
        one, two = getattr(artifact, fact), getattr(other, fact)
        if None not in (one, two) and str(one).lower() != str(two).lower():
            yield fact


def changed_files(release: Release, earlier: Iterable[Release]) -> Iterator[Problem]:
    """Yield a problem for each file that an `earlier` release of the same version describes differently."""
    said = {_same_url(artifact): (artifact, other.channel) for other in earlier for artifact in other.artifacts}
    for index, artifact in enumerate(release.artifacts):
        before, channel = said.get(_same_url(artifact), (artifact, ""))
        for fact in _differing(artifact, before):
            yield Problem(
                f"$.artifacts[{index}].{fact}",
                f"differs from {release.version} on {channel} for the same file",
                "Release the changed file as a new version, with a new URL",
            )


def not_higher(release: Release, blockers: Sequence[Release], yanked: Iterable[frozenset[str]]) -> Iterator[Problem]:
    """Yield a problem if a release is not higher than the releases accepted before it on its channel.

    Args:
        release: the release to check.
        blockers: the earlier releases that are as high or higher, the highest last.
        yanked: the withdrawn versions of the channel, at each moment since the release was uploaded.
    """
    versions = {blocker.version for blocker in blockers}
    if versions and not any(versions <= withdrawn for withdrawn in yanked):
        highest = blockers[-1].version
        yield Problem(
            "$.version",
            f"is not higher than {highest}, which was released on {release.channel} before",
            f"Release a higher version, or yank {highest} first, with a reason",
        )
