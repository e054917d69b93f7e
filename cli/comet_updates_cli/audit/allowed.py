"""The list of everything that may exist in the cloud, with the reason why it cannot contain data about a client.

The rules for the template, the audit of a deployed stack and the evidence report all use this list. Every new entry
needs its reason.
"""

from __future__ import annotations

from typing import NamedTuple


class Grant(NamedTuple):
    """Actions that a role allows on resources.

    `${Name.Arn}` means the ARN of that resource of the stack. `${OnlineKeyArn}` means the key that a deployment names,
    or a key that does not exist.
    """

    actions: frozenset[str]
    resources: frozenset[str]
    because: str


def _grant(actions: str, resources: str, because: str) -> Grant:
    return Grant(frozenset(actions.split()), frozenset(resources.split()), because)


RESOURCE_TYPES = {
    "AWS::S3::Bucket": (1, "pipelines and the publishing function write it; the answering function only reads"),
    "AWS::S3::BucketPolicy": (1, "denies plain HTTP and second writes; allows nothing"),
    "AWS::SQS::Queue": (2, "the queue of S3's notifications, with who uploaded and from where; its dead-letter queue"),
    "AWS::SQS::QueuePolicy": (2, "lets buckets of this account send, and nobody read"),
    "AWS::Logs::LogGroup": (2, "one for each function, expires after days; contains records of finite values"),
    "AWS::Logs::MetricFilter": (4, "counts log lines without dimensions: one total for each minute"),
    "AWS::CloudWatch::Alarm": (13, "watches metrics of our own resources; none is about a client"),
    "AWS::CloudWatch::Dashboard": (1, "shows the same metrics, and has no log queries"),
    "AWS::CodeDeploy::Application": (1, "a name for the deployments"),
    "AWS::CodeDeploy::DeploymentGroup": (1, "how many requests a new version gets and when, not which or whose"),
    "AWS::IAM::Role": (5, "GRANTS lists the permissions of each"),
    "AWS::Lambda::Alias": (
        1,
        "the version that answers; between two versions, Lambda chooses randomly for each request",
    ),
    "AWS::Lambda::Function": (2, "answering and publishing"),
    "AWS::Lambda::Version": (1, "code and settings of the deployed answering function"),
    "AWS::Lambda::LayerVersion": (2, "third-party code, locked by hash"),
    "AWS::Lambda::Permission": (4, "the gateway or the CDN may call one function, the schedule the other"),
    "AWS::Lambda::EventSourceMapping": (1, "sends notifications of uploads to the publishing function"),
    "AWS::Lambda::Url": (1, "the CDN's URL of the answering function: unsigned requests are refused"),
    "AWS::Events::Rule": (1, "the sweep: a schedule with a constant input"),
    "AWS::ApiGatewayV2::Api": (1, "forwards every request to the answering function and stores none"),
    "AWS::ApiGatewayV2::Stage": (1, "throttles all clients together; has no access log"),
    "AWS::ApiGatewayV2::DomainName": (1, "the publisher's name of the gateway, with its own certificate"),
    "AWS::ApiGatewayV2::ApiMapping": (1, "leads that name to the gateway, for all paths and clients"),
    "AWS::CloudFront::Distribution": (1, "caches answers by path; has no log, and forwards only the path"),
    "AWS::CloudFront::CachePolicy": (1, "makes the path alone the cache key"),
    "AWS::CloudFront::OriginAccessControl": (1, "signs the CDN's requests in the same way for every client"),
}
"""Type of resource → the number in the template, and why it cannot contain data about a client."""

CONDITIONAL = {
    "PipelineRole": ("AWS::IAM::Role", "HasPipeline"),
    "OwnerRole": ("AWS::IAM::Role", "HasOwner"),
    "Api": ("AWS::ApiGatewayV2::Api", "HasGateway"),
    "ApiApiGatewayDefaultStage": ("AWS::ApiGatewayV2::Stage", "HasGateway"),
    "GatewayCalls": ("AWS::Lambda::Permission", "HasGateway"),
    "GatewayDomain": ("AWS::ApiGatewayV2::DomainName", "HasGatewayDomain"),
    "GatewayMapping": ("AWS::ApiGatewayV2::ApiMapping", "HasGatewayDomain"),
    "Cdn": ("AWS::CloudFront::Distribution", "HasCdn"),
    "RequestsAreThrottled": ("AWS::CloudWatch::Alarm", "HasGateway"),
    "GatewayFails": ("AWS::CloudWatch::Alarm", "HasGateway"),
    "ReservationIsNearlyUsed": ("AWS::CloudWatch::Alarm", "HasReservation"),
    "CdnFails": ("AWS::CloudWatch::Alarm", "HasCdnInVirginia"),
    "PathAlone": ("AWS::CloudFront::CachePolicy", "HasCdn"),
    "CdnSigns": ("AWS::CloudFront::OriginAccessControl", "HasCdn"),
    "CdnDoor": ("AWS::Lambda::Url", "HasCdn"),
    "CdnCallsTheDoor": ("AWS::Lambda::Permission", "HasCdn"),
    "CdnCallsTheFunction": ("AWS::Lambda::Permission", "HasCdn"),
}
"""Optional resource → its type, and the condition under which it exists.

At least one of `HasGateway` and `HasCdn` is true. Both are true only while a DNS entry moves from one to the other.
Resources that deny access are never optional.
"""

