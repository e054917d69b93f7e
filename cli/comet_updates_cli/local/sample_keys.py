"""Signs the samples of the service on one machine: runs the whole key ceremony with temporary keys."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from comet_updates import object_keys
from comet_updates.publish.bucket import Bucket
from comet_updates_cli.options import SignWith
from comet_updates_cli.signing import key_folder, sign_states


def sign(bucket: Bucket, folder: Path) -> str:
    """Sign everything in `bucket`. Return the URI of the online key.

    Args:
        bucket: has releases, and no signed metadata yet.
        folder: where the keys are written.

    Raises:
        StoreUnavailableError: S3 fails.
    """
    now, trust = datetime.now(UTC), folder / "trust"
    for name in ("root", "targets", "online", "product"):
        key_folder.create(folder / f"{name}.pem")
    public = {name: folder / f"{name}.pem.pub" for name in ("root", "targets", "online", "product")}
    key_folder.begin(trust, [public["root"]], [public["targets"]], public["online"], threshold=1, now=now, is_dry=False)
    products = sorted({product for key in bucket.etags("releases/") if (product := object_keys.product_of(key))})
    for product in products:
        key_folder.delegate(trust, product, [public["product"]], 1, now=now, is_dry=False)
    for name in ("root", "targets"):
        key_folder.sign(trust, _uri(folder, name), is_dry=False)
    key_folder.publish(trust, bucket, is_dry=False)
    for product in products:
        sign_states.sign_states(bucket, product, now, SignWith(_uri(folder, "product")))
    return _uri(folder, "online")


def product_key(folder: Path) -> str:
    """Return the URI of the samples' product key in `folder`."""
    return _uri(folder, "product")


def online_key(folder: Path) -> str:
    """Return the URI of the samples' online key in `folder`."""
    return _uri(folder, "online")


def has_online_key(folder: Path) -> bool:
    """Return whether `folder` has the keys of signed samples."""
    return (folder / "online.pem").exists()


def _uri(folder: Path, name: str) -> str:
    return f"file2:{folder / name}.pem"
