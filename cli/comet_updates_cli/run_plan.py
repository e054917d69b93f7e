"""Carries out a plan, signs what follows from it, and prints what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from comet_updates import object_keys
from comet_updates_cli.options import DONE, SIGNS_WITH, Where
from comet_updates_cli.terminal import leave, refusals, say, say_json

if TYPE_CHECKING:
    from comet_updates.publish.bucket import Bucket
    from comet_updates_cli.policy_edits import Edit, Plan, Plans


def change_policy(product: str, channel: str, where: Where, edit: Callable[[datetime], Edit]) -> None:
    """Change the policy of a channel."""
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (other commands need not load AWS)

    carry_out(where, lambda bucket, now: policy_edits.policy(bucket, product, channel, edit(now), now))


def carry_out(where: Where, make_plan: Callable[[Bucket, datetime], Plan]) -> Plan:
    """Carry out a plan, or print it for a dry run, and return it. Wait until clients get it, if asked to.

    Exits with code 1 if the change is not possible, would be refused, or S3 fails; with code 3 if it is not live.
    """
    with refusals():
        plan = execute(where, make_plan)
        finish(where, plan)
    return plan


def finish(
    where: Where, plan: Plan, report: Mapping[str, Any] = MappingProxyType({}), lines: Sequence[str] = ()
) -> None:
    """Print what was written, and wait until clients get it, if asked to.

    Args:
        where: the options of the command.
        plan: the plan that was carried out.
        report: more fields for `--json`.
        lines: more lines for people.

    Raises:
        CometError: S3 fails while waiting.
        typer.Exit: clients do not get it.
    """
    if not where.as_json and not where.quiet:
        show(where, plan)
        say(*lines)
    printed = as_json_of(where, plan) | dict(report)
    code = follow(where, plan, printed)
    if where.as_json:
        say_json(printed)
    leave(code)


def follow(where: Where, plan: Plan, report: dict[str, Any]) -> int:
    """Wait until clients get what a plan wrote, if asked to. Return the exit code, and add to `report`.

    Raises:
        CometError: S3 fails.
    """
    if where.waiting is None or where.dry_run:
        return DONE
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (other commands need not load AWS)
    from comet_updates_cli import follow as following  # noqa: PLC0415 (as above)

    bucket = open_bucket(where.bucket, where.endpoint_url)
    return following.follow(plan, bucket, where, where.waiting, report)


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
        if product is None:  # the document about the publisher, which is not signed
            return plan
        signed = sign_states.sign_states(bucket, product, datetime.now(UTC), keys, plan.then)
        return plan._replace(signed=(*plan.signed, *signed), then=None)

    # Sign again afterwards: two pipelines at the same time do not know what the other is about to write.
    return sign(policy_edits.carry_out(bucket, lambda: make_plan(bucket, datetime.now(UTC)), sign))


def execute_all(
    where: Where,
    product: str,
    make_plans: Callable[[Bucket, datetime], Plans],
    progress: Callable[[list[Plan]], Iterable[Plan]],
) -> Plans:
    """Write the documents of several plans, one after the other; for a dry run, only make the plans.

    Another run continues an interrupted one: what the bucket has already is unchanged.

    Raises:
        CometError: a document would be refused, somebody else writes at the same time, or S3 fails.
    """
    from comet_updates.publish.bucket import open_bucket  # noqa: PLC0415 (as above)
    from comet_updates_cli import policy_edits  # noqa: PLC0415 (as above)

    bucket = open_bucket(where.bucket, where.endpoint_url)
    plans = make_plans(bucket, datetime.now(UTC))
    if where.dry_run:
        return plans
    keys = SIGNS_WITH.get()
    if keys.uri:
        from comet_updates_cli.signing import sign_states  # noqa: PLC0415 (as above)

        sign_states.sign_states(bucket, product, datetime.now(UTC), keys, plans.then)
    for plan in progress(plans.writes):
        policy_edits.write(bucket, plan)
    if keys.uri:
        sign_states.sign_states(bucket, product, datetime.now(UTC), keys)
    return plans


def show(where: Where, plan: Plan) -> None:
    """Print what was written, or what a dry run would write."""
    if plan.body is None:
        say(f"nothing to do: {plan.key} is already up to date")
        _tell_signed(plan)
        return
    for key, diff in plan.changes.items():
        say(*(diff.split("\n") if where.dry_run else [f"changes {key.removeprefix('public')}"]))
    say(f"{'would write' if where.dry_run else 'wrote'} {plan.key}")
    _tell_signed(plan)


def _tell_signed(plan: Plan) -> None:
    for key in plan.signed:
        say(f"signed {key}")


def as_json_of(where: Where, plan: Plan) -> dict[str, Any]:
    """Return the plan for `--json`."""
    return {
        "key": plan.key,
        "written": plan.body is not None and not where.dry_run,
        "changes": plan.changes,
        "signed": list(plan.signed),
    }
