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

WAYS = {
    "HasCdn": {"Fn::Not": [{"Fn::Equals": [{"Ref": "UseCdn"}, "false"]}]},
    "HasGateway": {"Fn::Not": [{"Fn::Equals": [{"Ref": "UseCdn"}, "true"]}]},
    "HasDomain": {"Fn::Not": [{"Fn::Equals": [{"Ref": "DomainName"}, ""]}]},
    "HasCdnDomain": {"Fn::Not": [{"Fn::Equals": [{"Ref": "CertificateArn"}, ""]}]},
    "HasGatewayDomain": {
        "Fn::And": [{"Condition": "HasGateway"}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "GatewayCertificateArn"}, ""]}]}]
    },
}
"""The conditions under which each of the two ways to the answering function exists, and has the publisher's name.

At least one way exists for every value of `UseCdn`. Both exist only for `both`, while a DNS entry moves.
"""

TWO_PEOPLE = {
    "RuleCondition": {"Fn::Not": [{"Fn::Equals": [{"Ref": "OwnerPrincipalArn"}, ""]}]},
    "Assertions": [{"Fn::Not": [{"Fn::Equals": [{"Ref": "OwnerPrincipalArn"}, {"Ref": "PipelinePrincipalArn"}]}]}],
}
"""The rule of the template that refuses one principal for both roles, without its messages."""


class NobodyAtTheEdge(PolicyRule):
    id = "E9511"
    shortdesc = "The CDN does not distinguish clients, and keeps no record of them"
    description = (
        "Each cache policy is allowed.PATH_ALONE. A behaviour serves GET and HEAD over TLS and has only the settings "
        "in BEHAVIOUR. URLs with a version in them are not cached. Logs, firewalls and old TLS are not allowed."
    )

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, policy in resources(expanded, "AWS::CloudFront::CachePolicy").items():
            key = policy.get("CachePolicyConfig", {}).get("ParametersInCacheKeyAndForwardedToOrigin")
            if key != allowed.PATH_ALONE:
                remedy = f"Set {allowed.PATH_ALONE}: any other value in it depends on a client"
                yield Finding(name, f"lets {key} decide the answer", remedy)
        for name, distribution in resources(expanded, "AWS::CloudFront::Distribution").items():
            config = distribution.get("DistributionConfig", {})
            for extra in sorted({"Logging", "WebACLId", "ContinuousDeploymentPolicyId"} & config.keys()):
                yield Finding(name, f"has {extra}", "Remove it: it records or distinguishes requests")
            yield from (Finding(name, *found) for found in _behaviours(config))
            yield from (Finding(name, *found) for found in _tls(config.get("ViewerCertificate")))


def _behaviours(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    special = config.get("CacheBehaviors", [])
    paths = [behaviour.get("PathPattern") for behaviour in special]
    if paths != list(allowed.CDN_PATHS):
        problem = "may cache URLs with a version or a number in them"
        yield problem, f"Set CacheBehaviors for {list(allowed.CDN_PATHS)}, in this order"
    for behaviour in (config.get("DefaultCacheBehavior", {}), *special):
        path = behaviour.get("PathPattern", "*")
        for extra in sorted(behaviour.keys() - BEHAVIOUR):
            yield f"{path} has {extra}", "Remove it: only the path of a request may count, or be passed on"
        kept = {"Ref": "PathAlone"} if allowed.CDN_PATHS.get(path, True) else allowed.NOT_CACHED
        if behaviour.get("CachePolicyId") != kept:
            yield f"{path} has the cache policy {behaviour.get('CachePolicyId')}", f"Set {kept}"
        if behaviour.get("AllowedMethods") != READING or behaviour.get("CachedMethods") != READING:
            yield f"{path} allows {behaviour.get('AllowedMethods')}", f"Set {READING}: clients only read"
        if behaviour.get("ViewerProtocolPolicy") != "https-only":
            yield f"{path} accepts plain HTTP", "Set https-only: with a redirect, the first request is not encrypted"


def _tls(certificate: Any) -> Iterator[tuple[str, str]]:
    match certificate:
        case {"Fn::If": ["HasCdnDomain", {"MinimumProtocolVersion": lowest}, {"CloudFrontDefaultCertificate": True}]}:
            if lowest not in allowed.CDN_TLS:
                yield f"accepts {lowest}", f"Set one of {allowed.CDN_TLS}"
        case _:
            yield f"has the certificate {certificate}", "Require TLS 1.2 for your own domain name, if you have one"


class OneDoor(PolicyRule):
    id = "E9512"
    shortdesc = "Only the CDN gets through the function's URL"
    description = (
        "A URL leads to the answering function's alias, and Lambda accepts only signed requests. The CDN signs every "
        "request. Each other caller of a function is an AWS service, with the one resource that calls it."
    )

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, url in resources(expanded, "AWS::Lambda::Url").items():
            if url.get("AuthType") != "AWS_IAM":
                yield Finding(name, f"is open to everyone (AuthType {url.get('AuthType')})", "Set AWS_IAM")
            if url.get("TargetFunctionArn") != {"Ref": LIVE}:
                yield Finding(name, f"leads to {url.get('TargetFunctionArn')}", f"Make it lead to {LIVE}")
        conditions = expanded.get("Conditions", {})
        if {name: conditions.get(name) for name in WAYS} != WAYS:
            yield Finding("Conditions", "gateway and CDN do not exist as UseCdn says", f"Set {WAYS}")
        if (default := expanded.get("Parameters", {}).get("UseCdn", {}).get("Default")) != "false":
            yield Finding("Parameters", f"UseCdn is {default} by default", 'Set its default to "false"')
        for name, control in resources(expanded, "AWS::CloudFront::OriginAccessControl").items():
            config = control.get("OriginAccessControlConfig", {})
            if (config.get("SigningBehavior"), config.get("OriginAccessControlOriginType")) != ("always", "lambda"):
                yield Finding(
                    name, "does not sign each request to the function", "Set SigningBehavior always, for lambda"
                )
        for name, permission in resources(expanded, "AWS::Lambda::Permission").items():
            if not str(permission.get("Principal")).endswith(".amazonaws.com") or not permission.get("SourceArn"):
                problem = f"lets {permission.get('Principal')} call a function, for any resource"
                yield Finding(name, problem, "Set an AWS service as Principal, and the calling resource as SourceArn")


class TwoPeople(PolicyRule):
    id = "E9513"
    shortdesc = "A role that releases cannot set the rules or approve"
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
            yield Finding("Rules", "one principal may have both roles", f"Set the rule TwoPeople to {TWO_PEOPLE}")
