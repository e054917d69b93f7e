"""Answer requests of updaters that cannot change the form of their URL: see `docs/clients/drop-in.md`.

Only this module reads the version that a client runs. It compares the version with the document's version and then
forgets it. Products must turn this on; otherwise no documents are published for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from comet_updates.answer import urls
from comet_updates.answer.errors import StoreUnavailableError
from comet_updates.answer.log import Cache, Outcome
from comet_updates.answer.respond import EVERYWHERE, NOT_ALLOWED, NOT_FOUND, UNAVAILABLE, Answer
from comet_updates.answer.store import Document

# Caches must not store a URL that contains a version.
_HEADERS = {**EVERYWHERE, "cache-control": "no-store"}
UNKNOWN = NOT_FOUND._replace(headers=NOT_FOUND.headers | _HEADERS)


def respond(
    method: str, path: str, _if_none_match: str | None, read: Callable[[str], tuple[Document | None, Cache]]
) -> Answer:
    """Return the answer to a request below `answer.urls.DROP_IN`: the document, or 204 if its version is not newer.

    The arguments are those of `respond.respond`. Both answers have the same log record.
    """
    if method not in ("GET", "HEAD"):
        return NOT_ALLOWED
    asked = urls.drop_in(path)
    try:
        document, cache = read(asked.key) if asked else (None, Cache.NONE)
        if asked is None or document is None:
            return UNKNOWN
        is_wanted = not document.key.endswith(".json") or _is_newer(json.loads(document.text)["version"], asked.version)
    except StoreUnavailableError:
        return UNAVAILABLE
    except ValueError:  # the client's version is not valid
        return UNKNOWN
    if not is_wanted:
        return Answer(204, _HEADERS, "", Outcome.ANSWERED, document.key, cache)
    fixed = {"content-type": urls.content_type(document.key), "content-length": str(document.size_bytes)}
    body = document.text if method == "GET" else ""
    return Answer(200, fixed | _HEADERS, body, Outcome.ANSWERED, document.key, cache)


def _is_newer(ours: str, theirs: str) -> bool:
    """Return whether version `ours` is newer by semver, which all these clients use.

    Raises:
        ValueError: a version is not valid.
    """
    import semver  # noqa: PLC0415 (other requests must not pay for it with a slower cold start)

    return semver.Version.parse(ours) > semver.Version.parse(theirs)
