"""Leaks by which other code runs than the code that was checked: in the packages, or without a word of the audit."""

from __future__ import annotations

from checks.privacy_proof.changes import Before, Change, Instead, Text
from checks.privacy_proof.mutant import LAYER, TEMPLATE, Mutant

PUBLISH_LAYER = "layers/publish/requirements.txt"
_AUDIT = "comet_updates_cli.audit.code"
_FUNCTION = "    Metadata: {BuildMethod: makefile} # functions/Makefile\n"
_LAYER = "    Metadata: {BuildMethod: makefile} # layers/Makefile\n"
_DESCRIPTION = "      Description: URL → key → bytes.\n"
_CONTENT = "      Description: What the answering function needs, locked by hash.\n      ContentUri: layers/\n"
_LEVEL = "          MEMORY_TTL_S: !Ref MemoryTtlSeconds\n          LOG_LEVEL: !Ref LogLevel\n"

IN_PACKAGES: dict[str, tuple[str, str, Text]] = {
    "takes the code of both functions from another folder": (
        "P3 P4",
        TEMPLATE,
        Text("    CodeUri: functions/\n", "    CodeUri: elsewhere/\n"),
    ),
    "takes the answering function from another folder": (
        "P3 P4",
        TEMPLATE,
        Text(_DESCRIPTION, f"{_DESCRIPTION}      CodeUri: functions/more/\n"),
    ),
    "takes the answering function from a bucket": (
        "P3",
        TEMPLATE,
        Text(_DESCRIPTION, f"{_DESCRIPTION}      CodeUri: s3://elsewhere/answer.zip\n"),
    ),
    "has the answering function's code in the template": (
        "P4",
        TEMPLATE,
        Text(_DESCRIPTION, f"{_DESCRIPTION}      InlineCode: 'handler = print'\n"),
    ),
    "builds the answering function in another way": (
        "P3",
        TEMPLATE,
        Text(_FUNCTION, _FUNCTION.replace("makefile", "python3.13")),
    ),
    "builds the answering function in another folder": (
        "P4",
        TEMPLATE,
        Text(_FUNCTION, _FUNCTION.replace("makefile", "makefile, ContextPath: elsewhere")),
    ),
    "builds a layer in another way": ("P3", TEMPLATE, Text(_LAYER, _LAYER.replace("makefile", "python3.13"))),
    "does not build a layer": ("P3", TEMPLATE, Text(_LAYER, "")),
    "takes a layer from another folder": ("P4", TEMPLATE, Text(_CONTENT, _CONTENT.replace("layers/", "elsewhere/"))),
    "takes a layer from a bucket": (
        "P3",
        TEMPLATE,
        Text(_CONTENT, _CONTENT.replace("layers/", "s3://elsewhere/x.zip")),
    ),
    "calls another handler": (
        "P3 P4",
        TEMPLATE,
        Text("Handler: comet_updates.answer.handler.handler", "Handler: comet_updates.more.handler"),
    ),
    "logs every request, even if its parameter forbids it": (
        "P6",
        TEMPLATE,
        Text(f"{_LEVEL}          LOG_SUCCESSES: !Ref LogSuccesses\n", f'{_LEVEL}          LOG_SUCCESSES: "true"\n'),
    ),
    "uses a version of a library that was not tested": ("P3", LAYER, Text("obstore==0.12.1", "obstore==0.12.0")),
    "uses a library from an address": (
        "P3",
        LAYER,
        Text("semver==3.1.1", "semver @ https://elsewhere.example/semver-3.1.1-py3-none-any.whl"),
    ),
    "uses a library with another hash": ("P3", LAYER, Text("sha256:92df3f790851", "sha256:000000000000")),
    "gets libraries from another index": (
        "P3",
        LAYER,
        Text("jmespath==1.1.0", "--extra-index-url https://elsewhere.example/simple\njmespath==1.1.0"),
    ),
    "uses a version of boto3 that was not tested": ("P3", PUBLISH_LAYER, Text("boto3==1.44.5", "boto3==1.44.4")),
    "has one more library for publishing": (
        "P3",
        PUBLISH_LAYER,
        Text("boto3==1.44.5", f"sentry-sdk==2.0.0 --hash=sha256:{'0' * 64}\nboto3==1.44.5"),
    ),
}

