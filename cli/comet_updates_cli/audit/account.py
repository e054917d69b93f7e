"""An AWS account that is only read: the list of all calls that the audit can make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from comet_updates.answer.errors import CometError

READS = {
    ("apigatewayv2", "GetApi"): "apigateway:GET",
    ("apigatewayv2", "GetApiMappings"): "apigateway:GET",
    ("apigatewayv2", "GetDomainName"): "apigateway:GET",
    ("apigatewayv2", "GetIntegrations"): "apigateway:GET",
    ("apigatewayv2", "GetRoutes"): "apigateway:GET",
    ("apigatewayv2", "GetStages"): "apigateway:GET",
    ("cloudformation", "ListStackResources"): "cloudformation:ListStackResources",
    ("cloudfront", "GetCachePolicy"): "cloudfront:GetCachePolicy",
    ("cloudfront", "GetDistributionConfig"): "cloudfront:GetDistributionConfig",
    ("cloudfront", "GetMonitoringSubscription"): "cloudfront:GetMonitoringSubscription",
    ("cloudfront", "GetOriginAccessControl"): "cloudfront:GetOriginAccessControl",
    ("cloudtrail", "DescribeTrails"): "cloudtrail:DescribeTrails",
    ("cloudtrail", "GetEventSelectors"): "cloudtrail:GetEventSelectors",
    ("cloudwatch", "DescribeAlarms"): "cloudwatch:DescribeAlarms",
    ("cloudwatch", "DescribeInsightRules"): "cloudwatch:DescribeInsightRules",
    ("cloudwatch", "GetDashboard"): "cloudwatch:GetDashboard",
    ("codedeploy", "GetDeploymentGroup"): "codedeploy:GetDeploymentGroup",
    ("iam", "GetRole"): "iam:GetRole",
    ("iam", "GetRolePolicy"): "iam:GetRolePolicy",
    ("iam", "ListAttachedRolePolicies"): "iam:ListAttachedRolePolicies",
    ("iam", "ListRolePolicies"): "iam:ListRolePolicies",
    ("lambda", "GetAlias"): "lambda:GetAlias",
    ("lambda", "GetFunction"): "lambda:GetFunction",
    ("lambda", "GetFunctionConfiguration"): "lambda:GetFunctionConfiguration",
    ("lambda", "GetLayerVersion"): "lambda:GetLayerVersion",
    ("lambda", "GetPolicy"): "lambda:GetPolicy",
    ("lambda", "ListAliases"): "lambda:ListAliases",
    ("lambda", "ListEventSourceMappings"): "lambda:ListEventSourceMappings",
    ("lambda", "ListFunctionEventInvokeConfigs"): "lambda:ListFunctionEventInvokeConfigs",
    ("lambda", "ListFunctionUrlConfigs"): "lambda:ListFunctionUrlConfigs",
    ("lambda", "ListVersionsByFunction"): "lambda:ListVersionsByFunction",
    ("logs", "DescribeAccountPolicies"): "logs:DescribeAccountPolicies",
    ("logs", "DescribeDeliverySources"): "logs:DescribeDeliverySources",
    ("logs", "DescribeLogGroups"): "logs:DescribeLogGroups",
    ("logs", "DescribeMetricFilters"): "logs:DescribeMetricFilters",
    ("logs", "DescribeSubscriptionFilters"): "logs:DescribeSubscriptionFilters",
    ("observabilityadmin", "ListTelemetryRules"): "observabilityadmin:ListTelemetryRules",
    ("s3", "GetBucketEncryption"): "s3:GetEncryptionConfiguration",
    ("s3", "GetBucketLogging"): "s3:GetBucketLogging",
    ("s3", "GetBucketNotificationConfiguration"): "s3:GetBucketNotification",
    ("s3", "GetBucketPolicy"): "s3:GetBucketPolicy",
    ("s3", "GetBucketVersioning"): "s3:GetBucketVersioning",
    ("s3", "GetBucketReplication"): "s3:GetReplicationConfiguration",
    ("s3", "GetPublicAccessBlock"): "s3:GetBucketPublicAccessBlock",
    ("s3", "ListBucketAnalyticsConfigurations"): "s3:GetAnalyticsConfiguration",
    ("s3", "ListBucketInventoryConfigurations"): "s3:GetInventoryConfiguration",
}
"""(service, operation) → the right that it needs. All of them only read."""

ELSEWHERE = {("logs", "DescribeDeliverySources"): "us-east-1"}
"""Calls that go to a fixed region: CloudFront's logs are in one region only."""

ABSENT = frozenset(
    {
        "ResourceNotFoundException",
        "NoSuchBucketPolicy",
        "ServerSideEncryptionConfigurationNotFoundError",
        "NoSuchMonitoringSubscription",
        "NoSuchPublicAccessBlockConfiguration",
        "ReplicationConfigurationNotFoundError",
    }
)
"""The error codes of AWS for a setting that does not exist."""


class UnseenError(CometError):
    """A setting cannot be read: the right is missing, or AWS does not know the call.

    Attributes:
        right: the right that the auditor needs.
        reason: AWS's error code.
    """

    def __init__(self, right: str, reason: str) -> None:
        super().__init__(f"{right}: {reason}")
        self.right = right
        self.reason = reason


class NotAReadError(CometError):
    """The audit tried a call that is not in `READS`, which is a bug. The call was not sent."""


class Account:
    """Reads an account. boto3 takes credentials and region from `AWS_*`.

    Args:
        endpoint_url: the URL to use instead of AWS; `None` for AWS.
    """

    def __init__(self, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url
        self._session: boto3.session.Session | None = None  # each reads the list of all endpoints: 0.2 s
        self._clients: dict[tuple[str, str | None], Any] = {}

    def read(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 (AWS's)
        """Return the answer of AWS, with all pages merged; empty if the setting does not exist.

        Raises:
            UnseenError: AWS refuses or fails.
        """
        method = xform_name(operation)
        try:
            client = self._client(service, ELSEWHERE.get((service, operation)))
            if client.can_paginate(method):
                answer: dict[str, Any] = client.get_paginator(method).paginate(**parameters).build_full_result()
            else:
                answer = getattr(client, method)(**parameters)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ABSENT:
                return {}
            raise UnseenError(READS[service, operation], code) from error
        except (BotoCoreError, NotImplementedError) as error:  # no region, no credentials, no answer, no such call
            raise UnseenError(READS[service, operation], type(error).__name__) from error
        return answer

    def _client(self, service: str, region: str | None = None) -> Any:  # noqa: ANN401 (one type for each service)
        if (service, region) not in self._clients:
            config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 3})
            try:
                self._session = self._session or boto3.session.Session()
                where = {"endpoint_url": self._endpoint_url, "region_name": region}
                client = self._session.client(service, config=config, **where)  # type: ignore[call-overload]
            except ValueError as error:
                raise UnseenError(f"to reach {self._endpoint_url}", "not a URL") from error
            client.meta.events.register("before-call", _only_reads(service))
            self._clients[service, region] = client
        return self._clients[service, region]


def _only_reads(service: str) -> Callable[..., None]:
    def check(model: Any, **_: Any) -> None:  # noqa: ANN401 (botocore's)
        if (service, model.name) not in READS:
            raise NotAReadError(f"{service} {model.name}: not a call of the audit")

    return check
