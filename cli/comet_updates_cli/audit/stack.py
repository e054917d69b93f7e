"""A deployed stack, as CloudFormation lists it: the input of each check of the audit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from comet_updates.answer.errors import CometError
from comet_updates_cli.audit import allowed

Read = Callable[..., Mapping[str, Any]]
"""`read(service, operation, **parameters)`: see `Account.read`."""

_ARNS = {
    "AWS::ApiGatewayV2::Api": "arn:{partition}:execute-api:{region}:{account}:{id}",
    "AWS::CloudFront::Distribution": "arn:{partition}:cloudfront::{account}:distribution/{id}",
    "AWS::Events::Rule": "arn:{partition}:events:{region}:{account}:rule/{id}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{id}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{id}",
    "AWS::Logs::LogGroup": "arn:{partition}:logs:{region}:{account}:log-group:{id}:*",
    "AWS::S3::Bucket": "arn:{partition}:s3:::{id}",
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{id}",
}
"""The value of `!GetAtt X.Arn`. The id of a queue is a URL that ends with its name."""


class Difference(NamedTuple):
    """A `resource` and how it differs from the promise; together they are a sentence."""

    resource: str
    says: str


Differences = Iterator[Difference]


class MissingResourceError(CometError):
    """The stack lacks a resource that the audit checks."""

    def __init__(self, resource: str) -> None:
        """Name the `resource` as in the template."""
        super().__init__(f"{resource} is not in the stack")
        self.resource = resource


class NotComparedError(CometError):
    """A part of the code cannot be compared with the build.

    Attributes:
        resource: its name in the template; empty for all code.
        reason: why not.
        remedy: what to do, in one sentence without the final stop.
    """

    def __init__(self, resource: str, reason: str, remedy: str) -> None:
        super().__init__(f"{resource} {reason}")
        self.resource = resource
        self.reason = reason
        self.remedy = remedy


class Stack(NamedTuple):
    """A deployed stack.

    Attributes:
        types: the type of each resource, by its name in the template.
        ids: the AWS id of each resource, by its name in the template.
        build: the folder of `sam build` to compare the code with; `None` for no comparison.
    """

    types: Mapping[str, str]
    ids: Mapping[str, str]
    build: Path | None = None

    def of(self, name: str) -> str:
        """Return the AWS id of the resource `name`.

        Raises:
            MissingResourceError: the stack does not have it.
        """
        found = self.ids.get(self._in_stack(name), "")
        if not found:
            raise MissingResourceError(name)
        return found

    def arn(self, name: str) -> str:
        """Return the ARN of a resource whose id is not an ARN. It contains the account, so it is unique.

        Raises:
            MissingResourceError: the stack does not have it.
        """
        # The id of a layer is an ARN, so it contains the account and region of the stack.
        _, partition, _, region, account, *_ = self.of("AnswerLayer").split(":")
        last = self.of(name)
        if self.types[name] == "AWS::SQS::Queue":
            last = last.rsplit("/", 1)[-1]
        return _ARNS[self.types[name]].format(partition=partition, region=region, account=account, id=last)

    @property
    def region(self) -> str:
        """The region of the stack."""
        return self.of("AnswerLayer").split(":")[3]

    @property
    def live(self) -> str:
        """The ARN of the answering function's alias; all allowed callers call this alias."""
        return f"{self.arn('AnswerFunction')}:{allowed.LIVE}"

    @property
    def has_cdn(self) -> bool:
        """Return whether clients can reach the answering function through the CDN."""
        return "Cdn" in self.ids

    @property
    def has_gateway(self) -> bool:
        """Return whether clients can reach the answering function through the gateway. One way always exists."""
        return "Api" in self.ids or not self.has_cdn

    @property
    def has_gateway_domain(self) -> bool:
        """Return whether the gateway has the publisher's name. Beside the CDN, it always has."""
        return "GatewayDomain" in self.ids or (self.has_cdn and self.has_gateway)

    def expects(self, name: str) -> bool:
        """Return whether a stack with these choices of its deployment has the resource `name`."""
        _, condition = allowed.CONDITIONAL.get(name, ("", ""))
        choices = {
            "": True,
            "HasCdn": self.has_cdn,
            "HasCdnInVirginia": self.has_cdn and self.region == "us-east-1",
            "HasGateway": self.has_gateway,
            "HasGatewayDomain": self.has_gateway_domain,
        }
        return choices.get(condition, name in self.ids)

    def numbers(self) -> Counter[str]:
        """Return the number of resources of each type."""
        return Counter(self.types.values())

    def _in_stack(self, name: str) -> str:
        """Return the name of a resource in the stack: SAM appends a hash to a layer's name."""
        return next((n for n in self.ids if re.fullmatch(f"{name}([0-9a-f]{{10}})?", n)), "")


Look = Callable[[Stack, Read], Differences]
"""A check: yields the differences, and nothing if there are none."""


def stack_of(listed: Sequence[Mapping[str, Any]], build: Path | None = None) -> Stack:
    """Return the stack from the answer of `ListStackResources`, with the `build` to compare it with."""
    there = [resource for resource in listed if resource.get("ResourceStatus") != "DELETE_COMPLETE"]
    return Stack(
        {resource["LogicalResourceId"]: resource["ResourceType"] for resource in there},
        {resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "") for resource in there},
        build,
    )
