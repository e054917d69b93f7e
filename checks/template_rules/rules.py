"""The rules that hold the template to its privacy promise, for cfn-lint (`make policy`).

`comet_updates_cli.audit.allowed` and the data files beside this one list what may exist, and why it cannot carry
anything about a client. The rules compare the expanded template with these lists.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.template import Template as Linted

from comet_updates_cli.audit.allowed import (
    CONDITIONAL,
    CONTEXT_TOKENS,
    ENVIRONMENT,
    HANDLERS,
    LAYERS,
    LIVE,
    LOGGING,
    LOGS,
    RESOURCE_TYPES,
    RETENTION_DAYS,
    ROLES,
)

HERE = Path(__file__).parent
sys.path.append(
    str(HERE.parents[1])
)  # cfn-lint loads the files of this folder by their paths, from wherever it is called

from checks.template_rules.expansion import SAM_HASH, WHOLE, NotExpandedError, Template, load, paths, resources  # noqa: E402
from checks.template_rules.rule import Finding, PolicyRule, expanded_of  # noqa: E402
from checks.template_rules.statements import as_list, granted, written  # noqa: E402

TRANSFORM = "AWS::Serverless-2016-10-31"
ATTRIBUTES = {"Type", "Properties", "Condition", "Metadata", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"}
ANSWERING = "AnswerFunction"

REASON = "with the reason why it cannot carry an identifier"
IN_DEPLOYMENT = f"in cli/comet_updates_cli/audit/allowed.py {REASON}"


class OnlyKnownTypes(PolicyRule):
    id = "E9501"
    shortdesc = "Only allowed resources"
    description = "Types and numbers of resources are allowed.RESOURCE_TYPES; all but allowed.CONDITIONAL always exist."

    def findings(self, expanded: Template) -> Iterator[Finding]:
        allowed = Counter({type_: number for type_, (number, _) in RESOURCE_TYPES.items()})
        types = {name: str(resource.get("Type")) for name, resource in expanded["Resources"].items()}
        found = Counter(types.values())
        for type_ in found | allowed:
            if found[type_] != allowed[type_]:
                place = next((name for name in reversed(types) if types[name] == type_), "Resources")
                number = f"the template has {found[type_]} of {type_} instead of {allowed[type_]}"
                yield Finding(place, number, f"Change it back, or add it to RESOURCE_TYPES {IN_DEPLOYMENT}")

    def all(self, cfn: Linted) -> Iterator[Finding]:
        transforms = cfn.transform_pre["Transform"]
        if not set(transforms) <= {TRANSFORM}:  # none at all: somebody asks for what CloudFormation has
            yield Finding("Transform", f"{transforms} may add resources that no rule sees", f"Use only {TRANSFORM}")
        try:
            yield from self.findings(expanded_of(cfn))
        except NotExpandedError as error:
            yield Finding(
                "Resources", f"SAM cannot expand the template: {error}", "Fix it, so that the rules can read it"
            )


class NothingGoesAway(PolicyRule):
    id = "E9502"
    shortdesc = "Protections exist with all values of parameters"
    description = (
        "Only resources in allowed.CONDITIONAL have a condition. Resources have only the attributes in ATTRIBUTES."
    )

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, resource in expanded["Resources"].items():
            condition = resource.get("Condition")
            _, decided = CONDITIONAL.get(name, ("", None))
            if condition != decided:
                yield Finding(name, f"exists under the condition {condition} instead of {decided}", "Change it back")
            # An alias may be left to CodeDeploy; rule E9515 says how.
            allowed = ATTRIBUTES | ({"UpdatePolicy"} if resource.get("Type") == "AWS::Lambda::Alias" else set())
            for attribute in sorted(resource.keys() - allowed):
                yield Finding(
                    name, f"has the attribute {attribute}", f"Remove it: only {sorted(ATTRIBUTES)} are allowed"
                )


class OnlyKnownProperties(PolicyRule):
    id = "E9503"
    shortdesc = "Only properties that have a reason"
    description = (
        "checks/template_rules/properties.yaml lists each path of a property, with the reason why it cannot carry "
        "an identifier."
    )

    def __init__(self, allowed: dict[str, list[dict[str, Any]]] | None = None) -> None:
        super().__init__()
        self.allowed = allowed or load((HERE / "properties.yaml").read_text(encoding="utf-8"))

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, resource in expanded["Resources"].items():
            allowed = [path for group in self.allowed.get(str(resource.get("Type")), ()) for path in group["paths"]]
            below = tuple(path.removesuffix("*") for path in allowed if path.endswith(".*"))
            for path in dict.fromkeys(paths(resource.get("Properties", {}))):
                if path not in allowed and not path.startswith(below):
                    problem = f"nobody gave a reason for {path or 'having no properties'}"
                    yield Finding(
                        name, problem, f"Remove it, or add it to checks/template_rules/properties.yaml {REASON}"
                    )


class NoContextTokens(PolicyRule):
    id = "E9504"
    shortdesc = "The template names no data of a request"
    description = "The variables of the gateway that the template names are allowed.CONTEXT_TOKENS: none."

    def findings(self, expanded: Template) -> Iterator[Finding]:
        sections = {name: section for name, section in expanded.items() if name != "Resources"}
        for name, place in (sections | expanded["Resources"]).items():
            # `${!context.x}` is how Fn::Sub writes `${context.x}`, the gateway's other form of `$context.x`.
            for token in re.findall(r"\$(?:\{!?)?(?:context|request|stageVariables)\b[\w.]*", repr(place)):
                if token not in CONTEXT_TOKENS:
                    problem = f"{token} is data of a single request"
                    yield Finding(name, problem, f"Remove it, or add it to CONTEXT_TOKENS {IN_DEPLOYMENT}")


class OnlyKnownGrants(PolicyRule):
    id = "E9505"
    shortdesc = "Roles allow exactly the granted actions"
    description = "The statements of each role are allowed.GRANTS."

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, role in resources(expanded, "AWS::IAM::Role").items():
            for extra in sorted(role.keys() - {"AssumeRolePolicyDocument", "Policies"}):
                yield Finding(
                    name,
                    f"{extra} changes what the role allows, outside of its policies",
                    "Write statements into Policies",
                )
            documents = [policy["PolicyDocument"] for policy in role.get("Policies", ())]
            found = [written(statement) for document in documents for statement in as_list(document["Statement"])]
            decided = granted(name)
            for statement in found:
                if statement not in decided:
                    yield Finding(
                        name, f"has the statement: {statement}", f"Remove it, or add it to GRANTS {IN_DEPLOYMENT}"
                    )
            for statement in decided:
                if statement not in found:
                    yield Finding(
                        name, f"lacks the statement: {statement}", f"Add it, or remove it from GRANTS {IN_DEPLOYMENT}"
                    )


class OnlyKnownVariables(PolicyRule):
    id = "E9506"
    shortdesc = "Functions read only the allowed variables"
    description = (
        "Each function's environment has the names of allowed.ENVIRONMENT; rule E9510 fixes their values. Successes "
        "are not logged by default."
    )

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, function in resources(expanded, "AWS::Lambda::Function").items():
            variables = function.get("Environment", {}).get("Variables", {})
            allowed = ENVIRONMENT.get(name, {})
            for extra in sorted(variables.keys() - allowed.keys()):
                yield Finding(name, f"reads {extra}", f"Remove it, or add it to ENVIRONMENT {IN_DEPLOYMENT}")
            for missing in sorted(allowed.keys() - variables.keys()):
                yield Finding(name, f"lacks {missing}", f"Add it, or remove it from ENVIRONMENT {IN_DEPLOYMENT}")
        default = expanded.get("Parameters", {}).get("LogSuccesses", {}).get("Default")
        if default != "false":
            yield Finding("Parameters", f"LogSuccesses is {default} by default", 'Set its default to "false"')


class LogsAreKeptForDays(PolicyRule):
    id = "E9507"
    shortdesc = "Logs are kept for days, and have no lines of Lambda about a request"
    description = (
        "A parameter with values of allowed.RETENTION_DAYS sets the retention. A function logs to its group in "
        "allowed.LOGS, with the settings in allowed.LOGGING."
    )

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, group in resources(expanded, "AWS::Logs::LogGroup").items():
            days = group.get("RetentionInDays")
            parameter = days.get("Ref") if isinstance(days, dict) else None
            values = expanded.get("Parameters", {}).get(parameter, {}).get("AllowedValues")
            if not values or not set(values) <= set(RETENTION_DAYS):
                problem = f"is kept for {days} days, with the allowed values {values}"
                remedy = f"Set a parameter whose AllowedValues are among {RETENTION_DAYS}"
                yield Finding(name, problem, remedy)
        for name, function in resources(expanded, "AWS::Lambda::Function").items():
            # Our records hold no time, and Lambda takes such lines for INFO: at WARN even errors would be dropped.
            decided = {**LOGGING, "LogGroup": {"Ref": LOGS.get(name)}}
            if function.get("LoggingConfig") != decided:
                remedy = (
                    f"Set {decided}: other levels write the ids of requests, and Lambda keeps its own groups for ever"
                )
                yield Finding(name, f"logs as {function.get('LoggingConfig')}", remedy)


class OneRoute(PolicyRule):
    id = "E9508"
    shortdesc = "The gateway passes everything to one function"
    description = (
        "The only route, $default, leads to the answering function's alias. The gateway does not distinguish requests."
    )

    def findings(self, expanded: Template) -> Iterator[Finding]:
        function = f"functions/${{{ANSWERING}Alias{LIVE}}}/invocations"
        uri = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/" + function
        for name, api in resources(expanded, "AWS::ApiGatewayV2::Api").items():
            routes = api.get("Body", {}).get("paths", {})
            if set(routes) != {"$default"}:
                yield Finding(
                    name,
                    f"has the routes {sorted(routes)}",
                    "Use only $default: answer/urls.py has the grammar of paths",
                )
            for path, methods in routes.items():
                for method, route in methods.items():
                    if route.get("x-amazon-apigateway-integration", {}).get("uri") != {"Fn::Sub": uri}:
                        problem = f"{path} {method} does not go to the alias of {ANSWERING}"
                        yield Finding(name, problem, f"Use the alias of {ANSWERING}, or remove the route")


class FunctionsAreOurs(PolicyRule):
    id = "E9509"
    shortdesc = "Each function is code that was reviewed, with its own role and layer"
    description = "Handlers and roles are allowed.HANDLERS and allowed.ROLES. Each function has one layer."

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, function in resources(expanded, "AWS::Lambda::Function").items():
            if name not in HANDLERS:
                yield Finding(name, "is a function that nobody reviewed", f"Remove it, or add it {IN_DEPLOYMENT}")
                continue
            decided = {
                "Handler": HANDLERS[name],
                "Role": {"Fn::GetAtt": [ROLES[name], "Arn"]},
            }
            for key, value in decided.items():
                if function.get(key) != value:
                    yield Finding(name, f"its {key} is {function.get(key)}", f"Set {value}")
            layers = [layer.get("Ref") if isinstance(layer, dict) else layer for layer in function.get("Layers", ())]
            if len(layers) != 1 or not re.fullmatch(LAYERS[name] + SAM_HASH, str(layers[0])):
                problem = (
                    f"has the layers {layers}; an extension in a layer could read everything that the function sees"
                )
                yield Finding(name, problem, f"Use only {LAYERS[name]}")


class AsDecided(PolicyRule):
    id = "E9510"
    shortdesc = "Access and environment have the decided values"
    description = (
        "Trust, policies of resources, callers, encryption, runtimes and environment variables have the values of "
        "checks/template_rules/decided.yaml."
    )

    def __init__(self) -> None:
        super().__init__()
        self.decided = load((HERE / "decided.yaml").read_text(encoding="utf-8"))

    def findings(self, expanded: Template) -> Iterator[Finding]:
        for name, decided in self.decided.items():
            properties = expanded["Resources"].get(name, {}).get("Properties", {})
            for key, value in decided.items():
                for path, is_now, was in _changes(properties.get(key), value, key):
                    problem = f"its {path} is {is_now} instead of {was}"
                    yield Finding(name, problem, "Change it back, or checks/template_rules/decided.yaml after a review")


def _changes(found: Any, decided: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the path, the present and the decided value of each change, at any depth of mappings."""
    if isinstance(found, dict) and isinstance(decided, dict) and set(decided) not in WHOLE:
        for key in dict.fromkeys((*decided, *found)):
            yield from _changes(found.get(key), decided.get(key), f"{path}.{key}")
    elif found != decided:
        yield path, found, decided
