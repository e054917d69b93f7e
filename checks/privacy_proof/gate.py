"""The structural gate: rules for the code that gets a request. A request has no way out of code that keeps them.

The rules read the syntax tree and run nothing. So they also see code that runs only in the cloud, only for one client,
only later, or only once in a thousand times. Docstrings, comments and the layout of the code do not count.

1. `REQUEST` lists the functions that get a part of a request, and all code in them that names such a part.
2. Besides this code, these functions contain only statements and expressions of the kinds in `PLAIN`. None of these can
   keep anything after the function has returned.
3. The modules of these functions call only what `CALLS` lists. Their classes are lists of fields.
4. `AROUND` lists the code that makes the handler, reads the settings, and gets errors of others.
5. `KEYS` lists the functions that get a key, and what they do with it. The key of a document that does not exist holds
   names that somebody made up. So a key goes to S3, and to the log only if the document exists.

`UPLOADS` and `CLIENT` list the same for code of publishing and of the client. The rules of `imports.py` hold for the
whole answering package.
"""

from __future__ import annotations

import ast
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from checks.privacy_proof.source import Named, at, bound, own

Pieces = dict[str, type[ast.AST]]
"""Pieces of code, as `ast.unparse` writes them, and their kinds."""


class Part(NamedTuple):
    """Code that gets a part of a request, or that decides which code gets one.

    Attributes:
        given: the names of its parameters, in their order; of a class, those of its methods.
        names: the names of what must not get further.
        code: the statements and expressions that may contain these names, one after the other. Each occurs exactly
            once, and its layout does not matter.
        defaults: the defaults of its parameters, in their order. None can keep anything.
    """

    given: str
    names: str
    code: str
    defaults: str = ""

    def pieces(self) -> Pieces:
        """Return the pieces of the code."""
        body = ast.parse(textwrap.dedent(self.code)).body
        nodes = [node.value if isinstance(node, ast.Expr) else node for node in body]
        return {ast.unparse(node): type(node) for node in nodes}


REQUEST = {
    "handler.build.handle": Part(
        "event _context",
        "event _context http headers rules answer",
        """
        answer, started = respond.FAILED, 0.0
        http, headers = event["requestContext"]["http"], event.get("headers") or {}
        rules = drop_in if event["rawPath"].startswith(urls.DROP_IN) else respond
        answer = rules.respond(http["method"], event["rawPath"], headers.get("if-none-match"), reader.read)
        place = urls.document_id(answer.key) if answer.key else urls.NO_DOCUMENT
        log.write(Record(answer.outcome, place, answer.cache, time.monotonic() - started))
        return {"statusCode": answer.status, "headers": answer.headers, "body": answer.body, "isBase64Encoded": False}
        """,
    ),
    "respond.respond": Part(
        "method path if_none_match read",
        "method path if_none_match key cache",
        """
        method not in ("GET", "HEAD")
        key = urls.public_key(path)
        document, cache = read(key) if key else (None, Cache.NONE)
        if key is None or document is None:
            return NOT_FOUND if path.startswith(urls.FOR_PROGRAMS) else NO_PAGE
        key.endswith(".html")
        if_none_match is not None and _matches(if_none_match, document.etag)
        return Answer(304, validators | always, "", Outcome.NOT_MODIFIED, key, cache)
        urls.content_type(key)
        method == "GET"
        return Answer(200, fixed | validators | always, body, Outcome.ANSWERED, key, cache)
        """,
    ),
    "respond._matches": Part(
        "if_none_match etag",
        "if_none_match candidate candidates",
        """
        candidates = (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
        return if_none_match.strip() == "*" or etag in candidates
        """,
    ),
    "urls.public_key": Part(
        "path",
        "path found",
        """
        if len(path) > _URL_MAX_CHARS:
            return None
        if found := _CHANNEL_URL.fullmatch(path):
            return document_key(found["product"], found["channel"], found["document"] or MANIFEST)
        if any(pattern.fullmatch(f"public{path}") for pattern in _SERVED_AS_THEY_ARE_CALLED):
            return f"public{path}"
        if found := _NEWS_URL.fullmatch(path):
            return news_key(found["product"])
        return page_key(found["page"] or "index", found["part"] or "") if (found := _PAGE_URL.fullmatch(path)) else None
        """,
    ),
    "drop_in.respond": Part(
        "method path _if_none_match read",
        "method path _if_none_match asked is_wanted cache",
        """
        method not in ("GET", "HEAD")
        asked = urls.drop_in(path)
        document, cache = read(asked.key) if asked else (None, Cache.NONE)
        asked is None or document is None
        is_wanted = not document.key.endswith(".json") or _is_newer(json.loads(document.text)["version"], asked.version)
        if not is_wanted:
            return Answer(204, _HEADERS, "", Outcome.ANSWERED, document.key, cache)
        method == "GET"
        return Answer(200, fixed | _HEADERS, body, Outcome.ANSWERED, document.key, cache)
        """,
    ),
    "drop_in._is_newer": Part(
        "ours theirs",
        "theirs",
        """
        import semver
        return semver.Version.parse(ours) > semver.Version.parse(theirs)
        """,
    ),
    "urls.drop_in": Part(
        "path",
        "path found said document key",
        """
        found = _DROP_IN_URL.fullmatch(path) if len(path) <= _URL_MAX_CHARS else None
        if found is None:
            return None
        for form, pattern in _DROP_IN_FORMS.items():
            if said := pattern.fullmatch(found["rest"]):
                document = drop_in_document(form, (said["computer"] or "").replace("/", "-"))
                key = document_key(found["product"], found["channel"], document)
                return DropIn(key, re.sub("%2[Bb]", "+", said["version"]))
        """,
    ),
}
"""All functions that get a part of a request, by module, and all that they do with it."""

