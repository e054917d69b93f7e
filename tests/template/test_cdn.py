"""Test the CDN: what it caches, for how long, and what it passes on. Each rule finds its planted faults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.template_rules import cdn
from comet_updates.answer import respond, store, urls
from comet_updates.answer.store import STALE_MAX_S
from comet_updates_cli.audit import allowed
from testkit.project import ROOT
from tests.template.expand import Fault, Template, expand, findings, findings_with, resources, source
from tests.template.parameters import refused

LAYERS = 3
"""The caches on the way of an answer: the edge, its region, and the origin shield."""


@pytest.fixture(scope="module")
def expanded() -> Template:
    return expand(source())


@pytest.fixture(scope="module")
def config(expanded: Template) -> Any:
    (distribution,) = resources(expanded, "AWS::CloudFront::Distribution").values()
    return distribution["DistributionConfig"]


def test_there_is_one_way_to_the_answering_function(expanded: Template) -> None:
    """Find two ways only while a DNS entry moves: see tests/template/test_domain.py."""
    ways = {"AWS::ApiGatewayV2::Api": "true", "AWS::Lambda::Url": "false", "AWS::CloudFront::Distribution": "false"}
    for type_, unused in ways.items():
        (found,) = [resource for resource in expanded["Resources"].values() if resource["Type"] == type_]
        condition = {"Fn::Not": [{"Fn::Equals": [{"Ref": "UseCdn"}, unused]}]}
        assert expanded["Conditions"][found["Condition"]] == condition
    assert expanded["Parameters"]["UseCdn"]["AllowedValues"] == ["true", "false", "both"]
    callers = [found["Principal"] for found in resources(expanded, "AWS::Lambda::Permission").values()]
    assert sorted(callers) == ["apigateway.amazonaws.com", *["cloudfront.amazonaws.com"] * 2, "events.amazonaws.com"]


def test_without_a_word_there_is_no_cdn(expanded: Template) -> None:
    """See docs/decisions/0005-cdn.md for the reason."""
    assert expanded["Parameters"]["UseCdn"]["Default"] == "false"


def test_the_edge_uses_and_passes_on_nothing_of_a_client_but_the_path(expanded: Template, config: Any) -> None:
    (policy,) = resources(expanded, "AWS::CloudFront::CachePolicy").values()
    assert policy["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"] == allowed.PATH_ALONE
    assert {repr(value) for value in allowed.PATH_ALONE.values() if value is not True} == {
        "{'CookieBehavior': 'none'}",
        "{'HeaderBehavior': 'none'}",
        "{'QueryStringBehavior': 'none'}",
    }
    for behaviour in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        assert behaviour["CachePolicyId"] in ({"Ref": "PathAlone"}, allowed.NOT_CACHED)
        assert behaviour.keys() <= cdn.BEHAVIOUR  # none of these passes anything on


def test_the_edge_keeps_no_url_with_a_version_in_it(config: Any) -> None:
    first = config["CacheBehaviors"][0]
    assert (first["PathPattern"], first["CachePolicyId"]) == (f"{urls.DROP_IN}*", allowed.NOT_CACHED)


def kept(config: Any, path: str) -> bool:
    """Return whether CloudFront may cache the answer to `path`. The first behaviour with a matching pattern counts."""
    for behaviour in config["CacheBehaviors"]:
        pattern = re.escape(behaviour["PathPattern"]).replace(r"\*", ".*")
        if re.fullmatch(pattern, path):
            return bool(behaviour["CachePolicyId"] != allowed.NOT_CACHED)
    return bool(config["DefaultCacheBehavior"]["CachePolicyId"] != allowed.NOT_CACHED)


NAMES = st.from_regex(urls.NAME, fullmatch=True)
DOCUMENTS = ("releases.json", "appcast.xml", "latest-mac.yml", "feed.atom", "RELEASES", "RELEASES.json")


@given(NAMES, NAMES, st.uuids(), st.integers(0, 10**20 - 1))
def test_the_edge_keeps_no_url_with_the_number_of_an_old_copy_in_it(
    config: Any, product: str, channel: str, guid: UUID, number: int
) -> None:
    braced = (f"{{{guid}}}", f"%7B{guid}%7D".upper())
    shapes = (guid, *braced, guid.hex, guid.hex.upper(), number, f"DN{number}", f"dn-{number}")
    for shape in shapes:
        for url in (f"/v1/{product}/{channel}", *(f"/v1/{product}/{channel}/{document}" for document in DOCUMENTS)):
            assert urls.public_key(f"{url}/{shape}") == urls.public_key(url)  # an old copy's URL, or no document
            assert not kept(config, f"{url}/{shape}")


@given(NAMES, NAMES)
def test_the_edge_keeps_what_is_the_same_for_everyone(config: Any, product: str, channel: str) -> None:
    """Positive control of the test above. Caching also keeps the load from growing with the number of clients."""
    documents = [f"/v1/{product}/{channel}/{document}" for document in DOCUMENTS]
    pages = ("/", f"/{product}", f"/{product}/feed.atom", "/schemas/release.json")
    for url in (f"/v1/{product}/{channel}", *documents, *pages):
        assert kept(config, url)


def test_the_edge_knows_how_a_document_ends() -> None:
    endings = {ending for ending in urls.CONTENT_TYPES if ending not in ("", ".html")}
    assert {path.removeprefix("/v1/*") for path in allowed.CDN_PATHS if path.startswith("/v1/*.")} == endings


def test_every_error_that_cloudfront_would_keep_is_asked_for_again(config: Any) -> None:
    kept = {found["ErrorCode"]: found["ErrorCachingMinTTL"] for found in config["CustomErrorResponses"]}
    assert kept == dict.fromkeys((403, 404, 500, 502, 503, 504), 0)
    constant = (respond.NOT_FOUND, respond.NO_PAGE, respond.NOT_ALLOWED, respond.FAILED, respond.UNAVAILABLE)
    assert {answer.status for answer in constant} - {405} <= set(kept)  # the edge itself refuses other methods


def test_release_reaches_every_edge_within_the_time_in_the_docs(expanded: Template) -> None:
    memory = expanded["Parameters"]["MemoryTtlSeconds"]["Default"]
    longest = memory + LAYERS * (respond.SHARED_MAX_AGE_S + respond.REVALIDATE_S)
    (said,) = re.findall(r"visible everywhere within (\d+) seconds", (ROOT / "docs" / "cdn.md").read_text())
    assert int(said) == longest


def test_what_the_function_says_of_caches_is_not_cut_short(expanded: Template) -> None:
    (policy,) = resources(expanded, "AWS::CloudFront::CachePolicy").values()
    times = {name: value for name, value in policy["CachePolicyConfig"].items() if name.endswith("TTL")}
    assert times == {"MinTTL": 0, "DefaultTTL": 0, "MaxTTL": STALE_MAX_S}
    assert respond.SHARED_MAX_AGE_S <= respond.MAX_AGE_S


def test_client_of_a_hanging_origin_waits_for_as_long_as_the_docs_say(config: Any) -> None:
    """Wait for longer than the function needs to answer while S3 hangs, which is less than five seconds."""
    (origin,) = config["Origins"]
    read_s = origin["CustomOriginConfig"]["OriginReadTimeout"]
    waits_s = origin["ConnectionAttempts"] * origin["ConnectionTimeout"] + read_s
    assert read_s > store.BUDGET_S + 2 * store.TRY_TIMEOUT_S
    page = " ".join((ROOT / "docs" / "cdn.md").read_text().split())
    assert f"a client waits at most {waits_s} seconds" in page
    assert f"for {origin['ConnectionTimeout']} seconds, and waits {read_s} seconds for an answer" in page


def test_a_region_without_a_shield_can_name_another(expanded: Template) -> None:
    regions = expanded["Parameters"]["OriginShieldRegion"]["AllowedValues"]
    assert expanded["Parameters"]["OriginShieldRegion"]["Default"] == ""
    assert {"us-east-1", "eu-central-1", "ap-northeast-1"} <= set(regions)


@pytest.mark.parametrize(
    ("parameters", "missing"),
    [
        ({"AWS::Region": "eu-north-1"}, "OriginShieldRegion is missing"),
        ({"AWS::Region": "us-gov-west-1", "AWS::Partition": "aws-us-gov"}, "UseCdn must be"),
        (
            {"AWS::Region": "cn-north-1", "AWS::Partition": "aws-cn", "OriginShieldRegion": "us-east-1"},
            "UseCdn must be",
        ),
        ({"AWS::Region": "eu-north-1", "OriginShieldRegion": "eu-central-1"}, ""),
        ({"AWS::Region": "eu-central-1"}, ""),
    ],
    ids=lambda given: given.get("AWS::Region", "") if isinstance(given, dict) else given,
)
def test_a_region_where_the_cdn_would_fail_is_refused_early(
    expanded: Template, parameters: dict[str, str], missing: str
) -> None:
    problems = refused(expanded, parameters | {"UseCdn": "true"})
    assert bool(problems) == bool(missing)
    assert not missing or problems[0].startswith(missing)
    assert refused(expanded, parameters) == [], "without the CDN, all of these can be deployed"


def test_the_rule_has_the_regions_that_the_parameter_allows(expanded: Template) -> None:
    (_, shield) = expanded["Rules"]["CdnHere"]["Assertions"]
    assert shield["Assert"]["Fn::Or"][1]["Fn::Contains"] == [
        expanded["Parameters"]["OriginShieldRegion"]["AllowedValues"][1:],
        {"Ref": "AWS::Region"},
    ]


def _cdn(template: Template) -> Any:
    return template["Resources"]["Cdn"]["Properties"]["DistributionConfig"]


def _key(template: Template) -> Any:
    policy = template["Resources"]["PathAlone"]["Properties"]["CachePolicyConfig"]
    return policy["ParametersInCacheKeyAndForwardedToOrigin"]


def _default(template: Template, **changes: Any) -> None:
    _cdn(template)["DefaultCacheBehavior"].update(changes)


def _drop_in(template: Template, **changes: Any) -> None:
    _cdn(template)["CacheBehaviors"][0].update(changes)


def _resource(template: Template, name: str, **changes: Any) -> None:
    template["Resources"][name]["Properties"].update(changes)


FUNCTION = [{"EventType": "viewer-request", "FunctionARN": "arn:aws:cloudfront::1:function/x"}]
FAULTS: dict[str, tuple[str, Fault]] = {
    "a cookie in the key": ("E9511", lambda t: _key(t).update(CookiesConfig={"CookieBehavior": "all"})),
    "a header in the key": (
        "E9511",
        lambda t: _key(t).update(HeadersConfig={"HeaderBehavior": "whitelist", "Headers": ["User-Agent"]}),
    ),
    "a query in the key": ("E9511", lambda t: _key(t).update(QueryStringsConfig={"QueryStringBehavior": "all"})),
    "the client's own words of what it can unpack": ("E9511", lambda t: _key(t).pop("EnableAcceptEncodingGzip")),
    "another cache policy": ("E9511", lambda t: _default(t, CachePolicyId="658327ea-f89d-4fab-a63d-7e88639e58f6")),
    "settings of the older kind": ("E9511", lambda t: _default(t, ForwardedValues={"QueryString": True})),
    "all of the client to the function": (
        "E9511",
        lambda t: _default(t, OriginRequestPolicyId="b689b0a8-53d0-40ab-baf2-68738e2966ac"),
    ),
    "headers of the edge's own": ("E9511", lambda t: _default(t, ResponseHeadersPolicyId="x")),
    "code at the edge": ("E9511", lambda t: _default(t, FunctionAssociations=FUNCTION)),
    "a function at the edge": ("E9511", lambda t: _default(t, LambdaFunctionAssociations=FUNCTION)),
    "a log in real time": (
        "E9511",
        lambda t: _default(t, RealtimeLogConfigArn="arn:aws:cloudfront::1:realtime-log-config/x"),
    ),
    "a log": ("E9511", lambda t: _cdn(t).update(Logging={"Bucket": "x.s3.amazonaws.com", "IncludeCookies": True})),
    "a firewall": ("E9511", lambda t: _cdn(t).update(WebACLId="arn:aws:wafv2:us-east-1:1:global/webacl/x")),
    "more metrics": (
        "E9501",
        lambda t: t["Resources"].update(More={"Type": "AWS::CloudFront::MonitoringSubscription", "Properties": {}}),
    ),
    "a log of the new kind": (
        "E9501",
        lambda t: t["Resources"].update(More={"Type": "AWS::Logs::DeliverySource", "Properties": {"Name": "x"}}),
    ),
    "other methods": ("E9511", lambda t: _default(t, AllowedMethods=["GET", "HEAD", "OPTIONS"])),
    "plain HTTP": ("E9511", lambda t: _default(t, ViewerProtocolPolicy="redirect-to-https")),
    "plain HTTP for old copies": ("E9511", lambda t: _drop_in(t, ViewerProtocolPolicy="allow-all")),
    "numbers in the cache": (
        "E9511",
        lambda t: _cdn(t)["CacheBehaviors"][-1].update(CachePolicyId={"Ref": "PathAlone"}),
    ),
    "numbers in the cache, since the order is another": ("E9511", lambda t: _cdn(t)["CacheBehaviors"].reverse()),
    "versions in the cache": ("E9511", lambda t: _drop_in(t, CachePolicyId={"Ref": "PathAlone"})),
    "versions in the cache, since nobody says otherwise": ("E9511", lambda t: _cdn(t).pop("CacheBehaviors")),
    "an old TLS": ("E9511", lambda t: _cdn(t)["ViewerCertificate"]["Fn::If"][1].update(MinimumProtocolVersion="TLSv1")),
    "no TLS of ours": ("E9511", lambda t: _cdn(t).update(ViewerCertificate={"CloudFrontDefaultCertificate": True})),
    "an old TLS to the function": (
        "E9510",
        lambda t: _cdn(t)["Origins"][0]["CustomOriginConfig"].update(OriginSSLProtocols=["TLSv1"]),
    ),
    "a name of the client's country for the function": (
        "E9503",
        lambda t: _cdn(t)["Origins"][0].update(OriginCustomHeaders=[{"HeaderName": "x", "HeaderValue": "y"}]),
    ),
    "errors are kept": ("E9510", lambda t: _cdn(t)["CustomErrorResponses"][1].update(ErrorCachingMinTTL=300)),
    "an older protocol": ("E9510", lambda t: _cdn(t).update(HttpVersion="http1.1")),
    "clients that wait for three attempts": ("E9510", lambda t: _cdn(t)["Origins"][0].pop("ConnectionAttempts")),
    "clients that wait for long": (
        "E9510",
        lambda t: _cdn(t)["Origins"][0]["CustomOriginConfig"].update(OriginReadTimeout=30),
    ),
    "no shield": ("E9510", lambda t: _cdn(t)["Origins"][0].pop("OriginShield")),
    "a door for everyone": ("E9512", lambda t: _resource(t, "CdnDoor", AuthType="NONE")),
    "a door to publishing": (
        "E9512",
        lambda t: _resource(t, "CdnDoor", TargetFunctionArn={"Fn::GetAtt": ["PublishFunction", "Arn"]}),
    ),
    "a door for web pages": ("E9503", lambda t: _resource(t, "CdnDoor", Cors={"AllowOrigins": ["*"]})),
    "requests that are not signed": (
        "E9512",
        lambda t: t["Resources"]["CdnSigns"]["Properties"]["OriginAccessControlConfig"].update(SigningBehavior="never"),
    ),
    "everyone may call": ("E9512", lambda t: _resource(t, "CdnCallsTheDoor", Principal="*")),
    "every distribution may call": (
        "E9512",
        lambda t: t["Resources"]["CdnCallsTheDoor"]["Properties"].pop("SourceArn"),
    ),
    "a call past the door": (
        "E9510",
        lambda t: t["Resources"]["CdnCallsTheFunction"]["Properties"].pop("InvokedViaFunctionUrl"),
    ),
    "gateway and CDN at once": ("E9512", lambda t: t["Conditions"].update(HasGateway={"Fn::Equals": ["a", "a"]})),
    "a CDN that cannot be left out": ("E9502", lambda t: t["Resources"]["Cdn"].pop("Condition")),
}
"""Fault → the rule that must find it, and a function that plants it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    rule, plant = FAULTS[fault]
    assert rule in {finding.rule for finding in findings_with(plant, tmp_path)}


@pytest.mark.parametrize("version", allowed.CDN_TLS)
def test_a_newer_tls_is_no_fault_of_the_rule(version: str, tmp_path: Path) -> None:
    template = source()
    _cdn(template)["ViewerCertificate"]["Fn::If"][1].update(MinimumProtocolVersion=version)
    assert "E9511" not in {finding.rule for finding in findings(template, tmp_path)}
