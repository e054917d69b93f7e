"""All system calls of a program, recorded by strace, and a closed list of those that cannot carry anything away.

A call that no rule lists is refused, and so is a line that cannot be read. What is written to a connection or to the
log is allowed here, and returned by `written`, so that the bytes can be checked.
"""

from __future__ import annotations

import ast
import math
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

READS = "read,pread64,recvfrom,getrandom"
"""Calls whose data comes in. Strace records them without it, which keeps the record small."""


def strace(record: Path, *environment: str) -> list[str | Path]:
    """Return the beginning of a command that runs a program and records all its system calls.

    Args:
        record: an empty folder, which gets a file for each thread.
        environment: `NAME=value`, for the program alone.
    """
    command: list[str | Path] = ["strace", "-ff", "-qq", "-yy", "-ttt", "-s", "1000000", f"--raw={READS}"]
    command += [part for variable in environment for part in ("-E", variable)]
    return [*command, "-o", record / "thread"]


def can_record() -> bool:
    """Return whether strace is there and may watch processes. It exists on Linux only."""
    return (
        bool(shutil.which("strace"))
        and not subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode
    )


class Call(NamedTuple):
    """A system call.

    Attributes:
        at: the time at which it began, in seconds since 1970. The clock of the program may differ.
        thread: the thread's id.
        name: the call's name.
        arguments: as strace writes them.
        result: what it returned. A question mark, if the process ended before.
    """

    at: float
    thread: int
    name: str
    arguments: str
    result: str

    def __str__(self) -> str:
        """Return the call in one line, or the line without a call."""
        return (f"{self.name}({self.arguments}) = {self.result}" if self.name else self.arguments)[:600]


_RESULT = r'\)\s+= (-?\d+[^"]*|0x[0-9a-f]+|\?[^"]*)'
_LINE = re.compile(rf"(\d+\.\d+) (\w+)\((.*?)(?: <unfinished \.\.\.>)?(?:{_RESULT})?", re.DOTALL)
_AT = re.compile(r"\d+\.\d+")
_END = re.compile(r"\d+\.\d+ \+\+\+ (exited with \d+|killed by SIGKILL) \+\+\+")


def read(record: Path) -> list[Call]:
    """Return the calls in a record, in their order. A line without a call becomes a call without a name."""
    files = ((int(file.suffix[1:]), file.read_text(encoding="latin-1")) for file in record.iterdir())
    calls = [call for thread, text in files for call in parse(thread, text)]
    return sorted(calls)


def parse(thread: int, text: str) -> Iterator[Call]:
    """Yield the calls in the record of a thread."""
    for line in text.removesuffix("\n").split("\n"):
        if found := _LINE.fullmatch(line):
            at, name, arguments, result = found.groups()
            yield Call(float(at), thread, name, arguments, result or "?")
        elif not _END.fullmatch(line):
            at = _AT.match(line)
            yield Call(float(at[0]) if at else math.inf, thread, "", line, "")


class Rule(NamedTuple):
    """Calls that may be made.

    Attributes:
        names: the calls, separated by spaces.
        arguments: a regular expression for all arguments.
        reason: why nothing of a request can leave through such a call.
    """

    names: str
    arguments: str
    reason: str


_TEXT = r'"(?:[^"\\]|\\.)*"'
_FD = r"\d+<[^>]*(?:->[^>]*)?>+(?:\(deleted\))?"
_INSIDE = r"\d+<(?:anon_inode:\[event(?:fd|poll)\]|UNIX-STREAM:\[\d+->\d+\])>"
_TCP = r"\d+<TCP:\[[^\]]*\]>"
_THREAD = (
    r"CLONE_VM\|CLONE_FS\|CLONE_FILES\|CLONE_SIGHAND\|CLONE_THREAD\|CLONE_SYSVSEM\|CLONE_SETTLS"
    r"\|CLONE_PARENT_SETTID\|CLONE_CHILD_CLEARTID"
)
_CONSTANTS = r"NODELAY, \[1\]|KEEPIDLE, \[15\]|KEEPINTVL, \[15\]|KEEPCNT, \[3\]|USER_TIMEOUT, \[30000\]"
_LOCK = r"(?:_PRIVATE)?(?:\|FUTEX_CLOCK_REALTIME)?"
_OPEN = r"O_RDONLY(?:\|O_(?:CLOEXEC|NONBLOCK|DIRECTORY|LARGEFILE|NOFOLLOW))*"


