"""The commands that write down a decision: arguments, printing and exit codes, as in `cli`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from comet_updates import names
from comet_updates.errors import CometError

if TYPE_CHECKING:
    from comet_updates.cli.operations import Edit, Plan
    from comet_updates.publish.bucket import Bucket

app = typer.Typer()
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def product_name(text: str) -> str:
    """Return the name of a product. Raises typer's error, which leads to exit code 2."""
    return _name(text, names.forbidden(text, product=True))


def channel_name(text: str) -> str:
    """Return the name of a channel. Raises typer's error, which leads to exit code 2."""
    return _name(text, names.forbidden(text, product=False))


def _name(text: str, reason: str | None) -> str:
    if reason:
        raise typer.BadParameter(f"{text!r} {reason}. Choose another name.")
    if not names.is_name(text):
        raise typer.BadParameter(f"{text!r} is not a name. Use lower-case letters, digits, dots and dashes.")
    return text


def _interval_s(text: str | None) -> int | None:
    found = re.fullmatch(r"([1-9][0-9]{0,7})([smhd])", text) if text else None
    if text and not found:
        raise typer.BadParameter(f"{text!r} is no interval: write 30m, 12h or 1d")
    return int(found[1]) * _SECONDS[found[2]] if found else None


BucketName = Annotated[str, typer.Option("--bucket", envvar="BUCKET", help="The bucket's name.")]
EndpointUrl = Annotated[str | None, typer.Option("--endpoint-url", help="Another S3 than Amazon's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; show what would change for clients.")]
Product = Annotated[str, typer.Argument(callback=product_name)]
Channel = Annotated[str, typer.Argument(callback=channel_name)]
Version = Annotated[str, typer.Argument()]


class SignWith(NamedTuple):
    """The URIs of the keys that sign what is decided; empty for none.

    Attributes:
        uri: of the key that speaks for the product, for TUF and minisign.
        appcast_uri: of the key that the product's Sparkle knows.
    """

    uri: str = ""
    appcast_uri: str = ""


SIGNS_WITH = ContextVar("SIGNS_WITH", default=SignWith())  # noqa: B039 (it cannot change)
"""What the options before the command's name say."""


class Where(NamedTuple):
    """What all of these commands are told."""

    bucket: str
    endpoint_url: str | None
    dry_run: bool
    as_json: bool
    quiet: bool = False


def _policy(product: str, channel: str, where: Where, edit: Callable[[datetime], Edit]) -> None:
    """Change the policy of a channel."""
    from comet_updates.cli import operations  # noqa: PLC0415 (a start of any other command need not load AWS)

    carry_out(where, lambda bucket, now: operations.policy(bucket, product, channel, edit(now), now))


def carry_out(where: Where, make_plan: Callable[[Bucket, datetime], Plan]) -> Plan:
    """Carry a plan out, or show it, and give it. Exit code 1: it makes no sense, would be refused, or S3 fails."""
    with refusals():
        plan = execute(where, make_plan)
    if where.as_json:
        typer.echo(json.dumps(as_json_of(where, plan)))
    else:
        show(where, plan)
    return plan


def execute(where: Where, make_plan: Callable[[Bucket, datetime], Plan]) -> Plan:
    """Carry a plan out without a word, unless it is only to be shown. Raises `CometError`."""
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)

    bucket = open_bucket(where.bucket, where.endpoint_url)
    if where.dry_run:
        return make_plan(bucket, datetime.now(UTC))
    keys = SIGNS_WITH.get()
    if not keys.uri:
        return operations.carry_out(bucket, lambda: make_plan(bucket, datetime.now(UTC)))
    from comet_updates.cli import sealing  # noqa: PLC0415 (as above)

    def sign(plan: Plan) -> Plan:
        product = names.product_of(plan.key)
        assert product is not None  # noqa: S101 (all plans are of one)
        signed = sealing.seal(bucket, product, datetime.now(UTC), keys, plan.then)
        return plan._replace(signed=(*plan.signed, *signed), then=None)

    # And again afterwards: of two pipelines at once, neither knew what the other was about to write.
    return sign(operations.carry_out(bucket, lambda: make_plan(bucket, datetime.now(UTC)), sign))


def show(where: Where, plan: Plan) -> None:
    """Print what was done, or would be."""
    if plan.body is None:
        typer.echo(f"nothing to do: {plan.key} says so already")
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
    """The same for programs."""
    return {
        "key": plan.key,
        "written": plan.body is not None and not where.dry_run,
        "changes": plan.changes,
        "signed": list(plan.signed),
    }


