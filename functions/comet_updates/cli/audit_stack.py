"""A deployed stack, as CloudFormation lists it: what each look of the audit starts from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from comet_updates import deployment
from comet_updates.errors import CometError

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
"""What `!GetAtt X.Arn` is, or would be. The id of a queue is a URL, and its name the end of that."""


class Difference(NamedTuple):
    """A `resource` and what it does that was not promised: together they are a sentence."""

    resource: str
    says: str


Differences = Iterator[Difference]


class MissingResourceError(CometError):
    """The stack lacks something that the promise speaks of."""

    def __init__(self, resource: str) -> None:
        """Name the `resource` as the template does."""
        super().__init__(f"{resource} is not in the stack")
        self.resource = resource


class Stack(NamedTuple):
    """A deployed stack.

    Attributes:
        types: the type of each resource, by its name in the template.
        ids: what AWS calls each resource.
    """

    types: Mapping[str, str]
    ids: Mapping[str, str]

    def of(self, name: str) -> str:
        """What AWS calls the resource `name`. Raises `MissingResourceError`."""
        found = self.ids.get(self._in_stack(name), "")
        if not found:
            raise MissingResourceError(name)
        return found

    def arn(self, name: str) -> str:
        """The ARN of a resource whose id is none: whoever is named alike in another account has another."""
        # The id of a layer is an ARN, so it says where the stack is.
        _, partition, _, region, account, *_ = self.of("AnswerLayer").split(":")
        last = self.of(name)
        if self.types[name] == "AWS::SQS::Queue":
            last = last.rsplit("/", 1)[-1]
        return _ARNS[self.types[name]].format(partition=partition, region=region, account=account, id=last)

    @property
    def live(self) -> str:
        """The ARN of the alias of the answering function, which all that may call it calls."""
        return f"{self.arn('AnswerFunction')}:{deployment.LIVE}"

    @property
    def has_cdn(self) -> bool:
        """Whether the CDN leads to the answering function, and not the gateway."""
        return "Cdn" in self.ids

    def numbers(self) -> Counter[str]:
        """How many resources there are of each type."""
        return Counter(self.types.values())

    def _in_stack(self, name: str) -> str:
        """SAM ends the name of a layer with a hash."""
        return next((n for n in self.ids if re.fullmatch(f"{name}([0-9a-f]{{10}})?", n)), "")


Look = Callable[[Stack, Read], Differences]
"""Compares one thing; yields nothing where all is as it should be."""


def stack_of(listed: Sequence[Mapping[str, Any]]) -> Stack:
    """The stack whose resources `ListStackResources` gave."""
    there = [resource for resource in listed if resource.get("ResourceStatus") != "DELETE_COMPLETE"]
    return Stack(
        {resource["LogicalResourceId"]: resource["ResourceType"] for resource in there},
        {resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "") for resource in there},
    )