def connection(port: int) -> str:
    """Return a regular expression for an open connection to `port` of this machine."""
    return rf"\d+<TCP:\[127\.0\.0\.1:\d+->127\.0\.0\.1:{port}\]>"


def rules(folders: Iterable[Path], log: Path, ports: Iterable[int]) -> tuple[Rule, ...]:
    """Return the closed list.

    Args:
        folders: what may be read: files, or folders with all that is in them.
        log: the file that is standard output and standard error.
        ports: the ports of this machine to which the program may connect and write.
    """
    folders = tuple(folders)
    where = rf'"(?:{_any(folders)})(?:/(?:[^"\\]|\\.)*)?"'
    above = rf'"(?:{_any(parent for folder in folders for parent in folder.parents)})"'
    there = "|".join(map(str, ports))
    to = rf"\d+<TCP:\[127\.0\.0\.1:\d+->127\.0\.0\.1:(?:{there})\]>"
    at = r"AT_FDCWD<[^>]*>, "
    return (
        Rule("read pread64 recvfrom getrandom", ".*", "data comes in, none goes out"),
        Rule("openat", rf"{at}{where}, {_OPEN}", "opens what was installed, to read it"),
        Rule("open", rf"{where}, {_OPEN}", "the same"),
        Rule("newfstatat statx", rf"{at}{where}, .*", "looks whether a file is there"),
        Rule("newfstatat", rf"{at}{above}, .*", "looks whether a folder is a link"),
        Rule("newfstatat statx", rf'{_FD}, "", .*', "asks for the size of an open file"),
        Rule("access readlink", rf"{where}, .*", "looks whether a file is there"),
        Rule("getcwd", f"{where}, \\d+", "asks for the folder in which the process runs"),
        Rule("getdents64", rf"{_FD}, .*", "lists a folder"),
        Rule("lseek", rf"{_FD}, -?\d+, SEEK_\w+", "moves in an open file"),
        Rule("close", _FD, "closes a file or a connection"),
        Rule("ioctl", rf"{_FD}, TCGETS, \w+", "asks whether a file is a terminal"),
        Rule("fcntl", rf"{_FD}, F_(?:GETFD|GETFL)", "asks for flags"),
        Rule("fcntl", rf"{_FD}, F_SETFD, FD_CLOEXEC", "closes a file before another program would start"),
        Rule("fcntl", rf"{_FD}, F_SETFL, O_RDWR\|O_NONBLOCK", "lets no call wait"),
        Rule(
            "fcntl", r"\d+<anon_inode:\[eventpoll\]>, F_DUPFD_CLOEXEC, 3", "Tokio gives it to a thread of this process"
        ),
        Rule("brk", r"\w+", "memory"),
        Rule("mmap", r"\w+, \d+, [A-Z_|]+, MAP_PRIVATE[A-Z_|]*, (?:-1|" + _FD + r"), \w+", "memory of this process"),
        Rule("mmap", rf"NULL, \d+, PROT_READ, MAP_SHARED, {_FD}, 0", "a file of the system, to read it"),
        Rule("munmap mprotect madvise mremap", ".*", "memory"),
        Rule("futex", r"\w+, FUTEX_WAKE_PRIVATE, \d+", "wakes a thread of this process"),
        Rule("futex", r"\w+, FUTEX_WAIT_PRIVATE, \d+, NULL", "waits for a thread of this process"),
        Rule(
            "futex", rf"\w+, FUTEX_WAIT_BITSET{_LOCK}, \d+, (?:NULL|\{{[^}}]*\}}), FUTEX_BITSET_MATCH_ANY", "the same"
        ),
        Rule("clone3", rf"\{{flags={_THREAD}, [^}}]*\}} => \{{parent_tid=\[\d+\]\}}, \d+", "a thread, no process"),
        Rule("prctl", r'PR_SET_NAME, "tokio-rt-worker"\.\.\.', "the name of obstore's threads"),
        Rule("set_robust_list rseq set_tid_address arch_prctl", ".*", "libc prepares a thread, in its own memory"),
        Rule("rt_sigaction rt_sigprocmask sigaltstack", ".*", "how a thread takes signals; it sends none"),
        Rule("gettid getuid getpid sched_getaffinity sysinfo uname", ".*", "asks for facts about the machine"),
        Rule("prlimit64", r"0, RLIMIT_\w+, NULL, .*", "asks for a limit"),
        Rule("epoll_create1", "EPOLL_CLOEXEC", "a list of what to wait for"),
        Rule("epoll_ctl", rf"{_INSIDE}, EPOLL_CTL_\w+, {_FD}, .*", "the same"),
        Rule("epoll_wait", rf"{_INSIDE}, .*", "waits until something comes in"),
        Rule("eventfd2", r"0, EFD_CLOEXEC\|EFD_NONBLOCK", "wakes a thread of this process"),
        Rule("socketpair", r"AF_UNIX, SOCK_STREAM, 0, .*", "curl wakes itself; both ends stay in this process"),
        Rule("write", r'\d+<anon_inode:\[eventfd\]>, "(?:\\1)(?:\\0){7}", 8', "wakes a thread of this process"),
        Rule("poll", rf"\[\{{fd=(?:{_TCP}|{_INSIDE}), .*\], \d, -?\d+", "waits until something comes in"),
        Rule("socket", r"AF_INET, SOCK_STREAM(?:\|SOCK_CLOEXEC)?, IPPROTO_(?:IP|TCP)", "TCP, for a connection below"),
        Rule("socket", r"AF_INET6, SOCK_DGRAM, IPPROTO_IP", "curl asks whether there is IPv6; no rule lets it send"),
        Rule("setsockopt", rf"{_TCP}, SOL_SOCKET, SO_KEEPALIVE, \[1\], 4", "how a connection works: constants"),
        Rule("setsockopt", rf"{_TCP}, SOL_TCP, TCP_(?:{_CONSTANTS}), 4", "how a connection works: constants"),
        Rule("getsockopt getsockname getpeername", rf"{_TCP}, .*", "asks about a connection"),
        Rule("shutdown", rf"{_TCP}, SHUT_(?:RD|WR|RDWR)", "ends a connection"),
        Rule(
            "connect",
            rf'{_TCP}, \{{sa_family=AF_INET, sin_port=htons\((?:{there})\), sin_addr=inet_addr\("127.0.0.1"\)\}}, 16',
            "the only places to which the program may connect",
        ),
        Rule("write", rf"{to}, {_TEXT}, \d+", "its bytes are checked"),
        Rule("sendto", rf"{to}, {_TEXT}, \d+, MSG_NOSIGNAL, NULL, 0", "its bytes are checked"),
        Rule("writev", rf"{to}, \[\{{iov_base={_TEXT}, iov_len=\d+\}}\], 1", "its bytes are checked"),
        Rule("write", rf"[12]<{re.escape(str(log))}>, {_TEXT}, \d+", "its bytes are checked"),
        Rule("exit exit_group", r"\d+", "ends"),
    )


