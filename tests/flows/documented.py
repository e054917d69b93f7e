"""Run the commands that the documentation shows, as they are written there, and compare their output.

`Command` runs an `aws` command as a call of boto3. `Shell` runs a page's console blocks in bash, in their order.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import jmespath
from botocore import xform_name

from testkit.s3 import REGION

SERVICES = {"s3api": "s3"}
"""The services that have another name in boto3 than on the command line."""

OF_THE_COMMAND_LINE = {"query", "output", "region", "cli-binary-format"}

WAITERS = {("acm", "certificate-validated"): "describe-certificate"}
"""Service and waiter → the call that it repeats."""

RENAMED = {"notification-endpoint": "endpoint"}
"""The flags that the command line calls otherwise than AWS's interface."""


SEEN_WITHIN_S = 15.0
"""How long a reading command may be repeated until it prints what its page shows. Publishing takes a moment."""

_READS = re.compile(r"curl (-\w+ )*http|comet-updates (status|history|ask) |python ")


class UnknownCommandError(Exception):
    """AWS has no such service, operation or parameter."""


class Command(NamedTuple):
    """A command of a page.

    Attributes:
        line: the command without the prompt.
        files: name of a file that it may read → its content, from the same page.
    """

    line: str
    files: dict[str, str]

    def run(self, client: Callable[[str], Any], **values: str) -> Any:
        """Call AWS, and return what `--query` shows.

        Args:
            client: service → boto3's client.
            values: a word in capitals → its replacement.

        Raises:
            UnknownCommandError: AWS has no such call.
        """
        service, operation, flags = self._parts(values)
        called = client(service)
        answer = getattr(called, operation)(**_parameters(called, operation, flags, self._filled(values)))
        return jmespath.search(flags["query"], answer) if "query" in flags else answer

    def check(self) -> None:
        """Raise `UnknownCommandError` if AWS has no such call. The call is not made."""
        service, operation, flags = self._parts({})
        try:
            client = boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
        except Exception as error:
            raise UnknownCommandError(self.line) from error
        _parameters(client, operation, flags, self.files)

    def _parts(self, values: dict[str, str]) -> tuple[str, str, dict[str, str]]:
        _, service, operation, *rest = shlex.split(_fill(self.line, values))
        if operation == "wait":  # asks the call of the waiter again and again
            operation, *rest = WAITERS[service, rest[0]], *rest[1:]
        flags: dict[str, str] = {}
        for words in (part.split("\0") for part in "\0".join(rest).split("\0--") if part):
            flag, *given = words
            flag = RENAMED.get(flag.removeprefix("--"), flag.removeprefix("--"))
            flags[flag] = "\0".join(given)
        return SERVICES.get(service, service), operation.replace("-", "_"), flags

    def _filled(self, values: dict[str, str]) -> dict[str, str]:
        return {name: _fill(text, values) for name, text in self.files.items()}


def commands(page: str, heading: str) -> list[Command]:
    """Return the `aws` commands below a heading, in order."""
    section = re.split(r"^## ", page, flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(f"{heading}\n")]
    files = dict(re.findall(r"`(\w+\.json)`[^\n]*(?:\n[^`\n][^\n]*)?:?\n\n```json\n(.*?)```", text, re.DOTALL))
    return [Command(line, files) for line in re.findall(r"^\$ (aws .+)$", text, re.MULTILINE)]


def _fill(text: str, values: dict[str, str]) -> str:
    for word, value in values.items():
        text = re.sub(rf"\b{word}\b", value, text)
    return text


def _parameters(client: Any, operation: str, flags: dict[str, str], files: dict[str, str]) -> dict[str, Any]:
    """Return the flags as boto3's parameters. A structure is read as JSON."""
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
        parameters[known[flag]] = _value(text, shape.members[known[flag]].type_name)
    if missing := set(shape.required_members) - parameters.keys():
        raise UnknownCommandError(f"{operation} lacks {sorted(missing)}")
    return parameters


def _value(text: str, type_name: str) -> Any:
    """Return the words after a flag as boto3 wants them. Words are separated by NUL."""
    if type_name in ("string", "integer", "long", "double"):
        return text if type_name == "string" else float(text) if type_name == "double" else int(text)
    if type_name == "blob":
        return text.split("\0", maxsplit=1)[0].encode()
    if type_name == "boolean":
        return text != "false"
    if text.startswith(("{", "[")):
        return json.loads(text)
    if type_name == "list" and "=" in text:  # `Name=FunctionName,Value=x`: the command line's shorthand
        return [dict(part.split("=", 1) for part in word.split(",")) for word in text.split("\0")]
    return text.split("\0")


class Step(NamedTuple):
    """A command of a page, and the output that the page shows below it. `…` stands for any text."""

    command: str
    shown: str

    def is_printed(self, output: str) -> bool:
        """Return whether `output` is what the page shows. Times and spaces at the ends of lines are ignored."""
        pattern = ".*".join(map(re.escape, _comparable(self.shown).split("…")))
        return not self.shown or re.fullmatch(pattern, _comparable(output), re.DOTALL) is not None


def steps(text: str) -> list[Step]:
    """Return the commands in the console blocks of `text`, in their order."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            length = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\"))
            found.append(Step("\n".join(lines[:length]), "\n".join(lines[length:])))
    return found


class Shell:
    """One bash for all commands of a page, as a reader has.

    Args:
        folder: the working directory at the start.
        environment: all of its variables.
        replaced: a text of the page → its replacement here.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], replaced: Mapping[str, str]) -> None:
        self._replaced = replaced
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def follow(self, step: Step) -> str:
        """Run a step and return its output. Repeat one that only reads until it prints what is shown.

        Raises:
            AssertionError: the output differs, or the command failed and the page shows no output.
        """
        deadline = time.monotonic() + (SEEN_WITHIN_S if _READS.match(step.command) else 0)
        while True:
            code, output = self._run(step.command)
            is_right = step.is_printed(output) and (step.shown or code == 0)
            if is_right or time.monotonic() > deadline:
                assert is_right, f"$ {step.command}\nprints, with exit code {code}:\n{output}\nnot:\n{step.shown}"
                return output
            time.sleep(0.5)

    def close(self) -> None:
        """End the shell."""
        self._bash.communicate()

    def _run(self, command: str) -> tuple[int, str]:
        assert self._bash.stdin
        assert self._bash.stdout
        for shown, here in self._replaced.items():
            command = command.replace(shown, here)
        self._bash.stdin.write(f"{{\n{command}\n}} < /dev/null\nprintf '\\nfinished: %s\\n' $?\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            if line.startswith("finished: "):
                break
            lines.append(line)
        output = "".join(lines)
        for shown, here in self._replaced.items():
            output = output.replace(here, shown)
        return int(line.removeprefix("finished: ")), output


def _comparable(text: str) -> str:
    """Return `text` without times, and without spaces at the ends of lines."""
    moments = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?", "MOMENT", text)
    return re.sub(r"[ \t]+$", "", moments, flags=re.MULTILINE).strip()
