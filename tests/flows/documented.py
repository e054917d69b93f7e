"""The `aws` commands that the documentation shows, as calls of boto3: what is run is what is written."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any, NamedTuple

import boto3
import jmespath
from botocore import xform_name

from tests.conftest import REGION

SERVICES = {"s3api": "s3"}
"""What the command line calls otherwise than boto3."""

OF_THE_COMMAND_LINE = {"query", "output"}


class UnknownCommandError(Exception):
    """AWS has no such service, operation or parameter."""


class Command(NamedTuple):
    """A command as it stands on a page.

    Attributes:
        line: without the prompt.
        files: name of a file that it may read → what stands in it, on the same page.
    """

    line: str
    files: dict[str, str]

    def run(self, client: Callable[[str], Any], **values: str) -> Any:
        """Call AWS; gives what `--query` shows.

        Args:
            client: service → boto3's client.
            values: what stands in the place of a word in capitals.

        Raises:
            UnknownCommandError: AWS has no such call.
        """
        service, operation, flags = self._parts(values)
        called = client(service)
        answer = getattr(called, operation)(**_parameters(called, operation, flags, self._filled(values)))
        return jmespath.search(flags["query"], answer) if "query" in flags else answer

    def check(self) -> None:
        """Raise `UnknownCommandError` if AWS has no such call; nothing is called."""
        service, operation, flags = self._parts({})
        try:
            client = boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
        except Exception as error:
            raise UnknownCommandError(self.line) from error
        _parameters(client, operation, flags, self.files)

    def _parts(self, values: dict[str, str]) -> tuple[str, str, dict[str, str]]:
        _, service, operation, *rest = shlex.split(_fill(self.line, values))
        flags = {flag.removeprefix("--"): value for flag, value in zip(rest[::2], rest[1::2], strict=True)}
        return SERVICES.get(service, service), operation.replace("-", "_"), flags

    def _filled(self, values: dict[str, str]) -> dict[str, str]:
        return {name: _fill(text, values) for name, text in self.files.items()}


def commands(page: str, heading: str) -> list[Command]:
    """The `aws` commands below a heading, in order."""
    section = re.split(r"^## ", page, flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(f"{heading}\n")]
    files = dict(re.findall(r"`(\w+\.json)`[^\n]*(?:\n[^`\n][^\n]*)?:?\n\n```json\n(.*?)```", text, re.DOTALL))
    return [Command(line, files) for line in re.findall(r"^\$ (aws .+)$", text, re.MULTILINE)]


def _fill(text: str, values: dict[str, str]) -> str:
    for word, value in values.items():
        text = re.sub(rf"\b{word}\b", value, text)
    return text


def _parameters(client: Any, operation: str, flags: dict[str, str], files: dict[str, str]) -> dict[str, Any]:
    """Flags as boto3's parameters; a structure is read as JSON."""
    api = client.meta.method_to_api_mapping.get(operation)
    if api is None:
        raise UnknownCommandError(operation)
    shape = client.meta.service_model.operation_model(api).input_shape
    known = {xform_name(name, "-"): name for name in shape.members}
    parameters = {}
    for flag, value in flags.items():
        if flag in OF_THE_COMMAND_LINE:
            continue
        if flag not in known:
            raise UnknownCommandError(f"{operation} --{flag}")
        text = files[value.removeprefix("file://")] if value.startswith("file://") else value
        is_text = shape.members[known[flag]].type_name == "string"
        parameters[known[flag]] = text if is_text else json.loads(text)
    if missing := set(shape.required_members) - parameters.keys():
        raise UnknownCommandError(f"{operation} lacks {sorted(missing)}")
    return parameters