AROUND = {
    "handler": Part(
        "",
        "build handle handler",
        """
        return handle
        handler = build(Settings.from_environment(os.environ))
        """,
    ),
    "handler.Settings.from_environment": Part(
        "cls environment",
        "environment variables successes",
        """
        variables = ("BUCKET", "S3_ENDPOINT", "MEMORY_TTL_S", "LOG_LEVEL", "LOG_SUCCESSES")
        bucket, endpoint, ttl_s, level, successes = settings(environment, *variables)
        return cls(bucket, None if endpoint == "aws" else endpoint, float(ttl_s), level, successes == "true")
        """,
    ),
    "handler.build": Part(
        "settings",
        "settings handle log reader",
        """
        log = Log(successes=settings.log_successes, level=settings.log_level)
        reader = CachedStore(s3_get(settings.bucket, settings.endpoint_url), ttl_s=settings.memory_ttl_s)
        reader.read(PROBE_KEY)
        answer = rules.respond(http["method"], event["rawPath"], headers.get("if-none-match"), reader.read)
        log.write(Record(answer.outcome, place, answer.cache, time.monotonic() - started))
        return handle
        """,
    ),
    "settings.settings": Part(
        "environment variables",
        "environment",
        """
        environment.get(variable, "")
        return tuple(environment[variable] for variable in variables)
        """,
    ),
    "log._ClosedHandler.format": Part(
        "self record", "record", "return record.msg.line() if type(record.msg) is Record else NOT_A_RECORD"
    ),
    "log._ClosedHandler": Part("__init__ format stream stream", "", ""),
    "log._say_nothing": Part("_", "_", ""),
    "urls": Part(
        "",
        "_GUID NUMBERED NAME LANGUAGE DOCUMENT _LEGACY_NUMBER",
        r"""
        _GUID = r"[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}"
        NUMBERED = (
            r"(?:|[^/]*\.)(?:[Dd][Nn]-?[0-9]+|[0-9]{7,})(?![^/.])"
            rf"|(?=[^/]{{32}})(?:|[^/]*[^/0-9A-Fa-f]){_GUID}(?![0-9A-Fa-f])"
        )
        NAME = rf"(?![^/]*\.\.|{NUMBERED})[a-z0-9](?:[a-z0-9._-]{{0,62}}[a-z0-9])?"
        LANGUAGE = r"(?!(?:|[^/]*-)[Dd][Nn]-?[0-9]|[^/]*[0-9]{7})[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}"
        _LEGACY_NUMBER = (
            rf"(?:\{{|%7[Bb])?{_GUID}(?:\}}|%7[Dd])?"
            r"|(?:[Dd][Nn]-?)?[0-9]{1,20}"
        )
        DOCUMENT = (
            rf"RELEASES(?:\.json)?|(?!{NUMBERED})[a-z0-9](?:[a-z0-9-]{{0,80}}\.){{1,2}}"
            r"(?:atom|json|minisig|xml|yml)"
        )
        _CHANNEL_URL = re.compile(
            rf"/v1/(?P<product>{NAME})/(?P<channel>{NAME})"
            rf"(?:/(?P<document>{DOCUMENT}))?(?:/(?:{_LEGACY_NUMBER}))?"
        )
        _DROP_IN_URL = re.compile(rf"{DROP_IN}(?P<product>{NAME})/(?P<channel>{NAME})/(?P<rest>.+)")
        _PAGE_URL = re.compile(
            rf"/(?!(?:{_LEGACY_NUMBER})$)(?:(?P<page>{NAME})"
            rf"(?:/(?P<part>{LANGUAGE}|(?<=/page/)(?:[2-9]|[1-9][0-9]{{1,3}})))?)?"
        )
        METADATA_PATTERN = re.compile(
            rf"{METADATA}(?P<version>{NUMBER})\.(?P<role>root|targets|snapshot|product\.(?P<product>{NAME}))\.json"
        )
        TARGET_PATTERN = re.compile(rf"{TARGETS}(?P<product>{NAME})/{NAME}/[0-9a-f]{{64}}\.{MANIFEST}")
        _NEWS_URL = re.compile(rf"/(?P<product>{NAME})/feed\.atom")
        return re.fullmatch(NAME, text) is not None
        SCHEMAS = ("approval", "channel", "history", "manifest", "product", "publisher", "rejection", "release")
        DESCRIPTIONS = (*SCHEMAS, "openapi")
        PAGES = "public/pages/"
        METADATA = "public/tuf/metadata/"
        TARGETS = "public/tuf/targets/"
        MANIFEST = "manifest.json"
        TIMESTAMP = f"{METADATA}timestamp.json"
        DROP_IN = "/drop-in/"
        NUMBER = "[1-9][0-9]{0,8}"
        _URL_MAX_CHARS = 512
        _TOLD = r"/v?(?P<version>[0-9]+\.[0-9]+\.[0-9]+(?:[-+.0-9A-Za-z]|%2[Bb]){0,100})"
        _DROP_IN_FORMS = {
            "tauri": re.compile(
                rf"(?P<computer>(?:linux|windows|darwin)[/-](?:x86_64|aarch64|i686|armv7|riscv64)){_TOLD}"
            ),
            "darwin": re.compile(rf"(?:update/)?darwin(?:[_-](?P<computer>x64|arm64|universal))?{_TOLD}"),
            "RELEASES": re.compile(rf"(?:update/)?win32(?:[_-](?P<computer>x64|ia32|arm64))?{_TOLD}/RELEASES"),
        }
        _SCHEMA = re.compile(rf"public/schemas/(?:{'|'.join(DESCRIPTIONS)})\.json")
        _SERVED_AS_THEY_ARE_CALLED = (_SCHEMA, METADATA_PATTERN, TARGET_PATTERN, re.compile(re.escape(TIMESTAMP)))
        """,
    ),
}
"""Code that decides which function Lambda calls, or that gets errors and records of others, whose texts may quote a
request. The names are those of functions, settings and errors."""

