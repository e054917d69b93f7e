"""The commands of `comet-updates keys`: who may sign what. Arguments, printing and exit codes, as in `cli`.

What people decide lies in a folder, laid out like `trust/` in the bucket, until enough of them signed it: docs/keys.md.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from comet_updates.cli.deciding import SIGNS_WITH, AsJson, BucketName, EndpointUrl, SignWith, product_name, refusals

if TYPE_CHECKING:
    from comet_updates.cli.trust_folder import Written

app = typer.Typer(no_args_is_help=True, help="Who may sign what: make keys, exchange and revoke them, and sign.")

Folder = Annotated[Path, typer.Argument(file_okay=False, help="Where root and targets lie until they are published.")]
PublicKeys = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, metavar="KEY.pub...")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be written.")]
Threshold = Annotated[int, typer.Option(min=1, help="How many of the keys have to sign.")]


@app.command()
def create(
    file: Annotated[Path, typer.Argument(help="For the private half; the public one goes to FILE.pub.")],
) -> None:
    """Make an Ed25519 key in a file that only its owner can read."""
    from comet_updates.cli import trust_folder  # noqa: PLC0415 (a start of any other command need not load TUF)

    with refusals():
        for line in trust_folder.create(file):
            typer.echo(line)


@app.command()
def export(
    uri: Annotated[str, typer.Argument(help="Of the key: awskms:ARN or file2:key.pem.")],
    file: Annotated[Path, typer.Argument(help="For the public half: KEY.pub.")],
) -> None:
    """Write the public half of a key that is in a KMS, or in a file, for others to name it."""
    from comet_updates.cli import trust_folder  # noqa: PLC0415 (as above)

    with refusals():
        for line in trust_folder.export(uri, file):
            typer.echo(line)


@app.command("id")
def key_id(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="KEY.pub")]) -> None:
    """Print what a key is called in root and targets."""
    from comet_updates.cli import trust_folder  # noqa: PLC0415 (as above)

    with refusals():
        typer.echo(trust_folder.public(file).keyid)


@app.command()
def begin(
    folder: Folder,
    *,
    root: Annotated[list[Path], typer.Option(exists=True, help="A key that vouches for the next root; once for each.")],
    threshold: Annotated[int, typer.Option(min=1, help="How many of these it takes.")] = 2,
    targets: Annotated[list[Path], typer.Option(exists=True, help="A key that says which key speaks for a product.")],
    online: Annotated[Path, typer.Option(exists=True, help="The key that signs how fresh all is.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write the first root, which clients are shipped with, and the first targets. Then: keys sign."""
    from comet_updates.cli import trust_folder  # noqa: PLC0415 (as above)

    with refusals():
        _tell(
            trust_folder.begin(folder, root, targets, online, threshold=threshold, now=_now(), is_dry=dry_run),
            as_json=as_json,
        )


@app.command()
def delegate(
    folder: Folder, product: Annotated[str, typer.Argument(callback=product_name)], keys: PublicKeys, *,
    threshold: Threshold = 1, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Say which keys speak for a product from now on: these, and no others. Then: keys sign."""
    from comet_updates.cli import trust_folder  # noqa: PLC0415 (as above)

    with refusals():
        _tell(trust_folder.delegate(folder, product, keys, threshold, now=_now(), is_dry=dry_run), as_json=as_json)


@app.command()
def rotate(
    folder: Folder,
    who: Annotated[str, typer.Argument(metavar="ROLE", help="root, targets or online.")],
    *,
    add: Annotated[list[Path] | None, typer.Option(exists=True, help="A new key; once for each.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="The id of a key that counts no longer.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Exchange keys of root, of targets or the online one; without any, root lives another year. Then: keys sign."""
    from comet_updates.cli import trust_folder  # noqa: PLC0415 (as above)

    if who not in ("root", "targets", "online"):
        raise typer.BadParameter(f"{who!r}: write root, targets or online. For a product: keys delegate")
    with refusals():
        _tell(trust_folder.rotate(folder, who, add or [], remove or [], now=_now(), is_dry=dry_run), as_json=as_json)


@app.command()
def revoke(
    folder: Folder, keyid: Annotated[str, typer.Argument(help="Of the stolen or lost key: keys show.")], *,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Take every right from a key that was stolen or lost. Then: keys sign, and renew for what it signed."""
    from comet_updates.cli import trust_folder  # noqa: PLC0415 (as above)

    with refusals():
        _tell(trust_folder.revoke(folder, keyid, now=_now(), is_dry=dry_run), as_json=as_json)


@app.command()
def sign(folder: Folder, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Sign what is newest in the folder with the key of --sign-with, wherever that key may sign."""
    from comet_updates.cli import trust_folder  # noqa: PLC0415 (as above)

    with refusals():
        _tell(trust_folder.sign(folder, _key().uri, is_dry=dry_run), as_json=as_json)


@app.command()
def show(folder: Folder, *, as_json: AsJson = False) -> None:
    """Show who may sign what, until when, and whose signatures are missing."""
    from comet_updates.cli import trust_folder  # noqa: PLC0415 (as above)

    with refusals():
        lines = trust_folder.show(folder)
    typer.echo(json.dumps([line._asdict() for line in lines]) if as_json else "\n".join(map(str, lines)))


@app.command()
def publish(
    folder: Folder, *, bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Upload what enough people signed. Nothing, if something of it would be refused."""
    from comet_updates.cli import trust_folder  # noqa: PLC0415 (as above)
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)

    with refusals():
        _tell(trust_folder.publish(folder, open_bucket(bucket, endpoint_url), is_dry=dry_run), as_json=as_json)


@app.command()
def renew(
    product: Annotated[str, typer.Argument(callback=product_name)], *,
    bucket: BucketName, endpoint_url: EndpointUrl = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Sign again what a product offers, with the key of --sign-with: before 90 days are over, or for a new key."""
    from comet_updates.cli import sealing  # noqa: PLC0415 (as above)
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)

    with refusals():
        signed = sealing.seal(open_bucket(bucket, endpoint_url), product, _now(), _key(), is_renewal=True)
    typer.echo(json.dumps({"signed": signed}) if as_json else "\n".join(f"signed {key}" for key in signed))


def _key() -> SignWith:
    keys = SIGNS_WITH.get()
    if not keys.uri:
        raise typer.BadParameter(
            "which key signs? Write comet-updates --sign-with URI keys ..., or set COMET_SIGN_WITH"
        )
    return keys


def _now() -> datetime:
    return datetime.now(UTC)


def _tell(written: Written, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(written._asdict()))
        return
    for file in written.files:
        typer.echo(f"{'wrote' if written.is_done else 'would write'} {file}")
    for line in written.says:
        typer.echo(line)
