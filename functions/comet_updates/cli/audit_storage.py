"""What is kept, for how long, and who else gets it: the logs and the bucket."""

from __future__ import annotations

from comet_updates import deployment, names
from comet_updates.cli.audit_roles import many, read_policy
from comet_updates.cli.audit_stack import Difference, Differences, Read, Stack


def retention(stack: Stack, read: Read) -> Differences:
    """How long logs are kept."""
    for name in deployment.LOGS.values():
        group = stack.of(name)
        groups = read("logs", "DescribeLogGroups", logGroupNamePrefix=group).get("logGroups", ())
        days = {found["logGroupName"]: found.get("retentionInDays") for found in groups}
        if group not in days:
            yield Difference(name, "is gone: Lambda makes a new one, which is kept for ever")
        elif days[group] not in deployment.RETENTION_DAYS:
            yield Difference(name, f"is kept for {f'{days[group]} days' if days[group] else 'ever'}")


def subscriptions(stack: Stack, read: Read) -> Differences:
    """Who else gets a log."""
    for name in deployment.LOGS.values():
        found = read("logs", "DescribeSubscriptionFilters", logGroupName=stack.of(name))
        for filter_ in found.get("subscriptionFilters", ()):
            yield Difference(name, f"is sent to {filter_['destinationArn']}")


def metric_filters(stack: Stack, read: Read) -> Differences:
    """What is counted in a log: a metric is kept for 15 months."""
    decided = {stack.of(filter_): counted for filter_, counted in deployment.COUNTED.items()}
    for name in deployment.LOGS.values():
        for filter_ in read("logs", "DescribeMetricFilters", logGroupName=stack.of(name)).get("metricFilters", ()):
            numbers = filter_.get("metricTransformations", ())
            found = (name, filter_.get("filterPattern"), ", ".join(number["metricName"] for number in numbers))
            if found != decided.get(filter_["filterName"]) or any(number.get("dimensions") for number in numbers):
                yield Difference(name, f"is counted by {filter_['filterName']}, in a way that nobody decided on")


def strays(stack: Stack, read: Read) -> Differences:
    """Logs that AWS makes by itself, to be kept for ever."""
    lambdas = {f"/aws/lambda/{stack.of(name)}" for name in deployment.HANDLERS}
    gateways = () if stack.has_cdn else (f"API-Gateway-Execution-Logs_{stack.of('Api')}/",)
    for prefix in (*sorted(lambdas), *gateways):
        for found in read("logs", "DescribeLogGroups", logGroupNamePrefix=prefix).get("logGroups", ()):
            if found["logGroupName"] in lambdas or found["logGroupName"].startswith(gateways):
                yield Difference(found["logGroupName"], "is a log that nobody decided on")


def bucket_log(stack: Stack, read: Read) -> Differences:
    """A log of who reads the bucket."""
    if read("s3", "GetBucketLogging", Bucket=stack.of("Bucket")).get("LoggingEnabled"):
        yield Difference("Bucket", "logs who reads it")


def notifications(stack: Stack, read: Read) -> Differences:
    """Who is told of an upload: the queue of this stack."""
    told = read("s3", "GetBucketNotificationConfiguration", Bucket=stack.of("Bucket"))
    for kind in ("TopicConfigurations", "LambdaFunctionConfigurations", "EventBridgeConfiguration"):
        if kind in told:  # that for EventBridge is empty when it is on
            yield Difference("Bucket", f"tells others of its events ({kind})")
    for queue in told.get("QueueConfigurations", ()):
        if queue["QueueArn"] != stack.arn("UploadQueue"):
            yield Difference("Bucket", f"tells {queue['QueueArn']} of its events")


def public_access(stack: Stack, read: Read) -> Differences:
    """Whether anyone but the functions could be let in."""
    found = read("s3", "GetPublicAccessBlock", Bucket=stack.of("Bucket")).get("PublicAccessBlockConfiguration", {})
    if len(found) != 4 or not all(found.values()):  # noqa: PLR2004 (two for lists, two for policies)
        yield Difference("Bucket", "can be made public")


def bucket_policy(stack: Stack, read: Read) -> Differences:
    """It denies, and allows nothing."""
    policy = read("s3", "GetBucketPolicy", Bucket=stack.of("Bucket")).get("Policy")
    if policy is None:
        yield Difference("Bucket", "has no policy: it takes plain HTTP, and releases written twice")
        return
    for statement in many(read_policy(policy).get("Statement", [])):
        if statement["Effect"] != "Deny":
            yield Difference("Bucket", f"allows {statement.get('Action')} to {statement.get('Principal')}")


def copies(stack: Stack, read: Read) -> Differences:
    """Who else gets what is in the bucket: a second region may have the uploads, as docs/operating.md says."""
    found = read("s3", "GetBucketReplication", Bucket=stack.of("Bucket")).get("ReplicationConfiguration", {})
    for rule in found.get("Rules", ()):
        filter_ = rule.get("Filter") or {}
        prefix = filter_.get("Prefix") or filter_.get("And", {}).get("Prefix") or rule.get("Prefix") or ""
        if not prefix.startswith(names.UPLOAD_PREFIXES):
            target = rule.get("Destination", {}).get("Bucket")
            yield Difference("Bucket", f"is copied to {target}: {prefix or 'all that is in it'}")


def inventories(stack: Stack, read: Read) -> Differences:
    """Who else gets a list of what is in the bucket."""
    found = read("s3", "ListBucketInventoryConfigurations", Bucket=stack.of("Bucket"))
    if found.get("InventoryConfigurationList"):
        yield Difference("Bucket", "is listed elsewhere")


def analytics(stack: Stack, read: Read) -> Differences:
    """Who else gets numbers of how the bucket is used."""
    found = read("s3", "ListBucketAnalyticsConfigurations", Bucket=stack.of("Bucket"))
    if found.get("AnalyticsConfigurationList"):
        yield Difference("Bucket", "is analysed")


def versions(stack: Stack, read: Read) -> Differences:
    """Whether what was uploaded can be told from what is there now."""
    if read("s3", "GetBucketVersioning", Bucket=stack.of("Bucket")).get("Status") != "Enabled":
        yield Difference("Bucket", "keeps no versions")