KEYS = {
    "urls.document_path": Part(
        "product channel document", "product channel document", 'return f"/v1/{product}/{channel}/{document}"'
    ),
    "urls.document_key": Part(
        "product channel document",
        "product channel document",
        'return f"public{document_path(product, channel, document)}"',
    ),
    "urls.page_key": Part(
        "name part", "name part", """return f"{PAGES}{name}.{f'!{part}.' if part else ''}html\"""", defaults="''"
    ),
    "urls.news_key": Part("product", "product", 'return f"{PAGES}{product}.atom"'),
    "urls.drop_in_document": Part(
        "form computer",
        "form computer",
        """return f"drop-in-{form}{'-' if computer else ''}{computer}{'' if form == 'RELEASES' else '.json'}\"""",
        defaults="''",
    ),
    "store.CachedStore.__init__": Part(
        "self get ttl_s clock draw",
        "get ttl_s clock draw",
        """
        self._get = get
        self._ttl_s = ttl_s
        self._pause_s = min(RETRY_PAUSE_S, ttl_s)
        self._clock = clock
        self._draw = draw
        """,
        defaults="time.monotonic random.random",
    ),
    "store.CachedStore.read": Part("self key", "key", "return self._read(key)"),
    "store.CachedStore._read": Part(
        "self key",
        "key entry found",
        """
        entry = self._entries.get(key)
        if entry and self._clock() < entry.ask_at:
            self._entries.move_to_end(key)
            return entry.document, Cache.MEMORY
        found = self._ask(key, entry.document.validator if entry else None)
        if entry and self._clock() - entry.checked_at < STALE_MAX_S:
            return entry.document, Cache.STALE
        if entry and isinstance(found, Unchanged):
            self._remember(entry.document)
            return entry.document, Cache.REVALIDATED
        self._forget(key)
        if not isinstance(found, Document):
            return None, Cache.FETCHED
        self._remember(found)
        return found, Cache.FETCHED
        """,
    ),
    "store.CachedStore._ask": Part(
        "self key validator",
        "key validator",
        """
        return self._get(key, validator)
        return self._get_by(latest, key, validator)
        """,
    ),
    "store.CachedStore._get_by": Part("self latest key validator", "key validator", "return self._get(key, validator)"),
    "store.CachedStore._forget": Part(
        "self key",
        "key entry",
        """
        if entry := self._entries.pop(key, None):
            self._size_bytes -= entry.document.size_bytes
        """,
    ),
    "store.s3_get": Part(
        "bucket endpoint_url",
        "bucket endpoint_url elsewhere store get S3Store",
        """
        elsewhere: S3Config = {"endpoint": endpoint_url} if endpoint_url else {}
        store = S3Store(
            bucket,
            config=elsewhere,
            client_options={"allow_http": bool(elsewhere), "timeout": timeout, "connect_timeout": timeout},
            retry_config={"max_retries": 1, "retry_timeout": 2 * timeout},
        )
        found = store.get(key, options={"if_none_match": validator} if validator else None)
        return get
        """,
    ),
    "store.s3_get.get": Part(
        "key validator",
        "key validator found body etag",
        """
        found = store.get(key, options={"if_none_match": validator} if validator else None)
        found.meta["size"] > DOCUMENT_MAX_BYTES
        body, etag = bytes(found.bytes()), found.meta["e_tag"]
        etag != f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        return Document(key, body.decode(), len(body), f'"{hashlib.sha256(body).hexdigest()[:32]}"', etag)
        validator is None
        """,
    ),
    "log.Log.write": Part(
        "self record",
        "record write",
        """
        if record.level >= self._level and (record.level > logging.INFO or self._successes):
            logger = self._logger = self._logger or _powertools(self._handler)
            write = {logging.INFO: logger.info, logging.WARNING: logger.warning, logging.ERROR: logger.error}
            write[record.level](record)
        """,
    ),
    "log.Record.level": Part(
        "self",
        "self",
        """
        if self.outcome not in SUCCESSES:
            return logging.ERROR
        return logging.WARNING if self.cache is Cache.STALE else logging.INFO
        """,
    ),
    "log.Record.line": Part(
        "self",
        "self duration",
        """
        duration = next((name for limit, name in DURATIONS if self.seconds < limit), DURATION_ABOVE)
        return json.dumps(
            {
                "level": logging.getLevelName(self.level),
                "outcome": self.outcome.value,
                **self.document._asdict(),
                "cache": self.cache.value,
                "duration": duration,
            },
            separators=(",", ":"),
        )
        """,
    ),
}
"""The functions that get a key or a name in it, and the record of a document. Names that somebody made up look like
others, so no test would find a leak of one name. An answer's ETag and its bytes are made here, too."""

