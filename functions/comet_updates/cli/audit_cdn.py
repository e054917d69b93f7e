"""What the CDN keeps of requests, and what it does with them, where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from comet_updates import deployment
from comet_updates.cli.audit_stack import Difference, Differences, Read, Stack

_MORE = {
    "OriginRequestPolicyId": "passes more of a request on",
    "ResponseHeadersPolicyId": "changes answers",
    "RealtimeLogConfigArn": "writes a log in real time",
    "FieldLevelEncryptionId": "reads what clients send",
}
_CODE = ("FunctionAssociations", "LambdaFunctionAssociations")
_SIGNED = ("TrustedSigners", "TrustedKeyGroups")
_READING = {"GET", "HEAD"}


def distribution(stack: Stack, read: Read) -> Differences:
    """Logs, firewalls, certificates, and whom it asks."""
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
        yield f"has a firewall that looks at requests ({config['WebACLId']})"
    if config.get("ContinuousDeploymentPolicyId"):
        yield "sends some clients elsewhere (ContinuousDeploymentPolicyId)"
    for error in _items(config.get("CustomErrorResponses")):
        if error.get("ErrorCachingMinTTL"):
            yield f"keeps errors {error.get('ErrorCode')} by their URL"


def _connections(config: Mapping[str, Any]) -> Iterator[str]:
    certificate = config.get("ViewerCertificate", {})
    lowest = certificate.get("MinimumProtocolVersion")
    if not certificate.get("CloudFrontDefaultCertificate", True) and lowest not in deployment.CDN_TLS:
        yield f"takes connections of {lowest}"


def _behaviours(config: Mapping[str, Any]) -> Iterator[str]:
    special = _items(config.get("CacheBehaviors"))
    paths = [behaviour.get("PathPattern") for behaviour in special]
    if paths != list(deployment.CDN_PATHS):
        yield f"may keep URLs with a version or a number in them: it has behaviours for {paths}"
    for behaviour in (config.get("DefaultCacheBehavior", {}), *special):
        path = behaviour.get("PathPattern", "*")
        yield from (f"{says} for {path}" for says in _behaviour(behaviour))
        if not deployment.CDN_PATHS.get(path, True) and behaviour.get("CachePolicyId") != deployment.NOT_CACHED:
            yield f"keeps the URLs of {path}, with a version or a number in them"


def _behaviour(behaviour: Mapping[str, Any]) -> Iterator[str]:
    yield from (says for setting, says in _MORE.items() if behaviour.get(setting))
    if any(behaviour.get(code, {}).get("Quantity") for code in _CODE):
        yield "runs code at the edge"
    if any(behaviour.get(signed, {}).get("Enabled") for signed in _SIGNED):
        yield "asks who the client is"
    if behaviour.get("ViewerProtocolPolicy") != "https-only":
        yield "takes plain HTTP"
    if set(_items(behaviour.get("AllowedMethods"))) != _READING:
        yield f"takes the methods {sorted(_items(behaviour.get('AllowedMethods')))}"


def _origin(stack: Stack, read: Read, origin: Mapping[str, Any]) -> Iterator[str]:
    urls = read("lambda", "ListFunctionUrlConfigs", FunctionName=stack.of("AnswerFunction"))
    ours = [url["FunctionUrl"] for url in urls.get("FunctionUrlConfigs", ()) if url.get("FunctionArn") == stack.live]
    if [url.split("/")[2] for url in ours] != [origin.get("DomainName")]:
        yield f"asks {origin.get('DomainName')} instead of the answering function"
    if origin.get("OriginAccessControlId") != stack.of("CdnSigns"):
        yield "does not sign what it asks as was decided"
    if _items(origin.get("CustomHeaders")):
        yield "adds headers of its own"


def key(stack: Stack, read: Read) -> Differences:
    """What answers are told apart by: the path."""
    if not stack.has_cdn:
        return
    policy = stack.of("PathAlone")
    config = read("cloudfront", "GetDistributionConfig", Id=stack.of("Cdn")).get("DistributionConfig", {})
    if (used := config.get("DefaultCacheBehavior", {}).get("CachePolicyId")) != policy:
        yield Difference("Cdn", f"keeps answers by the policy {used}")
    found = read("cloudfront", "GetCachePolicy", Id=policy).get("CachePolicy", {}).get("CachePolicyConfig", {})
    parameters = found.get("ParametersInCacheKeyAndForwardedToOrigin", {})
    for name, decided in deployment.PATH_ALONE.items():
        if parameters.get(name) != decided:
            yield Difference("PathAlone", f"tells answers apart by {name} ({parameters.get(name)})")


def signing(stack: Stack, read: Read) -> Differences:
    """Whether each request to the function is signed."""
    if not stack.has_cdn:
        return
    found = read("cloudfront", "GetOriginAccessControl", Id=stack.of("CdnSigns")).get("OriginAccessControl", {})
    config = found.get("OriginAccessControlConfig", {})
    if (config.get("SigningBehavior"), config.get("OriginAccessControlOriginType")) != ("always", "lambda"):
        yield Difference("CdnSigns", "does not sign each request to the function")


def metrics(stack: Stack, read: Read) -> Differences:
    """Numbers beyond those that CloudFront keeps anyway."""
    if not stack.has_cdn:
        return
    found = read("cloudfront", "GetMonitoringSubscription", DistributionId=stack.of("Cdn"))
    settings = found.get("MonitoringSubscription", {}).get("RealtimeMetricsSubscriptionConfig", {})
    if settings.get("RealtimeMetricsSubscriptionStatus") == "Enabled":
        yield Difference("Cdn", "counts more than it has to (additional metrics)")


def deliveries(stack: Stack, read: Read) -> Differences:
    """Access logs of the newer kind, which the distribution itself does not show."""
    if not stack.has_cdn:
        return
    arn = stack.arn("Cdn")
    for source in read("logs", "DescribeDeliverySources").get("deliverySources", ()):
        if arn in source.get("resourceArns", ()):
            yield Difference("Cdn", f"writes an access log ({source.get('name')})")


def _items(listed: Any) -> list[Any]:  # noqa: ANN401 (CloudFront's lists have their length beside them)
    return list((listed or {}).get("Items") or ())
