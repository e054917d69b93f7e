"""What may exist in the cloud, and why it cannot carry anything about a client.

One definition: the rules for the template, the audit of a deployed stack and the evidence report read it. Whoever adds
an entry writes the reason beside it.
"""

from __future__ import annotations

from typing import NamedTuple


class Grant(NamedTuple):
    """Actions that a role allows on resources; `${Name.Arn}` stands for the ARN of that resource of the stack."""

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
    "AWS::IAM::Role": (3, "what each may do stands in GRANTS"),
    "AWS::Lambda::Function": (2, "answering and publishing"),
    "AWS::Lambda::LayerVersion": (2, "third-party code, locked by hash"),
    "AWS::Lambda::Permission": (2, "the gateway calls one function, the schedule the other"),
    "AWS::Lambda::EventSourceMapping": (1, "hands notifications of uploads to the publishing function"),
    "AWS::Events::Rule": (1, "the sweep: a clock with a constant input"),
    "AWS::ApiGatewayV2::Api": (1, "passes every request to the answering function and keeps none"),
    "AWS::ApiGatewayV2::Stage": (1, "throttles all clients together; has no access log"),
}
"""Type of resource → how many there are, and why they cannot carry anything about a client."""

_LOGS = "logs:CreateLogStream logs:PutLogEvents"
_UPLOADS = "${Bucket.Arn}/products/* ${Bucket.Arn}/channels/* ${Bucket.Arn}/releases/*"

GRANTS = {
    "AnswerRole": (
        _grant("s3:GetObject", "${Bucket.Arn}/public/*", "reads what is public anyway; cannot write, list or search"),
        _grant(_LOGS, "${AnswerLog.Arn}", "writes records of finite values, and cannot read them back"),
    ),
    "PublishRole": (
        _grant("s3:ListBucket s3:ListBucketVersions", "${Bucket.Arn}", "uploads of pipelines; no client writes here"),
        _grant("s3:GetObject s3:GetObjectVersion", _UPLOADS, "uploads of pipelines"),
        _grant(
            "s3:GetObject s3:PutObject s3:DeleteObject",
            "${Bucket.Arn}/public/* ${Bucket.Arn}/rejected/*",
            "what is published; no event that it gets holds a request of a client",
        ),
        _grant("sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes", "${UploadQueue.Arn}", "keys of uploads"),
        _grant(_LOGS, "${PublishLog.Arn}", "writes records of finite values, and cannot read them back"),
    ),
    "PipelineRole": (
        _grant("s3:PutObject", _UPLOADS, "a pipeline is not a client"),
        _grant("s3:GetObject s3:GetObjectVersion", f"{_UPLOADS} ${{Bucket.Arn}}/rejected/*", "what pipelines uploaded"),
        _grant("s3:ListBucket s3:ListBucketVersions", "${Bucket.Arn}", "keys of uploads and of what is public"),
    ),
}
"""Role → all that it allows, without any condition."""

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

CONTEXT_TOKENS: dict[str, str] = {}
"""`$context` variables of the gateway that the template may name, with the reason: each is of one request, so none."""
