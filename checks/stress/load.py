"""A part of `make torture`: the service at its full rate, while S3 fails again and again and releases are published.

Three processes: the answering function behind HTTP, as `comet-updates serve` has it; clients; and here the S3, its
queue, the publishing function and a release pipeline. Each function asks S3 through a proxy of its own that misbehaves.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import random
import re
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from checks.stress import clients, decisions
from checks.stress.clients import Connection, Found
from comet_updates.answer.log import Outcome
from comet_updates.publish.bucket import Bucket, open_bucket
from comet_updates_cli.local import gateway
from comet_updates_cli.local.gateway import Handler
from comet_updates_cli.local.local_aws import LocalAws
from testkit import proxy
from testkit.counts import Counts
from testkit.proxy import Proxy, proxied

MINUTES = float(os.environ.get("TORTURE_MINUTES", "10"))
PLANTED = os.environ.get("TORTURE_PLANTED", "")
"""A fault to plant, to see that it is noticed: `byte`, a byte of an answer; `release`, a release that is not published;
`end`, the end of the service.
"""

BUCKET, REGION = "load", "us-east-1"
TTL_S = 1
BETWEEN_DECISIONS_S = 3.0
FAULTY_S = (0.05, 0.5, 3.0)
SETTLED_WITHIN_S = 8.0 if PLANTED else 45.0
MEMORY_GROWTH_MAX_MB = 8.0
MEMORY_COUNTS_FROM_MINUTES = 2.0  # before that, a process still grows to its size


class Held(NamedTuple):
    """The results of the load.

    Attributes:
        found: the observations of the clients.
        memory: of the service in MB, second by second.
        late: how many documents still had an old answer at the end.
        lost: how many documents were not published as decided.
        faults: how often an S3 misbehaved.
    """

    found: Found
    memory: list[float]
    late: int
    lost: int
    faults: int


class Service(NamedTuple):
    """The answering function, in a process of its own."""

    process: Any
    port: int

    def memory_mb(self) -> float:
        """Return its resident memory in MB.

        Raises:
            ChildProcessError: the process has ended.
        """
        if self.process.is_alive():
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            if resident := re.search(r"VmRSS:\s+(\d+) kB", status):
                return int(resident[1]) / 1024
        self.process.join()  # it has ended, and has no memory any more
        raise ChildProcessError(f"the service ended by itself, with exit code {self.process.exitcode}")


def run(counts: Counts) -> bool:
    """Run the load for `MINUTES`. Print the speed and the memory. Return whether nothing was wrong or lost."""
    made = list(decisions.decisions(max(8, int(MINUTES * 60 / BETWEEN_DECISIONS_S))))
    aws = LocalAws(_free_port(), BUCKET, REGION)
    _set_environment(aws.endpoint_url)
    with redirect_stdout(io.StringIO()) as log:  # of publishing: a line for each failure
        aws.start()
        try:
            held = _run(aws, made)
        finally:
            aws.stop()
    counts.add(faults=held.faults, answers=held.found.answers, wrong=held.found.wrong + held.late, lost=held.lost)
    print(f"publishing failed {log.getvalue().count(Outcome.FAILED.value)} times, and was tried again")
    return _report(held)


def _run(aws: LocalAws, made: list[decisions.Decision]) -> Held:
    s3 = boto3.client("s3", endpoint_url=aws.endpoint_url)
    right, rehearsed = decisions.rehearse(made)
    s3_port = int(aws.endpoint_url.rpartition(":")[2])
    with proxied(s3_port, hides_missing=True) as for_answers, proxied(s3_port) as for_publishing:
        os.environ["S3_ENDPOINT"] = for_publishing.url
        from comet_updates.publish.handler import handler as publish  # noqa: PLC0415 (it reads where S3 is)

        publish({"sweep": True}, None)
        first = len(decisions.PRODUCTS)
        for decision in made[:first]:
            s3.put_object(Bucket=BUCKET, Key=decision.key, Body=decision.body)
        publish({"sweep": True}, None)
        with _service(for_answers.url) as service:
            _prime(service, right)
            aws.trigger(publish)
            found, memory = _hold(service, right, made, s3, [for_answers, for_publishing])
            lost = _lost(rehearsed, open_bucket(BUCKET, aws.endpoint_url))
            late = _late(service, right, len(made))
        return Held(found, memory, late, lost, for_answers.faults + for_publishing.faults)


def _hold(
    service: Service,
    right: decisions.Right,
    made: list[decisions.Decision],
    s3: Any,  # noqa: ANN401
    proxies: list[Proxy],
) -> tuple[Found, list[float]]:
    """Run everything at once.

    Return the observations of the clients, and the memory of the service, second by second.
    """
    first = len(decisions.PRODUCTS)
    spawn = multiprocessing.get_context("spawn")
    begun, over = spawn.Value("i", first), spawn.Event()
    here, there = spawn.Pipe()
    asking = spawn.Process(target=_ask, args=(service.port, right, begun, over, there))
    asking.start()
    there.close()  # closed here, so that its end is noticed
    faulty = [threading.Thread(target=_fail, args=(each, seed, over)) for seed, each in enumerate(proxies)]
    for thread in faulty:
        thread.start()
    memory, started = [], time.monotonic()
    until, left = started + MINUTES * 60, made[first:]
    pause = MINUTES * 60 / (len(left) + 1)
    try:
        while (now := time.monotonic()) < until:
            if left and now >= started + pause * (len(made) - first - len(left) + 1):
                begun.value += 1
                decision = left.pop(0)
                if not (PLANTED == "release" and not left):
                    s3.put_object(Bucket=BUCKET, Key=decision.key, Body=decision.body)
            memory.append(service.memory_mb())
            time.sleep(min(1.0, pause / 4))
    finally:
        over.set()
        found: Found = here.recv()
        asking.join()
        for thread in faulty:
            thread.join()
    return found, memory


def _ask(port: int, right: decisions.Right, begun: Any, over: Any, there: Pipe) -> None:  # noqa: ANN401
    there.send(clients.ask_on(port, right, begun, over.is_set))


def _fail(between: Proxy, seed: int, over: Any) -> None:  # noqa: ANN401
    """Misbehave from time to time, in every way in turn, until the end."""
    chance = random.Random(seed)
    while not over.is_set():
        faults = list(proxy.ALL)
        chance.shuffle(faults)
        for fault in faults:
            if over.wait(chance.choice(FAULTY_S)):
                break
            between.misbehave(fault)
            over.wait(chance.choice(FAULTY_S))
            between.heal()
    between.heal()


def _prime(service: Service, right: decisions.Right) -> None:
    connection = Connection(service.port)
    for path in right:
        assert connection.ask(path).status == 200, path  # noqa: PLR2004
    connection.close()


def _lost(rehearsed: Bucket, real: Bucket) -> int:
    """Return the number of public documents that differ from the last decision, once queue and sweeps settle."""
    until = time.monotonic() + SETTLED_WITHIN_S
    while (lost := _differences(rehearsed, real)) and time.monotonic() < until:
        time.sleep(1)
    return lost


def _differences(one: Bucket, other: Bucket) -> int:
    own, theirs = (
        {f"public/v1/{product}": bucket.etags(f"public/v1/{product}/") for product in decisions.PRODUCTS}
        for bucket in (one, other)
    )
    return sum(len(own[prefix].items() ^ theirs[prefix].items()) for prefix in own)


def _late(service: Service, right: decisions.Right, number: int) -> int:
    """Return the number of documents with an old answer, once S3 works again and the time to live is over."""
    time.sleep(2 * TTL_S)
    connection = Connection(service.port)
    late = 0
    for path, etags in right.items():
        told = connection.ask(path)
        late += not any(span.last >= number for span in etags.get(told.etag, ()))
    connection.close()
    return late


def _report(held: Held) -> bool:
    found, memory = held.found, held.memory
    seconds = sorted(found.seconds)
    rate = found.answers / (MINUTES * 60)
    parts = ", ".join(
        f"{share}% {seconds[int(len(seconds) * share / 100)] * 1000:.1f} ms" for share in (50, 90, 99, 99.9)
    )
    print(f"{found.answers} answers, {rate:.0f} a second: {parts}, longest {seconds[-1] * 1000:.0f} ms")
    quarter = max(1, len(memory) // 4)
    early, end = statistics.median(memory[quarter : 2 * quarter]), statistics.median(memory[-quarter:])
    print(f"memory: {early:.1f} MB in the second quarter, {end:.1f} MB in the last")
    for word in found.words:
        print(f"wrong: {word}")
    if held.late or held.lost:
        print(f"in the end {held.lost} documents are not published, and {held.late} not answered, as decided last")
    return MINUTES < MEMORY_COUNTS_FROM_MINUTES or end - early <= MEMORY_GROWTH_MAX_MB


@contextmanager
def _service(endpoint_url: str) -> Iterator[Service]:
    spawn = multiprocessing.get_context("spawn")
    port = _free_port()
    process = spawn.Process(target=_serve, args=(endpoint_url, port), daemon=True)
    process.start()
    try:
        _until_it_listens(port)
        yield Service(process, port)
    finally:
        process.terminate()
        process.join()


def _serve(endpoint_url: str, port: int) -> None:
    import uvicorn  # noqa: PLC0415 (only in this process)

    os.environ["S3_ENDPOINT"] = endpoint_url
    from comet_updates.answer.handler import handler  # noqa: PLC0415 (it reads its settings)

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads its log here
    planted = {"byte": _with_wrong_byte, "end": _that_ends}.get(PLANTED)
    served = planted(handler) if planted else handler
    application = gateway.application(served)
    options: dict[str, Any] = {"lifespan": "off", "log_config": None, "access_log": False, "server_header": False}
    uvicorn.run(application, host=proxy.HOST, port=port, **options)


def _with_wrong_byte(handler: Handler) -> Handler:
    """Return a handler that changes a byte of every tenth document."""
    asked = 0

    def wrong(event: dict[str, Any], context: object) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        answer = handler(event, context)
        if asked % 10 == 0 and answer["statusCode"] == 200:  # noqa: PLR2004
            return answer | {"body": " " + answer["body"][1:]}
        return answer

    return wrong


def _that_ends(handler: Handler) -> Handler:
    """Return a handler that ends its process after 30 requests. Then the clients are asking."""
    asked = 0

    def ending(event: dict[str, Any], context: object) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked > 30:  # noqa: PLR2004
            os._exit(3)
        return handler(event, context)

    return ending


def _until_it_listens(port: int) -> None:
    for _ in range(300):
        try:
            Connection(port).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def _free_port() -> int:
    with socket.create_server((proxy.HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def _set_environment(endpoint_url: str) -> None:
    """Point this process, and those that it starts, at this machine."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        AWS_EC2_METADATA_DISABLED="true",
        S3_ENDPOINT=endpoint_url,
        NO_PROXY=proxy.HOST,
        BUCKET=BUCKET,
        MEMORY_TTL_S=str(TTL_S),
        LOG_LEVEL="ERROR",
        LOG_SUCCESSES="false",
        ONLINE_KEY="none",
        SERVICE_URL="none",
    )
