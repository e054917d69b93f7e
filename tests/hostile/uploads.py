"""Hostile uploads for the real publishing function: many here, and a few in `test_uploads.py`."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jsonschema

from comet_updates import object_keys
from comet_updates.publish.render import render
from comet_updates.publish.stored import Stored
from comet_updates.publish.uploads.load import Loader
from comet_updates.publish.uploads.parse import PROBLEMS_MAX
from testkit.documents import release
from testkit.events import SWEEP, notification
from testkit.project import ROOT
from tests.hostile import corpus
from tests.hostile.counts import Counts

if TYPE_CHECKING:
    from comet_updates.publish.uploads.accept import AcceptedUploads
    from testkit.fresh import Handler
    from testkit.s3 import S3

NOW = datetime(2026, 11, 27, tzinfo=UTC)
REJECTION = jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / "rejection.json").read_text()))
REJECTION_MAX_BYTES = 1_000 * PROBLEMS_MAX
MANIFEST = "public/v1/comet-cursor/stable/manifest.json"


def etags(s3: S3) -> dict[str, str]:
    """Return the hash of each public document, by key."""
    return s3.as_bucket().etags("public/")


def begin(s3: S3, publish: Handler) -> dict[str, str]:
    """Publish a release that no later upload may change. Return the hashes of what is public."""
    s3.put(corpus.key("4.2.1"), release())
    publish(SWEEP, None)
    assert s3.json(MANIFEST)["version"] == "4.2.1"
    return etags(s3)


def tried(s3: S3, publish: Handler, attacks: dict[str, corpus.Attack]) -> dict[str, list[str]]:
    """Upload each attack, notify the publisher, and delete it. Return the faults by the name of the attack."""
    public = begin(s3, publish)
    found = {}
    for name, attack in attacks.items():
        if faults := [*_tried(s3, publish, attack, public)]:
            found[name] = faults
    s3.put(corpus.key("4.2.2"), release("4.2.2"))
    publish(notification(corpus.key("4.2.2")), None)
    if s3.json(MANIFEST)["version"] != "4.2.2" or s3.keys("rejected/"):
        found["a sound release after all that"] = ["is not published, or a refusal stays though its upload is gone"]
    return found


def _tried(s3: S3, publish: Handler, attack: corpus.Attack, public: dict[str, str]) -> Iterable[str]:
    s3.put(attack.key, attack.body)
    if publish(notification(quote(attack.key)), None)["batchItemFailures"]:
        yield "the event comes again"
    if changed := {*etags(s3).items()} ^ {*public.items()}:
        yield f"it changes {sorted({key for key, _ in changed})}"
    rejected = object_keys.rejected_key(attack.key)
    if refusal := s3.as_bucket().current(rejected):
        yield from refusal_faults(refusal.body, attack)
    else:
        yield "nothing says why"
    s3.delete(attack.key)
    s3.delete(rejected)  # as the next run would


def refusal_faults(body: bytes, attack: corpus.Attack) -> Iterable[str]:
    """Yield the faults of a refusal."""
    refusal: Any = json.loads(body)
    if len(body) > REJECTION_MAX_BYTES:
        yield f"the refusal has {len(body)} bytes"
    if not REJECTION.is_valid(refusal) or refusal["key"] != attack.key:
        yield "the refusal does not name the file"
    if attack.path not in {problem["path"] for problem in refusal["problems"]}:
        yield f"the refusal names {sorted(problem['path'] for problem in refusal['problems'])[:3]}, not {attack.path}"
    if not all(problem["problem"] and problem["remedy"] for problem in refusal["problems"]):
        yield "the refusal says no remedy"
    texts = [problem[said] for problem in refusal["problems"] for said in ("path", "problem", "remedy")]
    if not "".join(texts).isprintable():
        yield "the refusal holds what a terminal would act on"


def load_from_memory(bodies: Iterable[bytes]) -> AcceptedUploads:
    """Read uploads as the publisher does, from a dictionary as a bucket. A process of its own calls this."""
    stored = {Stored(corpus.key(f"9.{n}.0"), "1", "an ETag", len(body), NOW): body for n, body in enumerate(bodies)}
    bucket: Any = SimpleNamespace(get=stored.__getitem__, current=lambda _: None)
    return Loader(bucket).load(corpus.PRODUCT, {one.key: (one,) for one in stored})


ROCKET = "🚀" + "x" * 99_000


def documents_of_large_product(
    *, channels: int = 0, releases: int = 8, notes: tuple[str, str] = (ROCKET, "markdown")
) -> dict[str, bytes]:
    """Return the documents of a product with large releases on one channel; for a process of its own.

    A rocket makes each of its letters take four bytes in memory.

    Args:
        channels: how many more channels include it.
        releases: how many releases it has, of half a megabyte each.
        notes: their notes in each of five languages, and the format of the notes.
    """
    bodies: dict[Stored, bytes] = {}

    def put(key: str, document: dict[str, Any]) -> None:
        body = json.dumps(document, ensure_ascii=False).encode()
        bodies[Stored(key, "1", "an ETag", len(body), NOW)] = body

    texts = dict.fromkeys(("en", "de", "fr", "it", "es"), notes[0])
    for number in range(releases):
        put(corpus.key(f"1.{number}.0", "large"), release(f"1.{number}.0", "large", notes=texts, notes_format=notes[1]))
    for number in range(channels):
        policy = {"schema": 1, "product": corpus.PRODUCT, "channel": f"c{number:04}", "includes": ["large"]}
        put(object_keys.channel_key(corpus.PRODUCT, f"c{number:04}"), policy)
    bucket: Any = SimpleNamespace(get=bodies.__getitem__, current=lambda _: None)
    accepted = Loader(bucket).load(corpus.PRODUCT, {stored.key: (stored,) for stored in bodies})
    return render(accepted, NOW).documents


def run(s3: S3, publish: Handler, attacks: dict[str, corpus.Attack], *, seed: int, budget: int) -> Counts:
    """Try these attacks, then `budget` uploads broken at random: each is published or refused, and nothing is lost."""
    counts = Counts(inputs=len(attacks), wrong=len(tried(s3, publish, attacks)))
    version, key = "9.9.9", corpus.key("9.9.9")
    for body in islice(corpus.mutated(random.Random(seed)), budget):
        s3.put(key, body)
        failed = publish(notification(key), None)["batchItemFailures"]
        released = {past["version"] for past in s3.json("public/v1/comet-cursor/stable/releases.json")["releases"]}
        is_refused = bool(s3.keys(object_keys.rejected_key(key)))
        counts.inputs += 1
        counts.wrong += bool(failed) or is_refused == (version in released)
        counts.lost += "4.2.1" not in released
        # Delete all its versions, so that the run does not become slower and slower.
        s3.purge(key)
    return counts
