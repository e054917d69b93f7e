"""Runs what an event asks for, each product by itself, and records how it ended."""

from __future__ import annotations

import functools
import json
import random
import time
from collections.abc import Callable, Mapping
from urllib.parse import unquote_plus

from comet_updates import object_keys
from comet_updates.answer import urls
from comet_updates.answer.errors import CometError
from comet_updates.answer.log import Log, Outcome, Record
from comet_updates.publish.bucket import WriteResult
from comet_updates.publish.publisher import Publisher


class SweepFailedError(CometError):
    """Something could not be published; the next sweep tries again. The text is constant on purpose."""


class Run:
    """Publishes what an event asks for, each product once and independently of the others, and records how it went."""

    def __init__(self, publisher: Publisher, log: Log) -> None:
        self._publisher = publisher
        self._log = log

    def batch(self, messages: Mapping[str, str]) -> list[str]:
        """Publish every product that the notifications name, then their list; gives the messages that failed.

        Args:
            messages: the bodies by message id.
        """
        senders: dict[str | None, set[str]] = {}
        failed = set()
        for message_id, body in messages.items():
            try:
                for key in _keys(body):
                    senders.setdefault(object_keys.product_of(key), set()).add(message_id)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                # Not a notification: it comes again until it is with the dead letters.
                failed.add(message_id)
        everyone = set().union(*senders.values())
        if senders and not self._has_seen_trust():
            return sorted(failed | everyone)
        for product, message_ids in senders.items():
            if not self._done(product, self._strays_or(product)):
                failed |= message_ids
        # Whatever the run did: it may be the second after one that was killed before it came here.
        if senders and not all([self._done(None, self._publisher.publish_index), self._is_fresh()]):
            failed |= everyone
        return sorted(failed)

    def sweep(self) -> None:
        """Publish everything.

        Signs snapshot and timestamp before the products: a product that ends the process, or takes all its time, must
        not let the timestamp expire for all of them. Signs them again afterwards if anything was published or failed.

        Raises:
            SweepFailedError: something could not be published; all the rest was.
        """
        try:
            self._publisher.load_trust()
        except CometError:
            raise SweepFailedError("the bucket could not be listed") from None
        done = [self._is_fresh()]
        try:
            seen = self._publisher.list_all_products()
        except CometError:
            raise SweepFailedError("the bucket could not be listed") from None
        outcomes = [self._outcome(None, self._publisher.refuse_strays)]
        # In another order each time: if one of them takes all the time there is, others than last time come before it.
        for product, view in random.sample(sorted(seen.items()), len(seen)):
            outcomes.append(self._outcome(product, functools.partial(self._publisher.publish, product, view)))
        if any(outcome is not Outcome.UNCHANGED for outcome in outcomes):
            done.append(self._is_fresh())
        done.append(self._done(None, self._publisher.publish_site))  # last: it lists the pages of the products
        if not all(done) or Outcome.FAILED in outcomes:
            raise SweepFailedError("not everything could be published")

    def _has_seen_trust(self) -> bool:
        """See who may sign what; without that nothing is published, since it might be what nobody signed."""
        try:
            self._publisher.load_trust()
        except CometError:
            self._log.write(Record(Outcome.FAILED))
            return False
        return True

    def _is_fresh(self) -> bool:
        """Say that all that is signed is fresh, where anything is."""
        return not self._publisher.has_trust or self._done(None, self._publisher.publish_trust)

    def _strays_or(self, product: str | None) -> Callable[[], WriteResult]:
        return self._publisher.refuse_strays if product is None else lambda: self._publisher.publish(product)

    def _done(self, product: str | None, publish: Callable[[], WriteResult]) -> bool:
        return self._outcome(product, publish) is not Outcome.FAILED

    def _outcome(self, product: str | None, publish: Callable[[], WriteResult]) -> Outcome:
        """Return how `publish` went, and record it. Whatever fails, the other products are still published.

        Memory that runs out is a failure like others, and so is a panic of a library in Rust, which is not an
        `Exception`. The text of an error may quote an upload, so it is dropped.
        """
        started = time.monotonic()
        try:
            outcome = _outcome(publish())
        except (SystemExit, KeyboardInterrupt):  # the process is told to end
            raise
        except BaseException:  # noqa: BLE001
            outcome = Outcome.FAILED
        place = urls.DocumentId(product, "", "") if product and urls.is_name(product) else urls.NO_DOCUMENT
        self._log.write(Record(outcome, place, seconds=time.monotonic() - started))
        return outcome


def _outcome(change: WriteResult) -> Outcome:
    if any(key.startswith("rejected/") for key in change.written):
        return Outcome.REFUSED
    return Outcome.PUBLISHED if change.written or change.deleted else Outcome.UNCHANGED


def _keys(body: str) -> list[str]:
    """The keys that an S3 notification names; none for the test event that S3 sends first."""
    return [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(body).get("Records", ())]
