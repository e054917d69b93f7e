"""The closed list of the steps that build the packages.

A step could depend on the building machine, on the day or on chance. Then it could put code into a package that nobody
checked. So the steps are exactly the lines of `build_steps.txt`. They get only a few of the builder's variables.
Another line is a decision for a privacy review.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_LIST = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
STEPS = {file: steps.splitlines() for file, _, steps in (part.partition("\n") for part in _LIST.split("== ")[1:])}
"""File → its lines, without empty lines and comments."""
BESIDE = {"functions": {"Makefile", "comet_updates"}, "layers": {"Makefile", "answer", "publish"}}
"""What is in the folders of the Makefiles. `make` would prefer a `GNUmakefile`."""


def violations(file: str, text: str) -> list[str]:
    """Return how `text`, as the content of a `file` that builds packages, differs from the list."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    # After a backslash, make takes the next line for a part of the comment.
    hidden = [line for line in text.splitlines() if line.startswith("#") and line.endswith("\\")]
    listed = STEPS[file]
    added, missing = Counter(lines) - Counter(listed), Counter(listed) - Counter(lines)
    order = [] if added or missing or lines == listed else ["the lines are in another order"]
    problems = [*(f"`{line}` is not listed" for line in added), *(f"`{line}` is missing" for line in missing)]
    return [f"{file}: {problem}" for problem in (*problems, *(f"`{line}` hides a line" for line in hidden), *order)]


def beside(root: Path) -> Iterator[str]:
    """Yield what is in the folders of the Makefiles of the project at `root`, and not listed."""
    for folder, names in BESIDE.items():
        found = {path.name for path in (root / folder).iterdir()} - {"__pycache__"}
        yield from (f"{folder}/{name} is not listed" for name in sorted(found - names))