UPLOADS = {
    "handler.handler": Part("event _context", "event _context", "return _handle(event)"),
    "handler._handle": Part(
        "event",
        "event message",
        """
        event.get("sweep") is True
        failed = run.batch({message["messageId"]: message["body"] for message in event["Records"]})
        """,
    ),
    "run.Run.batch": Part(
        "self messages",
        "messages body message_id",
        """
        for message_id, body in messages.items():
            try:
                if _is_test_event(body):
                    tests.add(message_id)
                for key in _keys(body):
                    senders.setdefault(object_keys.product_of(key), set()).add(message_id)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                failed.add(message_id)
        """,
    ),
    "run._is_test_event": Part("body", "body", 'return bool(json.loads(body).get("Event") == "s3:TestEvent")'),
    "run._keys": Part(
        "body",
        "body record",
        'return [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(body).get("Records", ())]',
    ),
    "bucket.Bucket": Part("__init__ listed etags children versions get current put delete", "", ""),
    "bucket.Bucket.listed": Part(
        "self prefix",
        "pages page found",
        """
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)
        return {
            found["Key"]: Listed(found["ETag"], found["LastModified"])
            for page in _whole(pages)
            for found in page.get("Contents", ())
        }
        """,
    ),
    "bucket.Bucket.children": Part(
        "self prefix",
        "pages page found",
        """
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix, Delimiter="/")
        for page in _whole(pages):
            keys += [found["Key"] for found in page.get("Contents", ())]
            prefixes += [found["Prefix"] for found in page.get("CommonPrefixes", ())]
        """,
    ),
    "bucket.Bucket.versions": Part(
        "self prefix deletions",
        "pages page version marker",
        """
        pages = _whole(self._s3.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=prefix))
        for version in (version for page in pages for version in page.get("Versions", ())):
            key, at = version["Key"], version["LastModified"]
            stored = Stored(key, version["VersionId"], version["ETag"], version["Size"], at)
            found.setdefault(key, []).append((at, version["IsLatest"], stored))
        for marker in (marker for page in pages for marker in page.get("DeleteMarkers", ())):
            key, at = marker["Key"], marker["LastModified"]
            deletion = Stored(key, marker["VersionId"], "", 0, at)
            found.setdefault(key, []).append((at, marker["IsLatest"], deletion))
        """,
        defaults="False",
    ),
    "bucket.Bucket.get": Part(
        "self stored",
        "stored found",
        """
        found = self._s3.get_object(Bucket=self._name, Key=stored.key, VersionId=stored.version_id)
        return _body(found, stored.etag, stored.size_bytes)
        raise UnreadableObjectError(stored.key, str(error)) from error
        """,
    ),
    "bucket.Bucket.current": Part(
        "self key",
        "key found",
        """
        found = self._s3.get_object(Bucket=self._name, Key=key)
        return Current(_body(found, found["ETag"], found["ContentLength"]), found["ETag"])
        """,
    ),
    "bucket.Bucket.put": Part(
        "self key body content_type replaces",
        "key body content_type done",
        """
        done = self._s3.put_object(
            Bucket=self._name, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*"
        )
        done = self._s3.put_object(
            Bucket=self._name, Key=key, Body=body, ContentType=content_type, IfMatch=replaces
        )
        done["ETag"] != etag_of(body)
        """,
    ),
    "bucket._body": Part(
        "found etag size_bytes",
        "found",
        """
        body = found["Body"].read()
        is_md5 = "-" not in etag and found.get("ServerSideEncryption", "AES256") == "AES256"
        """,
    ),
    "bucket._whole": Part(
        "pages",
        "pages found page",
        """
        found = list(pages)
        if any("IsTruncated" not in page for page in found):
            raise LookupError
        return found
        """,
    ),
    "bucket._check_clock": Part(
        "parsed _", "parsed", 'at_s3 = parsedate_to_datetime(parsed["ResponseMetadata"]["HTTPHeaders"]["date"])'
    ),
    "bucket.open_client": Part(
        "name endpoint_url read_timeout_s",
        "client",
        """
        client = boto3.client("s3", endpoint_url=endpoint_url, config=config)
        client.meta.events.register("after-call.s3", _check_clock)
        return client
        """,
    ),
}
"""The functions of the publishing package that get a notification, which contains who uploaded, and all that they do
with it: they read the key and the id of the message, and whether it is the test event, which no upload causes. An
answer of S3 may have the owner of an object, and what a tool wrote beside it, such as a user name. So the list also has
what is read of these answers, and what is written."""

