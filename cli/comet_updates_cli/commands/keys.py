"""The commands of `comet-updates keys`, which manage signing keys: arguments, printing and exit codes, as in `cli`.

Root and targets stay in a folder, with the layout of `trust/` in the bucket, until they have enough signatures. See
docs/keys.md.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from comet_updates_cli.options import (
    SIGNS_WITH,
    AsJson,
    BucketName,
    DryRun,
    EndpointUrl,
    Product,
    SignWith,
)
from comet_updates_cli.terminal import refusals, say, say_json

if TYPE_CHECKING:
    from comet_updates_cli.signing.key_folder import Written

app = typer.Typer(no_args_is_help=True, help="Manage the keys that sign releases.")

Folder = Annotated[Path, typer.Argument(file_okay=False, help="Folder of root and targets until they are published.")]
PublicKeys = Annotated[
    list[Path], typer.Argument(exists=True, dir_okay=False, metavar="KEY.pub...", help="Public keys of the product.")
]
Threshold = Annotated[int, typer.Option(min=1, help="Number of keys that must sign.")]


@app.command()
def create(
    file: Annotated[Path, typer.Argument(help="File of the private key. The public key is written to FILE.pub.")],
) -> None:
    """Create an Ed25519 key. Only the owner of the file can read it."""
    from comet_updates_cli.signing import key_folder  # noqa: PLC0415 (other commands need not load TUF)

    with refusals():
        say(*key_folder.create(file))


@app.command()
def export(
    uri: Annotated[str, typer.Argument(help="Private key: awskms:ARN or file2:key.pem.")],
    file: Annotated[Path, typer.Argument(help="File for the public key, such as KEY.pub.")],
) -> None:
    """Write the public key of a private key. The private key can be in a KMS or in a file."""
    from comet_updates_cli.signing import key_folder  # noqa: PLC0415 (as above)

    with refusals():
        say(*key_folder.export(uri, file))


@app.command("id")
def key_id(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="KEY.pub", help="Public key.")],
) -> None:
    """Print the id that root and targets give a key."""
    from comet_updates_cli.signing import key_folder  # noqa: PLC0415 (as above)

    with refusals():
        say(key_folder.public(file).keyid)


@app.command()
def begin(
    folder: Folder,
    *,
    root: Annotated[
        list[Path], typer.Option(exists=True, help="Public key that signs the root. Repeat it for each key.")
    ],
    threshold: Annotated[int, typer.Option(min=1, help="Number of --root keys that must sign.")] = 2,
    targets: Annotated[
        list[Path], typer.Option(exists=True, help="Public key that signs targets. Repeat it for each key.")
    ],
    online: Annotated[Path, typer.Option(exists=True, help="Public key that signs snapshot and timestamp.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write the first root and targets. Clients ship with this root. Next step: keys sign."""
    from comet_updates_cli.signing import key_folder  # noqa: PLC0415 (as above)

    with refusals():
        _tell(
            key_folder.begin(folder, root, targets, online, threshold=threshold, now=_now(), is_dry=dry_run),
            as_json=as_json,
        )


@app.command()
def delegate(
    folder: Folder, product: Product, keys: PublicKeys, *,
    threshold: Threshold = 1, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Set the keys that sign for a product. They replace all earlier ones. Next step: keys sign."""
    from comet_updates_cli.signing import key_folder  # noqa: PLC0415 (as above)

    with refusals():
        _tell(key_folder.delegate(folder, product, keys, threshold, now=_now(), is_dry=dry_run), as_json=as_json)


@app.command()
def rotate(
    folder: Folder,
    who: Annotated[str, typer.Argument(metavar="ROLE", help="root, targets or online.")],
    *,
    add: Annotated[
        list[Path] | None, typer.Option(exists=True, help="Public key to add. Repeat it for each key.")
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Id of a key to remove. Repeat it for each key.")] = None,
    bucket: Annotated[
        str | None, typer.Option(help="S3 bucket. The next targets get a higher number than any targets in it.")
    ] = None,
    endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Replace keys of root, targets or online.

    Without --add and --remove, it only renews root or targets, for another year. Next step: keys sign.
    """
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli.signing import key_folder  # noqa: PLC0415 (as above)

    if who not in ("root", "targets", "online"):
        raise typer.BadParameter(
            f"{who!r} is not a role. Write root, targets or online. For a product, run keys delegate."
        )
    with refusals():
        opened = open_bucket(bucket, endpoint_url) if bucket else None
        _tell(
            key_folder.rotate(folder, who, add or [], remove or [], now=_now(), is_dry=dry_run, bucket=opened),
            as_json=as_json,
        )


@app.command()
def revoke(
    folder: Folder, keyid: Annotated[str, typer.Argument(help="Id of the stolen or lost key, from keys show.")], *,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Revoke a stolen or lost key. Next steps: keys sign, then keys renew for the products that it signed."""
    from comet_updates_cli.signing import key_folder  # noqa: PLC0415 (as above)

    with refusals():
        _tell(key_folder.revoke(folder, keyid, now=_now(), is_dry=dry_run), as_json=as_json)


@app.command()
def sign(folder: Folder, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Sign the newest root and targets. Uses the key of --sign-with, and signs only what this key may sign."""
    from comet_updates_cli.signing import key_folder  # noqa: PLC0415 (as above)

    with refusals():
        _tell(key_folder.sign(folder, _key().uri, is_dry=dry_run), as_json=as_json)


@app.command()
def show(folder: Folder, *, as_json: AsJson = False) -> None:
    """Show keys, expiry dates and signatures."""
    from comet_updates_cli.signing import key_folder  # noqa: PLC0415 (as above)

    with refusals():
        lines = key_folder.show(folder)
    if as_json:
        say_json([line._asdict() for line in lines])
    else:
        say(*lines)


@app.command()
def publish(
    folder: Folder, *, bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Upload the signed root and targets. Nothing is uploaded if one of them would be refused."""
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli.signing import key_folder  # noqa: PLC0415 (as above)

    with refusals():
        _tell(key_folder.publish(folder, open_bucket(bucket, endpoint_url), is_dry=dry_run), as_json=as_json)


@app.command()
def renew(
    product: Product, *, bucket: BucketName, endpoint_url: EndpointUrl = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Sign a product's manifests again. Uses the key of --sign-with.

    Needed before the signatures expire after 90 days, and after the product's key was replaced.
    """
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli.signing import sign_states  # noqa: PLC0415 (as above)

    with refusals():
        signed = sign_states.sign_states(open_bucket(bucket, endpoint_url), product, _now(), _key(), is_renewal=True)
    if as_json:
        say_json({"signed": signed})
    else:
        say(*(f"signed {key}" for key in signed))


def _key() -> SignWith:
    keys = SIGNS_WITH.get()
    if not keys.uri:
        raise typer.BadParameter(
            "--sign-with is missing. Write comet-updates --sign-with URI keys ..., or set COMET_SIGN_WITH."
        )
    return keys


def _now() -> datetime:
    return datetime.now(UTC)


def _tell(written: Written, *, as_json: bool) -> None:
    if as_json:
        say_json(written._asdict())
        return
    for file in written.files:
        say(f"{'wrote' if written.is_done else 'would write'} {file}")
    say(*written.says)
