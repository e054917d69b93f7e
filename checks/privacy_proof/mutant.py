"""The form of a leak, how it is built into the project, and the places that leaks change.

A mutant names a function, class or module of ours, and its changes; see `checks/privacy_proof/changes.py`. Renaming one
of ours costs one edit here. In files that are not Python, a piece of text is replaced.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from checks.privacy_proof.changes import Change, NotApplicableError, changed, replaced
from checks.privacy_proof.source import UnknownNameError, find


class Mutant(NamedTuple):
    """A change that breaks promises.

    Attributes:
        name: what the service would do.
        breaks: the ids of the promises.
        place: the changed code or file: a dotted name of ours, or a path from the root of the project.
        changes: the changes in that place.
        when: one of `KINDS`.
        family: one of `FAMILIES`.
        more: further files that the change needs, each with its whole text, in a folder that is new.
    """

    name: str
    breaks: str
    place: str
    changes: tuple[Change, ...]
    when: str = "always"
    family: str = "rules"
    more: tuple[tuple[str, str], ...] = ()


KINDS = ("always", "conditional", "delayed", "environment")
"""When a leak happens: each time; only for some requests, some of the time or by chance; later than the request; or
only in the cloud, which the environment variables show. Checks that run the code see only the first kind for sure."""


FAMILIES = {
    "ways out": "the answering function sends or writes something in a way that few checks watch",
    "outside": "code outside of the reviewed functions gets the request",
    "state": "something stays in memory, in a place that is hard to see",
    "conditions": "only some requests leak, or only in the cloud",
    "delays": "something leaks after the request",
    "time": "the duration of the answer depends on who asks",
    "no added line": "the leak replaces a docstring, or changes a line without adding one",
    "publishing": "the publishing function passes on who uploads",
    "client": "the reference client sends or stores who asks",
    "packages": "other code is built and deployed than the code that was checked",
    "audit": "the audit does not notice that other code runs",
    "template": "the template adds or opens a sink",
    "rules": "the rules for answers break a promise",
    "log": "the log has more than its fixed lists",
    "documents": "documents or pages break a promise",
}
"""The classes of leaks."""


class BrokenMutantError(Exception):
    """A mutant cannot be built in, or the checks cannot run with it, so it proves nothing."""


class Built(NamedTuple):
    """A file with a mutant in it.

    Attributes:
        file: its path from the root of the project.
        before: its text.
        after: its text with the mutant.
        more: paths and texts of new files.
    """

    file: Path
    before: str
    after: str
    more: tuple[tuple[Path, str], ...] = ()

    def write(self, root: Path) -> None:
        """Build the mutant into the project at `root`."""
        for file, text in ((self.file, self.after), *self.more):
            _write(root / file, text)

    def undo(self, root: Path) -> None:
        """Take the mutant out of the project at `root`."""
        _write(root / self.file, self.before)
        for file, _ in self.more:
            shutil.rmtree((root / file).parent)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    _forget(file)


def _forget(file: Path) -> None:
    """Delete the byte code of `file`, which might look current: length and time can be the same."""
    for compiled in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
        compiled.unlink()


def build(mutant: Mutant, root: Path) -> Built:
    """Return the file of the project at `root` that `mutant` changes; nothing is written.

    Raises:
        BrokenMutantError: the place does not exist, or a change does not fit it.
    """
    more = tuple((Path(file), text) for file, text in mutant.more)
    try:
        if "/" in mutant.place or mutant.place == TEMPLATE:
            text = (root / mutant.place).read_text(encoding="utf-8")
            return Built(Path(mutant.place), text, replaced(text, mutant.changes), more)
        found = find(mutant.place, root)
        after = changed(found.text, found.node, mutant.changes)
        return Built(found.file.relative_to(root), found.text, after, more)
    except (OSError, NotApplicableError, UnknownNameError) as error:
        raise BrokenMutantError(f"{mutant.name}: {mutant.place}: {error}") from error


# Every place that a mutant changes, once.
TEMPLATE = "template.yaml"
LAYER = "layers/answer/requirements.txt"
HANDLE = "comet_updates.answer.handler.build.handle"
HANDLER = "comet_updates.answer.handler"
SETTINGS = "comet_updates.answer.handler.Settings.from_environment"
MATCHES = "comet_updates.answer.respond._matches"
URLS = "comet_updates.answer.urls"
SETTINGS_READER = "comet_updates.answer.settings.settings"
LOG_WRITE = "comet_updates.answer.log.Log.write"
CLIENT_WRITE = "comet_updates_client.state.write"
RESPOND = "comet_updates.answer.respond.respond"
DROP_IN = "comet_updates.answer.drop_in.respond"
IS_NEWER = "comet_updates.answer.drop_in._is_newer"
S3_GET = "comet_updates.answer.store.s3_get.get"
READER = "comet_updates.answer.store.CachedStore._read"
PUBLIC_KEY = "comet_updates.answer.urls.public_key"
DROP_IN_URL = "comet_updates.answer.urls.drop_in"
LOG_LINE = "comet_updates.answer.log.Record.line"
LOG_FORMAT = "comet_updates.answer.log._ClosedHandler.format"
OTHER_SINKS = "comet_updates.answer.log._close_other_sinks"
PUBLISH = "comet_updates.publish.handler.handler"
UPLOADED_KEYS = "comet_updates.publish.run._keys"
PUBLISH_SITE = "comet_updates.publish.publisher.Publisher._publish_site_once"
RELEASE = "comet_updates.model.release.Release"
STRICT = "comet_updates.model.fields.StrictDocument"
MANIFEST = "comet_updates.formats.manifest.render"
NOTES_HTML = "comet_updates.formats.notes._sanitised"
PAGES = "comet_updates.pages.html"
CLIENT_ASK = "comet_updates_client.request.ask"
CLIENT_DOWNLOAD = "comet_updates_client.request.download"
CLIENT_LOOK = "comet_updates_client.check.look"
CLIENT_SKIP = "comet_updates_client.check.skip"
CLIENT_TUF = "comet_updates_client.source_tuf.Tuf.ask"
CLIENT_FIRST = "comet_updates_client.schedule.first"
CLIENT_NEXT = "comet_updates_client.schedule.after_answer"
CLIENT_RETRY = "comet_updates_client.schedule.after_failure"
CLIENT_STATE = "comet_updates_client.state.read"
CLIENT_SENT = "comet_updates_client.http.sent"
CLIENT_REPLY = "comet_updates_client.http.document"
CLIENT_ANSWER = "comet_updates_cli.commands.ask._answer"
