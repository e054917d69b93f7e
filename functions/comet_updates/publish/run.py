"""Publish the products that an event names, each independently, and log the outcome."""

from __future__ import annotations

import functools
import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import unquote_plus

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.answer.errors import CometError
from comet_updates.answer.log import Cache, Log, Outcome, Record
from comet_updates.publish.bucket import WriteResult
from comet_updates.publish.expiry import Expiry
from comet_updates.publish.publisher import Publisher

PRODUCT_MAX_S = 60.0
"""How long one product may take: half of the function's time, so that others are published in every sweep."""

_OFFLINE = urls.document_id(object_keys.metadata_key("root", 1))
"""The place of root and targets metadata in the log."""


class SweepFailedError(CometError):
    """Something could not be published. The next sweep tries again. The text is constant: it never quotes an upload."""


class Run:
    """Publishes the products that an event names, each once and independently of the others, and logs each outcome."""

    def __init__(self, publisher: Publisher, log: Log) -> None:
        self._publisher = publisher
        self._log = log

    def batch(self, messages: Mapping[str, str]) -> list[str]:
        """Publish every product that the notifications name, then the list of products.

        Args:
            messages: the bodies by message id.

        The test event of a new bucket starts a sweep, so that a new stack need not wait for the schedule.

        Returns:
            The ids of the messages whose products could not be published.
        """
        senders: dict[str | None, set[str]] = {}
        failed = set()
        tests = set()
        for message_id, body in messages.items():
            try:
                if _is_test_event(body):
                    tests.add(message_id)
                for key in _keys(body):
                    senders.setdefault(object_keys.product_of(key), set()).add(message_id)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                # Not a notification: it comes again until SQS moves it to the dead-letter queue.
                failed.add(message_id)
        everyone = set().union(*senders.values())
        if senders and not self._has_seen_trust():
            return sorted(failed | everyone | tests)
        for product, message_ids in senders.items():
            if not self._done(product, self._strays_or(product)):
                failed |= message_ids
        # Do this even if nothing changed: an earlier run may have been killed just before this line. An upload that
        # belongs to no product may be the document about the publisher, which all pages show.
        publish_lists = self._publisher.publish_site if None in senders else self._publisher.publish_index
        if senders and not all([self._done(None, publish_lists), self._is_fresh()]):
            failed |= everyone
        if tests and not self._has_swept():
            failed |= tests
        return sorted(failed)

    def _has_swept(self) -> bool:
        try:
            self.sweep()
        except SweepFailedError:
            return False
        return True

    def sweep(self) -> None:
        """Publish everything.

        Signs snapshot and timestamp before the products: a product that ends the process, or takes all its time, must
        not let the timestamp expire for all of them. Signs them again afterwards if anything was published or failed.

        Raises:
            SweepFailedError: something could not be published. Everything else was.
        """
        try:
            self._publisher.load_trust()
        except CometError:
            raise SweepFailedError("the bucket could not be listed") from None
        done = [self._is_fresh()]
        try:
            seen = self._publisher.list_all_products()
            self._publisher.load_publisher()
        except CometError:
            raise SweepFailedError("the bucket could not be listed") from None
        outcomes = [self._outcome(None, self._publisher.refuse_strays)]
        # Use a random order: if one product takes all the time, others come before it in the next sweep.
        for product, view in random.sample(sorted(seen.items()), len(seen)):
            outcomes.append(self._outcome(product, functools.partial(self._publisher.publish, product, view)))
        if any(outcome is not Outcome.UNCHANGED for outcome in outcomes):
            done.append(self._is_fresh())
        done.append(self._done(None, self._publisher.publish_site))  # last, because it lists the pages of the products
        self._warn(self._publisher.expiries(seen))
        if not all(done) or Outcome.FAILED in outcomes:
            raise SweepFailedError("not everything could be published")

    def _warn(self, expiries: Iterable[Expiry]) -> None:
        """Log each signature that ends soon as a stale document, and each that has ended as an unavailable one."""
        for expiry in expiries:
            place = urls.DocumentId(expiry.role, "", "") if expiry.is_product else _OFFLINE
            self._log.write(Record(Outcome.UNAVAILABLE if expiry.has_ended else Outcome.UNCHANGED, place, Cache.STALE))

    def _has_seen_trust(self) -> bool:
        """Read the trusted keys and return whether that worked. If not, publish nothing: it might not be signed."""
        try:
            self._publisher.load_trust()
        except CometError:
            self._log.write(Record(Outcome.FAILED))
            return False
        return True

    def _is_fresh(self) -> bool:
        """Publish TUF's metadata if there is any. Return whether that worked."""
        return not self._publisher.has_trust or self._done(None, self._publisher.publish_trust)

    def _strays_or(self, product: str | None) -> Callable[[], WriteResult]:
        return self._publisher.refuse_strays if product is None else lambda: self._publisher.publish(product)

    def _done(self, product: str | None, publish: Callable[[], WriteResult]) -> bool:
        return self._outcome(product, publish) is not Outcome.FAILED

    def _outcome(self, product: str | None, publish: Callable[[], WriteResult]) -> Outcome:
        """Return and log the outcome of `publish`. An error does not stop the other products.

        Running out of memory or time is a failure like any other. So is a panic of a Rust library, which is not an
        `Exception`. The text of an error may quote an upload, so it is dropped.
        """
        started = time.monotonic()
        try:
            with _time_limit(PRODUCT_MAX_S):
                outcome = _outcome(publish())
        except (SystemExit, KeyboardInterrupt):  # the process must end
            raise
        except BaseException:  # noqa: BLE001
            outcome = Outcome.FAILED
        place = urls.DocumentId(product, "", "") if product and urls.is_name(product) else urls.NO_DOCUMENT
        self._log.write(Record(outcome, place, seconds=time.monotonic() - started))
        return outcome


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after some seconds. Only in the main thread, which Lambda calls.

    The error can appear at any line. That leaves what a killed process leaves, and the next run repairs that.
    """

    def stop(*_: object) -> None:
        raise TimeoutError

    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)


def _outcome(change: WriteResult) -> Outcome:
    if any(key.startswith("rejected/") for key in change.written):
        return Outcome.REFUSED
    return Outcome.PUBLISHED if change.written or change.deleted else Outcome.UNCHANGED


def _is_test_event(body: str) -> bool:
    """Return whether S3 sends this when a bucket gets its notifications. No upload caused it."""
    return bool(json.loads(body).get("Event") == "s3:TestEvent")


def _keys(body: str) -> list[str]:
    """Return the keys that an S3 notification names; none for the test event that S3 sends first."""
    return [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(body).get("Records", ())]
