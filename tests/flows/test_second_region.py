"""Test the second region: its stack has the same name and parameters, signs with the same key, and takes over the name.

The commands are those of docs/keys.md and docs/operating.md, in their order. moto replaces S3 and KMS. It has no
distributions, so `Edge` keeps CloudFront's one rule about names.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from comet_updates.publish.publisher import Publisher
from comet_updates_cli.signing import key_folder
from testkit.project import ROOT
from testkit.s3 import REGION, S3
from tests.cli.signing.test_kms import kms
from tests.flows.documented import Command, commands
from tests.flows.test_recovery import COPYING, GUIDE, LOST, as_s3_replicates
from tests.signing.conftest import PATH, Client, HttpServer, TufPublisher
from tests.template.expand import Template, expand, source
from tests.template.parameters import existing, refused, value

if TYPE_CHECKING:
    from testkit.fresh import Handler

__all__ = ["kms"]

pytestmark = pytest.mark.http
SECOND = "eu-west-1"
KEYS = commands((ROOT / "docs" / "keys.md").read_text(), "How do I begin?")
REPLICATE, FIND, MOVE = 0, COPYING[-1] + 1, COPYING[-1] + 2
"""Commands of the guide: copy the key, find the distribution, and move the name to it."""

NAME, STANDBY = "updates.example.com", "standby.example.com"
CDN = {"UseCdn": "true", "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1"}


@pytest.fixture(scope="module")
def expanded() -> Template:
    return expand(source())


def online_key(expanded: Template, arn: str, region: str) -> str:
    """Return what the publishing function of a stack in `region` gets as its online key."""
    variables = expanded["Resources"]["PublishFunction"]["Properties"]["Environment"]["Variables"]
    key: str = value(expanded, variables["ONLINE_KEY"], {"OnlineKeyArn": arn, "AWS::Region": region})
    return key


def in_region(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(variable, region)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def in_kms(command: Command, kms: Any, **values: str) -> Any:
    assert " kms " in command.line
    return command.run(lambda _: kms, **values)


def answering(bucket: S3, monkeypatch: pytest.MonkeyPatch) -> Handler:
    module = importlib.import_module("comet_updates.answer.handler")
    monkeypatch.setenv("BUCKET", bucket.bucket)
    handler: Handler = module.build(module.Settings.from_environment(os.environ))
    return handler


@pytest.mark.usefixtures("environment", "open_sinks")
def test_a_client_verifies_what_the_second_region_signs(
    s3: S3, kms: Any, expanded: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.connect(monkeypatch)
    arn = in_kms(KEYS[0], kms)["KeyMetadata"]["Arn"]
    first = TufPublisher(s3, tmp_path, online=online_key(expanded, arn, REGION))
    key_folder.export(first.online, first.keys / "online.pem.pub")
    first.begin()
    first.release("4.2.1")
    first.sweep()
    web = HttpServer(answering(s3, monkeypatch))
    client = Client(web, (first.folder / "root" / "1.json").read_bytes(), tmp_path / "client")
    assert client.check() == s3.get(f"public/v1/{PATH}")
    web.close()

    in_kms(commands(GUIDE, LOST)[REPLICATE], kms, KEY=arn.rpartition("/")[2])
    other = S3(s3.endpoint)
    as_s3_replicates(s3, other)
    in_region(monkeypatch, SECOND)
    second = TufPublisher(other, tmp_path, online=online_key(expanded, arn, SECOND))
    assert SECOND in second.online
    second.now = first.now
    second.sweep()
    web = HttpServer(answering(other, monkeypatch))
    assert client._replace(web=web).check() == other.get(f"public/v1/{PATH}") == s3.get(f"public/v1/{PATH}")
    web.close()


@pytest.mark.usefixtures("environment", "open_sinks")
def test_the_second_region_cannot_sign_with_a_key_of_one_region(
    s3: S3, kms: Any, expanded: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control of the test above: with the key that docs/keys.md once made, the sweep fails."""
    s3.connect(monkeypatch)
    arn = in_kms(Command(KEYS[0].line.replace(" --multi-region", ""), {}), kms)["KeyMetadata"]["Arn"]
    first = TufPublisher(s3, tmp_path, online=online_key(expanded, arn, REGION))
    key_folder.export(first.online, first.keys / "online.pem.pub")
    first.begin()
    first.release("4.2.1")
    first.sweep()
    in_region(monkeypatch, SECOND)
    first.publisher = Publisher(first.bucket, lambda: first.now, online_key(expanded, arn, SECOND))
    first.release("4.2.2")
    with pytest.raises(first.failed):
        first.sweep()


@pytest.mark.parametrize("given", [REGION, SECOND])
def test_each_stack_uses_the_key_of_its_own_region(expanded: Template, given: str) -> None:
    arn = f"arn:aws:kms:{given}:123456789012:key/mrk-1"
    for region in (REGION, SECOND):
        assert online_key(expanded, arn, region) == f"awskms:arn:aws:kms:{region}:123456789012:key/mrk-1"
    assert online_key(expanded, "", REGION) == "none"


