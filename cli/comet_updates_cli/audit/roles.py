"""Audits the roles: compares what they allow with `comet_updates_cli.audit.allowed.GRANTS`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from comet_updates_cli.audit import allowed
from comet_updates_cli.audit.stack import Difference, Differences, Read, Stack

_KEY = re.compile(r"^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$")  # the deployment names the key


class _Right(NamedTuple):
    """An allowing statement. Missing parts are empty; parts in another form, such as `NotAction`, are `None`."""

    actions: frozenset[str | None]
    resources: frozenset[str | None]
    condition: str


def attached(stack: Stack, read: Read) -> Differences:
    """Check that no managed policy is attached."""
    for name in _roles(stack):
        found = read("iam", "ListAttachedRolePolicies", RoleName=stack.of(name)).get("AttachedPolicies", ())
        for policy in found:
            yield Difference(name, f"has the policy {policy['PolicyName']} attached")


def inline(stack: Stack, read: Read) -> Differences:
    """Check that the statements are exactly our grants. Denying statements are ignored."""
    for name in _roles(stack):
        role = stack.of(name)
        policies = read("iam", "ListRolePolicies", RoleName=role).get("PolicyNames", ())
        documents = [read("iam", "GetRolePolicy", RoleName=role, PolicyName=policy) for policy in policies]
        found = {right for document in documents for right in _rights(document.get("PolicyDocument", {}))}
        granted = {_granted(stack, grant) for grant in allowed.GRANTS[name]}
        yield from (Difference(name, f"may {_words(right)}") for right in sorted(found - granted, key=str))
        yield from (Difference(name, f"may no longer {_words(right)}") for right in sorted(granted - found, key=str))


def _roles(stack: Stack) -> Iterator[str]:
    """Return the roles to check. Those of people and pipelines exist only if the deployment names somebody for them."""
    return (name for name in allowed.GRANTS if name not in allowed.CONDITIONAL or name in stack.ids)


def trust(stack: Stack, read: Read) -> Differences:
    """Check who can assume the roles: AWS services theirs, and nobody the roles of both pipelines and owners."""
    takers = {}
    for name in _roles(stack):
        document = read("iam", "GetRole", RoleName=stack.of(name)).get("Role", {}).get("AssumeRolePolicyDocument", {})
        allowing = [found for found in many(read_policy(document).get("Statement", [])) if found["Effect"] != "Deny"]
        takers[name] = {taker for statement in allowing for taker in _takers(statement)}
        if name not in allowed.CONDITIONAL:
            for taker in sorted(takers[name] - {allowed.TAKEN_BY[name]}):
                yield Difference(name, f"can be assumed by {taker}")
        elif any(not _is_told(statement) for statement in allowing):
            yield Difference(name, "can be assumed by everybody, or by every user of a token issuer")
    for taker in sorted(takers.get("PipelineRole", set()) & takers.get("OwnerRole", set())):
        yield Difference("OwnerRole", f"can be assumed by a pipeline, too: {taker}")


def _takers(statement: Mapping[str, Any]) -> Iterator[str]:
    principal = statement.get("Principal", "*")
    named = principal.values() if isinstance(principal, Mapping) else [principal]
    return (str(one) for some in named for one in many(some))


def _is_told(statement: Mapping[str, Any]) -> bool:
    """Return whether it names who can assume: a principal, or an issuer with audience and subject of its tokens."""
    if "sts:AssumeRoleWithWebIdentity" in many(statement.get("Action")):
        asked = {
            (test, key.rpartition(":")[2]) for test, keys in statement.get("Condition", {}).items() for key in keys
        }
        subjects = statement.get("Condition", {}).get("StringLike", {}).values()
        return {("StringEquals", "aud"), ("StringLike", "sub")} <= asked and "*" not in subjects
    return "*" not in _takers(statement)


def _granted(stack: Stack, grant: allowed.Grant) -> _Right:
    resources = (re.sub(r"\$\{(\w+)\.Arn\}", lambda m: stack.arn(m[1]), resource) for resource in grant.resources)
    return _Right(grant.actions, frozenset(resources), _condition({}))


def _rights(document: str | Mapping[str, Any]) -> Iterator[_Right]:
    for statement in many(read_policy(document).get("Statement", [])):
        if statement.get("Effect") != "Deny":
            actions, resources = many(statement.get("Action")), many(statement.get("Resource"))
            resources = [_KEY.sub("${OnlineKeyArn}", str(resource)) for resource in resources]
            yield _Right(frozenset(actions), frozenset(resources), _condition(statement.get("Condition", {})))


def _condition(condition: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a condition in one spelling: a policy may write one value or a list of one."""
    spelled = {test: {key: many(value) for key, value in keys.items()} for test, keys in condition.items()}
    return json.dumps(spelled, sort_keys=True) if spelled else ""


def _words(right: _Right) -> str:
    on = f"{', '.join(sorted(map(str, right.actions)))} on {', '.join(sorted(map(str, right.resources)))}"
    return f"{on} if {right.condition}" if right.condition else on


def read_policy(document: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a policy as an object; some services give it as text."""
    return json.loads(document) if isinstance(document, str) else document


def many(value: Any) -> list[Any]:  # noqa: ANN401 (a policy may write one or many)
    """Return one value of a policy as a list."""
    return value if isinstance(value, list) else [value]
