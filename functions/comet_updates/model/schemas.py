"""The JSON Schemas of what is uploaded and served, generated from the models."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

from comet_updates.model.served import SCHEMAS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@functools.cache  # every sweep asks, and pydantic takes longer for it than all else of a sweep together
def render() -> Mapping[str, bytes]:
    """Every schema by its name, as an indented JSON Schema (draft 2020-12)."""
    return {
        name: json.dumps({"$schema": DIALECT, **model.model_json_schema(by_alias=True)}, indent=2).encode() + b"\n"
        for name, model in SCHEMAS.items()
    }
