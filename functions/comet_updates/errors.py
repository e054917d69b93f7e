"""Our own errors, except those of the answering function, one class for each kind of cause."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, NoReturn

from comet_updates.answer.errors import CometError, StoreUnavailableError


class UnreadableObjectError(StoreUnavailableError):
    """S3 does not give one object, such as one in an archive. Others may be readable."""

    def __init__(self, key: str, problem: str) -> None:
        """Name the object's `key` and the `problem`."""
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


class ConcurrentPublishError(CometError):
    """Another publisher wrote first. Our document may be out of date and was not written."""


class VersionSyntaxError(CometError):
    """A version does not parse under its product's scheme."""

    def __init__(self, version: str, scheme: str, remedy: str) -> None:
        """Name the `version`, the `scheme` that it should follow, and the `remedy`."""
        super().__init__(f"{version!r} is not a version in the scheme {scheme!r}. {remedy}.")
        self.version = version
        self.scheme = scheme
        self.remedy = remedy


class ForeignFeedError(CometError):
    """A feed to import is not valid; the text names the place and the reason."""


def printable(text: str, max_chars: int = 200) -> str:
    """Return `text` of an upload, cut to `max_chars`, with escapes for characters that a terminal acts on or hides."""
    cut = text if len(text) <= max_chars else f"{text[:max_chars]}…"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in cut
    )


class Problem(NamedTuple):
    """One problem of an upload.

    Attributes:
        path: JSON path of the field, as in `$.artifacts[0].url`; `$` is the whole document.
        problem: what is wrong, without the final stop.
        remedy: what to do, without the final stop.
    """

    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """Return the line that people read."""
        return f"{self.path}: {self.problem}. {self.remedy}."


class RefusedUploadError(CometError):
    """A pipeline uploaded something that we do not publish; the public documents stay unchanged.

    Its text quotes only uploads, never a client's request.
    """

    def __init__(self, key: str, problems: tuple[Problem, ...]) -> None:
        """Collect all `problems` of the upload at the S3 key `key`."""
        super().__init__("\n".join(f"{key}: {problem}" for problem in problems))
        self.key = key
        self.problems = problems


def refuse(key: str, problem: str, remedy: str, *, path: str = "$") -> NoReturn:
    """Raise `RefusedUploadError` with a single problem, which is at the JSON `path` of the upload at `key`."""
    raise RefusedUploadError(key, (Problem(path, problem, remedy),))


class DecisionError(CometError):
    """A requested change is not possible in the current state; nothing is written."""


class SigningError(CometError):
    """A key cannot sign, or cannot be read."""

    def __init__(self, key: str, problem: str) -> None:
        """Name the `key` as the user wrote it, a URI or a file, and its `problem`."""
        super().__init__(f"the key {key} {problem}.")


class UnknownKeyError(SigningError):
    """A key is not among those that may sign this metadata."""


class ArtifactError(CometError):
    """A file to release is wrong, or is not at its URL."""

    def __init__(self, file: str, problem: str, remedy: str) -> None:
        """Name the `file`, its `problem` and the `remedy`."""
        super().__init__(f"{file}: {problem}. {remedy}.")
        self.file = file


class RefusedFilesError(CometError):
    """Several files to release are wrong."""

    def __init__(self, problems: Sequence[ArtifactError]) -> None:
        """Collect the `problems`, one for each file."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class FileInTheWayError(CometError):
    """A file to write already exists with different content. It stays as it is."""

    def __init__(self, path: str) -> None:
        """Name the file at `path`."""
        super().__init__(f"{path}: already exists with different content. Move it away, or choose another name.")
        self.path = path


class UnreadableFileError(CometError):
    """A file cannot be read."""

    def __init__(self, path: str, problem: str) -> None:
        """Name the file at `path` and the `problem`."""
        super().__init__(f"{path}: cannot be read: {problem}. Check the file.")
        self.path = path
        self.problem = problem


class UnwritableFileError(CometError):
    """A file cannot be written. It stays as it is."""

    def __init__(self, path: str, problem: str) -> None:
        """Name the file at `path` and the `problem`."""
        super().__init__(f"{path}: cannot be written: {problem}. Check the folder and the free space, then try again.")
        self.path = path


class FetchError(CometError):
    """A URL does not answer as it should."""

    def __init__(self, url: str, reason: str, status: int | None = None) -> None:
        """Name the `url`, the `reason`, and the HTTP `status` if there is one."""
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason
        self.status = status


class AddressError(CometError):
    """A URL is not one that the client may request."""


class NoAnswerError(CometError):
    """A server did not answer, or gave an invalid answer."""

    def __init__(self, host: str, problem: str, wait_s: float = 0) -> None:
        """Name the `host`, its `problem`, and the seconds of its `Retry-After`."""
        super().__init__(f"{host} {problem}")
        self.host = host
        self.wait_s = wait_s


class TrustFailure(Enum):
    """The reasons not to trust an answer, as people read them."""

    FORGED = "it does not match a signature of the keys that this app trusts. Somebody may have changed it in transit"
    UNSIGNED = "it is not signed"
    OF_ANOTHER = "it is signed for another product or channel"
    OUT_OF_DATE = "it has expired. Somebody may hide a newer release, or the clock of this computer is wrong"
    ROLLED_BACK = "it is older than an earlier answer. Somebody may have replaced a newer one"
    TOO_LARGE = "it is larger than allowed"
    UNREADABLE = "its signed metadata cannot be read, or contradicts itself"


class UntrustedAnswerError(CometError):
    """An answer cannot be verified with the keys that the app trusts, so it was ignored."""

    def __init__(self, host: str, why: TrustFailure) -> None:
        """Name the `host` that answered, and the reason."""
        super().__init__(f"the answer of {host} cannot be trusted: {why.value}. It was ignored.")
        self.host = host
        self.why = why


class UnusableRootError(CometError):
    """The root that ships with an app is not a TUF root."""

    def __init__(self) -> None:
        """Name the file to use."""
        super().__init__("--root: not a TUF root. Use the 1.root.json that your publisher gave you.")


class UnreadableOfferError(CometError):
    """A manifest cannot be read, so it was ignored."""

    def __init__(self, path: str, problem: str) -> None:
        """Name the JSON `path` of the field and its `problem`."""
        super().__init__(f"the manifest cannot be read: {path} {problem}. Report this to the publisher.")
        self.path = path


class RefusedDownloadError(CometError):
    """A downloaded file is not the offered one, or cannot be saved; no file of its name is left."""


class StateError(CometError):
    """The client's state file cannot be written, so the client stops."""

    def __init__(self, path: str, problem: str) -> None:
        """Name the file at `path` and the `problem`."""
        super().__init__(f"{path}: cannot be written: {problem}. Choose another --state.")


class PortInUseError(CometError):
    """`serve` cannot listen on a port, because another program uses it."""

    def __init__(self, port: int, variable: str) -> None:
        """Name the busy `port` and the environment `variable` that moves it."""
        super().__init__(
            f"port {port}: already in use. Stop the program that uses it, or choose another: {variable}=<port> make run"
        )
        self.port = port
