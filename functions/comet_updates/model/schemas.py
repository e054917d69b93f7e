"""The JSON Schemas of the documents that are uploaded and served, generated from the models."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

from comet_updates.model.served import SCHEMAS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@functools.cache  # every sweep calls this, and pydantic takes longer than the rest of a sweep
def render() -> Mapping[str, bytes]:
    """Return every schema by its name, as indented JSON (JSON Schema draft 2020-12)."""
    return {
        name: json.dumps({"$schema": DIALECT, **model.model_json_schema(by_alias=True)}, indent=2).encode() + b"\n"
        for name, model in SCHEMAS.items()
    }
