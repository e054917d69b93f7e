"""Test hostile uploads: each is refused with a reason, and no public document changes."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from comet_updates import object_keys
from comet_updates.errors import RefusedUploadError
from comet_updates.publish.uploads import parse
from comet_updates.publish.uploads.load import Loader, list_inputs
from testkit.counts import IS_FULL
from testkit.documents import release
from testkit.events import SWEEP, notification
from testkit.project import ROOT
from tests.formats.test_hostile_texts import BOUNDED, GROWING, QUICK
from tests.hostile import corpus
from tests.hostile.counts import Counts
from tests.hostile.uploads import MANIFEST, ROCKET, begin, etags, refusal_faults, run, tried
from tests.template.expand import source

if TYPE_CHECKING:
    from testkit.fresh import Handler
    from testkit.s3 import S3, Wire

ATTACKS = corpus.attacks()
KINDS = sorted({name.partition(":")[0] for name in ATTACKS})


def of(kind: str) -> dict[str, corpus.Attack]:
    return {name: attack for name, attack in ATTACKS.items() if name.startswith(f"{kind}:")}


@pytest.mark.parametrize("kind", KINDS)
def test_attack_is_refused_with_path_and_remedy_and_changes_nothing(s3: S3, publish: Handler, kind: str) -> None:
    faults = tried(s3, publish, of(kind))
    Counts(inputs=len(of(kind)), wrong=len(faults)).told()
    assert faults == {}


@pytest.mark.http
def test_what_is_no_attack_is_noticed(s3: S3, publish: Handler) -> None:
    """Positive control: a valid release is not refused, and changes what is public."""
    sound = {"a sound release": corpus.Attack(corpus.key(), json.dumps(release("9.9.9")).encode())}
    (faults,) = tried(s3, publish, sound).values()
    assert [fault.partition(" ")[0] for fault in faults] == ["it", "nothing"]
    hostile = {"schema": 1, "key": "x", "problems": [{"path": "$.\x1b", "problem": "x", "remedy": ""}]}
    assert len([*refusal_faults(json.dumps(hostile).encode(), corpus.Attack("y", b""))]) == 4


def test_randomly_broken_upload_is_refused_or_published_without_loss(s3: S3, publish: Handler) -> None:
    budget = 300 if IS_FULL else 40
    assert run(s3, publish, {}, seed=1, budget=budget).told() == Counts(inputs=budget)


def test_all_at_once_they_are_refused_by_one_sweep(s3: S3, publish: Handler) -> None:
    public = begin(s3, publish)
    for attack in of("key").values():
        s3.put(attack.key, attack.body)
    for number, attack in enumerate([*of("JSON").values(), *of("field").values()]):
        s3.put(corpus.key(f"9.{number}.0"), attack.body)
    assert publish(SWEEP, None) == {}
    assert etags(s3) == public
    assert len(s3.keys("rejected/")) == len(of("key")) + len(of("JSON")) + len(of("field"))


@pytest.mark.full
@pytest.mark.http
def test_a_hundred_megabytes_are_refused_before_they_are_read(s3: S3, publish: Handler, wire: Wire) -> None:
    public = begin(s3, publish)
    s3.put(corpus.key(), b"{" + bytes(100_000_000))
    wire.clear()
    assert publish(notification(corpus.key()), None) == {"batchItemFailures": []}
    assert [entry for entry in wire if entry[0] == "GET" and "9.9.9" in entry[1]] == []
    assert "larger than 512000 bytes" in s3.json(object_keys.rejected_key(corpus.key()))["problems"][0]["problem"]
    assert etags(s3) == public


@pytest.mark.parametrize("key", corpus.UNLISTED_KEYS)
def test_a_key_with_a_control_character_is_no_upload_either(key: str) -> None:
    with pytest.raises(RefusedUploadError, match="the key is not valid for an upload"):
        parse.check_key(key)


@pytest.mark.http
def test_keys_are_listed_in_a_form_that_can_hold_any_of_them(s3: S3, publish: Handler, wire: Wire) -> None:
    publish(SWEEP, None)
    listings = [query for _, path, query, *_ in wire if path == f"/{s3.bucket}" and "prefix=" in query]
    assert listings
    assert [query for query in listings if "encoding-type=url" not in query] == []


@pytest.mark.http
def test_what_s3_says_of_an_upload_is_not_believed(s3: S3, publish: Handler) -> None:
    """Keep a compressed body as it is: a bomb under `Content-Encoding: gzip` stays a few bytes."""
    public = begin(s3, publish)
    body = gzip.compress(b"[" * 50_000_000, compresslevel=9, mtime=0)[: parse.UPLOAD_MAX_BYTES]
    said: dict[str, Any] = {"ContentEncoding": "gzip", "ContentType": "text/html", "CacheControl": "max-age=9"}
    s3.client.put_object(Bucket=s3.bucket, Key=corpus.key(), Body=body, **said)
    publish(notification(corpus.key()), None)
    assert s3.json(object_keys.rejected_key(corpus.key()))["problems"][0]["problem"] == "is not UTF-8 text"
    assert etags(s3) == public


READ_THEM = """
import json, re, sys
from tests.hostile.corpus import attacks, over_faults
from tests.hostile.uploads import load_from_memory
from comet_updates.publish.uploads import parse

