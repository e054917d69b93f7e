"""Write docs/parameters.md from template.yaml. `make parameters` runs it, and a test compares the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "parameters.md"
HEAD = """# Parameters

`make parameters` writes this page from `template.yaml`. [Deploying](deploying.md) shows the parameters in use, and
`examples/samconfig.toml` is a file to begin with. CloudFormation refuses a value that does not match, and a combination
that a rule below excludes, before it creates or changes anything.

If you leave out a parameter, a new stack gets the default. An existing stack keeps its value.

"""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def render(template: dict[str, Any]) -> str:
    """Return the page for a template whose short forms are written out."""
    rows = [_row(name, parameter) for name, parameter in template["Parameters"].items()]
    rules = [each["AssertDescription"] for rule in template["Rules"].values() for each in rule["Assertions"]]
    table = ["| parameter | default | accepts | what it is |", "|---|---|---|---|", *rows]
    refused = ["## Which combinations are refused?", "", *(f"- {description}" for description in rules)]
    return HEAD + "\n".join([*table, "", *refused]) + "\n"


def _row(name: str, parameter: dict[str, Any]) -> str:
    default = f"`{parameter['Default']}`" if parameter["Default"] != "" else "none"
    return f"| `{name}` | {default} | {_accepts(parameter)} | {parameter['Description']} |"


def _accepts(parameter: dict[str, Any]) -> str:
    if values := parameter.get("AllowedValues"):
        return ", ".join(f"`{value}`" if value != "" else "empty" for value in values)
    if parameter["Type"] == "Number":
        low, high = parameter["MinValue"], parameter.get("MaxValue")
        return f"{low} to {high}" if high else f"{low} or more"
    return str(parameter["ConstraintDescription"])


def read() -> dict[str, Any]:
    """Return the template of this project."""
    template: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), _Loader)  # noqa: S506
    return template


if __name__ == "__main__":
    PAGE.write_text(render(read()), encoding="utf-8")