CLIENT = {
    "check.look": Part(
        "app tls now rng only_if_due",
        "app known failures failed at",
        """
        known = state.read(app.memory, rng)
        known.is_off
        app.installed.rank(app.installed.version)
        only_if_due and known.next_check is None
        state.write(app.memory, known._replace(next_check=schedule.first(now, app.interval_s, rng)))
        only_if_due and not known.is_due(now)
        failures = min(known.failures + 1, state.FAILURES_MAX)
        failed = known._replace(failures=failures, next_check=schedule.after_failure(now, failures, 0, rng))
        state.write(app.memory, failed)
        answer = app.source.ask(app.channel, app.memory, tls, now)
        at = schedule.after_failure(now, failures, error.wait_s, rng)
        state.write(app.memory, failed._replace(next_check=at))
        release = None if answer.body is None else manifest.parse(answer.body, app.channel.product)
        at = schedule.after_answer(now, app.interval_s, answer.wait_s, rng)
        state.write(app.memory, known._replace(failures=0, next_check=at))
        return choose.choose(release, app.installed, app.computer, group=known.group, skipped=known.skipped, now=now)
        """,
    ),
    "check.skip": Part(
        "app release rng",
        "app release rng known",
        """
        known = state.read(app.memory, rng)
        state.write(app.memory, known._replace(skipped=choose.known_as(release, app.installed)))
        """,
    ),
    "state.State.is_due": Part(
        "self now",
        "self now",
        "return self.next_check is None or not now < self.next_check <= now + timedelta(seconds=2 * WAIT_MAX_S)",
    ),
    "state.read": Part(
        "file rng",
        "rng",
        "return State(rng.randrange(GROUPS))",
    ),
    "schedule.first": Part(
        "now interval_s rng", "now interval_s rng", "return now + timedelta(seconds=rng.uniform(0, interval_s))"
    ),
    "schedule.after_answer": Part(
        "now interval_s wait_s rng",
        "now interval_s wait_s rng",
        "return now + timedelta(seconds=max(wait_s, rng.uniform(0.5 * interval_s, 1.5 * interval_s)))",
    ),
    "schedule.after_failure": Part(
        "now failures wait_s rng",
        "now failures wait_s rng longest_s",
        """
        longest_s = min(BACK_OFF_MAX_S, BACK_OFF_S * 2 ** min(failures - 1, _DOUBLINGS_MAX))
        return now + timedelta(seconds=wait_s + rng.uniform(0, longest_s))
        """,
    ),
    "source.Tls.ask": Part(
        "self channel memory tls now",
        "channel memory tls now",
        "return document(channel.address, tls, manifest.MANIFEST_MAX_BYTES, now)",
    ),
    "source.document": Part(
        "address tls max_bytes now",
        "address tls max_bytes",
        """
        reply, body = http.document(address, request.ask(address), tls, max_bytes)
        raise NoAnswerError(address.name, f"answers with status {reply.status}", wait_s)
        """,
    ),
    "source_minisign.Minisign.ask": Part(
        "self channel memory tls now",
        "channel memory tls manifest signature",
        """
        manifest = document(channel.address, tls, MANIFEST_MAX_BYTES, now)
        signature = document(_signature(channel), tls, SIGNATURE_MAX_BYTES, now)
        host = channel.address.name
        manifest.body is None or signature.body is None
        comment = verify.trusted_comment(manifest.body, signature.body, self.key)
        path != object_keys.target_path(channel.product, channel.channel)
        return manifest
        """,
    ),
    "source_tuf.Tuf.ask": Part(
        "self channel memory tls now",
        "channel memory tls folder service nothing",
        """
        folder, service = memory.with_suffix(".tuf"), _Service(channel.address, tls, now)
        with _told(channel.address.name, folder), tempfile.TemporaryDirectory() as nothing:
            folder.mkdir(parents=True, exist_ok=True)
            for version in range(2, self.version + 1):
                service.download_bytes(_metadata(Root.type, version), SIGNED_MAX_BYTES)
            _manifest(channel, self.root, Path(nothing), service)
            body = _manifest(channel, self.root, folder, _Retold(channel.address, service.heard))
        return Answer(body, service.heard[TIMESTAMP].wait_s)
        """,
    ),
    "source_tuf._Service._fetch": Part(
        "self url",
        "self url",
        """
        if urls.public_key(url) is None:
            raise UntrustedAnswerError(self._address.name, TrustFailure.UNREADABLE)
        self.heard[url] = document(self._address._replace(path=url), self._tls, SNAPSHOT_MAX_BYTES, self._now)
        yield _body(self.heard[url])
        """,
    ),
    "source_tuf._manifest": Part(
        "channel root folder fetcher",
        "fetcher updater",
        """
        updater = Updater(str(folder), METADATA, fetcher=fetcher, config=_LIMITS, bootstrap=root)
        updater.refresh()
        target = updater.get_targetinfo(object_keys.target_path(channel.product, channel.channel))
        body: bytes = fetcher.download_bytes(path, min(target.length, manifest.MANIFEST_MAX_BYTES))
        """,
    ),
    "download._fill": Part(
        "artifact part size_bytes tls advance",
        "artifact address offset tls",
        """
        address = request.file(artifact.url)
        offset = part.seek(0, SEEK_END)
        if offset >= size_bytes:
            offset = 0
        with http.sent(address, request.download(address, offset), tls) as reply:
            goes_on = offset > 0 and reply.status == PARTIAL
            rest = re.fullmatch(rf"bytes {offset}-[0-9]+/{size_bytes}", reply.header("content-range"))
            if (goes_on and rest) or reply.status == WHOLE:
                had = offset if goes_on else 0
                part.seek(had)
                part.truncate()
                _copy(reply, part, had, size_bytes, advance)
                return had
            if not (offset and reply.status in (PARTIAL, NO_SUCH_PART)):
                raise NoAnswerError(address.name, f"answers with status {reply.status}")
        return _fill(artifact, part, size_bytes, tls, advance)
        """,
    ),
    "request.Address.name": Part(
        "self",
        "self",
        'return self.host if self.port == (443 if self.is_tls else 80) else f"{self.host}:{self.port}"',
    ),
    "request.channel": Part(
        "url",
        "url address found",
        """
        address = _address(url, schemes=("https", "http"))
        found = _CHANNEL.fullmatch(address.path)
        not found or not (address.is_tls or address.host in LOOPBACK)
        return Channel(address, found["product"], found["channel"])
        """,
    ),
    "request.file": Part("url", "url", 'return _address(url, schemes=("https",))'),
    "request._address": Part(
        "url schemes",
        "url parts host port path query",
        """
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme not in schemes or not _HOST.fullmatch(host) or port == 0 or len(url) > URL_MAX_CHARS:
            raise AddressError(f"it must begin with {schemes[0]}:// and a host")
        parts.username is not None or parts.password is not None
        is_tls = parts.scheme == "https"
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~", errors="replace")
        query = f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~', errors='replace')}" if parts.query else ""
        return Address(host, port or (443 if is_tls else 80), path + query, is_tls)
        """,
    ),
    "request.ask": Part("address", "address", "return _get(address)"),
    "request.download": Part(
        "address offset",
        "address offset",
        'return _get(address, *((f"Range: bytes={offset}-",) if offset else ()))',
    ),
    "request._get": Part(
        "address headers",
        "address headers lines",
        """
        lines = (f"GET {address.path} HTTP/1.1", f"Host: {address.name}", *headers, "Connection: close", "", "")
        return "\\r\\n".join(lines).encode("ascii")
        """,
    ),
    "http.sent": Part(
        "address request tls is_document",
        "address request tls stream socket",
        """
        _told(address)
        stream = socket.create_connection((address.host, address.port), timeout=SILENCE_S)
        opened.enter_context(stream)
        if address.is_tls:
            stream = opened.enter_context(tls.wrap_socket(stream, server_hostname=address.host))
        stream.sendall(request)
        limited = _LimitedStream(stream)
        yield Reply(address, response)
        """,
        defaults="False",
    ),
    "http.document": Part(
        "address request tls max_bytes",
        "address request tls max_bytes",
        """
        with sent(address, request, tls, is_document=True) as reply:
            body = b""
            while chunk := reply.read():
                body += chunk
                if len(body) > max_bytes:
                    raise NoAnswerError(address.name, f"answers with more than {max_bytes} bytes")
        """,
    ),
}
"""The functions of the client that send a request and choose its time, and all that they do with what they get. The
request depends only on its URL, and its time on the clock, the wait and chance."""

