"""Records what Python asks of the system, by its audit events. An event that no list allows is recorded.

So a new way out is seen before anybody thinks of it: sockets, names, files, processes, C functions. Python raises no
event for a write to an open file or connection. It does raise one when that is opened. For waiting and threads, the
functions themselves are watched.
"""

from __future__ import annotations

import _thread
import atexit
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

HARNESS = "testkit.execution"
COMPUTES = {
    *("builtins.id", "code.__new__", "compile", "exec", "function.__new__", "import", "marshal.loads"),
    *("os.listdir", "os.scandir", "object.__setattr__"),
}
"""Events of code that computes, loads code or looks into folders. They carry nothing out."""
FRAMES = {"sys._getframe", "object.__getattr__"}
"""Events of code that reads frames and functions. Libraries do so; our code never does."""
WITHOUT_EVENTS = (
    *((time, "sleep"), (_thread, "start_new_thread"), (threading, "_start_new_thread"), (atexit, "register")),
    *((signal, "signal"), (signal, "setitimer"), (signal, "alarm"), (select, "select"), (select, "poll")),
    *((os, "mkfifo"), (os, "mknod"), (os, "pipe"), (os, "memfd_create"), (os, "write")),
)
"""Functions that wait, or do something later or outside, and for which not every version of Python has an event."""
TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Allowed(NamedTuple):
    """The actions that a program may take besides computing.

    Attributes:
        loads: whether it may import and compile code, and read files of Python and of the project.
        hosts: the host names and addresses, with their ports, to which it may connect.
        folders: the folders in which it may read, write and rename files.
        readers: the libraries that may read frames; empty for all libraries.
    """

    loads: bool = False
    hosts: frozenset[tuple[str, int]] = frozenset()
    folders: tuple[str, ...] = ()
    readers: frozenset[str] = frozenset()


class Recorder:
    """Records audit events that `allowed` does not contain, while `is_open`. It cannot be removed from a process."""

    def __init__(self, allowed: Allowed, ours: str = "comet_updates") -> None:
        self.events: list[str] = []
        self.is_open = False
        self._allowed = allowed
        self._ours = ours
        self._inside: set[int] = set()
        roots = {sys.prefix, sys.base_prefix, *(entry for entry in sys.path if entry), str(Path(__file__).parents[1])}
        self._code = tuple(os.path.realpath(root) + os.sep for root in roots)
        self._folders = tuple(os.path.realpath(folder) for folder in allowed.folders)
        sys.addaudithook(self._note)
        for module, name in () if allowed.loads else WITHOUT_EVENTS:
            self._watch(module, name)

    def _watch(self, module: ModuleType, name: str) -> None:
        called = getattr(module, name)

        def watched(*args: Any, **more: Any) -> Any:
            if self.is_open:
                self.events.append(f"{module.__name__}.{name}")
            return called(*args, **more)

        setattr(module, name, watched)

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        thread = threading.get_ident()
        if not self.is_open or thread in self._inside:
            return
        self._inside.add(thread)  # what follows raises events, too
        try:
            caller = str(sys._getframe(1).f_globals.get("__name__", ""))
            if caller not in (HARNESS, "__main__") and not self._may(event, args, caller):
                # The errors that a hook gets have other types. What a hook prints is on standard error.
                shown = [arg for arg in args if type(arg) in (str, bytes, tuple, int, float)]
                self.events.append(f"{event} {shown}")
        finally:
            self._inside.discard(thread)

    def _may(self, event: str, args: tuple[Any, ...], caller: str) -> bool:  # noqa: C901, PLR0911 (a list of cases)
        allowed = self._allowed
        if event in FRAMES:
            readers = allowed.readers
            return caller in readers if readers else not caller.startswith(self._ours)
        if event in COMPUTES:
            return allowed.loads
        if event == "open":
            return self._may_open(*args)
        if event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "tempfile.mkdtemp", "shutil.rmtree"):
            return all(self._is_in_folders(arg) for arg in args if isinstance(arg, (str, bytes, os.PathLike)))
        match event, args:
            case (("os.putenv" | "os.unsetenv"), (name, *_)):
                return allowed.loads and _text(name) == "PYDANTIC_DISABLE_PLUGINS"  # for a moment, in this process
            case "socket.__new__", (_, family, kind, _):
                return bool(allowed.hosts) and kind & 0xF == 1 and family in (2, 10)  # TCP, by IPv4 or IPv6
            case "socket.getaddrinfo", (host, *_):
                return _text(host) in {name for name, _ in allowed.hosts}
            case "socket.connect", (_, (host, port, *_)):
                return (host, port) in allowed.hosts
            case "http.client.connect", (_, host, port):
                return (host, port) in allowed.hosts
            case "http.client.send", _:
                return bool(allowed.hosts)  # on a connection that was allowed
        return False

    def _may_open(self, file: Any, _mode: Any, flags: int) -> bool:
        if isinstance(file, int):
            return True  # it was open before
        if self._is_in_folders(file):
            return True
        path = os.path.realpath(_text(file))
        return self._allowed.loads and not flags & TO_WRITE and path.startswith(self._code)

    def _is_in_folders(self, file: Any) -> bool:
        path = os.path.realpath(_text(os.fspath(file)))
        return any(path == folder or path.startswith(folder + os.sep) for folder in self._folders)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
