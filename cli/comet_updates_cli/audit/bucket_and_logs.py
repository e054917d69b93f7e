"""Audits the logs and the bucket: their content, their retention and who else gets it."""

from __future__ import annotations

from comet_updates import object_keys
from comet_updates_cli.audit import allowed
from comet_updates_cli.audit.roles import many, read_policy
from comet_updates_cli.audit.stack import Difference, Differences, Read, Stack


def retention(stack: Stack, read: Read) -> Differences:
    """Check the retention of the logs."""
    for name in allowed.LOGS.values():
        group = stack.of(name)
        groups = read("logs", "DescribeLogGroups", logGroupNamePrefix=group).get("logGroups", ())
        days = {found["logGroupName"]: found.get("retentionInDays") for found in groups}
        if group not in days:
            yield Difference(name, "does not exist: Lambda creates a new log, which never expires")
        elif days[group] not in allowed.RETENTION_DAYS:
            yield Difference(name, f"expires after {days[group]} days" if days[group] else "never expires")


def subscriptions(stack: Stack, read: Read) -> Differences:
    """Check that no log is sent elsewhere."""
    for name in allowed.LOGS.values():
        found = read("logs", "DescribeSubscriptionFilters", logGroupName=stack.of(name))
        for filter_ in found.get("subscriptionFilters", ()):
            yield Difference(name, f"is sent to {filter_['destinationArn']}")


def metric_filters(stack: Stack, read: Read) -> Differences:
    """Check what is counted in a log: metrics are kept for 15 months."""
    decided = {stack.of(filter_): counted for filter_, counted in allowed.COUNTED.items()}
    for name in allowed.LOGS.values():
        for filter_ in read("logs", "DescribeMetricFilters", logGroupName=stack.of(name)).get("metricFilters", ()):
            numbers = filter_.get("metricTransformations", ())
            found = (name, filter_.get("filterPattern"), ", ".join(number["metricName"] for number in numbers))
            if found != decided.get(filter_["filterName"]) or any(number.get("dimensions") for number in numbers):
                yield Difference(name, f"has the metric filter {filter_['filterName']}, which is not in the template")


def strays(stack: Stack, read: Read) -> Differences:
    """Check for logs that AWS creates itself and that never expire."""
    lambdas = {f"/aws/lambda/{stack.of(name)}" for name in allowed.HANDLERS}
    gateways = (f"API-Gateway-Execution-Logs_{stack.of('Api')}/",) if stack.has_gateway else ()
    for prefix in (*sorted(lambdas), *gateways):
        for found in read("logs", "DescribeLogGroups", logGroupNamePrefix=prefix).get("logGroups", ()):
            if found["logGroupName"] in lambdas or found["logGroupName"].startswith(gateways):
                yield Difference(found["logGroupName"], "is a log that is not in the template")


def bucket_log(stack: Stack, read: Read) -> Differences:
    """Check that the bucket has no access log."""
    if read("s3", "GetBucketLogging", Bucket=stack.of("Bucket")).get("LoggingEnabled"):
        yield Difference("Bucket", "writes an access log")


def notifications(stack: Stack, read: Read) -> Differences:
    """Check that only the stack's queue gets notifications of uploads."""
    told = read("s3", "GetBucketNotificationConfiguration", Bucket=stack.of("Bucket"))
    for kind in ("TopicConfigurations", "LambdaFunctionConfigurations", "EventBridgeConfiguration"):
        if kind in told:  # the one for EventBridge is empty when it is on
            yield Difference("Bucket", f"sends notifications elsewhere ({kind})")
    for queue in told.get("QueueConfigurations", ()):
        if queue["QueueArn"] != stack.arn("UploadQueue"):
            yield Difference("Bucket", f"sends notifications to {queue['QueueArn']}")


def public_access(stack: Stack, read: Read) -> Differences:
    """Check that the bucket cannot be made public."""
    found = read("s3", "GetPublicAccessBlock", Bucket=stack.of("Bucket")).get("PublicAccessBlockConfiguration", {})
    if len(found) != 4 or not all(found.values()):  # noqa: PLR2004 (two for lists, two for policies)
        yield Difference("Bucket", "can be made public")


def bucket_policy(stack: Stack, read: Read) -> Differences:
    """Check that the bucket's policy only denies."""
    policy = read("s3", "GetBucketPolicy", Bucket=stack.of("Bucket")).get("Policy")
    if policy is None:
        yield Difference("Bucket", "has no policy: it accepts plain HTTP and overwritten releases")
        return
    for statement in many(read_policy(policy).get("Statement", [])):
        if statement["Effect"] != "Deny":
            yield Difference("Bucket", f"allows {statement.get('Action')} to {statement.get('Principal')}")


def copies(stack: Stack, read: Read) -> Differences:
    """Check the bucket's replication. Only uploads may be replicated, to a second region: see docs/operating.md."""
    found = read("s3", "GetBucketReplication", Bucket=stack.of("Bucket")).get("ReplicationConfiguration", {})
    for rule in found.get("Rules", ()):
        filter_ = rule.get("Filter") or {}
        prefix = filter_.get("Prefix") or filter_.get("And", {}).get("Prefix") or rule.get("Prefix") or ""
        if not prefix.startswith(object_keys.UPLOAD_PREFIXES):
            target = rule.get("Destination", {}).get("Bucket")
            yield Difference("Bucket", f"is replicated to {target}: {prefix or 'all objects'}")


def inventories(stack: Stack, read: Read) -> Differences:
    """Check that no inventory of the bucket is written."""
    found = read("s3", "ListBucketInventoryConfigurations", Bucket=stack.of("Bucket"))
    if found.get("InventoryConfigurationList"):
        yield Difference("Bucket", "writes an inventory")


def analytics(stack: Stack, read: Read) -> Differences:
    """Check that no usage analysis of the bucket is written."""
    found = read("s3", "ListBucketAnalyticsConfigurations", Bucket=stack.of("Bucket"))
    if found.get("AnalyticsConfigurationList"):
        yield Difference("Bucket", "has storage class analysis enabled")


def encryption(stack: Stack, read: Read) -> Differences:
    """Check that an object's ETag is the hash of its bytes. With KMS it is not, and clients would get 503."""
    found = read("s3", "GetBucketEncryption", Bucket=stack.of("Bucket")).get("ServerSideEncryptionConfiguration", {})
    defaults = (rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in found.get("Rules", ()))
    kinds = {default.get("SSEAlgorithm") for default in defaults}
    if kinds - {"AES256"}:
        yield Difference(
            "Bucket", f"encrypts with {', '.join(sorted(map(str, kinds)))}, so no ETag is a hash of the bytes"
        )


def versions(stack: Stack, read: Read) -> Differences:
    """Check that the bucket keeps versions, so that the first upload of a release can be found."""
    if read("s3", "GetBucketVersioning", Bucket=stack.of("Bucket")).get("Status") != "Enabled":
        yield Difference("Bucket", "does not keep versions")