def account_wide(template: Template, region: str) -> dict[str, str]:
    """Return the names of a stack `comet` in `region` that are unique in the account, not only in the region."""
    parameters = CDN | {"DomainName": NAME, "AWS::Region": region, "AWS::StackName": "comet"}
    names = {}
    for name, made in template["Resources"].items():
        if name in existing(template, parameters) and made["Type"].startswith(ACCOUNT_WIDE):
            for config in (made["Properties"], *made["Properties"].values()):
                for key in NAMING & config.keys() if isinstance(config, dict) else ():
                    names[name] = value(template, config[key], parameters)
    return names


ACCOUNT_WIDE = ("AWS::CloudFront::", "AWS::IAM::", "AWS::S3::", "AWS::CloudWatch::Dashboard")
"""Types of resources whose names are unique in an account, or in the world."""

NAMING = {"Name", "RoleName", "BucketName", "DashboardName", "PolicyName"}


def test_two_stacks_of_one_name_exist_in_two_regions_of_an_account(expanded: Template) -> None:
    one, other = (account_wide(expanded, region) for region in (REGION, SECOND))
    assert set(one) == {"PathAlone", "CdnSigns", "Dashboard"}
    assert not set(one.values()) & set(other.values())
    assert len(account_wide(expanded, "ap-southeast-2")["CdnSigns"]) <= 64 - len("a-longer-name-of-a-stack")


def test_a_name_without_the_region_is_found() -> None:
    """Positive control of the test above."""
    template = source()
    config = template["Resources"]["CdnSigns"]["Properties"]["OriginAccessControlConfig"]
    config["Name"] = {"Fn::Sub": "${AWS::StackName}-answer"}
    one, other = (account_wide(expand(template), region) for region in (REGION, SECOND))
    assert one["CdnSigns"] == other["CdnSigns"]


class NameIsTakenError(Exception):
    """CloudFront's `CNAMEAlreadyExists`."""


class Edge:
    """The names of all distributions in the world."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def deploy(self, distribution: str, name: str) -> None:
        """Update a distribution as CloudFormation does."""
        if self.names.get(name, distribution) != distribution:
            raise NameIsTakenError(name)
        others = {known: owner for known, owner in self.names.items() if owner != distribution}
        self.names = others | {name: distribution}

    def associate_alias(self, distribution: str, name: str) -> None:
        self.names[name] = distribution


def lose_the_first_region(edge: Edge) -> None:
    """Run the commands of the guide about the name."""
    find, move = (commands(GUIDE, LOST)[number] for number in (FIND, MOVE))
    cloudformation, cloudfront = boto3.client("cloudformation"), boto3.client("cloudfront")
    with Stubber(cloudformation) as stub:
        detail = {
            "LogicalResourceId": "Cdn",
            "PhysicalResourceId": "E2",
            "ResourceType": "AWS::CloudFront::Distribution",
            "LastUpdatedTimestamp": "2026-11-20T12:00:00Z",
            "ResourceStatus": "CREATE_COMPLETE",
        }
        expected = {"StackName": "comet", "LogicalResourceId": "Cdn"}
        stub.add_response("describe_stack_resource", {"StackResourceDetail": detail}, expected)
        distribution = find.run(lambda _: cloudformation, STACK="comet")
    with Stubber(cloudfront) as stub:
        stub.add_response("associate_alias", {}, {"TargetDistributionId": "E2", "Alias": NAME})
        move.run(lambda _: cloudfront, DISTRIBUTION=distribution)
    edge.associate_alias(distribution, NAME)


@pytest.fixture
def edge(aws: str) -> Edge:
    edge = Edge()
    edge.deploy("E1", NAME)
    edge.deploy("E2", STANDBY)
    return edge


def test_the_name_stays_with_the_second_stack_after_the_next_deployments(edge: Edge) -> None:
    lose_the_first_region(edge)
    second, first = (line for line in GUIDE.splitlines() if line.startswith("$ .venv-sam/") and "DomainName" in line)
    assert "--config-env second" in second
    edge.deploy("E2", second.rpartition("=")[2])
    edge.deploy("E1", first.rpartition("=")[2])
    for _ in range(2):  # deployments of something else keep the parameters
        edge.deploy("E2", NAME)
        edge.deploy("E1", STANDBY)
    assert edge.names == {NAME: "E2", STANDBY: "E1"}


def test_a_deployment_without_the_name_would_undo_the_failover(edge: Edge) -> None:
    """Positive control of the test above."""
    lose_the_first_region(edge)
    edge.deploy("E2", STANDBY)
    assert NAME not in edge.names
    edge.deploy("E1", NAME)
    lose_the_first_region(edge)
    with pytest.raises(NameIsTakenError):
        edge.deploy("E1", NAME)


def test_the_parameters_of_both_stacks_are_accepted(expanded: Template) -> None:
    """Accept a name for each stack with the CDN, and one for both without it."""
    here = {"GatewayCertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/2", "DomainName": NAME}
    for parameters in (CDN | {"DomainName": NAME}, CDN | {"DomainName": STANDBY}, here):
        assert refused(expanded, parameters | {"AWS::Region": SECOND}) == []
