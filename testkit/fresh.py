"""Fresh imports of the handlers' modules."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from typing import Any

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def forget_logger() -> None:
    """Remove our loggers, which outlive the modules that made them. A new process has none."""
    logging.Logger.manager.loggerDict.pop("comet-updates", None)


def fresh_import(module: str) -> Any:
    """Import a handler's module as a new Lambda environment would, without memory of an earlier import.

    Modules that the tests have imported stay the ones that `import` gives afterwards.
    """
    ours = _take_modules()
    forget_logger()
    try:
        return importlib.import_module(module)
    finally:
        _take_modules()
        sys.modules.update(ours)


def _take_modules() -> dict[str, Any]:
    """Remove our modules from those that `import` knows, and return them."""
    return {name: sys.modules.pop(name) for name in [*sys.modules] if name.split(".")[0] == "comet_updates"}
