"""A SAM template as CloudFormation gets it: with `Globals` merged, and events and implicit resources spelt out.

cfn-lint itself merges `Globals` and stops there. What SAM would make of the rest, such as the role of a function that
names none, is what has to be looked at.
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterator
from typing import Any

import yaml
from boto3.session import Session
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template
from samtranslator.yaml_helper import intrinsics_multi_constructor

Template = dict[str, Any]

# SAM warns that the switches of its own service are missing. They never exist here.
logging.getLogger("samtranslator.feature_toggle.feature_toggle").setLevel(logging.ERROR)

REGION = "us-east-1"  # SAM needs a region; its expansion of our template is the same in all
PACKAGED = ("CodeUri", "ContentUri")
"""The properties that name a folder of this repository. `sam package` uploads the folder, and puts its key there."""

FOLDERS = "folders-of-this-repository"
"""Stands for the bucket of `sam package`. The key is the folder, so that rules see which one it is."""

SAM_HASH = r"[0-9a-f]{10}"
"""The end of the logical id of a layer."""

WHOLE = ({"Ref"}, {"Fn::GetAtt"}, {"Fn::Sub"})
"""Intrinsic functions that are one value. Others, such as `Fn::If`, hold values: what is in them is looked at."""


class NotExpandedError(Exception):
    """SAM makes nothing of the template; the message is SAM's."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the first is ten times as fast
    """YAML as SAM reads it."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def load(text: str) -> Template:
    """Return the template in `text`, YAML or JSON, with short forms such as `!Ref` written out."""
    template: Template = yaml.load(text, _Loader)  # noqa: S506  # it makes what the safe loader makes
    return template


def expand(template: Template) -> Template:
    """Return the template that SAM makes of `template`. `template` itself does not change.

    A layer's logical id ends with a hash, as in the cloud: `AnswerLayerbb8e0c329b`.

    Raises:
        NotExpandedError: SAM refuses it.
    """
    given = copy.deepcopy(template)
    properties = (resource.get("Properties") for resource in given["Resources"].values())
    for holder in (*properties, *given.get("Globals", {}).values()):
        if isinstance(holder, dict):
            holder.update({name: _uploaded(holder[name]) for name in PACKAGED if name in holder})
    parameters: dict[str, Any] = {}
    to_py27_compatible_template(given, parameters)
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    try:
        expanded: Template = undo_mark_unicode_str_in_template(translator.translate(given, parameter_values=parameters))
    except InvalidDocumentException as error:
        raise NotExpandedError("; ".join(cause.message for cause in error.causes) or error.message) from error
    for name, resource in template["Resources"].items():  # SAM drops these of a layer, but `sam build` reads them
        for made in expanded["Resources"]:
            if "Metadata" in resource and re.fullmatch(f"{name}{SAM_HASH}", made):
                expanded["Resources"][made].setdefault("Metadata", copy.deepcopy(resource["Metadata"]))
    return expanded


def _uploaded(value: Any) -> Any:
    """Return the URI of an uploaded folder. Other forms, such as a bucket, stay."""
    return f"s3://{FOLDERS}/{value}" if isinstance(value, str) and not value.startswith("s3://") else value


def folder_of(name: str) -> dict[str, str]:
    """Return the code of a function or layer that is built from the folder `name`."""
    return {"S3Bucket": FOLDERS, "S3Key": name}


def resources(expanded: Template, type_: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in expanded["Resources"].items()
        if resource.get("Type") == type_
    }


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of the values, such as `Rules[].Prefix`. An empty list or mapping has a path, too."""
    is_text_with_values = isinstance(value, dict) and isinstance(value.get("Fn::Sub"), list)
    if isinstance(value, dict) and value and (set(value) not in WHOLE or is_text_with_values):
        for key, item in value.items():
            yield from paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for item in value:
            yield from paths(item, f"{path}[]")
    else:
        yield path