def publishing(ports: Iterable[int]) -> tuple[Rule, ...]:
    """Return the rules for boto3 and the publishing function, besides those for every function."""
    there = "|".join(map(str, ports))
    to = rf"\d+<TCP:\[127\.0\.0\.1:\d+->127\.0\.0\.1:(?:{there})\]>"
    six = r"\d+<TCPv6:\[\d+\]>"
    return (
        Rule("sendto", rf"{to}, {_TEXT}, \d+, 0, NULL, 0", "its bytes are checked"),
        Rule("ioctl", rf"{_TCP}, FIONBIO, \[[01]\]", "lets no call wait"),
        Rule("poll", rf"\[(?:\{{fd={_TCP}, [^}}]*\}})?\], [01], -?\d+", "waits until something comes in"),
        Rule("socket", r"AF_INET6, SOCK_STREAM\|SOCK_CLOEXEC, IPPROTO_IP", "urllib3 asks whether there is IPv6"),
        Rule(
            "bind",
            rf'{six}, \{{sa_family=AF_INET6, sin6_port=htons\(0\), .*"::1",.*\}}, 28',
            "the same, on this machine",
        ),
        Rule("setitimer", "ITIMER_REAL, .*", "the time that a sweep may take; only this process gets the signal"),
        Rule(
            "newfstatat access",
            r'(?:AT_FDCWD<[^>]*>, )?"/\.aws/(?:config|credentials|models)", .*',
            "boto3 looks for settings",
        ),
        Rule(
            "openat", rf'AT_FDCWD<[^>]*>, "/opt/pyca/cryptography/openssl/openssl.cnf", {_OPEN}', "settings of OpenSSL"
        ),
    )


