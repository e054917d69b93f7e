"""The commands that change a channel's policy or its releases: arguments, printing and exit codes, as in `cli`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.answer.errors import CometError

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.policy_edits import Edit, Plan

app = typer.Typer()
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def product_name(text: str) -> str:
    """Return `text` if it can name a product.

    Raises:
        typer.BadParameter: it cannot; the exit code is 2.
    """
    return _name(text, object_keys.forbidden(text, product=True))


def channel_name(text: str) -> str:
    """Return `text` if it can name a channel.

    Raises:
        typer.BadParameter: it cannot; the exit code is 2.
    """
    return _name(text, object_keys.forbidden(text, product=False))


def _name(text: str, reason: str | None) -> str:
    if reason:
        raise typer.BadParameter(f"{text!r} {reason}. Choose another name.")
    if not urls.is_name(text):
        raise typer.BadParameter(f"{text!r} is not a valid name. Use lower-case letters, digits, dots and dashes.")
    return text


def _interval_s(text: str | None) -> int | None:
    found = re.fullmatch(r"([1-9][0-9]{0,7})([smhd])", text) if text else None
    if text and not found:
        raise typer.BadParameter(f"{text!r} is not a valid interval. Write it as 30m, 12h or 1d.")
    return int(found[1]) * _SECONDS[found[2]] if found else None


PRODUCT_HELP, CHANNEL_HELP, VERSION_HELP = "Product name, such as nova.", "Channel, such as stable.", "Release version."

BucketName = Annotated[str, typer.Option("--bucket", envvar="BUCKET", help="Name of the S3 bucket.")]
EndpointUrl = Annotated[
    str | None, typer.Option("--endpoint-url", help="URL to use instead of AWS, such as http://localhost:9090.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; print what would change.")]
Product = Annotated[str, typer.Argument(callback=product_name, help=PRODUCT_HELP)]
Channel = Annotated[str, typer.Argument(callback=channel_name, help=CHANNEL_HELP)]
Version = Annotated[str, typer.Argument(help=VERSION_HELP)]


class SignWith(NamedTuple):
    """The URIs of the keys that sign manifests and appcasts; empty for none.

    Attributes:
        uri: the product's key, for TUF and minisign.
        appcast_uri: the key that the product's copies of Sparkle trust.
    """

    uri: str = ""
    appcast_uri: str = ""


SIGNS_WITH = ContextVar("SIGNS_WITH", default=SignWith())  # noqa: B039 (it cannot change)
"""The keys from the options before the command's name."""


class Where(NamedTuple):
    """The options that these commands share."""

    bucket: str
    endpoint_url: str | None
    dry_run: bool
    as_json: bool
    quiet: bool = False


