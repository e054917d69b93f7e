"""Test the notes of one version from changelogs as people and tools write them."""

from __future__ import annotations

import pytest

from comet_updates.errors import ArtifactError
from comet_updates_cli import changelog

CONVENTIONAL = """# Changelog

All notable changes.

# [3.0.0](https://example.com/compare/v2.9.0...v3.0.0) (2026-11-20)

### ⚠ BREAKING CHANGES

* one

## [2.9.0](https://example.com/compare/v2.8.1...v2.9.0) (2026-11-10)

### Features

* two

### [2.8.1](https://example.com/compare/v2.8.0...v2.8.1) (2026-11-01)


### Bug Fixes

* three


### Performance Improvements

* four

## [2.8.0](https://example.com) (2026-10-01)

First.
"""
KEPT = """# Changelog

## [Unreleased]

- Soon.

## [1.1.0] - 2026-11-20

### Added

- New, see [#12] and [the guide][guide].

### Fixed

- A crash (`v1.0.0` only).

## [1.0.0] - 2026-10-01

- First.

[Unreleased]: https://example.com/compare/v1.1.0...HEAD
[1.1.0]: https://example.com/compare/v1.0.0...v1.1.0
[#12]: https://example.com/issues/12
[guide]: https://example.com/guide "The
  guide"
[1.0.0]: https://example.com/releases/v1.0.0
"""
SETEXT = """Changes
=======

2.1.0 (2026-11-20)
------------------

New.

```sh
# 2.0.0 is a comment
comet
```

2.0.0
-----

Old.
"""
ANCHORS = """<a name="3.1.0"></a>
## 3.1.0

Three.

<a name="3.0.0"></a><a id="old"></a>
## 3.0.0

Two.
"""


@pytest.mark.parametrize(
    ("text", "version", "found"),
    [
        pytest.param(CONVENTIONAL, "3.0.0", "### ⚠ BREAKING CHANGES\n\n* one", id="major"),
        pytest.param(CONVENTIONAL, "2.9.0", "### Features\n\n* two", id="minor"),
        pytest.param(
            CONVENTIONAL,
            "2.8.1",
            "### Bug Fixes\n\n* three\n\n\n### Performance Improvements\n\n* four",
            id="patch with parts of its own level",
        ),
        pytest.param(CONVENTIONAL, "2.8.0", "First.", id="last"),
        pytest.param(
            KEPT,
            "1.1.0",
            "### Added\n\n- New, see [#12] and [the guide][guide].\n\n### Fixed\n\n- A crash (`v1.0.0` only).\n\n"
            '[#12]: https://example.com/issues/12\n[guide]: https://example.com/guide "The\n  guide"',
            id="link definitions that it uses come with it",
        ),
        pytest.param(KEPT, "1.0.0", "- First.", id="link definitions of others stay"),
        pytest.param(SETEXT, "2.1.0", "New.\n\n```sh\n# 2.0.0 is a comment\ncomet\n```", id="underlined, and code"),
        pytest.param(SETEXT, "2.0.0", "Old.", id="heading after a comment that looks like one"),
        pytest.param(ANCHORS, "3.1.0", "Three.", id="anchor of the next heading"),
        pytest.param(ANCHORS, "3.0.0", "Two.", id="anchor of its own"),
        pytest.param("## v3.1.0\n\nNew.\n\n## v3.0.0\n\nOld.\n", "3.1.0", "New.", id="v"),
        pytest.param("## 3.1.0\n\nNew.\n\n## 3.0.0\n\nOld.\n", "v3.1.0".removeprefix("v"), "New.", id="no v"),
        pytest.param("## Nova 3.1.0\n\nNew.\n\n## Nova 3.0.0\n\nOld.", "3.1.0", "New.", id="name before"),
        pytest.param("## 2026-11-20: 3.1.0\n\nNew.\n\n## 2026-11-01: 3.0.0\n\nOld.", "3.1.0", "New.", id="date before"),
        pytest.param("## Version 3.1.0 ##\n\nNew.\n\n## Version 3.0.0 ##\n\nOld.", "3.1.0", "New.", id="closed"),
        pytest.param("## @acme/nova@3.1.0\n\nNew.\n\n## @acme/nova@3.0.0\n\nOld.", "3.1.0", "New.", id="package"),
        pytest.param("## [`3.1.0`](x) - *today*\n\nNew.\n\n## [`3.0.0`](y)\n\nOld.", "3.1.0", "New.", id="code"),
        pytest.param(
            "# App\n\n## 3.1.0\n\n### Minor Changes\n\nNew.\n\n## 3.0.0", "3.1.0", "### Minor Changes\n\nNew."
        ),
        pytest.param("## 3.1.0\n\nNew.\n\n## License\n\nMIT.", "3.1.0", "New.", id="section of another kind"),
        pytest.param(
            "## 3.1.0\n\nNew.\n\n#### Moving from 3.0.0\n\nDo.", "3.1.0", "New.\n\n#### Moving from 3.0.0\n\nDo."
        ),
        pytest.param("## 3.10.0\n\nTen.\n\n## 3.1.0-beta.1\n\nB.\n\n## 3.1.0\n\nOne.", "3.1.0", "One.", id="exact"),
        pytest.param("## 3.1.0-beta.1\n\nB.\n\n## 3.1.0\n\nOne.", "3.1.0-beta.1", "B.", id="beta"),
        pytest.param("## 3.2.0\n\n### Since 3.1.0\n\nX.\n\n## 3.1.0\n\nOne.", "3.1.0", "One.", id="named before"),
        pytest.param("## 3.1.0\n\n> ## 3.0.0\n\nQuoted.\n\n## 2.0.0", "3.1.0", "> ## 3.0.0\n\nQuoted.", id="quoted"),
        pytest.param("## 3.1\n\nNew.\n\n## 3.0\n\nOld.", "3.1", "New.", id="two numbers"),
        pytest.param("##3.1.0\n\nJust text.", "3.1.0", "##3.1.0\n\nJust text.", id="no changelog"),
        pytest.param("## What's Changed\n\n- New.\n", "3.1.0", "## What's Changed\n\n- New.", id="only notes"),
        pytest.param("## 10.15 is gone\n\nSorry.", "3.1.0", "## 10.15 is gone\n\nSorry.", id="other number"),
        pytest.param("## 3.1.0\n\n### Next steps\n\nDo.", "3.1.0", "### Next steps\n\nDo.", id="next steps"),
        pytest.param("## 3.1.0 Nova\n\nNew.\n\n## 3.0.0 Mira\n\nOld.", "3.1.0", "New.", id="code names"),
        pytest.param("\ufeff## 3.1.0\n\nNew.", "3.1.0", "New.", id="byte order mark"),
        pytest.param("", "3.1.0", "", id="nothing"),
    ],
)
def test_notes_are_the_section_of_the_version_alone(text: str, version: str, found: str) -> None:
    assert changelog.notes(text, version, "CHANGELOG.md") == found


@pytest.mark.parametrize(
    "text", [CONVENTIONAL, KEPT, SETEXT, ANCHORS, "## Unreleased\n\n- Soon.\n", "## 1.0 Nova\n\n## 1.1 Mira"]
)
def test_changelog_without_the_version_is_refused(text: str) -> None:
    with pytest.raises(ArtifactError, match=r"CHANGELOG.md: has no section for 9.9.9. Add a heading such as: ## 9.9.9"):
        changelog.notes(text, "9.9.9", "CHANGELOG.md")