PLAIN = (
    *(ast.Return, ast.Assign, ast.Expr, ast.If, ast.Try, ast.ExceptHandler, ast.Pass, ast.IfExp, ast.NamedExpr),
    *(ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.Call),
    *(ast.keyword, ast.Attribute, ast.Subscript, ast.Name, ast.expr_context, ast.Constant, ast.Dict, ast.Tuple),
    *(ast.JoinedStr, ast.FormattedValue),
)
"""What a function of `REQUEST` may consist of, besides its listed code. A function, lambda or class inside of it could
keep the request; a loop could take time that depends on it; `raise` and `assert` could show it to the runtime."""

CANNOT_FAIL = (*(ast.Return, ast.Assign, ast.Tuple, ast.Dict, ast.Attribute, ast.Name, ast.Constant, ast.expr_context),)
"""What the handler may consist of outside of its two `try` statements."""

CALLS = {
    "handler": {
        *("build", "cls", "event.get", "event['rawPath'].startswith", "float", "headers.get", "log.write"),
        *("reader.read", "rules.respond", "settings", "suppress", "time.monotonic", "urls.document_id"),
        *("CachedStore", "Log", "Record", "Settings.from_environment", "s3_get"),
    },
    "respond": {
        *("_matches", "_problem", "candidate.strip", "candidate.strip().removeprefix", "headers.items"),
        *("if_none_match.split", "if_none_match.strip", "key.endswith", "len", "name.replace", "path.startswith"),
        *("read", "str", "urls.content_type", "urls.public_key", "Answer", "NOT_FOUND._replace", "Path"),
        *("Path(__file__).with_name", "Path(__file__).with_name('not_found.html').read_text"),
    },
    "urls": {
        *("_CHANNEL_URL.fullmatch", "_DROP_IN_URL.fullmatch", "_NEWS_URL.fullmatch", "_PAGE_URL.fullmatch"),
        *("pattern.fullmatch", "re.compile", "re.escape", "re.fullmatch", "re.sub", "any", "len", "'|'.join"),
        *("document_key", "document_path", "drop_in_document", "news_key", "page_key", "DocumentId", "DropIn"),
        *("(said['computer'] or '').replace", "_DROP_IN_FORMS.items", "key.split", "key.rpartition"),
        "key.rpartition('/')[2].rpartition",
    },
    "drop_in": {
        *("_is_newer", "document.key.endswith", "json.loads", "read", "semver.Version.parse", "str"),
        *("urls.content_type", "urls.drop_in", "Answer", "NOT_FOUND._replace"),
    },
}
"""Module with functions of `REQUEST` → everything that it calls, anywhere. None of it keeps or sends its arguments."""
HEADERS = {
    *("cache-control", "content-length", "content-security-policy", "content-type", "etag"),
    *("access-control-allow-origin", "strict-transport-security", "x-content-type-options"),
}
"""All keys of the dictionaries in the modules that make an answer."""
DECORATORS = {"classmethod", "contextmanager", "property"}
METHODS = {"from_environment"}
"""The only methods in these modules: their classes are otherwise lists of fields, which cannot do anything."""