def _policy(product: str, channel: str, where: Where, edit: Callable[[datetime], Edit]) -> None:
    """Change the policy of a channel."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (other commands need not load AWS)

    carry_out(where, lambda bucket, now: policy_edits.policy(bucket, product, channel, edit(now), now))


def carry_out(where: Where, make_plan: Callable[[Bucket, datetime], Plan]) -> Plan:
    """Carry out a plan, or print it for a dry run, and return it.

    Exits with code 1 if the change is not possible, would be refused, or S3 fails.
    """
    with refusals():
        plan = execute(where, make_plan)
    if where.as_json:
        typer.echo(json.dumps(as_json_of(where, plan)))
    else:
        show(where, plan)
    return plan


def execute(where: Where, make_plan: Callable[[Bucket, datetime], Plan]) -> Plan:
    """Carry out a plan without printing; for a dry run, only make it.

    Raises:
        CometError: the change is not possible, would be refused, or S3 fails.
    """
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    bucket = open_bucket(where.bucket, where.endpoint_url)
    if where.dry_run:
        return make_plan(bucket, datetime.now(UTC))
    keys = SIGNS_WITH.get()
    if not keys.uri:
        return policy_edits.carry_out(bucket, lambda: make_plan(bucket, datetime.now(UTC)))
    from comet_updates_cli.signing import sign_states  # noqa: PLC0415 (as above)

    def sign(plan: Plan) -> Plan:
        product = object_keys.product_of(plan.key)
        assert product is not None  # noqa: S101 (every plan belongs to a product)
        signed = sign_states.sign_states(bucket, product, datetime.now(UTC), keys, plan.then)
        return plan._replace(signed=(*plan.signed, *signed), then=None)

    # Sign again afterwards: two pipelines at the same time do not know what the other is about to write.
    return sign(policy_edits.carry_out(bucket, lambda: make_plan(bucket, datetime.now(UTC)), sign))


def show(where: Where, plan: Plan) -> None:
    """Print what was written, or what a dry run would write."""
    if plan.body is None:
        typer.echo(f"nothing to do: {plan.key} is already up to date")
        _tell_signed(plan)
        return
    for key, diff in plan.changes.items():
        typer.echo(diff if where.dry_run else f"changes {key.removeprefix('public')}")
    typer.echo(f"{'would write' if where.dry_run else 'wrote'} {plan.key}")
    _tell_signed(plan)


def _tell_signed(plan: Plan) -> None:
    for key in plan.signed:
        typer.echo(f"signed {key}")


def as_json_of(where: Where, plan: Plan) -> dict[str, Any]:
    """Return the plan for `--json`."""
    return {
        "key": plan.key,
        "written": plan.body is not None and not where.dry_run,
        "changes": plan.changes,
        "signed": list(plan.signed),
    }


@contextmanager
def refusals() -> Iterator[None]:
    """Print our errors and exit with code 1."""
    try:
        yield
    except CometError as error:
        typer.echo(f"comet-updates: {error}", err=True)
        raise typer.Exit(1) from error


@app.command()
def pause(
    product: Product, channel: Channel, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Pause a channel: clients keep being offered the current release, and later releases wait."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), policy_edits.pause)


@app.command()
def resume(
    product: Product, channel: Channel, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Undo `pause`: waiting releases are offered."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: policy_edits.resume)


@app.command()
def pin(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Pin a channel to a version. Higher versions are not offered."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: policy_edits.pin(version))


@app.command()
def unpin(
    product: Product, channel: Channel, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Undo `pin`: higher versions are offered."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: policy_edits.unpin)


@app.command()
def yank(
    product: Product, channel: Channel, version: Version, *,
    reason: Annotated[str, typer.Option(help="Reason for the withdrawal. It is public.")],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Withdraw a release. The one before it is offered, also on channels that include this one.

    Updaters do not downgrade: copies that have the release keep it until a higher version is released.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json)
    _policy(product, channel, where, lambda _: policy_edits.yank(version, reason))


@app.command()
def unyank(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Undo `yank`: the release is offered again."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: policy_edits.unyank(version))


@app.command()
def rollback(
    product: Product, channel: Channel, *,
    reason: Annotated[str, typer.Option(help="Reason for the withdrawal. It is public.")],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Withdraw the latest release of a channel. Prints what is offered instead and what to do next.

    Running it again changes nothing. To withdraw the release before it too, run `yank` with its version.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json)
    made: list[policy_edits.Withdrawal] = []

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        made.append(policy_edits.withdrawal(opened, product, channel, reason, now))
        return made[-1].plan

    with refusals():
        plan = execute(where, make_plan)
    done = made[-1]
    if as_json:
        typer.echo(json.dumps(as_json_of(where, plan) | {"withdrawn": done.withdrawn, "offered": done.offered}))
        return
    show(where, plan)
    for sentence in done.says(product, channel):
        typer.echo(sentence)


@app.command()
def rollout(
    product: Product, channel: Channel, version: Version, *,
    percent: Annotated[int | None, typer.Option(min=0, max=100, help="Percentage of users to reach.")] = None,
    every: Annotated[str | None, typer.Option(help="Time between two groups of users, such as 12h or 1d.")] = None,
    groups: Annotated[int, typer.Option(min=1, max=100, help="With --every: number of groups.")] = 7,
    start: Annotated[str | None, typer.Option(help="With --every: start time, such as 2026-11-20T12:00:00Z.")] = None,
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Offer a release to a part of the users. Either to a percentage, or to one group after another.

    Each copy draws a random number and never sends it, so the service does not know who is reached. A larger
    percentage continues the rollout and 0 stops it. 100 completes it: updaters without rollouts then get it too.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    if (percent is None) == (every is None):
        raise typer.BadParameter("Give either --percent or --every.")
    phased = {"interval": _interval_s(every), "groups": groups}

    def edit(now: datetime) -> Edit:
        started = {"start": start or policy_edits.moment(now), **phased}
        return policy_edits.rollout(version, started if percent is None else {"percent": percent})

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), edit)


@app.command()
def promote(
    product: Product, version: Version, *,
    source: Annotated[str, typer.Option("--from", help="Channel that has the release.", callback=channel_name)],
    target: Annotated[str, typer.Option("--to", help="Channel to release it on.", callback=channel_name)],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Copy a release to another channel. The files stay the same."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        return policy_edits.promotion(opened, product, version, now, source=source, target=target)

    carry_out(Where(bucket, endpoint_url, dry_run, as_json), make_plan)


@app.command()
def approve(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Approve a release as the second person. Approves the exact document that is in the bucket.

    The product's field `approved_on` lists the channels that need approval. People who release must not have the
    permission to approve.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        return policy_edits.approval(opened, product, channel, version, now)

    carry_out(Where(bucket, endpoint_url, dry_run, as_json), make_plan)


@app.command()
def schedule(
    product: Product, channel: Channel, version: Version, *,
    at: Annotated[str, typer.Option(metavar="TIME", help="Start time, such as 2026-11-20T12:00:00Z.")],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Set the start time of a waiting release. Clients do not see the release before.

    The time replaces the one in the release. A release that is already offered cannot be scheduled: run `yank` to
    withdraw it. Use `release --not-before` to upload a release with a start time.
    """
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json)
    _policy(product, channel, where, lambda now: policy_edits.schedule(version, at, now))


@app.command()
def unschedule(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Undo `schedule`. The release is offered from the time in its own document."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: policy_edits.unschedule(version))
