"""What may exist in the cloud, and why it cannot carry anything about a client.

One definition: the rules for the template, the audit of a deployed stack and the evidence report read it. Whoever adds
an entry writes the reason beside it.
"""

from __future__ import annotations

from typing import NamedTuple


class Grant(NamedTuple):
    """Actions that a role allows on resources.

    `${Name.Arn}` stands for the ARN of that resource of the stack, and `${OnlineKeyArn}` for the key that a deployment
    names, or for one that does not exist.
    """

    actions: frozenset[str]
    resources: frozenset[str]
    because: str


def _grant(actions: str, resources: str, because: str) -> Grant:
    return Grant(frozenset(actions.split()), frozenset(resources.split()), because)


RESOURCE_TYPES = {
    "AWS::S3::Bucket": (1, "written by pipelines and the publishing function; the answering one can only read"),
    "AWS::S3::BucketPolicy": (1, "denies plain HTTP and second writes; allows nothing"),
    "AWS::SQS::Queue": (2, "uploads and their dead letters: keys of uploads, sent by S3 alone"),
    "AWS::SQS::QueuePolicy": (2, "lets buckets of this account send, and nobody read"),
    "AWS::Logs::LogGroup": (2, "one for each function, kept for days; holds records of finite values"),
    "AWS::Logs::MetricFilter": (3, "counts lines of the log, by nothing: a number for each minute, of all together"),
    "AWS::CloudWatch::Alarm": (7, "watches numbers of functions, queue and schedule; none is of a client"),
    "AWS::CloudWatch::Dashboard": (1, "draws the same numbers, and searches no log"),
    "AWS::CodeDeploy::Application": (1, "a name that deployments stand under"),
    "AWS::CodeDeploy::DeploymentGroup": (1, "how many requests a new version gets and when; never which, or whose"),
    "AWS::IAM::Role": (5, "what each may do stands in GRANTS"),
    "AWS::Lambda::Alias": (1, "which version answers; between two of them Lambda draws lots for each request"),
    "AWS::Lambda::Function": (2, "answering and publishing"),
    "AWS::Lambda::Version": (1, "the answering function as it was deployed, code and settings"),
    "AWS::Lambda::LayerVersion": (2, "third-party code, locked by hash"),
    "AWS::Lambda::Permission": (4, "the gateway or the CDN calls one function, the schedule the other"),
    "AWS::Lambda::EventSourceMapping": (1, "hands notifications of uploads to the publishing function"),
    "AWS::Lambda::Url": (1, "the CDN's door to the answering function: whoever does not sign is turned away"),
    "AWS::Events::Rule": (1, "the sweep: a clock with a constant input"),
    "AWS::ApiGatewayV2::Api": (1, "passes every request to the answering function and keeps none"),
    "AWS::ApiGatewayV2::Stage": (1, "throttles all clients together; has no access log"),
    "AWS::CloudFront::Distribution": (1, "keeps answers by their path; has no log, and passes on no more than that"),
    "AWS::CloudFront::CachePolicy": (1, "says that the path alone is the key of an answer"),
    "AWS::CloudFront::OriginAccessControl": (1, "signs what the CDN asks of the function, the same for every client"),
}
"""Type of resource → how many the template has, and why they cannot carry anything about a client."""

CONDITIONAL = {
    "PipelineRole": ("AWS::IAM::Role", "HasPipeline"),
    "OwnerRole": ("AWS::IAM::Role", "HasOwner"),
    "Api": ("AWS::ApiGatewayV2::Api", "HasGateway"),
    "ApiApiGatewayDefaultStage": ("AWS::ApiGatewayV2::Stage", "HasGateway"),
    "GatewayCalls": ("AWS::Lambda::Permission", "HasGateway"),
    "Cdn": ("AWS::CloudFront::Distribution", "HasCdn"),
    "PathAlone": ("AWS::CloudFront::CachePolicy", "HasCdn"),
    "CdnSigns": ("AWS::CloudFront::OriginAccessControl", "HasCdn"),
    "CdnDoor": ("AWS::Lambda::Url", "HasCdn"),
    "CdnCallsTheDoor": ("AWS::Lambda::Permission", "HasCdn"),
    "CdnCallsTheFunction": ("AWS::Lambda::Permission", "HasCdn"),
}
"""Resource that may be missing → its type, and the condition under which it exists.

Of `HasGateway` and `HasCdn` one holds, so that there is one way to the answering function. What denies something may
never be missing.
"""

