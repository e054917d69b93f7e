"""Audits the CDN, if the stack has one: what it records of requests, caches and forwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from comet_updates_cli.audit import allowed
from comet_updates_cli.audit.stack import Difference, Differences, Read, Stack

_MORE = {
    "OriginRequestPolicyId": "forwards more of a request",
    "ResponseHeadersPolicyId": "changes responses",
    "RealtimeLogConfigArn": "writes a real-time log",
    "FieldLevelEncryptionId": "reads data that clients send",
}
_CODE = ("FunctionAssociations", "LambdaFunctionAssociations")
_SIGNED = ("TrustedSigners", "TrustedKeyGroups")
_READING = {"GET", "HEAD"}


def distribution(stack: Stack, read: Read) -> Differences:
    """Check logs, firewalls, TLS, cache behaviours and the origin."""
    if not stack.has_cdn:
        return
    config = read("cloudfront", "GetDistributionConfig", Id=stack.of("Cdn")).get("DistributionConfig", {})
    for look in (_records, _connections, _behaviours):
        yield from (Difference("Cdn", says) for says in look(config))
    for origin in _items(config.get("Origins")):
        yield from (Difference("Cdn", says) for says in _origin(stack, read, origin))


def _records(config: Mapping[str, Any]) -> Iterator[str]:
    if config.get("Logging", {}).get("Enabled"):
        yield f"writes an access log to {config['Logging'].get('Bucket')}"
    if config.get("WebACLId"):
        yield f"has a firewall that inspects requests ({config['WebACLId']})"
    if config.get("ContinuousDeploymentPolicyId"):
        yield "sends some clients to another distribution (ContinuousDeploymentPolicyId)"
    for error in _items(config.get("CustomErrorResponses")):
        if error.get("ErrorCachingMinTTL"):
            yield f"caches errors {error.get('ErrorCode')} by URL"


def _connections(config: Mapping[str, Any]) -> Iterator[str]:
    certificate = config.get("ViewerCertificate", {})
    lowest = certificate.get("MinimumProtocolVersion")
    if not certificate.get("CloudFrontDefaultCertificate", True) and lowest not in allowed.CDN_TLS:
        yield f"accepts TLS connections with the policy {lowest}"


def _behaviours(config: Mapping[str, Any]) -> Iterator[str]:
    special = _items(config.get("CacheBehaviors"))
    paths = [behaviour.get("PathPattern") for behaviour in special]
    if paths != list(allowed.CDN_PATHS):
        yield f"may cache URLs that contain a version or a number: its behaviours are for {paths}"
    for behaviour in (config.get("DefaultCacheBehavior", {}), *special):
        path = behaviour.get("PathPattern", "*")
        yield from (f"{says} for {path}" for says in _behaviour(behaviour))
        if not allowed.CDN_PATHS.get(path, True) and behaviour.get("CachePolicyId") != allowed.NOT_CACHED:
            yield f"caches {path}, whose URLs may contain a version or a number"


def _behaviour(behaviour: Mapping[str, Any]) -> Iterator[str]:
    yield from (says for setting, says in _MORE.items() if behaviour.get(setting))
    if any(behaviour.get(code, {}).get("Quantity") for code in _CODE):
        yield "runs code at the edge"
    if any(behaviour.get(signed, {}).get("Enabled") for signed in _SIGNED):
        yield "requires signed requests from clients"
    if behaviour.get("ViewerProtocolPolicy") != "https-only":
        yield "accepts plain HTTP"
    if set(_items(behaviour.get("AllowedMethods"))) != _READING:
        yield f"accepts the methods {sorted(_items(behaviour.get('AllowedMethods')))}"


def _origin(stack: Stack, read: Read, origin: Mapping[str, Any]) -> Iterator[str]:
    urls = read("lambda", "ListFunctionUrlConfigs", FunctionName=stack.of("AnswerFunction"))
    ours = [url["FunctionUrl"] for url in urls.get("FunctionUrlConfigs", ()) if url.get("FunctionArn") == stack.live]
    if [url.split("/")[2] for url in ours] != [origin.get("DomainName")]:
        yield f"forwards requests to {origin.get('DomainName')} instead of the answering function"
    if origin.get("OriginAccessControlId") != stack.of("CdnSigns"):
        yield "does not sign its requests with the access control of the template"
    if _items(origin.get("CustomHeaders")):
        yield "adds headers to requests"


def key(stack: Stack, read: Read) -> Differences:
    """Check that the cache key is the path alone."""
    if not stack.has_cdn:
        return
    policy = stack.of("PathAlone")
    config = read("cloudfront", "GetDistributionConfig", Id=stack.of("Cdn")).get("DistributionConfig", {})
    if (used := config.get("DefaultCacheBehavior", {}).get("CachePolicyId")) != policy:
        yield Difference("Cdn", f"uses the cache policy {used}")
    found = read("cloudfront", "GetCachePolicy", Id=policy).get("CachePolicy", {}).get("CachePolicyConfig", {})
    parameters = found.get("ParametersInCacheKeyAndForwardedToOrigin", {})
    for name, decided in allowed.PATH_ALONE.items():
        if parameters.get(name) != decided:
            yield Difference("PathAlone", f"sets {name} of the cache key to {parameters.get(name)}")


def signing(stack: Stack, read: Read) -> Differences:
    """Check that each request to the function is signed."""
    if not stack.has_cdn:
        return
    found = read("cloudfront", "GetOriginAccessControl", Id=stack.of("CdnSigns")).get("OriginAccessControl", {})
    config = found.get("OriginAccessControlConfig", {})
    if (config.get("SigningBehavior"), config.get("OriginAccessControlOriginType")) != ("always", "lambda"):
        yield Difference("CdnSigns", "does not sign each request to the function")


def metrics(stack: Stack, read: Read) -> Differences:
    """Check that CloudFront records only its default metrics."""
    if not stack.has_cdn:
        return
    found = read("cloudfront", "GetMonitoringSubscription", DistributionId=stack.of("Cdn"))
    settings = found.get("MonitoringSubscription", {}).get("RealtimeMetricsSubscriptionConfig", {})
    if settings.get("RealtimeMetricsSubscriptionStatus") == "Enabled":
        yield Difference("Cdn", "records additional metrics")


def deliveries(stack: Stack, read: Read) -> Differences:
    """Check for standard logs (v2), which the distribution's own settings do not show."""
    if not stack.has_cdn:
        return
    arn = stack.arn("Cdn")
    for source in read("logs", "DescribeDeliverySources").get("deliverySources", ()):
        if arn in source.get("resourceArns", ()):
            yield Difference("Cdn", f"writes an access log ({source.get('name')})")


def _items(listed: Any) -> list[Any]:  # noqa: ANN401 (CloudFront's lists have their length beside them)
    return list((listed or {}).get("Items") or ())
