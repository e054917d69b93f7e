"""The JSON Schemas of what is uploaded and served, generated from the models."""

from __future__ import annotations

import json

from comet_updates.model import SCHEMAS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render() -> dict[str, bytes]:
    """Every schema by its name, as an indented JSON Schema (draft 2020-12)."""
    return {
        name: json.dumps({"$schema": DIALECT, **model.model_json_schema(by_alias=True)}, indent=2).encode() + b"\n"
        for name, model in SCHEMAS.items()
    }