def violations(module: str, text: str) -> list[str]:
    """Return every place at which `text`, as the source of a `module` of the answering function, breaks a rule."""
    tree, short = ast.parse(text), module.rpartition(".")[2]
    parts = [_part(tree, name, part) for name, part in (REQUEST | AROUND | KEYS).items() if name.split(".")[0] == short]
    return [f"{module}, {problem}" for problems in (_calls(short, tree), *parts) for problem in problems]


def violations_of_uploads(module: str, text: str) -> list[str]:
    """Return the same for a module of publishing."""
    return _elsewhere(module, text, UPLOADS) if module.startswith("comet_updates.publish.") else []


def violations_of_client(module: str, text: str) -> list[str]:
    """Return the same for a module of the client."""
    return _elsewhere(module, text, CLIENT) if module.startswith("comet_updates_client.") else []


def _elsewhere(module: str, text: str, listed: Mapping[str, Part]) -> list[str]:
    tree, short = ast.parse(text), module.rpartition(".")[2]
    parts = [_part(tree, name, part) for name, part in listed.items() if name.split(".")[0] == short]
    return [f"{module}, {problem}" for part in parts for problem in part]


def _part(tree: ast.Module, name: str, part: Part) -> Iterator[str]:
    node: Named = tree
    for inner in name.split(".")[1:]:
        same = [made for made in own(node) if isinstance(made, (ast.ClassDef, ast.FunctionDef)) and made.name == inner]
        if len(same) != 1:
            yield f"line 1: `{name}` is there {len(same)} times, not once"
            return
        node = same[0]
    pieces, times = part.pieces(), Counter[str]()
    for inside in _besides(node.body, pieces):
        if _is_in(pieces, inside):
            times[ast.unparse(inside)] += 1
        elif isinstance(inside, ast.Name) and inside.id in part.names.split():
            yield at(inside, "is used in code that is not listed")
        elif name in REQUEST:
            yield from _plain(inside)
    yield from (f"line 1: `{piece}` is there {times[piece]} times, not once" for piece in pieces if times[piece] != 1)
    yield from _signature(node, part)
    if name == "handler.build.handle":
        yield from (at(inside, "could raise an error") for inside in node.body if not _is_quiet(inside))


