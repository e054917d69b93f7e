"""Write `schemas/` from the models. `make schemas` runs it, and tests compare the files."""

from __future__ import annotations

from pathlib import Path

from comet_updates.formats import openapi
from comet_updates.model import schemas

FOLDER = Path(__file__).parents[1] / "schemas"

if __name__ == "__main__":
    for name, body in schemas.render().items():
        (FOLDER / f"{name}.json").write_bytes(body)
    (FOLDER / "openapi.json").write_bytes(openapi.render())