LIVE = "live"
"""The alias of the answering function, which all allowed callers use."""

_LOGS = "logs:CreateLogStream logs:PutLogEvents"


def _below(*prefixes: str) -> str:
    return " ".join(f"${{Bucket.Arn}}/{prefix}/*" for prefix in prefixes)


_UPLOADS = _below("products", "channels", "releases", "approvals", "signed", "trust", "site")
_LOOK = _grant(
    "s3:GetObject s3:GetObjectVersion",
    f"{_UPLOADS} ${{Bucket.Arn}}/packs/* ${{Bucket.Arn}}/rejected/* ${{Bucket.Arn}}/public/tuf/metadata/*",
    "uploads of pipelines, and the results of publishing",
)
_LIST = _grant("s3:ListBucket s3:ListBucketVersions", "${Bucket.Arn}", "keys of uploads and of public documents")

GRANTS = {
    "AnswerRole": (
        _grant("s3:GetObject", "${Bucket.Arn}/public/*", "reads public documents; cannot write, list or search"),
        _grant(_LOGS, "${AnswerLog.Arn}", "writes records of finite values, and cannot read them"),
    ),
    "DeployRole": (
        _grant(
            "lambda:GetAlias lambda:UpdateAlias lambda:GetProvisionedConcurrencyConfig",
            f"${{AnswerFunction.Arn}} ${{AnswerFunction.Arn}}:{LIVE}",
            "chooses the deployed version that answers; cannot create, call or change a version",
        ),
        _grant("cloudwatch:DescribeAlarms", "*", "reads the alarms of WATCHED and COMPUTED; none is about a client"),
    ),
    "PublishRole": (
        _grant("s3:ListBucket s3:ListBucketVersions", "${Bucket.Arn}", "uploads of pipelines; no client writes here"),
        _grant("s3:GetObject s3:GetObjectVersion", _UPLOADS, "uploads of pipelines"),
        _grant("s3:GetObject s3:PutObject", "${Bucket.Arn}/packs/*", "its cached copy of uploads"),
        _grant(
            "s3:GetObject s3:PutObject s3:DeleteObject",
            "${Bucket.Arn}/public/* ${Bucket.Arn}/rejected/*",
            "writes public documents; its events contain no client request",
        ),
        _grant(
            "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes",
            "${UploadQueue.Arn}",
            "notifications of uploads",
        ),
        _grant("kms:Sign", "${OnlineKeyArn}", "signs TUF's snapshot and timestamp; no client request gets here"),
        _grant(_LOGS, "${PublishLog.Arn}", "writes records of finite values, and cannot read them"),
    ),
    "PipelineRole": (
        _grant("s3:PutObject", _below("channels", "releases", "signed", "parts"), "a pipeline is not a client"),
        _grant("s3:GetObject", _below("parts"), "parts of a release that its own jobs upload"),
        _LOOK,
        _LIST,
    ),
    "OwnerRole": (
        _grant("s3:PutObject", _below("products", "approvals", "trust", "site"), "an owner is not a client"),
        _LOOK,
        _LIST,
    ),
}
"""Role → everything that it allows, without conditions."""

TAKEN_BY = {
    "AnswerRole": "lambda.amazonaws.com",
    "PublishRole": "lambda.amazonaws.com",
    "DeployRole": "codedeploy.amazonaws.com",
}
"""Role → the AWS service that assumes it. A parameter names the principal of each other role."""

ENVIRONMENT = {
    "AnswerFunction": {
        "BUCKET": "the bucket of this stack",
        "S3_ENDPOINT": "AWS's own S3: always `aws`",
        "MEMORY_TTL_S": "a number of seconds",
        "LOG_LEVEL": "the level of the finite records to write",
        "LOG_SUCCESSES": "whether to write records of successes; they contain no more than others",
    },
    "PublishFunction": {
        "BUCKET": "the bucket of this stack",
        "S3_ENDPOINT": "AWS's own S3: always `aws`",
        "LOG_LEVEL": "the level of the finite records to write",
        "LOG_SUCCESSES": "whether to write records of successes; they contain no more than others",
        "ONLINE_KEY": "the key that signs TUF's snapshot and timestamp, or none",
        "SERVICE_URL": "the URL that clients ask, the same for everyone; the pages show it",
    },
}
"""Function → its environment variables, and why each is harmless. They include no debug flags of libraries."""

HANDLERS = {
    "AnswerFunction": "comet_updates.answer.handler.handler",
    "PublishFunction": "comet_updates.publish.handler.handler",
}
RUNTIME = "python3.13"
"""Lambda's runtime of both functions. Another one, such as `provided`, could run other code than the handler."""