LIVE = "live"
"""The alias of the answering function: all that may call it calls this."""

_LOGS = "logs:CreateLogStream logs:PutLogEvents"


def _below(*prefixes: str) -> str:
    return " ".join(f"${{Bucket.Arn}}/{prefix}/*" for prefix in prefixes)


_UPLOADS = _below("products", "channels", "releases", "approvals", "signed", "trust")
_LOOK = _grant(
    "s3:GetObject s3:GetObjectVersion",
    f"{_UPLOADS} ${{Bucket.Arn}}/packs/* ${{Bucket.Arn}}/rejected/*",
    "what pipelines uploaded, and what publishing made of that",
)
_LIST = _grant("s3:ListBucket s3:ListBucketVersions", "${Bucket.Arn}", "keys of uploads and of what is public")

GRANTS = {
    "AnswerRole": (
        _grant("s3:GetObject", "${Bucket.Arn}/public/*", "reads what is public anyway; cannot write, list or search"),
        _grant(_LOGS, "${AnswerLog.Arn}", "writes records of finite values, and cannot read them back"),
    ),
    "DeployRole": (
        _grant(
            "lambda:GetAlias lambda:UpdateAlias lambda:GetProvisionedConcurrencyConfig",
            f"${{AnswerFunction.Arn}} ${{AnswerFunction.Arn}}:{LIVE}",
            "says which of the versions that were deployed answers; cannot make one, call one or change one",
        ),
        _grant("cloudwatch:DescribeAlarms", "*", "whether a number of WATCHED is too high; none is of a client"),
    ),
    "PublishRole": (
        _grant("s3:ListBucket s3:ListBucketVersions", "${Bucket.Arn}", "uploads of pipelines; no client writes here"),
        _grant("s3:GetObject s3:GetObjectVersion", _UPLOADS, "uploads of pipelines"),
        _grant("s3:GetObject s3:PutObject", "${Bucket.Arn}/packs/*", "its own copy of uploads, to read them once"),
        _grant(
            "s3:GetObject s3:PutObject s3:DeleteObject",
            "${Bucket.Arn}/public/* ${Bucket.Arn}/rejected/*",
            "what is published; no event that it gets holds a request of a client",
        ),
        _grant("sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes", "${UploadQueue.Arn}", "keys of uploads"),
        _grant("kms:Sign", "${OnlineKeyArn}", "which versions are newest, and when; no request of a client gets here"),
        _grant(_LOGS, "${PublishLog.Arn}", "writes records of finite values, and cannot read them back"),
    ),
    "PipelineRole": (
        _grant("s3:PutObject", _below("channels", "releases", "signed"), "a pipeline is not a client"),
        _LOOK,
        _LIST,
    ),
    "OwnerRole": (
        _grant("s3:PutObject", _below("products", "approvals", "trust"), "an owner is not a client"),
        _LOOK,
        _LIST,
    ),
}
"""Role → all that it allows, without any condition."""

TAKEN_BY = {
    "AnswerRole": "lambda.amazonaws.com",
    "PublishRole": "lambda.amazonaws.com",
    "DeployRole": "codedeploy.amazonaws.com",
}
"""Role → the service of AWS that takes it; the others are taken by whom a parameter names."""

ENVIRONMENT = {
    "AnswerFunction": {
        "BUCKET": "the bucket of this stack",
        "S3_ENDPOINT": "AWS's own S3: pinned to `aws`",
        "MEMORY_TTL_S": "a number of seconds",
        "LOG_LEVEL": "which of the finite records are written",
        "LOG_SUCCESSES": "whether records of successes are written; they hold no more than others",
    },
    "PublishFunction": {
        "BUCKET": "the bucket of this stack",
        "S3_ENDPOINT": "AWS's own S3: pinned to `aws`",
        "LOG_LEVEL": "which of the finite records are written",
        "LOG_SUCCESSES": "whether records of successes are written; they hold no more than others",
        "ONLINE_KEY": "which key signs how fresh TUF's metadata is, or none",
    },
}
"""Function → its environment variables, and why each is harmless. No debug flag of a library is among them."""