@contextmanager
def refusals() -> Iterator[None]:
    """Turn our errors into one paragraph and exit code 1."""
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
    """Offer nothing on a channel that is due from now on; what is offered stays."""
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), operations.pause)


@app.command()
def resume(
    product: Product, channel: Channel, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Offer again what `pause` held back."""
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: operations.resume)


@app.command()
def pin(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Offer this version on a channel, and none that is higher."""
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: operations.pin(version))


@app.command()
def unpin(
    product: Product, channel: Channel, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Undo `pin`."""
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: operations.unpin)


@app.command()
def yank(
    product: Product, channel: Channel, version: Version, *,
    reason: Annotated[str, typer.Option(help="Why; everybody can read it.")],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Withdraw a release: the one before it is offered, here and wherever this channel is included.

    Nobody goes back by that: who has the release keeps it until a higher one is released.
    """
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json)
    _policy(product, channel, where, lambda _: operations.yank(version, reason))


@app.command()
def unyank(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Undo `yank`."""
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: operations.unyank(version))


@app.command()
def rollback(
    product: Product, channel: Channel, *,
    reason: Annotated[str, typer.Option(help="Why; everybody can read it.")],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Withdraw the latest release of a channel, and say what is offered then and how to go on.

    A second time does nothing: to withdraw the release before, too, `yank` it by its version.
    """
    from comet_updates.cli import withdrawal  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json)
    made: list[withdrawal.Withdrawal] = []

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        made.append(withdrawal.withdrawal(opened, product, channel, reason, now))
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
    percent: Annotated[int | None, typer.Option(min=0, max=100, help="How many of the users.")] = None,
    every: Annotated[str | None, typer.Option(help="One group after another, so often: 12h, 1d.")] = None,
    groups: Annotated[int, typer.Option(min=1, max=100, help="With --every: how many groups.")] = 7,
    start: Annotated[str | None, typer.Option(help="With --every: from when on, as 2026-11-20T12:00:00Z.")] = None,
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Reach a share of the users, or one group after another. Each copy draws its number itself and never sends it.

    A larger share goes on with it, 0 stops it, and 100 ends it: then updaters that know no rollouts follow, too.
    """
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    if (percent is None) == (every is None):
        raise typer.BadParameter("give either --percent or --every")
    phased = {"interval": _interval_s(every), "groups": groups}

    def edit(now: datetime) -> Edit:
        started = {"start": start or operations.moment(now), **phased}
        return operations.rollout(version, started if percent is None else {"percent": percent})

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), edit)


@app.command()
def promote(
    product: Product, version: Version, *,
    source: Annotated[str, typer.Option("--from", help="The channel that it is on.", callback=channel_name)],
    target: Annotated[str, typer.Option("--to", help="The channel that it goes to.", callback=channel_name)],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Release on another channel what is released on one: the same files, unchanged."""
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        return operations.promotion(opened, product, version, now, source=source, target=target)

    carry_out(Where(bucket, endpoint_url, dry_run, as_json), make_plan)


@app.command()
def approve(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Let a release be offered that waits for a second person, just as it lies in the bucket.

    Which channels wait for that is `approved_on` of the product. Whoever releases must not have the right to approve.
    """
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    def make_plan(opened: Bucket, now: datetime) -> Plan:
        return operations.approval(opened, product, channel, version, now)

    carry_out(Where(bucket, endpoint_url, dry_run, as_json), make_plan)


@app.command()
def schedule(
    product: Product, channel: Channel, version: Version, *,
    at: Annotated[str, typer.Option(metavar="TIME", help="From when on it is offered, as 2026-11-20T12:00:00Z.")],
    bucket: BucketName, endpoint_url: EndpointUrl = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Offer a release that waits from a moment on, earlier or later than it says itself. Until then nobody sees it.

    What is offered already stays: `yank` withdraws it. To upload a release so that it waits: `release --not-before`.
    """
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    where = Where(bucket, endpoint_url, dry_run, as_json)
    _policy(product, channel, where, lambda now: operations.schedule(version, at, now))


@app.command()
def unschedule(
    product: Product, channel: Channel, version: Version, *, bucket: BucketName, endpoint_url: EndpointUrl = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Undo `schedule`: the release is offered from when it says itself."""
    from comet_updates.cli import operations  # noqa: PLC0415 (as above)

    _policy(product, channel, Where(bucket, endpoint_url, dry_run, as_json), lambda _: operations.unschedule(version))
