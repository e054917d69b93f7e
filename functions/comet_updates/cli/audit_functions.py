"""What the functions run, with what beside them, and who can call them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from comet_updates import deployment
from comet_updates.cli.account import UnseenError
from comet_updates.cli.audit_roles import many, read_policy
from comet_updates.cli.audit_stack import Difference, Differences, Read, Stack

_ANSWERING = "AnswerFunction"
_EXTRAS = ("DeadLetterConfig", "FileSystemConfigs", "VpcConfig", "DurableConfig", "CapacityProviderConfig")
"""Settings of a function under which events, or what is made of them, are kept or go elsewhere."""


def configurations(stack: Stack, read: Read) -> Differences:
    """Code, role, layers, variables, logging, and what keeps events: of the version that runs."""
    for name in deployment.HANDLERS:
        version = {"Qualifier": deployment.LIVE} if name == _ANSWERING else {}
        found = read("lambda", "GetFunctionConfiguration", FunctionName=stack.of(name), **version)
        for look in (_code, _variables, _logging, _surroundings):
            yield from (Difference(name, says) for says in look(stack, name, found))


def _code(stack: Stack, name: str, found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("Handler") != deployment.HANDLERS[name]:
        yield f"runs {found.get('Handler')} instead of {deployment.HANDLERS[name]}"
    if found.get("Role") != stack.arn(deployment.ROLES[name]):
        yield f"has the role {found.get('Role')}"
    layers = [layer["Arn"] for layer in found.get("Layers", ())]
    if layers != [stack.of(deployment.LAYERS[name])]:
        yield f"has the layers {layers}"


def _variables(stack: Stack, name: str, found: Mapping[str, Any]) -> Iterator[str]:
    environment = found.get("Environment", {})
    if error := environment.get("Error"):  # encrypted with a key that the auditor may not use
        raise UnseenError("kms:Decrypt", error.get("ErrorCode", ""))
    variables = environment.get("Variables", {})
    for variable in sorted(variables.keys() ^ deployment.ENVIRONMENT[name].keys()):
        yield f"{'reads' if variable in variables else 'lacks'} {variable}"
    if variables.get("S3_ENDPOINT") != "aws" or variables.get("BUCKET") != stack.of("Bucket"):
        yield f"asks {variables.get('BUCKET')} at {variables.get('S3_ENDPOINT')}"


def _logging(stack: Stack, name: str, found: Mapping[str, Any]) -> Iterator[str]:
    logging = found.get("LoggingConfig", {})
    if (levels := {key: logging.get(key) for key in deployment.LOGGING}) != deployment.LOGGING:
        yield f"logs as {levels} instead of {deployment.LOGGING}"
    if (group := logging.get("LogGroup")) != stack.of(deployment.LOGS[name]):
        yield f"logs to {group}"


def _surroundings(_: Stack, __: str, found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("TracingConfig", {}).get("Mode") == "Active":
        yield "traces requests"
    if found.get("SnapStart", {}).get("ApplyOn", "None") != "None":
        yield "freezes its memory to disk (SnapStart)"
    for extra in _EXTRAS:
        value = found.get(extra) or {}
        if any(value.values() if isinstance(value, Mapping) else value):  # what is off is there, but empty
            yield f"has {extra}"


def urls(stack: Stack, read: Read) -> Differences:
    """A door beside the gateway, of a function, an alias or a version."""
    for name in deployment.HANDLERS:
        found = read("lambda", "ListFunctionUrlConfigs", FunctionName=stack.of(name)).get("FunctionUrlConfigs", ())
        for url in found:
            if not stack.has_cdn or url.get("FunctionArn") != stack.live:
                yield Difference(name, f"has a URL of its own ({url.get('FunctionArn')})")
            elif url.get("AuthType") != "AWS_IAM":
                yield Difference(name, "has a URL that is open to everyone")
            elif url.get("Cors"):
                yield Difference(name, "answers by origin (Cors)")


def callers(stack: Stack, read: Read) -> Differences:
    """Who else may call a function, or one of its versions."""
    for name in deployment.HANDLERS:
        for qualifier in _qualifiers(stack, name, read):
            version = {"Qualifier": qualifier} if qualifier else {}
            policy = read("lambda", "GetPolicy", FunctionName=stack.of(name), **version).get("Policy", "{}")
            allowed = set(_callers(stack, name, qualifier))
            for statement in many(read_policy(policy).get("Statement", [])):
                caller = _caller(statement)
                if statement.get("Effect") != "Deny" and caller not in allowed:
                    called = f"{qualifier} may be called" if qualifier else "may be called"
                    yield Difference(name, f"{called} by {' for '.join(map(str, caller))}")


def _qualifiers(stack: Stack, name: str, read: Read) -> list[str]:
    """What a call may name beside the function, each with a policy of its own; first, nothing."""
    function = stack.of(name)
    aliases = read("lambda", "ListAliases", FunctionName=function).get("Aliases", ())
    versions = read("lambda", "ListVersionsByFunction", FunctionName=function).get("Versions", ())
    return ["", *(a["Name"] for a in aliases), *(v["Version"] for v in versions if v["Version"] != "$LATEST")]


def _callers(stack: Stack, name: str, qualifier: str) -> Iterator[tuple[str, str]]:
    """Principal and ARN of who calls: a service of AWS for a resource of the stack."""
    if name == "PublishFunction":
        if not qualifier:
            yield "events.amazonaws.com", stack.arn("PublishFunctionSweep")
    elif qualifier == deployment.LIVE:
        if stack.has_cdn:
            yield "cloudfront.amazonaws.com", stack.arn("Cdn")
        else:
            yield "apigateway.amazonaws.com", f"{stack.arn('Api')}/*"


def _caller(statement: Mapping[str, Any]) -> tuple[str, str]:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, Mapping) else None
    arns = {key.lower(): arn for test in statement.get("Condition", {}).values() for key, arn in test.items()}
    return str(service or principal), str(arns.get("aws:sourcearn", "whomever"))


def destinations(stack: Stack, read: Read) -> Differences:
    """Where an event goes that was handled or could not be: it holds the whole request."""
    for name in deployment.HANDLERS:
        found = read("lambda", "ListFunctionEventInvokeConfigs", FunctionName=stack.of(name))
        for config in found.get("FunctionEventInvokeConfigs", ()):
            if any(config.get("DestinationConfig", {}).values()):
                yield Difference(name, "sends events on")


def sources(stack: Stack, read: Read) -> Differences:
    """What feeds a function: notifications of uploads the one, nothing the other."""
    # All of the account: nothing says that asking for a function shows what feeds its versions.
    found = read("lambda", "ListEventSourceMappings").get("EventSourceMappings", ())
    for name in deployment.HANDLERS:
        function = stack.arn(name)
        allowed = {(function, stack.arn("UploadQueue"))} if name == "PublishFunction" else set()
        for source in found:
            fed, queue = str(source.get("FunctionArn")), source.get("EventSourceArn")
            if (fed == function or fed.startswith(f"{function}:")) and (fed, queue) not in allowed:
                yield Difference(name, f"is fed by {queue}")
