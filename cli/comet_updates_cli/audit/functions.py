"""Audits the functions: code, settings, callers, event sources and destinations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from comet_updates_cli.audit.account import UnseenError
from comet_updates_cli.audit.allowed import ENVIRONMENT, HANDLERS, LAYERS, LIVE, LOGGING, LOGS, ROLES, RUNTIME
from comet_updates_cli.audit.roles import many, read_policy
from comet_updates_cli.audit.stack import Difference, Differences, Read, Stack

_ANSWERING = "AnswerFunction"
_EXTRAS = ("DeadLetterConfig", "FileSystemConfigs", "VpcConfig", "DurableConfig", "CapacityProviderConfig")
"""Settings of a function that store or forward events, or data from events."""


def configurations(stack: Stack, read: Read) -> Differences:
    """Check code, role, layers, variables, logging and event storage of the version that runs."""
    for name in HANDLERS:
        version = {"Qualifier": LIVE} if name == _ANSWERING else {}
        found = read("lambda", "GetFunctionConfiguration", FunctionName=stack.of(name), **version)
        for look in (_code, _variables, _logging, _surroundings):
            yield from (Difference(name, says) for says in look(stack, name, found))


def _code(stack: Stack, name: str, found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("Handler") != HANDLERS[name]:
        yield f"runs {found.get('Handler')} instead of {HANDLERS[name]}"
    if found.get("Runtime") != RUNTIME:
        yield f"runs on {found.get('Runtime')} instead of {RUNTIME}"
    if found.get("Role") != stack.arn(ROLES[name]):
        yield f"has the role {found.get('Role')}"
    layers = [layer["Arn"] for layer in found.get("Layers", ())]
    if layers != [stack.of(LAYERS[name])]:
        yield f"has the layers {layers}"


def _variables(stack: Stack, name: str, found: Mapping[str, Any]) -> Iterator[str]:
    environment = found.get("Environment", {})
    if error := environment.get("Error"):  # encrypted with a key that the auditor must not use
        raise UnseenError("kms:Decrypt", error.get("ErrorCode", ""))
    variables = environment.get("Variables", {})
    for variable in sorted(variables.keys() ^ ENVIRONMENT[name].keys()):
        yield f"{'reads' if variable in variables else 'lacks'} {variable}"
    if variables.get("S3_ENDPOINT") != "aws" or variables.get("BUCKET") != stack.of("Bucket"):
        yield f"reads the bucket {variables.get('BUCKET')} at {variables.get('S3_ENDPOINT')}"


def _logging(stack: Stack, name: str, found: Mapping[str, Any]) -> Iterator[str]:
    logging = found.get("LoggingConfig", {})
    if (levels := {key: logging.get(key) for key in LOGGING}) != LOGGING:
        yield f"logs as {levels} instead of {LOGGING}"
    if (group := logging.get("LogGroup")) != stack.of(LOGS[name]):
        yield f"logs to {group}"


def _surroundings(_: Stack, __: str, found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("TracingConfig", {}).get("Mode") == "Active":
        yield "traces requests"
    if found.get("SnapStart", {}).get("ApplyOn", "None") != "None":
        yield "saves its memory to disk (SnapStart)"
    for extra in _EXTRAS:
        value = found.get(extra) or {}
        if any(value.values() if isinstance(value, Mapping) else value):  # a setting that is off exists, but is empty
            yield f"has {extra}"


def urls(stack: Stack, read: Read) -> Differences:
    """Check for function URLs, which would bypass the gateway, of a function, alias or version."""
    for name in HANDLERS:
        found = read("lambda", "ListFunctionUrlConfigs", FunctionName=stack.of(name)).get("FunctionUrlConfigs", ())
        for url in found:
            if not stack.has_cdn or url.get("FunctionArn") != stack.live:
                yield Difference(name, f"has a function URL ({url.get('FunctionArn')})")
            elif url.get("AuthType") != "AWS_IAM":
                yield Difference(name, "has a function URL that is open to everyone")
            elif url.get("Cors"):
                yield Difference(name, "has responses that depend on the origin (Cors)")


def callers(stack: Stack, read: Read) -> Differences:
    """Check who may call a function, or one of its versions or aliases."""
    for name in HANDLERS:
        for qualifier in _qualifiers(stack, name, read):
            version = {"Qualifier": qualifier} if qualifier else {}
            policy = read("lambda", "GetPolicy", FunctionName=stack.of(name), **version).get("Policy", "{}")
            allowed = set(_callers(stack, name, qualifier))
            for statement in many(read_policy(policy).get("Statement", [])):
                caller = _caller(statement)
                if statement.get("Effect") != "Deny" and caller not in allowed:
                    called = f"can be called at {qualifier}" if qualifier else "can be called"
                    yield Difference(name, f"{called} by {' for '.join(map(str, caller))}")


def _qualifiers(stack: Stack, name: str, read: Read) -> list[str]:
    """Return the qualifiers of a function that can have their own policy; "" is the function itself."""
    function = stack.of(name)
    aliases = read("lambda", "ListAliases", FunctionName=function).get("Aliases", ())
    versions = read("lambda", "ListVersionsByFunction", FunctionName=function).get("Versions", ())
    return ["", *(a["Name"] for a in aliases), *(v["Version"] for v in versions if v["Version"] != "$LATEST")]


def _callers(stack: Stack, name: str, qualifier: str) -> Iterator[tuple[str, str]]:
    """Yield the allowed callers: the AWS service, and the ARN of the stack's resource that it calls for."""
    if name == "PublishFunction":
        if not qualifier:
            yield "events.amazonaws.com", stack.arn("PublishFunctionSweep")
    elif qualifier == LIVE:
        if stack.has_cdn:
            yield "cloudfront.amazonaws.com", stack.arn("Cdn")
        if stack.has_gateway:
            yield "apigateway.amazonaws.com", f"{stack.arn('Api')}/*"


def _caller(statement: Mapping[str, Any]) -> tuple[str, str]:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, Mapping) else None
    arns = {key.lower(): arn for test in statement.get("Condition", {}).values() for key, arn in test.items()}
    return str(service or principal), str(arns.get("aws:sourcearn", "any resource"))


def destinations(stack: Stack, read: Read) -> Differences:
    """Check that no function forwards events, which contain the whole request, after success or failure."""
    for name in HANDLERS:
        found = read("lambda", "ListFunctionEventInvokeConfigs", FunctionName=stack.of(name))
        for config in found.get("FunctionEventInvokeConfigs", ()):
            if any(config.get("DestinationConfig", {}).values()):
                yield Difference(name, "forwards events to a destination")


def sources(stack: Stack, read: Read) -> Differences:
    """Check that upload notifications are the only event source, and only of the publishing function."""
    # List all of the account: AWS does not document that a function's list includes its versions.
    found = read("lambda", "ListEventSourceMappings").get("EventSourceMappings", ())
    for name in HANDLERS:
        function = stack.arn(name)
        allowed = {(function, stack.arn("UploadQueue"))} if name == "PublishFunction" else set()
        for source in found:
            fed, queue = str(source.get("FunctionArn")), source.get("EventSourceArn")
            if (fed == function or fed.startswith(f"{function}:")) and (fed, queue) not in allowed:
                yield Difference(name, f"gets events from {queue}")
