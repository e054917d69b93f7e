"""Clients that send requests as fast as they get answers, and compare each answer with the right ones."""

from __future__ import annotations

import array
import itertools
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from checks.stress.decisions import Right, etag

CONNECTIONS = 4
UNKNOWN = "/v1/unknown/stable"
BETWEEN_KNOWN = 20  # the number of requests for known documents before one for an unknown document
WORDS_MAX = 10


class Told(NamedTuple):
    """An answer."""

    status: int
    etag: str
    body: bytes


class Found(NamedTuple):
    """The observations of the clients: number of answers, seconds that each took, number of faults and their words."""

    answers: int
    seconds: array.array[float]
    wrong: int
    words: list[str]


class Judge:
    """Checks the answers to one client: each must have been decided, and must not be older than one it saw."""

    def __init__(self, right: Right) -> None:
        self._right = right
        self._seen = dict.fromkeys(right, 0)

    def is_right(self, path: str, told: Told, sent: str, begun: int) -> str:
        """Return the fault of an answer, in words, or an empty string if the answer is right.

        Args:
            path: the path of the request.
            told: the answer.
            sent: the `If-None-Match` of the request, or an empty string.
            begun: how many uploads of decisions had begun when the answer came.
        """
        if path not in self._right:
            return "" if told.status in (404, 503) else f"{told.status} for an unknown document"
        if told.status == 304 and told.etag != sent:  # noqa: PLR2004
            return "304 for another copy"
        if told.status == 200 and told.etag != etag(told.body):  # noqa: PLR2004
            return "a body that is not what its ETag says"
        if told.status not in (200, 304):
            return f"{told.status} for a known document"
        return self._not_right_now(path, told.etag, begun)

    def _not_right_now(self, path: str, tag: str, begun: int) -> str:
        spans = self._right[path].get(tag, ())
        if not spans:
            return "a document that was never decided"
        possible = [span for span in spans if span.first < begun and span.last >= self._seen[path]]
        if not possible:
            return f"a document that is not right at this time: {list(spans)}, after {begun} decisions"
        self._seen[path] = max(self._seen[path], min(possible, key=lambda span: span.last).first)
        return ""


class Connection:
    """One kept-alive connection to the service."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""

    def ask(self, path: str, if_none_match: str = "") -> Told:
        """Send a request, and read the whole answer.

        Raises:
            OSError: the connection failed.
            ValueError: the answer is not valid HTTP.
        """
        condition = f"if-none-match: {if_none_match}\r\n" if if_none_match else ""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{condition}\r\n".encode())
        head = self._until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        status = int(lines[0].split()[1])
        body = b"" if status == 304 else self._take(int(headers["content-length"]))  # noqa: PLR2004
        return Told(status, headers.get("etag", ""), body)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._left:
            self._more()
        taken, _, self._left = self._left.partition(mark)
        return taken

    def _take(self, size: int) -> bytes:
        while len(self._left) < size:
            self._more()
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def _more(self) -> None:
        received = self._socket.recv(1 << 18)
        if not received:
            raise ConnectionResetError
        self._left += received


def ask_on(port: int, right: Right, begun: Any, is_over: Callable[[], bool]) -> Found:  # noqa: ANN401 (a shared number)
    """Send requests on several connections at once until `is_over`."""
    found: list[Found] = []
    threads = [
        threading.Thread(target=lambda seed=seed: found.append(_one(seed, port, right, begun, is_over)))
        for seed in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = array.array("d", itertools.chain.from_iterable(each.seconds for each in found))
    words = [word for each in found for word in each.words][:WORDS_MAX]
    return Found(sum(each.answers for each in found), seconds, sum(each.wrong for each in found), words)


def _one(seed: int, port: int, right: Right, begun: Any, is_over: Callable[[], bool]) -> Found:  # noqa: ANN401
    chance, judge, connection = random.Random(seed), Judge(right), Connection(port)
    copies: dict[str, str] = {}
    paths = [*right] * (BETWEEN_KNOWN // len(right) + 1) + [UNKNOWN]
    seconds, words, wrong = array.array("d"), list[str](), 0
    while not is_over():
        path = chance.choice(paths)
        sent = copies.get(path, "") if chance.random() < 0.3 else ""  # noqa: PLR2004
        started = time.perf_counter()
        try:
            told = connection.ask(path, sent)
        except (OSError, ValueError, KeyError, IndexError) as error:
            told = Told(0, "", repr(error).encode())
            connection.close()
            try:
                connection = Connection(port)
            except OSError as refused:
                return Found(len(seconds), seconds, wrong + 1, [*words, f"nobody listens any more: {refused}"])
        seconds.append(time.perf_counter() - started)
        if said := judge.is_right(path, told, sent, begun.value):
            wrong += 1
            words.append(f"{path}: {said}")
            del words[WORDS_MAX:]
        elif told.status == 200:  # noqa: PLR2004
            copies[path] = told.etag
    connection.close()
    return Found(len(seconds), seconds, wrong, words)