if len(sys.argv) > 1:
    parse.NAME_MAX_CHARS = 10**6
    load_from_memory([json.dumps(over_faults("x" * 20_000)).encode()])
else:
    load_from_memory([attack.body for attack in attacks().values() if len(attack.body) > 100_000] * 2)
print(re.search(r"VmHWM:\\s+([0-9]+) kB", open("/proc/self/status").read())[1])
"""
MEMORY_MAX_KB = 350_000
"""The most memory for a process that reads hostile uploads. The publishing function has 512 MB."""


def memory_kb(*arguments: str, script: str = READ_THEM) -> int:
    """Return the memory in kB that a new process takes to read all large attacks at once, or to run `script`."""
    paths = os.pathsep.join(str(ROOT / tree) for tree in ("functions", "cli", "client", "."))
    command = [sys.executable, "-c", script, *arguments]
    run = subprocess.run(command, env={"PYTHONPATH": paths}, capture_output=True, text=True, check=True)
    return int(run.stdout)


def test_all_large_attacks_at_once_fit_into_the_memory_of_the_function() -> None:
    assert memory_kb() < MEMORY_MAX_KB


def test_without_a_bound_on_names_one_of_them_would() -> None:
    """Positive control of the test above."""
    assert memory_kb("unbounded") > MEMORY_MAX_KB


PUBLISH_THEM = """
import re, sys
from tests.hostile.uploads import documents_of_large_product
from comet_updates.publish import handler, render
from comet_updates.publish.uploads import load

channels, releases, is_limited = map(int, sys.argv[1:])
if not is_limited:
    render.DOCUMENTS_MAX_BYTES = load.UPLOADS_MAX_BYTES = load.REMEMBERED_MAX_BYTES = 10**12
documents_of_large_product(channels=channels, releases=releases)
print(re.search(r"VmHWM:\\s+([0-9]+) kB", open("/proc/self/status").read())[1])
"""
FUNCTION_KB = 500_000


@pytest.mark.full
@pytest.mark.parametrize(("channels", "releases"), [(120, 8), (0, 150)], ids=["many channels", "many releases"])
def test_large_product_is_published_in_the_memory_of_the_function(channels: int, releases: int) -> None:
    said = (str(channels), str(releases))
    assert memory_kb(*said, "1", script=PUBLISH_THEM) < FUNCTION_KB
    assert memory_kb(*said, "0", script=PUBLISH_THEM) > FUNCTION_KB, "positive control"


PUBLISH_WITHIN = """
import json, resource, sys, threading

limit_bytes, channels, releases, is_limited, notes = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes,) * 2)  # from here on, as Lambda limits the whole process
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
threading.stack_size(256 * 1024)  # the limit counts stacks that nothing uses
from tests.hostile.uploads import documents_of_large_product
from comet_updates.publish import handler, render
from comet_updates.publish.uploads import load

if not is_limited:
    render.DOCUMENTS_MAX_BYTES = load.UPLOADS_MAX_BYTES = load.REMEMBERED_MAX_BYTES = 10**12