LAYERS = {"AnswerFunction": "AnswerLayer", "PublishFunction": "PublishLayer"}
LOGS = {"AnswerFunction": "AnswerLog", "PublishFunction": "PublishLog"}
ROLES = {"AnswerFunction": "AnswerRole", "PublishFunction": "PublishRole"}
RETENTION_DAYS = (1, 3, 5, 7, 14, 30)
"""The allowed retentions of a log."""

LOGGING = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"}
"""The logging of Lambda itself: nothing about a single successful request."""

COUNTED = {
    "RefusedUploads": ("PublishLog", '{ $.outcome = "refused" }', "UploadsAreRefused"),
    "EndingSignatures": ("PublishLog", '{ ($.cache = "stale") || ($.outcome = "unavailable") }', "SignaturesEnd"),
    "StaleAnswers": ("AnswerLog", '{ $.cache = "stale" }', "AnswersAreStale"),
    "FailedAnswers": ("AnswerLog", '{ ($.outcome = "unavailable") || ($.outcome = "failed") }', "AnswersFail"),
}
"""Metric filter → its log, its pattern and the name of its metric.

A metric is kept for 15 months, longer than the log. So it contains only the number of failures in each minute, without
the document. The log itself contains nothing about clients.
"""

WATCHED = {
    "AnswerErrors": ("AWS/Lambda", "Errors", "FunctionName"),
    "PublishErrors": ("AWS/Lambda", "Errors", "FunctionName"),
    "LettersAreDead": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
    "SweepIsLate": ("AWS/Events", "Invocations", "RuleName"),
    "UploadsAreRefused": ("CometUpdates/", "UploadsAreRefused", ""),
    "AnswersAreStale": ("CometUpdates/", "AnswersAreStale", ""),
    "AnswersFail": ("CometUpdates/", "AnswersFail", ""),
    "SignaturesEnd": ("CometUpdates/", "SignaturesEnd", ""),
    "GatewayFails": ("AWS/ApiGateway", "5xx", "ApiId"),
    "AnswersAreThrottled": ("AWS/Lambda", "Throttles", "FunctionName"),
    "CdnFails": ("AWS/CloudFront", "5xxErrorRate", "DistributionId, Region"),
}
"""Alarm → the namespace of its metric (or a prefix of it), the metric's name, and its dimensions or none.

The gateway's metrics are those of all clients together. Its metrics for each route are off. The CDN's dimension
`Region` is always `Global`.
"""

COMPUTED = {
    "RequestsAreThrottled": (
        "IF(requests > 100, 100 * (requests - answered) / requests, 0)",
        (("AWS/ApiGateway", "Count", "ApiId"), ("AWS/Lambda", "Invocations", "FunctionName")),
    ),
    "ReservationIsNearlyUsed": (
        "100 * running / ${ReservedConcurrency}",
        (("AWS/Lambda", "ConcurrentExecutions", "FunctionName"),),
    ),
}
"""Alarm → the formula that it computes, and its metrics as in `WATCHED`.

The gateway has one count for all 4xx, which includes the function's 404. So the first one computes how many requests
the gateway did not pass on.
"""

GRADUALLY = "Canary10Percent10Minutes"
"""The deployment of a new answering function: it gets a random tenth of the requests for ten minutes, then all.

An alarm needs at most two periods of five minutes, so it fires before the new version gets all requests.
"""

GOES_BACK_ON = ("AnswerErrors", "AnswersFail", "AnswersAreStale")
"""Alarms that roll back to the previous version.

The last one is about S3, not about a version. But a new version starts with an empty cache, so it must not be deployed
while S3 fails.
"""

PATH_ALONE = {
    "CookiesConfig": {"CookieBehavior": "none"},
    "HeadersConfig": {"HeaderBehavior": "none"},
    "QueryStringsConfig": {"QueryStringBehavior": "none"},
    "EnableAcceptEncodingGzip": True,
    "EnableAcceptEncodingBrotli": True,
}
"""The parts of a request, besides the path, in the CDN's cache key and in its requests to the function.

The CDN reduces `Accept-Encoding` to one of three values: brotli, gzip or neither.
"""

NOT_CACHED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""The id of AWS's own cache policy `CachingDisabled`, the same in every account."""

CDN_PATHS = {
    "/drop-in/*": False,  # the URL may contain a version
    "/v1/*.atom": True,
    "/v1/*.json": True,
    "/v1/*.minisig": True,
    "/v1/*.xml": True,
    "/v1/*.yml": True,
    "/v1/*/RELEASES": True,
    "/v1/*/*/*": False,  # not a document: an old copy may have added its own number
}
"""Path pattern → whether the CDN may cache the answer by its URL. The first match counts; other paths may be cached.

CloudFront's patterns: `*` matches anything, also slashes. No number of an old copy has the ending of a document.
"""

CDN_TLS = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
"""The allowed minimum TLS policies of the CDN, if the publisher uses a custom domain."""

GATEWAY_TLS = ("TLS_1_2",)
"""The allowed TLS policies of the gateway, if the publisher uses a custom domain."""

CONTEXT_TOKENS: dict[str, str] = {}
"""`$context` variables of the gateway that the template may use: none, because each describes a single request."""
