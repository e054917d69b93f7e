"""Test the publisher's own name: with and without the CDN, and while it moves from one to the other without a gap."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from comet_updates_cli.audit import allowed
from testkit.project import ROOT
from tests.template.expand import Fault, Template, expand, findings_with, source
from tests.template.parameters import existing, refused

NAME = {"DomainName": "updates.example.com"}
EDGE = {"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1"}
HERE = {"GatewayCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/2"}
GATEWAY, CDN = {"Api", "GatewayDomain", "GatewayMapping"}, {"Cdn", "CdnDoor"}


@pytest.fixture(scope="module")
def expanded() -> Template:
    return expand(source())


DEPLOYED: dict[str, tuple[dict[str, str], set[str]]] = {
    "nothing set": ({}, {"Api"}),
    "gateway": (NAME | HERE, GATEWAY),
    "gateway, with a certificate for a move": (NAME | HERE | EDGE, GATEWAY),
    "both": (NAME | HERE | EDGE | {"UseCdn": "both"}, GATEWAY | CDN),
    "CDN": (NAME | EDGE | {"UseCdn": "true"}, CDN),
    "CDN, with a certificate for a move": (NAME | HERE | EDGE | {"UseCdn": "true"}, CDN),
    "CDN without a name": ({"UseCdn": "true"}, CDN),
}
"""What is deployed → its parameters, and the resources of the ways in."""


@pytest.mark.parametrize("deployment", DEPLOYED)
def test_each_deployment_has_the_ways_in_that_its_parameters_name(expanded: Template, deployment: str) -> None:
    parameters, ways = DEPLOYED[deployment]
    assert refused(expanded, parameters) == []
    assert existing(expanded, parameters) & (GATEWAY | CDN) == ways


@pytest.mark.parametrize(
    ("parameters", "missing"),
    [
        (NAME, "GatewayCertificateArn"),
        (NAME | EDGE, "GatewayCertificateArn"),
        (NAME | HERE | {"UseCdn": "true"}, "CertificateArn"),
        (NAME | HERE | {"UseCdn": "both"}, "CertificateArn"),
        (NAME | EDGE | {"UseCdn": "both"}, "GatewayCertificateArn"),
        (HERE, "DomainName"),
        (EDGE | {"UseCdn": "true"}, "DomainName"),
        ({"UseCdn": "both"}, "UseCdn=both needs DomainName"),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else given,
)
def test_what_does_not_go_together_is_refused_early_and_named(
    expanded: Template, parameters: dict[str, str], missing: str
) -> None:
    (problem, *_) = refused(expanded, parameters)
    assert problem.startswith(missing)


@pytest.mark.parametrize(
    "parameters",
    [
        NAME | HERE | {"CertificateArn": EDGE["CertificateArn"].replace("us-east-1", "eu-central-1")},
        {"DomainName": "Updates.example.com"} | HERE,
        {"DomainName": "updates"} | HERE,
        NAME | {"GatewayCertificateArn": "2"},
        {"UseCdn": "yes"},
    ],
    ids=json.dumps,
)
def test_a_value_that_aws_would_refuse_minutes_later_is_refused_early(
    expanded: Template, parameters: dict[str, str]
) -> None:
    assert refused(expanded, parameters) != []


MOVES = {
    "to the CDN": ("gateway, with a certificate for a move", "both", "CDN, with a certificate for a move"),
    "to the gateway": ("CDN, with a certificate for a move", "both", "gateway, with a certificate for a move"),
}


def gaps(expanded: Template, steps: tuple[str, ...]) -> Iterator[str]:
    """Yield each step of a move at which clients with the DNS entry from before or from after find nobody.

    The entry changes at the middle of three steps, and resolvers keep the old one for a while.
    """
    before, after = (existing(expanded, DEPLOYED[steps[end]][0]) & (GATEWAY | CDN) for end in (0, -1))
    for step in steps[1:-1]:
        if not before | after <= existing(expanded, DEPLOYED[step][0]):
            yield step


@pytest.mark.parametrize("move", MOVES)
def test_a_move_between_gateway_and_cdn_has_no_gap(expanded: Template, move: str) -> None:
    assert list(gaps(expanded, MOVES[move])) == []
    names = [DEPLOYED[step][0]["DomainName"] for step in MOVES[move]]
    assert all(one == other for one, other in pairwise(names))


def test_a_move_without_both_has_a_gap(expanded: Template) -> None:
    """Positive control of the test above."""
    first, _, last = MOVES["to the CDN"]
    assert list(gaps(expanded, (first, last, last))) == [last]


def test_the_pages_show_the_own_name_in_every_deployment_that_has_one(expanded: Template) -> None:
    shown = expanded["Resources"]["PublishFunction"]["Properties"]["Environment"]["Variables"]["SERVICE_URL"]
    assert shown["Fn::If"][:2] == ["HasDomain", {"Fn::Sub": "https://${DomainName}"}]
    assert expanded["Outputs"]["ServiceUrl"]["Value"] == shown


def test_the_outputs_name_where_the_dns_entry_leads(expanded: Template) -> None:
    outputs = {name: expanded["Outputs"][name] for name in ("GatewayName", "CdnName")}
    assert outputs["GatewayName"]["Value"] == {"Fn::GetAtt": ["GatewayDomain", "RegionalDomainName"]}
    assert [output["Condition"] for output in outputs.values()] == ["HasGatewayDomain", "HasCdn"]


def test_the_sample_of_samconfig_is_accepted(expanded: Template) -> None:
    environments = tomllib.loads((ROOT / "examples" / "samconfig.toml").read_text())
    assert environments.pop("version") == 0.1
    assert set(environments) == {"default", "second"}
    for environment in environments.values():
        overrides = environment["deploy"]["parameters"]["parameter_overrides"]
        parameters = dict(override.split("=", 1) for override in overrides)
        region = environment["global"]["parameters"]["region"]
        assert refused(expanded, parameters | {"AWS::Region": region}) == []
        arns = [value for value in parameters.values() if value.startswith("arn:") and ":iam:" not in value]
        assert {arn.split(":")[3] for arn in arns} == {region}


def test_a_parameter_that_the_template_lacks_is_noticed_in_a_sample(expanded: Template) -> None:
    """Positive control of the test above."""
    with pytest.raises(KeyError):
        refused(expanded, {"DomainNam": "updates.example.com"})


def _domain(template: Template) -> Any:
    return template["Resources"]["GatewayDomain"]["Properties"]


def _configuration(template: Template) -> Any:
    return _domain(template)["DomainNameConfigurations"][0]


FAULTS: dict[str, tuple[str, Fault]] = {
    "certificates of clients": (
        "E9503",
        lambda t: _domain(t).update(MutualTlsAuthentication={"TruststoreUri": "s3://people/ca.pem"}),
    ),
    "rules that choose by header": ("E9503", lambda t: _domain(t).update(RoutingMode="ROUTING_RULE_ONLY")),
    "an old TLS": ("E9510", lambda t: _configuration(t).update(SecurityPolicy="TLS_1_0")),
    "an entrance at the edge, which CloudFront's logs could see": (
        "E9510",
        lambda t: _configuration(t).update(EndpointType="EDGE"),
    ),
    "the name of somebody else": ("E9510", lambda t: _domain(t).update(DomainName="updates.example.org")),
    "another stage": (
        "E9510",
        lambda t: t["Resources"]["GatewayMapping"]["Properties"].update(Stage="debug"),
    ),
    "a path of its own": (
        "E9503",
        lambda t: t["Resources"]["GatewayMapping"]["Properties"].update(ApiMappingKey="id"),
    ),
    "a second name": (
        "E9501",
        lambda t: t["Resources"].update(More={"Type": "AWS::ApiGatewayV2::DomainName", "Properties": {}}),
    ),
    "a name that always exists": ("E9502", lambda t: t["Resources"]["GatewayDomain"].pop("Condition")),
    "both ways without a word": ("E9512", lambda t: t["Parameters"]["UseCdn"].update(Default="both")),
    "a gateway that stays beside the CDN": (
        "E9512",
        lambda t: t["Conditions"].update(HasGateway={"Fn::Equals": ["a", "a"]}),
    ),
}
"""Fault → the rule that must find it, and a function that plants it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    rule, plant = FAULTS[fault]
    assert rule in {finding.rule for finding in findings_with(plant, tmp_path)}


def test_the_allowed_tls_of_the_gateway_is_that_of_the_template(expanded: Template) -> None:
    (configuration,) = expanded["Resources"]["GatewayDomain"]["Properties"]["DomainNameConfigurations"]
    assert configuration["SecurityPolicy"] in allowed.GATEWAY_TLS
