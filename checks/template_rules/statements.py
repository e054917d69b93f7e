"""The permissions of a role: statements of the template and decided grants, in one form that can be compared."""

from __future__ import annotations

from typing import Any, NamedTuple

from comet_updates_cli.audit import allowed

OWN_KEY = {
    "Fn::Sub": [
        "arn:${AWS::Partition}:kms:${AWS::Region}:${Account}:key/${Id}",
        {
            "Account": {"Fn::Select": [4, {"Fn::Split": [":", {"Ref": "OnlineKeyArn"}]}]},
            "Id": {"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "OnlineKeyArn"}]}]},
        },
    ]
}
"""The key of `OnlineKeyArn` in the region of the stack."""


class Statement(NamedTuple):
    """A statement of a policy, without the order that its author chose.

    Attributes:
        others: what else somebody wrote, such as `NotAction`.
    """

    effect: str
    actions: frozenset[str]
    resources: frozenset[str]
    condition: dict[str, Any] | None
    others: dict[str, Any]

    def __str__(self) -> str:
        """Return the statement in words, for a finding."""
        said = f"{self.effect} {', '.join(sorted(self.actions))} on {', '.join(sorted(self.resources))}"
        return (
            said + (f" if {self.condition}" if self.condition else "") + (f" with {self.others}" if self.others else "")
        )


def written(statement: dict[str, Any]) -> Statement:
    """Return a statement of the template."""
    plain = {"Effect", "Action", "Resource", "Condition"}
    return Statement(
        str(statement.get("Effect")),
        frozenset(str(action) for action in as_list(statement.get("Action", []))),
        frozenset(arn(resource) for resource in as_list(statement.get("Resource", []))),
        statement.get("Condition"),
        {key: value for key, value in statement.items() if key not in plain},
    )


def granted(role: str) -> list[Statement]:
    """Return the statements that were decided for `role`: an empty list for an unknown role."""
    return [Statement("Allow", grant.actions, grant.resources, None, {}) for grant in allowed.GRANTS.get(role, ())]


def arn(value: Any) -> str:
    """Return the value of `!GetAtt Bucket.Arn` or `!Sub "${Bucket.Arn}/*"` as grants write it: `${Bucket.Arn}/*`."""
    match value:
        case {"Fn::GetAtt": [str(name), str(attribute)]} if len(value) == 1:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": str(text)} if len(value) == 1:
            return text
        case {"Fn::If": ["HasOnlineKey", key, {"Fn::Sub": str(no_key)}]} if key == OWN_KEY:
            return "${OnlineKeyArn}" if no_key.endswith(":key/none") else no_key
    return str(value)


def as_list(value: Any) -> list[Any]:
    """Return a value as a list: a policy may write one value or a list."""
    return value if isinstance(value, list) else [value]