def _plain(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, PLAIN):
        yield at(node, "is not of a plain kind")
    elif isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        yield at(node, "keeps something after the function has returned")
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield at(node, "keeps an error, whose text may quote the request")


def _signature(node: Named, part: Part) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        methods = [made.name for made in own(node) if isinstance(made, ast.FunctionDef)]
        if methods != part.given.split():
            yield f"line {node.lineno}: `{node.name}` has other methods than those that are listed"
    if not isinstance(node, ast.FunctionDef):
        return
    args = node.args
    names = [parameter.arg for parameter in ast.walk(args) if isinstance(parameter, ast.arg)]
    defaults = [ast.unparse(default) for default in (*args.defaults, *args.kw_defaults) if default]
    if names != part.given.split() or defaults != part.defaults.split():
        yield f"line {node.lineno}: `{node.name}` has other parameters than those that are listed"
    yield from (at(made, "changes a function") for made in node.decorator_list if ast.unparse(made) not in DECORATORS)


def _besides(nodes: Iterable[ast.AST], pieces: Pieces) -> Iterator[ast.AST]:
    """Yield `nodes` and what is inside of them, but not what is inside of listed `pieces`, and no docstrings."""
    for node in nodes:
        if not _is_docstring(node):
            yield node
            if not _is_in(pieces, node):
                yield from _besides(ast.iter_child_nodes(node), pieces)


def _is_in(pieces: Pieces, node: ast.AST) -> bool:
    return type(node) in pieces.values() and ast.unparse(node) in pieces


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_quiet(statement: ast.stmt) -> bool:
    """Return whether a statement of the handler cannot raise an error, which the runtime would log."""
    match statement:
        case ast.Try(handlers=[ast.ExceptHandler(type=ast.Name("BaseException"), body=[ast.Pass()])]):
            return not statement.orelse and not statement.finalbody
    return _is_docstring(statement) or all(isinstance(node, CANNOT_FAIL) for node in ast.walk(statement))


def _calls(module: str, tree: ast.Module) -> Iterator[str]:
    if module not in CALLS:
        return
    times = Counter(bound(ast.walk(tree)))
    yield from (f"line 1: `{name}` means two things" for name in bound(own(tree)) if times[name] > 1)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) not in CALLS[module]:
            yield at(node, "calls what is not listed")
        elif isinstance(node, ast.Dict) and module in ("respond", "drop_in"):
            keys = (key for key in node.keys if key and getattr(key, "value", None) not in HEADERS)
            yield from (at(key, "is not a listed header") for key in keys)
        elif isinstance(node, ast.ClassDef):
            more = [inner for inner in node.body if not isinstance(inner, ast.AnnAssign) and not _is_docstring(inner)]
            methods = [inner for inner in more if isinstance(inner, ast.FunctionDef) and inner.name in METHODS]
            if [ast.unparse(base) for base in node.bases] != ["NamedTuple"] or methods != more:
                yield f"line {node.lineno}: class `{node.name}` is more than a list of fields"
