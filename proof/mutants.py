"""Leaks to build into a copy of the project, one at a time: each has to make a check fail.

A mutant is a piece of text that is replaced, so that a reviewer can read what was tried. Each breaks promises, and is
killed only by a check of one of these.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """A change that breaks promises.

    Attributes:
        name: what the service would do then.
        breaks: the ids of the promises.
        file: which one is changed, from the root of the project.
        old: what stands there exactly once.
        new: what takes its place.
    """

    name: str
    breaks: str
    file: str
    old: str
    new: str


HANDLER = "functions/comet_updates/answer/handler.py"
RESPOND = "functions/comet_updates/answer/respond.py"
DROP_IN = "functions/comet_updates/answer/drop_in.py"
FETCH = "functions/comet_updates/answer/fetch.py"
NAMES = "functions/comet_updates/names.py"
RECORD = "functions/comet_updates/record.py"
MODEL = "functions/comet_updates/model.py"
PUBLISH = "functions/comet_updates/publish/handler.py"
CLIENT_REQUEST = "functions/comet_updates/client/request.py"
CLIENT_LOOKING = "functions/comet_updates/client/looking.py"
CLIENT_BY_TUF = "functions/comet_updates/client/by_tuf.py"
CLIENT_SCHEDULE = "functions/comet_updates/client/schedule.py"
CLIENT_STATE = "functions/comet_updates/client/state.py"
CLIENT_WIRE = "functions/comet_updates/client/wire.py"
CLIENT_COMMAND = "functions/comet_updates/cli/asking.py"
TEMPLATE = "template.yaml"

_STARTED = "            started = time.monotonic()\n"
_FIRST_GUARD = "        except BaseException:  # noqa: BLE001, S110 (whatever"
_SECOND_GUARD = "        except BaseException:  # noqa: BLE001, S110 (an answer"
_RETURN = '        return {"statusCode": answer.status, '


def _early(name: str, breaks: str, code: str) -> Mutant:
    """`code` runs in the handler before the request is looked at."""
    return Mutant(name, breaks, HANDLER, _STARTED, f"{_STARTED}            {code}\n")


_IN_HANDLER = (
    _early("prints the event", "P1 P4 P6 P7", "print(event)"),
    _early("prints the address", "P4 P6", 'print(event["requestContext"]["http"].get("sourceIp"))'),
    _early(
        "prints a keyed hash of the address",
        "P4 P6",
        'import hmac; print(hmac.new(b"k", repr(event["requestContext"]).encode(), "md5").hexdigest()[:8])',
    ),
    _early(
        "prints the length of the user agent",
        "P1 P4",
        'print(len(event["requestContext"]["http"].get("userAgent") or ""))',
    ),
    _early(
        "prints the network of the address", "P4", 'print(str(event["requestContext"]["http"].get("sourceIp"))[:7])'
    ),
    _early("prints the query to standard error", "P7", 'os.write(2, event["rawQueryString"].encode())'),
    _early("prints the id of the request", "P4", "print(_context.aws_request_id)"),
    _early("logs the event through another logger", "P4 P7", 'import logging; logging.getLogger("x").warning(event)'),
    _early(
        "prints the event where a debug flag is set",
        "P4 P7",
        'if os.environ.get("POWERTOOLS_DEV"): print(event)',
    ),
    _early(
        "keeps a table of clients in memory",
        "P4",
        'globals().setdefault("SEEN", {})[event["requestContext"]["http"].get("sourceIp")] = started',
    ),
    _early(
        "keeps the last number in a library's module",
        "P7",
        'import json; json.last = [repr(event.get("queryStringParameters"))]',
    ),
    _early("counts by user agent", "P4", 'names.is_name.__dict__[event["headers"].get("user-agent")] = 1'),
    _early("sets an environment variable", "P7", 'os.environ["LAST"] = repr(event["headers"].get("cookie"))'),
    _early(
        "writes a temporary file",
        "P4 P7",
        'import tempfile; open(tempfile.gettempdir() + "/last", "w").write(event["rawPath"])',
    ),
    _early("reads the cookie", "P1 P2", 'event["headers"].get("cookie")'),
    _early("reads the query", "P1 P8", 'event.get("rawQueryString")'),
    _early(
        "calls somebody else",
        "P3",
        'import socket; socket.socket().connect_ex(("127.0.0.1", 9))',
    ),
    _early("starts a process for each request", "P3", 'import subprocess; subprocess.run(["true", event["rawPath"]])'),
    Mutant(
        "lets errors out to the runtime, which logs them",
        "P7",
        HANDLER,
        _FIRST_GUARD,
        "        except StoreUnavailableError:  # (whatever",
    ),
    Mutant(
        "lets errors of the log out to the runtime",
        "P7",
        HANDLER,
        _SECOND_GUARD,
        "        except StoreUnavailableError:  # (an answer",
    ),
    Mutant(
        "answers with the text of the error",
        "P7",
        HANDLER,
        _FIRST_GUARD,
        "        except BaseException as error:\n            answer = answer._replace(body=repr(error))  # (whatever",
    ),
    Mutant("sets a cookie, the same for all", "P2", HANDLER, _RETURN, f'{_RETURN}"cookies": ["seen=1"], '),
    Mutant(
        "chooses by language",
        "P1",
        HANDLER,
        _RETURN,
        '        if str(headers.get("accept-language")).startswith("d"):\n            answer = respond.NOT_FOUND\n'
        + _RETURN,
    ),
    Mutant(
        "answers whoever asks twice differently",
        "P4",
        HANDLER,
        _RETURN,
        '        seen = globals().setdefault("SEEN", set())\n'
        '        seen.add(event["requestContext"]["http"].get("sourceIp")) if isinstance(event, dict) else None\n'
        '        answer = answer._replace(headers=answer.headers | {"age": str(len(seen))})\n' + _RETURN,
    ),
    Mutant(
        "loads a library that talks to AWS",
        "P1",
        HANDLER,
        "import os\n",
        "import os\n\nimport boto3\n",
    ),
)

_IN_RULES = (
    Mutant(
        "gives back the client's own validator",
        "P1 P4",
        RESPOND,
        '"etag": document.etag}',
        '"etag": if_none_match or document.etag}',
    ),
    Mutant(
        "redirects what it does not know",
        "P2 P3",
        RESPOND,
        'NOT_FOUND = _problem(404, "Not Found", Outcome.NOT_FOUND, ',
        'NOT_FOUND = _problem(302, "Found", Outcome.NOT_FOUND, location="https://example.com/", ',
    ),
    Mutant(
        "repeats the path in an error",
        "P6 P7",
        RESPOND,
        "    if key is None:\n        return NOT_FOUND",
        "    if key is None:\n        return NOT_FOUND._replace(body=path)",
    ),
    Mutant(
        "repeats the method in an error",
        "P6 P7",
        RESPOND,
        "        return NOT_ALLOWED\n",
        '        return NOT_ALLOWED._replace(headers=NOT_ALLOWED.headers | {"x-method": method})\n',
    ),
    Mutant(
        "logs the path of what it does not know",
        "P6 P7",
        RESPOND,
        "    if key is None:\n        return NOT_FOUND",
        '    if key is None:\n        return NOT_FOUND._replace(key=f"public/v1/{path[1:]}/x/y")',
    ),
    Mutant(
        "asks for reports about the connection",
        "P2 P3",
        RESPOND,
        '    "x-content-type-options": "nosniff",\n',
        '    "x-content-type-options": "nosniff",\n    "nel": \'{"report_to":"x","max_age":1}\',\n',
    ),
    Mutant(
        "sets a cookie in a header, the same for all",
        "P2",
        RESPOND,
        '    "x-content-type-options": "nosniff",\n',
        '    "x-content-type-options": "nosniff",\n    "set-cookie": "seen=1",\n',
    ),
    Mutant(
        "tells clients to ask again each time",
        "P8",
        RESPOND,
        '_CACHED = f"public, max-age={MAX_AGE_S}',
        '_CACHED = f"no-store',
    ),
    Mutant(
        "has caches keep what an old copy puts into a URL that nobody knows",
        "P7",
        RESPOND,
        'cache_control="private, max-age=60"',
        'cache_control="public, max-age=60"',
    ),
    Mutant(
        "has answers vary by user agent",
        "P2",
        RESPOND,
        '"etag": document.etag}',
        '"etag": document.etag, "vary": "user-agent"}',
    ),
    Mutant(
        "takes the number of a legacy copy for a part of the key",
        "P7",
        NAMES,
        'found["document"] or MANIFEST)',
        'path.rpartition("/")[2] if path.count("/") == 4 else MANIFEST)',
    ),
    Mutant(
        "takes the number of a legacy copy for a name",
        "P7",
        NAMES,
        'NAME = rf"(?![^/]*\\.\\.|{_NUMBERED})',
        'NAME = rf"(?![^/]*\\.\\.)',
    ),
    Mutant("takes the number of a legacy copy for a document", "P7", NAMES, r"(?!{_NUMBERED})", ""),
    Mutant("refuses legacy copies", "P7", NAMES, r"(?:/(?:{_LEGACY_NUMBER}))?", ""),
    Mutant("reads what was uploaded", "P4", NAMES, 'return f"public{document', 'return f"releases{document'),
    Mutant(
        "counts requests in the bucket",
        "P3 P4",
        FETCH,
        "            found = store.get(key",
        '            store.put("public/hits", b"1")\n            found = store.get(key',
    ),
    Mutant(
        "lists the bucket",
        "P4",
        FETCH,
        "            found = store.get(key",
        "            list(store.list())\n            found = store.get(key",
    ),
    Mutant(
        "prints what S3 says of an error",
        "P4",
        FETCH,
        "        except (BaseError, OSError):",
        "        except (BaseError, OSError) as error:\n"
        "            print(error)\n            raise StoreUnavailableError from None\n        except KeyError:",
    ),
    Mutant(
        "gives up with the storage",
        "P8",
        FETCH,
        "                return entry.document, Cache.STALE\n            raise",
        "                pass\n            raise",
    ),
)

_IN_DROP_IN = (
    Mutant(
        "asks the bucket for the version that a client runs",
        "P4 P8",
        NAMES,
        '(said["computer"] or "").replace("/", "-")',
        '(said["computer"] or "").replace("/", "-") + said["version"]',
    ),
    Mutant(
        "logs whether a client is up to date",
        "P4 P8",
        DROP_IN,
        'Answer(204, _HEADERS, "", Outcome.ANSWERED,',
        'Answer(204, _HEADERS, "", Outcome.NOT_MODIFIED,',
    ),
    Mutant(
        "remembers the versions that clients run",
        "P4 P8",
        DROP_IN,
        "    import semver",
        '    globals().setdefault("SEEN", []).append(theirs)\n    import semver',
    ),
    Mutant(
        "prints the version that a client runs",
        "P4 P8",
        DROP_IN,
        "    import semver",
        "    print(theirs)\n    import semver",
    ),
    Mutant("has caches keep the version that a client runs", "P8", DROP_IN, '"no-store"', '"public, max-age=300"'),
    Mutant(
        "has caches keep the version that a client runs if it gets nothing",
        "P8",
        DROP_IN,
        "NOT_FOUND._replace(headers=NOT_FOUND.headers | _HEADERS)",
        "NOT_FOUND",
    ),
    Mutant("lets a client be sent back", "P8", DROP_IN, "parse(ours) > semver", "parse(ours) != semver"),
)

_IN_LOG = (
    Mutant("logs the exact duration", "P4 P6", RECORD, '"duration": duration,', '"duration": self.seconds,'),
    Mutant(
        "logs the time of each request",
        "P4 P6",
        RECORD,
        '"duration": duration,',
        '"duration": duration,\n                "time": __import__("time").time(),',
    ),
    Mutant(
        "logs whatever it is handed",
        "P4",
        RECORD,
        "if type(record.msg) is Record else NOT_A_RECORD",
        "if type(record.msg) is Record else super().format(record)",
    ),
    Mutant("leaves the log open to libraries", "P7", RECORD, "        _close_other_sinks()\n", ""),
    Mutant("leaves warnings on", "P7", RECORD, '    warnings.simplefilter("ignore")\n', ""),
    Mutant("leaves the root logger open", "P7", RECORD, "    root.handlers = [logging.NullHandler()]\n", ""),
    Mutant("leaves the hook for errors of threads on", "P7", RECORD, "    threading.excepthook = _say_nothing\n", ""),
    Mutant("leaves the hook for lost errors on", "P7", RECORD, "    sys.unraisablehook = _say_nothing\n", ""),
    Mutant(
        "prints who uploaded",
        "P1",
        PUBLISH,
        "    return [unquote_plus(",
        '    print([who.get("userIdentity") for who in json.loads(body)["Records"]])\n    return [unquote_plus(',
    ),
    Mutant(
        "lets errors that quote an uploader out to the runtime",
        "P1",
        PUBLISH,
        '        raise NotHandledError("the event comes again") from None',
        "        raise",
    ),
)

_RELEASE_FIELD = "    released_at: Timestamp | None = None\n"
_IN_DOCUMENTS = (
    Mutant(
        "has a field for a user", "P1 P5", MODEL, _RELEASE_FIELD, f"{_RELEASE_FIELD}    user_id: Label | None = None\n"
    ),
    Mutant(
        "has a field for an address",
        "P5",
        MODEL,
        _RELEASE_FIELD,
        f"{_RELEASE_FIELD}    notify_mail: Label | None = None\n",
    ),
    Mutant("can force an installation", "P9", MODEL, _RELEASE_FIELD, f"{_RELEASE_FIELD}    force: bool = False\n"),
    Mutant("takes fields that nobody knows", "P5 P9", MODEL, 'extra="forbid"', 'extra="ignore"'),
    Mutant(
        "does not say how large a download is",
        "P9",
        "functions/comet_updates/formats/manifest.py",
        '        documents["manifest.json"] = writing.as_json({**offer.latest.wire, **rollout})',
        '        documents["manifest.json"] = writing.as_json({**offer.latest.wire, "artifacts": [], **rollout})',
    ),
    Mutant(
        "answers partners' channels differently",
        "P10",
        RESPOND,
        '    body = document.text if method == "GET" else ""\n',
        '    body = document.text if method == "GET" else ""\n    if "/bundled/" in key:\n        validators = {}\n',
    ),
    Mutant(
        "depends on a library that reports to its maker",
        "P3",
        "layers/answer/requirements.txt",
        "obstore==",
        "sentry-sdk==2.0.0\nobstore==",
    ),
)

BASE = "functions/comet_updates/formats/templates/base.html.jinja"
PRIVACY = "functions/comet_updates/formats/templates/privacy.html.jinja"
PRODUCT = "functions/comet_updates/formats/templates/product.html.jinja"
FILE = "functions/comet_updates/formats/templates/file.html.jinja"
PAGES = "functions/comet_updates/formats/pages.py"
TEXTS = "functions/comet_updates/formats/texts.py"
_MAIN = '<main id="main">\n'

_IN_PAGES = (
    Mutant("loads a picture from elsewhere", "P3 P11", BASE, _MAIN, f'{_MAIN}<img src="https://example.org/x.gif">\n'),
    Mutant("loads a font from elsewhere", "P3 P11", BASE, "<style>", "<style>@import 'https://example.org/x.css';"),
    Mutant("runs a script on its pages", "P3 P11", BASE, _MAIN, f"{_MAIN}<script>1</script>\n"),
    Mutant(
        "asks visitors for their address",
        "P3 P11",
        BASE,
        _MAIN,
        f'{_MAIN}<form><input name="mail" type="email"></form>\n',
    ),
    Mutant(
        "sends visitors elsewhere",
        "P3 P11",
        BASE,
        '<meta name="referrer"',
        '<meta http-equiv="refresh" content="0; url=https://example.org/">\n<meta name="referrer"',
    ),
    Mutant(
        "tells another host in advance that somebody may come",
        "P3 P11",
        BASE,
        '<meta name="referrer"',
        '<link rel="preconnect" href="https://downloads.example.com">\n<meta name="referrer"',
    ),
    Mutant(
        "counts who reads the page of a product",
        "P3 P11",
        PRODUCT,
        '<h1 dir="auto">',
        '<img src="/v1/{{ product }}/stable/seen.gif" alt="">\n<h1 dir="auto">',
    ),
    Mutant(
        "has downloads go through somebody who counts them",
        "P3 P11",
        FILE,
        '<a href="{{ artifact.url }}"',
        '<a href="https://count.example.org/?to={{ artifact.url | urlencode }}"',
    ),
    Mutant(
        "shows the pictures in notes, from wherever they are",
        "P3 P11",
        TEXTS,
        'tags=_TAGS, attributes={"a": {"href"}}',
        'tags=_TAGS | {"img"}, attributes={"a": {"href"}, "img": {"src"}}',
    ),
    Mutant("takes what publishers write for its own HTML", "P3 P11", PAGES, "autoescape=True", "autoescape=False"),
    Mutant(
        "shows a page in the language that a browser asks for",
        "P1 P2",
        HANDLER,
        _STARTED,
        _STARTED + '            if str(event["headers"].get("accept-language"))[:2] == "he":\n'
        '                event["rawPath"] += "/he"\n',
    ),
    Mutant("lets its pages load anything", "P3", RESPOND, "default-src 'none'; style", "default-src *; style"),
    Mutant("lets other sites frame its pages", "P3", RESPOND, "frame-ancestors 'none'", "frame-ancestors *"),
    Mutant("leaves a promise out", "P11", PRIVACY, "in promises %}\n<section", "in promises[1:] %}\n<section"),
    Mutant("leaves out what it cannot show", "P11", PRIVACY, "in limits %}", "in limits[1:] %}"),
    Mutant("words a promise in its own way", "P11", PRIVACY, "{{ promise.words }}", "We take privacy seriously."),
    Mutant(
        "publishes no page of what is promised",
        "P11",
        "functions/comet_updates/publish/reconcile.py",
        '        documents[names.page_key("privacy")] = pages.privacy()\n',
        "",
    ),
)

_ANSWER_LOG = "  AnswerLog:\n    Type: AWS::Logs::LogGroup\n    Properties: {RetentionInDays: !Ref LogRetentionDays}\n"
_ANSWER_LAYERS = "      Layers: [!Ref AnswerLayer]\n"
_STAGE = "      StageName: $default\n"
_BUCKET = "      VersioningConfiguration: {Status: Enabled}\n"
_RESOURCES = "Resources:\n"
_CDN = "        Comment: Comet Updates\n"
_AWAY = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_NUMBERED = f"CachePolicyId: {_AWAY}}}"
_NUMBER = 'MetricName: AnswersAreStale, MetricValue: "1"'
_KEPT = "          CachePolicyId: !Ref PathAlone\n"
_VARIABLES = "          MEMORY_TTL_S: !Ref MemoryTtlSeconds\n"


def _resource(name: str, breaks: str, resource: str) -> Mutant:
    """A resource more."""
    return Mutant(name, breaks, TEMPLATE, _RESOURCES, f"{_RESOURCES}  Added: {resource}\n")


def _template(name: str, breaks: str, old: str, new: str) -> Mutant:
    return Mutant(name, breaks, TEMPLATE, old, new)


_IN_TEMPLATE = (
    _template(
        "traces by Globals",
        "P4 P6",
        "    Runtime: python3.13\n    Arch",
        "    Runtime: python3.13\n    Tracing: Active\n    Arch",
    ),
    _template(
        "writes an access log with addresses",
        "P4 P6",
        _STAGE,
        _STAGE
        + "      AccessLogSettings: {DestinationArn: !GetAtt AnswerLog.Arn, Format: $context.identity.sourceIp}\n",
    ),
    _template("lets the gateway answer by origin", "P3", _STAGE, _STAGE + "      CorsConfiguration: true\n"),
    _template("keeps a log for ever", "P6", _ANSWER_LOG, "  AnswerLog:\n    Type: AWS::Logs::LogGroup\n"),
    _template(
        "logs every request by default",
        "P6",
        '    Default: "false"\n    AllowedValues: ["true", "false"]\n  LogRetentionDays',
        '    Default: "true"\n    AllowedValues: ["true", "false"]\n  LogRetentionDays',
    ),
    _template("keeps logs for years", "P6", "[1, 3, 5, 7, 14, 30]", "[1, 3, 5, 7, 14, 3653]"),
    _template(
        "logs to a group of Lambda's own",
        "P6",
        "        LogGroup: !Ref AnswerLog\n",
        "",
    ),
    _template(
        "has the id of every request logged",
        "P4",
        "        SystemLogLevel: WARN # no START, END and REPORT with a request id for every request\n",
        "        SystemLogLevel: INFO\n",
    ),
    _template(
        "may write to the bucket while it answers",
        "P4",
        'Action: s3:GetObject, Resource: !Sub "${Bucket.Arn}/public/*"',
        'Action: [s3:GetObject, s3:PutObject], Resource: !Sub "${Bucket.Arn}/public/*"',
    ),
    _template(
        "may read all of the bucket while it answers",
        "P4",
        'Action: s3:GetObject, Resource: !Sub "${Bucket.Arn}/public/*"',
        'Action: s3:GetObject, Resource: !Sub "${Bucket.Arn}/*"',
    ),
    _template(
        "may read its log back",
        "P4",
        "Action: [logs:CreateLogStream, logs:PutLogEvents], Resource: !GetAtt AnswerLog.Arn",
        "Action: [logs:CreateLogStream, logs:PutLogEvents, logs:GetLogEvents], Resource: !GetAtt AnswerLog.Arn",
    ),
    _template("takes the role that SAM makes", "P4", "      Role: !GetAtt AnswerRole.Arn\n", ""),
    _template(
        "takes the publishing role",
        "P4",
        "      Role: !GetAtt AnswerRole.Arn\n",
        "      Role: !GetAtt PublishRole.Arn\n",
    ),
    _template("sets a debug flag", "P4", _VARIABLES, f'{_VARIABLES}          POWERTOOLS_LOGGER_LOG_EVENT: "true"\n'),
    _template(
        "asks another storage",
        "P3",
        "          S3_ENDPOINT: aws # `sam",
        "          S3_ENDPOINT: https://s3.example.com # `sam",
    ),
    _template(
        "lets an extension listen",
        "P3 P4",
        _ANSWER_LAYERS,
        '      Layers: [!Ref AnswerLayer, "arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension:52"]\n',
    ),
    _template(
        "keeps requests that failed",
        "P4",
        _ANSWER_LAYERS,
        _ANSWER_LAYERS + "      EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS}}}\n",
    ),
    _template(
        "opens a second door", "P3", _ANSWER_LAYERS, _ANSWER_LAYERS + "      FunctionUrlConfig: {AuthType: NONE}\n"
    ),
    _template(
        "freezes memory to disk",
        "P4",
        _ANSWER_LAYERS,
        _ANSWER_LAYERS + "      SnapStart: {ApplyOn: PublishedVersions}\n",
    ),
    _template(
        "has the bucket log who reads", "P4", _BUCKET, _BUCKET + "      LoggingConfiguration: {LogFilePrefix: log/}\n"
    ),
    _template(
        "tells others of the bucket's events",
        "P3",
        "      NotificationConfiguration:\n",
        "      NotificationConfiguration:\n        EventBridgeConfiguration: {EventBridgeEnabled: true}\n",
    ),
    _resource("keeps a table", "P4", "{Type: AWS::DynamoDB::Table, Properties: {}}"),
    _resource("can send mail", "P5", "{Type: AWS::SES::EmailIdentity, Properties: {EmailIdentity: example.com}}"),
    _resource("can send messages", "P5", "{Type: AWS::SNS::Topic}"),
    _resource(
        "records every read of the bucket", "P4", "{Type: AWS::CloudTrail::Trail, Properties: {IsLogging: true}}"
    ),
    _resource(
        "sends its log elsewhere",
        "P3 P4",
        "{Type: AWS::Logs::SubscriptionFilter, Properties: {LogGroupName: !Ref AnswerLog, DestinationArn: x}}",
    ),
    _resource("ranks callers", "P4", "{Type: AWS::CloudWatch::InsightRule, Properties: {}}"),
    _resource("counts by address in a firewall", "P4 P6", "{Type: AWS::WAFv2::WebACL, Properties: {}}"),
    _resource("puts a logging cache in front", "P3", "{Type: AWS::CloudFront::Distribution, Properties: {}}"),
    _template(
        "keeps a number for each document and minute for 15 months",
        "P4 P6",
        _NUMBER,
        _NUMBER.replace(", MetricValue", ", Dimensions: [{Key: document, Value: $.document}], MetricValue"),
    ),
    _template("has the CDN tell clients apart by a cookie", "P2 P4", "CookieBehavior: none", "CookieBehavior: all"),
    _template(
        "has the CDN tell clients apart by the query, where old copies put their number",
        "P7",
        "QueryStringBehavior: none",
        "QueryStringBehavior: all",
    ),
    _template(
        "has the CDN log every request", "P4 P6", _CDN, f"{_CDN}        Logging: {{Bucket: x.s3.amazonaws.com}}\n"
    ),
    _template(
        "has the CDN log in real time",
        "P4 P6",
        _KEPT,
        f"{_KEPT}          RealtimeLogConfigArn: arn:aws:cloudfront::123456789012:realtime-log-config/x\n",
    ),
    _template(
        "passes all that a viewer sends on to the function",
        "P1 P4",
        _KEPT,
        f"{_KEPT}          OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac\n",
    ),
    _template(
        "has the CDN keep the number of an old copy", "P7", _NUMBERED, _NUMBERED.replace(_AWAY, "!Ref PathAlone")
    ),
    _template(
        "has the CDN keep the version that a client runs",
        "P8",
        f"CachePolicyId: {_AWAY} # AWS",
        "CachePolicyId: !Ref PathAlone # AWS",
    ),
    _template(
        "opens the CDN's door to everyone",
        "P3",
        "AuthType: AWS_IAM\n      InvokeMode",
        "AuthType: NONE\n      InvokeMode",
    ),
)


def _remembering(name: str, line: str, of_reply: str) -> Mutant:
    """The client remembers something of a reply, and sends it with its next request, as a `line` of it."""
    old = (
        "            stream.sendall(request)\n"
        '            response = opened.enter_context(HTTPResponse(stream, method="GET"))\n'
        "            response.begin()\n"
    )
    new = (
        '            seen = globals().get("SEEN")\n'
        f'            more = ({line} + "\\r\\nConnection: ") if seen else "Connection: "\n'
        '            stream.sendall(request.replace(b"Connection: ", more.encode()))\n'
        '            response = opened.enter_context(HTTPResponse(stream, method="GET"))\n'
        "            response.begin()\n"
        f'            globals()["SEEN"] = {of_reply}\n'
    )
    return Mutant(name, "P8", CLIENT_WIRE, old, new)


_IN_CLIENT = (
    Mutant(
        "has the client name its system",
        "P8",
        CLIENT_REQUEST,
        "    return _get(address)\n",
        '    import platform\n\n    return _get(address, f"User-Agent: updates ({platform.system()})")\n',
    ),
    Mutant(
        "has the client tell its language",
        "P8",
        CLIENT_REQUEST,
        "    return _get(address)\n",
        "    import os\n\n    return _get(address, f\"Accept-Language: {os.environ.get('LANG')}\")\n",
    ),
    Mutant(
        "has the client tell its version",
        "P8",
        CLIENT_LOOKING,
        "app.source.ask(app.channel,",
        "app.source.ask(app.channel._replace(address=app.channel.address._replace("
        'path=f"{app.channel.address.path}?{app.installed.version}")),',
    ),
    Mutant(
        "has all clients ask at the same time of the day",
        "P8",
        CLIENT_SCHEDULE,
        "chance.uniform(0.5 * interval_s, 1.5 * interval_s)",
        "interval_s",
    ),
    Mutant(
        "has the client name itself, as every copy would",
        "P8",
        CLIENT_REQUEST,
        "    return _get(address)\n",
        '    return _get(address, "User-Agent: comet-updates/0.1.0")\n',
    ),
    Mutant(
        "has the client tell its group",
        "P8",
        CLIENT_LOOKING,
        "app.source.ask(app.channel,",
        "app.source.ask(app.channel._replace(address=app.channel.address._replace("
        'path=f"{app.channel.address.path}?group={known.group}")),',
    ),
    _remembering("has the client tell what it saw last", 'f"If-None-Match: {seen}"', 'response.headers.get("etag")'),
    _remembering("has the client keep cookies", 'f"Cookie: {seen}"', 'response.headers.get("set-cookie")'),
    Mutant(
        "has the client ask through whoever the environment names",
        "P3 P8",
        CLIENT_WIRE,
        "socket.create_connection((address.host, address.port), timeout=SILENCE_S)",
        'socket.create_connection(("127.0.0.1", 9) if "HTTP_PROXY" in __import__("os").environ '
        "else (address.host, address.port), timeout=SILENCE_S)",
    ),
    Mutant(
        "has the client believe any server",
        "P3",
        CLIENT_WIRE,
        "tls.wrap_socket(stream",
        "ssl._create_unverified_context().wrap_socket(stream",
    ),
    Mutant(
        "has the client go where it is sent",
        "P3",
        CLIENT_WIRE,
        "    return reply, body\n",
        '    if reply.header("location"):\n        from urllib.request import urlopen\n\n'
        '        body = urlopen(reply.header("location")).read()\n    return reply, body\n',
    ),
    Mutant(
        "has the client tell the host of a file who sent it",
        "P3",
        CLIENT_REQUEST,
        'f"Range: bytes={offset}-",) if offset else ()',
        'f"Range: bytes={offset}-",) if offset else ("Referer: https://updates.example.com/",)',
    ),
    Mutant(
        "has a copy ask as soon as it is installed",
        "P8",
        CLIENT_SCHEDULE,
        "chance.uniform(0, interval_s)",
        "0",
    ),
    Mutant(
        "has a client of TUF ask for what it has not seen alone",
        "P8",
        CLIENT_BY_TUF,
        "_manifest(channel, self.root, Path(nothing), service)",
        "_manifest(channel, self.root, folder, service)",
    ),
    Mutant("has all copies try again together", "P8", CLIENT_SCHEDULE, "chance.uniform(0, longest_s)", "longest_s"),
    Mutant(
        "has the name of the machine decide when it asks",
        "P8",
        CLIENT_COMMAND,
        "datetime.now(UTC), CHANCE, only_if_due",
        'datetime.now(UTC), __import__("random").Random(computer.platform.node()), only_if_due',
    ),
    Mutant(
        "has the name of the machine decide its group",
        "P8",
        CLIENT_STATE,
        "State(chance.randrange(GROUPS))",
        'State(hash(__import__("platform").node()) % GROUPS)',
    ),
    Mutant(
        "has a client download without a question",
        "P9",
        CLIENT_COMMAND,
        "        return NOBODY_ASKED\n",
        "        return NOW\n",
    ),
    Mutant(
        "has a client tell that a version was skipped",
        "P9",
        CLIENT_COMMAND,
        "        looking.skip(task.app, verdict.release, CHANCE)\n",
        "        looking.skip(task.app, verdict.release, CHANCE)\n"
        "        from comet_updates.client import wire\n\n"
        "        address = task.app.channel.address\n"
        "        wire.document(address, request.ask(address), tls, 10**6)\n",
    ),
    Mutant(
        "has a client ask that is switched off",
        "P9",
        CLIENT_LOOKING,
        "    if known.is_off:\n        return Verdict(Outcome.OFF)\n",
        "",
    ),
)

ALL = (*_IN_HANDLER, *_IN_RULES, *_IN_DROP_IN, *_IN_LOG, *_IN_DOCUMENTS, *_IN_PAGES, *_IN_TEMPLATE, *_IN_CLIENT)