def _any(paths: Iterable[Path]) -> str:
    return "|".join(sorted({re.escape(str(path)) for path in paths}))


def faketime(library: Path, clock: Path) -> tuple[Rule, ...]:
    """Return the rules for libfaketime, which moves the clock of the program, and keeps its state in shared memory."""
    at = r"AT_FDCWD<[^>]*>, "
    own = r"/dev/shm/(?:faketime_shm_\d+|sem\.faketime_sem_\d+|sem\.\w{6})"
    return (
        Rule("newfstatat", rf'{at}"{re.escape(str(clock))}", .*', "the time that the clock shows"),
        Rule("openat", rf'{at}"{re.escape(str(library))}", O_RDONLY\|O_CLOEXEC', "the library itself"),
        Rule("openat", rf'{at}"{own}", O_RDWR\|.*', "its state"),
        Rule("newfstatat", rf'{at}"{own}", .*', "its state"),
        Rule("write", rf'\d+<{own}>, "\\1(?:\\0){{7}}\\200(?:\\0){{23}}", 32', "its state"),
        Rule("ftruncate", rf"\d+<{own}>, 8", "its state"),
        Rule("mmap", rf"NULL, (?:32|80), PROT_READ\|PROT_WRITE, MAP_SHARED, \d+<{own}>, 0", "its state"),
        Rule("link", rf'"{own}", "{own}"', "its state"),
        Rule("unlink", rf'"{own}"', "its state"),
    )


def refused(calls: Iterable[Call], allowed: Iterable[Rule]) -> list[str]:
    """Return the calls that no rule lists."""
    patterns: dict[str, list[re.Pattern[str]]] = {}
    for rule in allowed:
        for name in rule.names.split():
            patterns.setdefault(name, []).append(re.compile(rule.arguments, re.DOTALL))
    return [
        str(call)
        for call in calls
        if not any(pattern.fullmatch(call.arguments) for pattern in patterns.get(call.name, ()))
    ]


def written(calls: Iterable[Call], to: str) -> Iterator[tuple[Call, bytes]]:
    """Yield the calls that wrote to file descriptors which match `to`, each with the bytes."""
    for call in calls:
        if call.name in {"write", "writev", "sendto"} and re.match(f"{to}, ", call.arguments):
            found = re.search(_TEXT, call.arguments)
            data: bytes = ast.literal_eval(f"b{found[0]}") if found else b""
            yield call, data[: max(0, int(call.result.split()[0]))] if call.result[0] != "?" else data
