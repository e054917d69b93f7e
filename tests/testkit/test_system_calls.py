"""Test the closed list of system calls: what it lets through, and that it refuses all that it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from testkit.system_calls import Call, parse, publishing, refused, rules, written

LOG = Path("/tmp/log")
RULES = rules([Path("/usr/lib")], LOG, [9000])
TCP = "5<TCP:[127.0.0.1:40000->127.0.0.1:{}]>"
OPEN = 'openat(AT_FDCWD</tmp>, "{}", {}) = 3</tmp/file>'


def calls(*lines: str) -> list[Call]:
    return [call for line in lines for call in parse(1, f"1.5 {line}\n")]


@pytest.mark.parametrize(
    "line",
    [
        "read(0x3, 0x7ffd, 0x400) = 0x34b",
        OPEN.format("/usr/lib/libc.so.6", "O_RDONLY|O_CLOEXEC"),
        OPEN.format('/usr/lib/no\\303\\251 \\"x\\"', "O_RDONLY"),
        'write(1</tmp/log>, "{\\"a\\": (1) = 2}\\n", 14) = 14',
        f'sendto({TCP.format(9000)}, "GET / HTTP/1.1\\r\\n\\r\\n", 18, MSG_NOSIGNAL, NULL, 0) = 18',
        'connect(5<TCP:[12]>, {sa_family=AF_INET, sin_port=htons(9000), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        "futex(0x7f, FUTEX_WAIT_PRIVATE, 2, NULL <unfinished ...>) = ?",
        "+++ killed by SIGKILL +++",
    ],
)
def test_call_that_is_listed_is_let_through(line: str) -> None:
    assert refused(calls(line), RULES) == []


@pytest.mark.parametrize(
    "line",
    [
        "io_uring_setup(8, {}) = 3",
        "some_new_call() = 0",
        "--- SIGALRM {si_signo=SIGALRM} ---",
        "a line without a call",
        OPEN.format("/home/file", "O_RDONLY"),
        OPEN.format("/usr/lib/../lib64", "O_WRONLY|O_CREAT, 0666"),
        OPEN.format('/usr/lib/a\\", O_RDONLY) = 3', "O_WRONLY"),
        OPEN.format("/usr/libx", "O_RDONLY"),
        'write(1</tmp/other>, "x", 1) = 1',
        'write(3</tmp/log>, "x", 1) = 1',
        'write(1</tmp/log>, "x"..., 9000000) = 9000000',
        f'sendto({TCP.format(9001)}, "x", 1, MSG_NOSIGNAL, NULL, 0) = 1',
        f'sendto({TCP.format(9000)}, "x", 1, MSG_OOB, NULL, 0) = 1',
        'sendto(5<UDP:[12]>, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(9000)}, 16) = 1',
        'connect(5<TCP:[12]>, {sa_family=AF_INET, sin_port=htons(9000), sin_addr=inet_addr("10.0.0.1")}, 16) = 0',
        'connect(5<UNIX-STREAM:[12]>, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = 0',
        "setsockopt(5<TCP:[12]>, SOL_IP, IP_OPTIONS, [1], 4) = 0",
        "socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 5<UDP:[12]>",
        "bind(5<TCP:[12]>, {sa_family=AF_INET, sin_port=htons(80)}, 16) = 0",
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0) = 0x7f",
        "clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD} => {parent_tid=[2]}, 88) = 2",
        "clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, {tv_sec=1, tv_nsec=0}, NULL) = 0",
        "poll(NULL, 0, 900) = 0 (Timeout)",
        'prctl(PR_SET_NAME, "something"...) = 0',
        'execve("/bin/true", ["true"], 0x7f) = 0',
    ],
)
def test_call_that_is_not_listed_is_refused(line: str) -> None:
    assert len(refused(calls(line), RULES)) == 1
    assert len(refused(calls(line), RULES + publishing([9000]))) == 1


def test_bytes_of_a_write_are_returned_as_they_were_written() -> None:
    line = f'writev({TCP.format(9000)}, [{{iov_base="a\\"\\0\\r\\n\\303(1) = 2", iov_len=13}}], 1) = 13'
    cut = 'write(1</tmp/log>, "a\\n", 2) = 1'
    assert [data for _, data in written(calls(line, cut), r"5<.*>")] == [b'a"\0\r\n\xc3(1) = 2']
    assert [data for _, data in written(calls(line, cut), r"1<.*>")] == [b"a"]