FUNCTIONS, LAYERS, BUILD = "functions/Makefile", "layers/Makefile", "tools/build.sh"
_COMPILE = "\t@python3.13 -I -m compileall"
_HANDLER = '"$$ARTIFACTS_DIR/comet_updates/answer/handler.py"'
_LOGGER = '"$$ARTIFACTS_DIR/python/aws_lambda_powertools/__init__.py"'
_PUBLISH = '"$$ARTIFACTS_DIR/comet_updates/publish/handler.py"'
_MODES = "\t@chmod"
_PRINT = "echo 'handler = lambda event, context, made=handler: print(event) or made(event, context)'"

IN_BUILD: dict[str, tuple[str, str, *tuple[Text, ...]]] = {
    "has the build add a line to the handler": (
        "always",
        FUNCTIONS,
        Text(_COMPILE, f"\t@if [ $@ = build-AnswerFunction ]; then {_PRINT} >> {_HANDLER}; fi\n{_COMPILE}"),
    ),
    "has byte code that the source beside it does not show": (
        "always",
        FUNCTIONS,
        Text(_COMPILE, f"\t@[ ! -e {_PUBLISH} ] || {{ cp {_PUBLISH} kept; {_PRINT} >> {_PUBLISH}; }}\n{_COMPILE}"),
        Text(_MODES, f"\t@[ ! -e kept ] || mv kept {_PUBLISH}\n{_MODES}"),
    ),
    "has the build change a library": (
        "always",
        LAYERS,
        Text(_COMPILE, f"\t@if [ $@ = build-AnswerLayer ]; then echo 'import socket' >> {_LOGGER}; fi\n{_COMPILE}"),
    ),
    "has the build add a line on one machine": (
        "environment",
        FUNCTIONS,
        Text(_COMPILE, f'\t@[ -z "$$CI" ] || {_PRINT} >> {_HANDLER}\n{_COMPILE}'),
    ),
    "has the build add a line after a date": (
        "delayed",
        FUNCTIONS,
        Text(_COMPILE, f"\t@[ $$(date +%s) -lt 2000000000 ] || {_PRINT} >> {_HANDLER}\n{_COMPILE}"),
    ),
    "has the build take more libraries from a variable": (
        "environment",
        LAYERS,
        Text("-r $<", "-r $< $(MORE)"),
    ),
    "lets variables of the builder reach the build": (
        "environment",
        FUNCTIONS,
        Text("unexport $(filter-out ", "export $(filter-out "),
    ),
    "has the build use another Python if there is one": (
        "environment",
        BUILD,
        Text("set -eu\n", "set -eu\nif [ -d /opt/python ]; then PATH=/opt/python:$PATH; fi\n"),
    ),
}

IN_AUDIT: dict[str, tuple[str, Change]] = {
    "has the audit call each file equal": ("_same", Before("return True")),
    "has the audit compare sizes": ("_same", Before("return $3.file_size == len($1)")),
    "has the audit leave byte code out": ("_same", Before('if not $3.filename.endswith(".py"): return True')),
    "has the audit overlook files that were added": (
        "_compared",
        Instead("yield f'has {name}, which is not in the build'", "pass"),
    ),
    "has the audit overlook files that are missing": ("_compared", Instead("yield f'lacks {name}'", "pass")),
    "has the audit read the first of two files of one name": ("_compared", Instead("len(entries[name]) > 1", "False")),
    "has the audit overlook layers": ("_layer", Before("return")),
    "has the audit overlook the publishing function": ("publishing", Before("return iter(())")),
    "has the audit overlook a version that answers some requests": (
        "answering",
        Instead("versions += sorted((alias.get('RoutingConfig') or {}).get('AdditionalVersionWeights') or ())", "pass"),
    ),
    "has the audit look at the newest code, not at the code that answers": (
        "_function",
        Before("qualifier.clear()"),
    ),
    "has the audit believe any package": (
        "_package",
        Instead("base64.b64encode(hashlib.sha256(package).digest()).decode() != sha256", "False"),
    ),
}

ALL = (
    *(
        Mutant(name, breaks, place, (change,), family="packages")
        for name, (breaks, place, change) in IN_PACKAGES.items()
    ),
    *(
        Mutant(name, "P3", place, tuple(changes), when=when, family="packages")
        for name, (when, place, *changes) in IN_BUILD.items()
    ),
    *(
        Mutant(name, "P3", f"{_AUDIT}.{function}", (change,), family="audit")
        for name, (function, change) in IN_AUDIT.items()
    ),
)