HANDLERS = {
    "AnswerFunction": "comet_updates.answer.handler.handler",
    "PublishFunction": "comet_updates.publish.handler.handler",
}
LAYERS = {"AnswerFunction": "AnswerLayer", "PublishFunction": "PublishLayer"}
LOGS = {"AnswerFunction": "AnswerLog", "PublishFunction": "PublishLog"}
ROLES = {"AnswerFunction": "AnswerRole", "PublishFunction": "PublishRole"}
RETENTION_DAYS = (1, 3, 5, 7, 14, 30)
"""How long a log may be kept."""

LOGGING = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"}
"""How Lambda itself logs: nothing about a single request that went well."""

COUNTED = {
    "RefusedUploads": ("PublishLog", '{ $.outcome = "refused" }', "UploadsAreRefused"),
    "StaleAnswers": ("AnswerLog", '{ $.cache = "stale" }', "AnswersAreStale"),
    "FailedAnswers": ("AnswerLog", '{ ($.outcome = "unavailable") || ($.outcome = "failed") }', "AnswersFail"),
}
"""What is counted in logs: filter → the log, which lines, and the name of the number.

A number is kept for longer than the log: for 15 months. So it says nothing but that something went wrong so many times
in a minute: not for which document, and of clients there is nothing in the log.
"""

WATCHED = {
    "AnswerErrors": ("AWS/Lambda", "Errors", "FunctionName"),
    "PublishErrors": ("AWS/Lambda", "Errors", "FunctionName"),
    "LettersAreDead": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
    "SweepIsLate": ("AWS/Events", "Invocations", "RuleName"),
    "UploadsAreRefused": ("CometUpdates/", "UploadsAreRefused", ""),
    "AnswersAreStale": ("CometUpdates/", "AnswersAreStale", ""),
    "AnswersFail": ("CometUpdates/", "AnswersFail", ""),
}
"""Alarm → the namespace of its number (or how that begins), its name, and what it is of: one resource, or nothing."""

GRADUALLY = "Canary10Percent10Minutes"
"""How a new version of the answering function comes: it gets a tenth of the requests for ten minutes, drawn by lots.

An alarm needs two periods of five minutes at the most, so that it tells before all requests get there.
"""

GOES_BACK_ON = ("AnswerErrors", "AnswersFail", "AnswersAreStale")
"""Alarms at which the version before answers all requests again.

The last one tells of S3, and not of a version. But a new version has nothing in memory, and so must not come then.
"""

PATH_ALONE = {
    "CookiesConfig": {"CookieBehavior": "none"},
    "HeadersConfig": {"HeaderBehavior": "none"},
    "QueryStringsConfig": {"QueryStringBehavior": "none"},
    "EnableAcceptEncodingGzip": True,
    "EnableAcceptEncodingBrotli": True,
}
"""What the CDN tells answers apart by, besides the path, and passes on to the function.

Of `Accept-Encoding` it makes one of three words itself: whether a client understands brotli, gzip or neither.
"""

NOT_CACHED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""The id of AWS's own cache policy `CachingDisabled`, the same in every account."""

CDN_PATHS = {
    "/drop-in/*": False,  # a version may stand in it
    "/v1/*.atom": True,
    "/v1/*.json": True,
    "/v1/*.minisig": True,
    "/v1/*.xml": True,
    "/v1/*.yml": True,
    "/v1/*/RELEASES": True,
    "/v1/*/*/*": False,  # none of these: an old copy has put its number there
}
"""Path → whether the CDN may keep the answer, by its URL; the first that fits counts, and any other may be kept.

CloudFront's patterns: `*` is anything, slashes too. No number of an old copy ends like a document.
"""

CDN_TLS = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
"""What the CDN may ask of a connection at least, under a name of the publisher's own."""

CONTEXT_TOKENS: dict[str, str] = {}
"""`$context` variables of the gateway that the template may name, with the reason: each is of one request, so none."""
