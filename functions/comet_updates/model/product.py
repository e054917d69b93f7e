"""The document of a product, as its pipeline uploads it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from comet_updates.model.fields import (
    HOST,
    LANGUAGES_MAX,
    SIZE_MAX_BYTES,
    ChannelName,
    Label,
    Language,
    ProductName,
    Schema,
    Token,
    Uploaded,
    Url,
)
from comet_updates.model.release import Release
from comet_updates.versions import Precedence, Scheme, precedence


class Product(Uploaded):
    """The settings for all releases of a product. A product without this document has these defaults."""

    schema_: Schema = 1
    product: ProductName
    name: Label | None = None
    homepage: Url | None = None
    version_scheme: Annotated[
        Literal["semver", "dotted", "pep440", "build", "sparkle"], Field(description="How versions are ordered.")
    ] = "semver"
    release_hosts: Annotated[
        list[Annotated[str, StringConstraints(pattern=rf"^{HOST}$")]],
        Field(max_length=100, description="The only hosts that artifacts may be on. If empty, any host."),
    ] = []
    signing_keys: Annotated[
        dict[Token, Annotated[str, StringConstraints(min_length=1, max_length=5_000)]],
        Field(max_length=20, description="Public keys, by kind of signature."),
    ] = {}
    languages: Annotated[list[Language], Field(max_length=LANGUAGES_MAX)] = []
    approved_on: Annotated[
        list[ChannelName],
        Field(max_length=100, description="Channels that offer a release only after a second person approved it."),
    ] = []
    only_higher_on: Annotated[
        list[ChannelName],
        Field(
            max_length=100,
            description="Channels on which each release must be higher than all earlier ones that are not yanked.",
        ),
    ] = []
    signed_with: Annotated[
        dict[ChannelName, Annotated[list[Token], Field(min_length=1, max_length=20)]],
        Field(max_length=100, description="By channel: every artifact must have a signature of one of these kinds."),
    ] = {}
    max_size: (
        Annotated[int, Field(ge=1, le=SIZE_MAX_BYTES, description="The largest size of an artifact, in bytes.")] | None
    ) = None
    requires_size_and_hash: Annotated[bool, Field(description="Every artifact must state its size and SHA-256.")] = (
        False
    )
    requires_signature: Annotated[
        bool, Field(description="Offer only releases that are signed with the product's key, as TUF metadata.")
    ] = False
    drop_in: Annotated[
        list[Literal["electron", "tauri"]],
        Field(
            max_length=2,
            description="The URL forms of older update servers, for installed copies that cannot change their URL. "
            "These copies send their version in the URL. Leave this out if you can.",
        ),
    ] = []

    @model_validator(mode="after")
    def _drop_in_clients_compare_by_semver(self) -> Self:
        if self.drop_in and self.version_scheme != "semver":
            raise ValueError("`drop_in` needs the version scheme `semver`, which these clients use")
        return self

    def precedence(self, release: Release) -> Precedence:
        """Return the precedence of `release`, to compare it with other releases of this product.

        Raises:
            VersionSyntaxError: its version does not parse under the product's scheme.
        """
        return precedence(Scheme(self.version_scheme), release.version, release.build)
