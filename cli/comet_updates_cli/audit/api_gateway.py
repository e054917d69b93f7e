"""Audits the gateway: how it handles a request before and after the answering function."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from comet_updates_cli.audit import allowed
from comet_updates_cli.audit.stack import Difference, Differences, Read, Stack


def stages(stack: Stack, read: Read) -> Differences:
    """Check access logs, request logs, variables and throttling."""
    if not stack.has_gateway:
        return
    found = read("apigatewayv2", "GetStages", ApiId=stack.of("Api")).get("Items", ())
    if (names := [stage["StageName"] for stage in found]) != ["$default"]:
        yield Difference("Api", f"has the stages {names} instead of $default alone")
    for stage in found:
        yield from (Difference(f"stage {stage['StageName']}", says) for says in _stage(stage))


def _stage(stage: Mapping[str, Any]) -> Iterator[str]:
    if stage.get("AccessLogSettings"):
        yield f"writes an access log: {stage['AccessLogSettings'].get('Format', '')}"
    if stage.get("StageVariables"):
        yield f"has variables: {sorted(stage['StageVariables'])}"
    if not stage.get("AutoDeploy"):
        yield "does not deploy automatically, so it may serve other routes than the gateway shows"
    if not stage.get("DefaultRouteSettings", {}).get("ThrottlingRateLimit"):
        yield "does not throttle"
    for route, settings in {"": stage.get("DefaultRouteSettings", {}), **stage.get("RouteSettings", {})}.items():
        if settings.get("DataTraceEnabled") or settings.get("LoggingLevel", "OFF") != "OFF":
            yield f"logs requests{f' of {route}' if route else ''}"


def origins(stack: Stack, read: Read) -> Differences:
    """Check that no response depends on the web page that sends the request."""
    if not stack.has_gateway:
        return
    if read("apigatewayv2", "GetApi", ApiId=stack.of("Api")).get("CorsConfiguration"):
        yield Difference("Api", "has responses that depend on the origin (CorsConfiguration)")


def routes(stack: Stack, read: Read) -> Differences:
    """Check that one route takes all requests, without authentication."""
    if not stack.has_gateway:
        return
    found = read("apigatewayv2", "GetRoutes", ApiId=stack.of("Api")).get("Items", ())
    if (keys := [route["RouteKey"] for route in found]) != ["$default"]:
        yield Difference("Api", f"has the routes {keys} instead of $default alone")
    for route in found:
        if route.get("AuthorizationType", "NONE") != "NONE" or route.get("ApiKeyRequired"):
            yield Difference(f"route {route['RouteKey']}", "requires authentication")


def integrations(stack: Stack, read: Read) -> Differences:
    """Check that all requests go to the deployed answering function, and that nothing is changed on the way."""
    if not stack.has_gateway:
        return
    function = re.escape(stack.live)
    ours = re.compile(rf"(arn:[^/]+:lambda:path/[0-9-]+/functions/)?{function}(/invocations)?")
    for integration in read("apigatewayv2", "GetIntegrations", ApiId=stack.of("Api")).get("Items", ()):
        if not ours.fullmatch(integration.get("IntegrationUri", "")):
            yield Difference("Api", f"sends requests to {integration.get('IntegrationUri')}")
        for changes in ("RequestParameters", "RequestTemplates", "ResponseParameters"):
            if integration.get(changes):
                yield Difference("Api", f"changes requests or responses ({changes}): {integration[changes]}")


def domain(stack: Stack, read: Read) -> Differences:
    """Check that the publisher's name leads every request to the gateway, and asks no client for a certificate."""
    if not stack.has_gateway_domain:
        return
    name = stack.of("GatewayDomain")
    found = read("apigatewayv2", "GetDomainName", DomainName=name)
    if (found.get("MutualTlsAuthentication") or {}).get("TruststoreUri"):
        yield Difference("GatewayDomain", "asks clients for a certificate (MutualTlsAuthentication)")
    if (mode := found.get("RoutingMode", "API_MAPPING_ONLY")) != "API_MAPPING_ONLY":
        yield Difference("GatewayDomain", f"chooses between requests (RoutingMode {mode})")
    for configuration in found.get("DomainNameConfigurations", ()):
        if (lowest := configuration.get("SecurityPolicy")) not in allowed.GATEWAY_TLS:
            yield Difference("GatewayDomain", f"accepts TLS connections with the policy {lowest}")
    mappings = read("apigatewayv2", "GetApiMappings", DomainName=name).get("Items", ())
    leads = [(mapping.get("ApiId"), mapping.get("Stage"), mapping.get("ApiMappingKey") or "") for mapping in mappings]
    if leads != [(stack.of("Api"), "$default", "")]:
        yield Difference("GatewayDomain", f"leads to {leads} instead of the gateway alone")
