"""The text that the service on one machine prints when it is ready: commands that work on this machine, to paste."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

from comet_updates import object_keys
from comet_updates_cli import sample_files
from comet_updates_cli.local import sample_keys

PRODUCT, CHANNEL, NEWER, BROKEN = "comet-cursor", "stable", "4.2.1", "4.2.2"
_TUF_CLIENT = Path("examples", "clients", "tuf_client.py")


class Place(NamedTuple):
    """The service as the text describes it.

    Attributes:
        service: the URL of the service.
        s3: the URL of its S3.
        bucket: the name of the bucket.
        region: the region in which requests to the S3 are signed.
        program: the command, as the user started it.
        keys: the folder with the keys of the samples, or None if nothing is signed.
        is_kept: whether the data is kept when the service ends.
    """

    service: str
    s3: str
    bucket: str
    region: str
    program: str
    keys: Path | None
    is_kept: bool = False


def greeting(place: Place, samples: Path | None) -> str:
    """Return the text. Its first line is fixed. The others depend on which `samples` were uploaded."""
    has_cursor = samples is not None and (samples / "releases" / PRODUCT / CHANNEL).is_dir()
    parts = [f"ready {place.service}", *(_of_the_samples(place) if has_cursor else _of_no_samples(place))]
    parts.append(f"Stop with Ctrl-C. {'The data is kept.' if place.is_kept else 'All data is deleted then.'}")
    return "\n\n".join(parts)


def _of_the_samples(place: Place) -> list[str]:
    url = f"{place.service}/v1/{PRODUCT}/{CHANNEL}"
    upload, broken = (object_keys.release_key(PRODUCT, CHANNEL, version) for version in (NEWER, BROKEN))
    refusal = object_keys.rejected_key(broken)
    file, target = _shown(sample_files.newer_release(upload)), f"{place.bucket}/{upload}"
    program = _command(place.program)
    parts = [
        f"Get the latest release:\n  curl -i {url}",
        f"""\
Get it as an updater does (also appcast.xml, latest.yml, RELEASES, RELEASES.json, releases.win.json, feed.atom):
  curl -i {url}/tauri.json""",
        _credentials(),
        f"""\
Upload a newer release with any S3 client (bucket {place.bucket}, any credentials), then get it again:
  curl -T {file} {place.s3}/{target}
  aws --endpoint-url {place.s3} s3 cp {file} s3://{target}""",
        f"""\
Upload a broken release, and read why it was refused:
  echo {_quoted("{}")} | curl -T - {place.s3}/{place.bucket}/{broken}
  curl --aws-sigv4 aws:amz:{place.region}:s3 --user any:any {place.s3}/{place.bucket}/{refusal}""",
    ]
    if place.keys:
        key = _quoted(sample_keys.product_key(place.keys))
        root = _shown(place.keys / "trust" / "root" / "1.json")
        if _TUF_CLIENT.exists():  # in a clone
            parts.append(f"""\
Verify the latest release with a standard TUF client, starting from the root alone:
  .venv/bin/python {_TUF_CLIENT.as_posix()} {place.service} {PRODUCT} {CHANNEL}""")
        else:
            parts.append(f"""\
Verify the latest release, starting from the root alone:
  {program} ask {url} --installed 4.1.0 --root {root}""")
        parts.append(f"""\
TUF clients see only signed releases. Sign your upload, as a pipeline does when it releases:
  {program} --sign-with {key} keys renew {PRODUCT} --bucket {place.bucket} --endpoint-url {place.s3}""")
    return parts


def _of_no_samples(place: Place) -> list[str]:
    return [
        _credentials(),
        f"""\
Release a file of yours, then get it:
  {_command(place.program)} release FILE --product nova --new-product --version 1.0.0 --no-check-urls \
--base-url https://downloads.example.com --bucket {place.bucket} --endpoint-url {place.s3}
  curl -i {place.service}/v1/nova/stable""",
    ]


def _credentials() -> str:
    word = "set" if os.name == "nt" else "export"
    values = ("AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any", "AWS_DEFAULT_REGION=us-east-1")
    lines = "\n".join(f"  {word} {value}" for value in values)
    return f"Commands that write need credentials. This S3 accepts any:\n{lines}"


def _command(program: str) -> str:
    """Return how to start the command again. Python starts a module by the path of its file."""
    return f"{_quoted(sys.executable)} -m comet_updates_cli" if program.endswith((".py", "-c")) else _quoted(program)


def _shown(path: Path) -> str:
    """Return `path` for a shell: relative to the current folder if it is below it."""
    return _quoted(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def _quoted(word: str) -> str:
    """Return `word` for the shell of this system."""
    if os.name != "nt":
        return shlex.quote(word)
    return f'"{word}"' if " " in word else word
