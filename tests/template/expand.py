"""The template as CloudFormation gets it, with what SAM adds: `Globals`, events and implicit resources."""

from __future__ import annotations

from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.conftest import ROOT

Template = dict[str, Any]


class _NoManagedPolicies:
    """Stands where SAM would ask AWS for the names of its managed policies; we use none."""

    def load(self) -> dict[str, str]:
        return {}


def source() -> Template:
    """`template.yaml`, with the folders replaced as `sam package` does."""
    template: Template = yaml_parse((ROOT / "template.yaml").read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code"
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = "s3://bucket/layer"
    return template


def expand(template: Template) -> Template:
    """What SAM makes of `template`."""
    expanded: Template = transform(template, {}, _NoManagedPolicies())
    return expanded


def resources(expanded: Template, type_: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in expanded["Resources"].items()
        if resource["Type"] == type_
    }
