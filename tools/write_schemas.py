"""Write `schemas/` from the models: run by `make schemas`, held against them by the tests."""

from __future__ import annotations

from pathlib import Path

from comet_updates.formats import openapi
from comet_updates.model import schemas

FOLDER = Path(__file__).parents[1] / "schemas"

if __name__ == "__main__":
    for name, body in schemas.render().items():
        (FOLDER / f"{name}.json").write_bytes(body)
    (FOLDER / "openapi.json").write_bytes(openapi.render())