print(len(documents_of_large_product(channels=channels, releases=releases, notes=notes)))
"""
MEMORY_SIZE_BYTES = source()["Resources"]["PublishFunction"]["Properties"]["MemorySize"] * 2**20


def is_published_within_limit(channels: int, releases: int, notes: tuple[str, str], *, is_limited: bool = True) -> bool:
    """Return whether a process with the memory of the publishing function publishes a product: see `PUBLISH_WITHIN`."""
    paths = os.pathsep.join(str(ROOT / tree) for tree in ("functions", "cli", "client", "."))
    child = subprocess.run(
        [sys.executable, "-c", PUBLISH_WITHIN],
        input=json.dumps([MEMORY_SIZE_BYTES, channels, releases, is_limited, notes]),
        env={"PYTHONPATH": paths, "MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert child.returncode == 0 or "MemoryError" in child.stderr or child.returncode < 0, child.stderr
    return child.returncode == 0 and int(child.stdout) > 0


@pytest.mark.full
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the memory of a process")
class TestMemoryLimit:
    """The system itself limits the process to the memory that the template gives to the publishing function."""

    @pytest.mark.parametrize(("channels", "releases"), [(120, 8), (0, 150)], ids=["many channels", "many releases"])
    def test_largest_product_is_published(self, channels: int, releases: int) -> None:
        notes = (ROCKET, "markdown")
        assert is_published_within_limit(channels, releases, notes)
        assert not is_published_within_limit(channels, releases, notes, is_limited=False), "positive control"

    @pytest.mark.parametrize("text", sorted(QUICK))
    def test_largest_product_with_the_worst_texts_is_published(self, text: str) -> None:
        assert is_published_within_limit(0, 150, (GROWING | BOUNDED)[text])


def test_a_refusal_does_not_hold_on_to_the_upload(s3: S3) -> None:
    s3.put(corpus.key(), ATTACKS["field: 45 000 unknown fields"].body)
    loader = Loader(s3.as_bucket())
    found = loader.load("comet-cursor", list_inputs(loader._bucket, "comet-cursor"))
    (refusal,) = found.refusals.values()
    assert (refusal.__traceback__, refusal.__cause__, refusal.__context__) == (None, None, None)


class TestTextsThatAreOnlyDangerousElsewhere:
    """Texts that are harmless to readers of JSON, XML and HTML are published unchanged, as docs/security.md says."""

    @pytest.mark.parametrize(
        "text",
        ["=cmd|' /C calc'!A0", "+1", "@SUM(1)", "${jndi:ldap://x}", "<script>alert(1)</script>", "'; DROP TABLE x; --"],
    )
    def test_a_formula_or_a_script_stays_the_text_that_it_is(self, s3: S3, publish: Handler, text: str) -> None:
        document = release(title=text, notes={"en": text})
        s3.put(corpus.key("4.2.1"), document)
        publish(SWEEP, None)
        assert s3.json(MANIFEST) == document
        assert b"<script" not in s3.get("public/pages/comet-cursor.html")

    def test_notes_may_turn_the_direction_of_their_own_text(self, s3: S3, publish: Handler) -> None:
        """Arabic and Hebrew need direction marks in notes. Names, titles and URLs may not have them."""
        s3.put(corpus.key("4.2.1"), release(notes={"he": "\u2067\u05e9\u05dc\u05dd\u2069 4.2"}))
        publish(SWEEP, None)
        assert s3.json(MANIFEST)["notes"] == {"he": "\u2067\u05e9\u05dc\u05dd\u2069 4.2"}


@pytest.mark.parametrize("product", ["comet.atom", "comet.html", "comet.json", "v1.x", "index.html", "privacy.x"])
def test_a_product_of_a_tricky_name_takes_the_place_of_no_other(s3: S3, publish: Handler, product: str) -> None:
    s3.put(corpus.key("1.0.0", product="comet"), release("1.0.0", product="comet"))
    publish(SWEEP, None)
    before = s3.tree("public/")
    s3.put(corpus.key("2.0.0", product=product), release("2.0.0", product=product))
    publish(SWEEP, None)
    after = s3.tree("public/")
    index = "public/pages/index.html"
    others = [key for key in before if not object_keys.is_of_index(key)]
    assert {key: after.get(key) for key in others} == {key: before[key] for key in others}
    assert b'href="/comet"' in after[index]
    assert f"public/pages/{product}.html" in after.keys() - before.keys()
    link = f'href="/{product}"'.encode()
    assert after[index].count(link) > before[index].count(link)


def test_an_upload_that_is_deleted_and_written_anew_is_refused_and_told(s3: S3, publish: Handler) -> None:
    public = begin(s3, publish)
    s3.put(corpus.key("4.2.1"), release(title="Not what it was"))
    publish(notification(corpus.key("4.2.1")), None)
    assert etags(s3) == public
    (problem,) = s3.json(object_keys.rejected_key(corpus.key("4.2.1")))["problems"]
    assert problem["remedy"] == "Upload the change as a new version"


@pytest.mark.parametrize(
    "message", ['"\\ud800"', '{"Records": [{"s3": {"object": {"key": "releases/\\ud800/x/1.json"}}}]}']
)
def test_a_notification_that_names_no_text_comes_again_and_harms_no_other(
    s3: S3, publish: Handler, message: str
) -> None:
    s3.put(corpus.key("4.2.1"), release())
    event = notification(corpus.key("4.2.1"))
    event["Records"].append({"messageId": "hostile", "eventSource": "aws:sqs", "body": message})
    assert publish(event, None) == {"batchItemFailures": [{"itemIdentifier": "hostile"}]}
    assert s3.json(MANIFEST)["version"] == "4.2.1"


def test_a_new_process_comes_to_the_same(s3: S3, publish: Handler) -> None:
    begin(s3, publish)
    for number, attack in enumerate(of("field").values()):
        s3.put(corpus.key(f"9.{number}.0"), attack.body)
    publish(SWEEP, None)
    once = s3.tree("public/") | s3.tree("rejected/")
    publish.__globals__["_run"].cache_clear()
    publish(SWEEP, None)
    assert s3.tree("public/") | s3.tree("rejected/") == once
