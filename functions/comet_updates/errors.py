"""Every error that we raise on purpose: one tree, sorted by whose fault it is."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class CometError(Exception):
    """Root of all errors of this package."""


class SettingsError(CometError):
    """The deployment lacks a setting: the start stops here instead of guessing."""

    def __init__(self, variable: str, problem: str) -> None:
        """Name the environment `variable` and its `problem`."""
        super().__init__(f"environment variable {variable}: {problem}")
        self.variable = variable


class StoreUnavailableError(CometError):
    """S3 did not answer as S3 does: nothing is known of the document that was asked for."""


class ConcurrentPublishError(CometError):
    """Another publisher wrote first: what we decided may be out of date and was not written."""


class VersionSyntaxError(CometError):
    """A version does not parse under its product's scheme."""

    def __init__(self, version: str, scheme: str, remedy: str) -> None:
        """Name the `version`, the `scheme` it should follow, and how to write it instead."""
        super().__init__(f"{version!r} is not a version in the scheme {scheme!r}. {remedy}")
        self.version = version
        self.scheme = scheme
        self.remedy = remedy


class ForeignFeedError(CometError):
    """A document is not the feed that it should be; the text says where and why."""


def printable(text: str, max_chars: int = 200) -> str:
    """`text` of an upload, cut short, with an escape for each character that a terminal would act on or not show."""
    cut = text if len(text) <= max_chars else f"{text[:max_chars]}…"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in cut
    )


class Problem(NamedTuple):
    """One thing that is wrong with an upload.

    Attributes:
        path: JSON path of the field, as in `$.artifacts[0].url`; `$` is the whole document.
        problem: what is wrong, in one sentence without the final stop.
        remedy: what to do about it, in one sentence without the final stop.
    """

    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.path}: {self.problem}. {self.remedy}."


class RefusedUploadError(CometError):
    """A pipeline sent something that we will not publish; what is public is unchanged.

    Only uploads get into its text, never anything of a client's request.
    """

    def __init__(self, key: str, problems: tuple[Problem, ...]) -> None:
        """Collect every one of the `problems` of the upload at the S3 key `key`."""
        super().__init__("\n".join(f"{key}: {problem}" for problem in problems))
        self.key = key
        self.problems = problems


class DecisionError(CometError):
    """What somebody decided makes no sense as things are; nothing is written."""


class SigningError(CometError):
    """A key cannot sign what it should."""

    def __init__(self, key: str, problem: str) -> None:
        """Name the `key` as it was given, a URI or a file, and its `problem`."""
        super().__init__(f"the key {key} {problem}.")


class UnknownKeyError(SigningError):
    """A key is none of those that may sign this."""


class ArtifactError(CometError):
    """A file that is to be released is not what it should be, or not where it should be."""

    def __init__(self, file: str, problem: str, remedy: str) -> None:
        """Name the `file`, its `problem` and the `remedy`."""
        super().__init__(f"{file}: {problem}. {remedy}.")
        self.file = file


class FileInTheWayError(CometError):
    """A file that is to be written is there already and says something else."""

    def __init__(self, path: str, option: str = "--to") -> None:
        """Name the file at `path`, and what of the command chooses it."""
        super().__init__(f"{path} is there already and says something else. Move it away, or choose another {option}")
        self.path = path


class FileNotWrittenError(CometError):
    """A file cannot be written; what was there before is unchanged."""

    def __init__(self, path: str, error: OSError) -> None:
        """Name the file at `path`, and what the system says."""
        super().__init__(f"{path} cannot be written: {error.strerror or error}. Nothing was changed")
        self.path = path


class AddressError(CometError):
    """A URL is none that the client would ask."""


class NoAnswerError(CometError):
    """A server did not answer as it should: nothing is known of what was asked for."""

    def __init__(self, host: str, problem: str, told_s: float = 0) -> None:
        """Name the `host`, what it does instead, and for how many seconds it said not to ask again."""
        super().__init__(f"{host} {problem}")
        self.host = host
        self.told_s = told_s


class Distrust(Enum):
    """Why an answer is not trusted, as people read it."""

    FORGED = "it is not what those signed whom this app trusts. Somebody may have changed it on its way"
    UNSIGNED = "nobody signed it"
    OF_ANOTHER = "it is signed, but for another product or channel"
    OUT_OF_DATE = "it is out of date. Something newer may be held back, or the clock of this computer is wrong"
    ROLLED_BACK = "it is older than what was there before. Somebody may have put it in the place of something newer"
    TOO_LARGE = "it is larger than it may be"
    UNREADABLE = "its signed metadata is none, or contradicts itself"


class UntrustedAnswerError(CometError):
    """Nobody whom the app trusts vouches for what was answered; nothing of it was taken."""

    def __init__(self, host: str, why: Distrust) -> None:
        """Name the `host` that answered, and why it is not trusted."""
        super().__init__(f"what {host} answers is not to be trusted: {why.value}. Nothing was taken")
        self.host = host
        self.why = why


class UnusableRootError(CometError):
    """What an app was shipped with is no root of TUF."""

    def __init__(self) -> None:
        """Say it."""
        super().__init__("the root is none of TUF: take /tuf/metadata/1.root.json, as whoever signs it gave it to you")


class UnreadableOfferError(CometError):
    """What a service says is offered cannot be understood; nothing is done about it."""

    def __init__(self, path: str, problem: str) -> None:
        """Name the JSON `path` of the field and its `problem`."""
        super().__init__(f"what is offered cannot be understood: {path} {problem}")
        self.path = path


class RefusedDownloadError(CometError):
    """A file that was to be downloaded is not what was offered, or cannot be kept; none has its name."""


class StateError(CometError):
    """What the client has to remember cannot be written, so it does not go on."""

    def __init__(self, path: str, problem: str) -> None:
        """Name the file at `path` and the `problem`."""
        super().__init__(f"{path} cannot be written: {problem}. Choose another --state")


class PortInUseError(CometError):
    """`serve` cannot listen where it was told to."""

    def __init__(self, port: int, variable: str) -> None:
        """Name the busy `port` and the environment `variable` that moves it."""
        super().__init__(
            f"port {port} is in use. Stop what listens there, or choose another: {variable}=<port> make run"
        )
        self.port = port
