"""The rules for the CDN and its door to the answering function, and for who may release and who approves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from comet_updates_cli.audit import allowed

sys.path.append(str(Path(__file__).parents[2]))  # cfn-lint loads the files of this folder by their paths

from checks.template_rules.expansion import Template, resources
from checks.template_rules.rule import Finding, PolicyRule
from checks.template_rules.statements import as_list, written

LIVE = f"AnswerFunctionAlias{allowed.LIVE}"
READING = ["GET", "HEAD"]
BEHAVIOUR = {
    "TargetOriginId",
    "ViewerProtocolPolicy",
    "AllowedMethods",
    "CachedMethods",
    "CachePolicyId",
    "Compress",
    "PathPattern",
}
"""The allowed keys of a cache behaviour.

Other keys log, run code at the edge, pass on more, or authenticate clients.
"""

ONE_WAY = {
    "HasCdn": {"Fn::Equals": [{"Ref": "UseCdn"}, "true"]},
    "HasGateway": {"Fn::Equals": [{"Ref": "UseCdn"}, "false"]},
}
"""The conditions under which one of the two ways to the answering function exists."""

TWO_PEOPLE = {
    "RuleCondition": {"Fn::Not": [{"Fn::Equals": [{"Ref": "OwnerPrincipalArn"}, ""]}]},
    "Assertions": [{"Fn::Not": [{"Fn::Equals": [{"Ref": "OwnerPrincipalArn"}, {"Ref": "PipelinePrincipalArn"}]}]}],
}
"""The rule of the template that refuses one principal for both roles, without its messages."""


class NobodyAtTheEdge(PolicyRule):
    id = "E9511"
    shortdesc = "The CDN tells no two clients apart, and keeps no record of any"
    description = (
        "Each cache policy is allowed.PATH_ALONE. A behaviour serves GET and HEAD over TLS and has only the settings "
        "in BEHAVIOUR. URLs with a version in them are not cached. Logs, firewalls and old TLS are not allowed."
    )

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, policy in resources(expanded, "AWS::CloudFront::CachePolicy").items():
            key = policy.get("CachePolicyConfig", {}).get("ParametersInCacheKeyAndForwardedToOrigin")
            if key != allowed.PATH_ALONE:
                remedy = f"Set {allowed.PATH_ALONE}: any other value in it depends on a client"
                yield Finding(name, f"tells answers apart by {key}", remedy)
        for name, distribution in resources(expanded, "AWS::CloudFront::Distribution").items():
            config = distribution.get("DistributionConfig", {})
            for extra in sorted({"Logging", "WebACLId", "ContinuousDeploymentPolicyId"} & config.keys()):
                yield Finding(name, f"has {extra}", "Remove it: it records requests, or tells them apart")
            yield from (Finding(name, *found) for found in _behaviours(config))
            yield from (Finding(name, *found) for found in _tls(config.get("ViewerCertificate")))


def _behaviours(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    special = config.get("CacheBehaviors", [])
    paths = [behaviour.get("PathPattern") for behaviour in special]
    if paths != list(allowed.CDN_PATHS):
        problem = "may keep URLs with a version or a number in them"
        yield problem, f"Let CacheBehaviors be for {list(allowed.CDN_PATHS)}, in this order"
    for behaviour in (config.get("DefaultCacheBehavior", {}), *special):
        path = behaviour.get("PathPattern", "*")
        for extra in sorted(behaviour.keys() - BEHAVIOUR):
            yield f"{path} has {extra}", "Remove it: nothing of a client but the path may count, or be passed on"
        kept = {"Ref": "PathAlone"} if allowed.CDN_PATHS.get(path, True) else allowed.NOT_CACHED
        if behaviour.get("CachePolicyId") != kept:
            yield f"{path} is kept as {behaviour.get('CachePolicyId')} says", f"Set {kept}"
        if behaviour.get("AllowedMethods") != READING or behaviour.get("CachedMethods") != READING:
            yield f"{path} takes {behaviour.get('AllowedMethods')}", f"Set {READING}: there is nothing to send"
        if behaviour.get("ViewerProtocolPolicy") != "https-only":
            yield f"{path} takes plain HTTP", "Set https-only: with a redirect the first request would be in the clear"


def _tls(certificate: Any) -> Iterator[tuple[str, str]]:
    match certificate:
        case {"Fn::If": ["HasDomain", {"MinimumProtocolVersion": lowest}, {"CloudFrontDefaultCertificate": True}]}:
            if lowest not in allowed.CDN_TLS:
                yield f"takes {lowest}", f"Set one of {allowed.CDN_TLS}"
        case _:
            yield f"has the certificate {certificate}", "Ask for TLS 1.2 under a name of your own, if there is one"


class OneDoor(PolicyRule):
    id = "E9512"
    shortdesc = "Only the CDN gets through the function's URL"
    description = (
        "A URL leads to the answering function's alias, which Lambda opens to signed requests alone. The CDN signs "
        "every request. Any other caller of a function is named with the one resource that calls it."
    )

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, url in resources(expanded, "AWS::Lambda::Url").items():
            if url.get("AuthType") != "AWS_IAM":
                yield Finding(name, f"is open to everyone (AuthType {url.get('AuthType')})", "Set AWS_IAM")
            if url.get("TargetFunctionArn") != {"Ref": LIVE}:
                yield Finding(name, f"leads to {url.get('TargetFunctionArn')}", f"Let it lead to {LIVE}")
        conditions = expanded.get("Conditions", {})
        if {name: conditions.get(name) for name in ONE_WAY} != ONE_WAY:
            yield Finding("Conditions", "gateway and CDN may both be there, or neither", f"Let them be {ONE_WAY}")
        for name, control in resources(expanded, "AWS::CloudFront::OriginAccessControl").items():
            config = control.get("OriginAccessControlConfig", {})
            if (config.get("SigningBehavior"), config.get("OriginAccessControlOriginType")) != ("always", "lambda"):
                yield Finding(name, "does not sign each request to the function", "Let it sign always, for lambda")
        for name, permission in resources(expanded, "AWS::Lambda::Permission").items():
            if not str(permission.get("Principal")).endswith(".amazonaws.com") or not permission.get("SourceArn"):
                problem = f"lets {permission.get('Principal')} call a function, for whomever"
                yield Finding(name, problem, "Name a service of AWS and, as SourceArn, the resource that calls")


class TwoPeople(PolicyRule):
    id = "E9513"
    shortdesc = "Who releases does not set the rules, and does not approve"
    description = "No role writes releases/ and products/ or approvals/; the template refuses one principal for both."

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, role in resources(expanded, "AWS::IAM::Role").items():
            documents = [policy["PolicyDocument"] for policy in role.get("Policies", ())]
            statements = [written(found) for document in documents for found in as_list(document["Statement"])]
            places = {place for found in statements if "s3:PutObject" in found.actions for place in found.resources}
            folders = {place.removeprefix("${Bucket.Arn}/").split("/")[0] for place in places}
            if "releases" in folders and folders & {"products", "approvals"}:
                remedy = "Give one of them to another role: an attacker with this role could release anything"
                yield Finding(name, f"writes {sorted(folders)}", remedy)
        rule = expanded.get("Rules", {}).get("TwoPeople", {})
        asserted = [assertion.get("Assert") for assertion in rule.get("Assertions", ())]
        if {"RuleCondition": rule.get("RuleCondition"), "Assertions": asserted} != TWO_PEOPLE:
            yield Finding("Rules", "one principal may have both roles", f"Let the rule TwoPeople be {TWO_PEOPLE}")
