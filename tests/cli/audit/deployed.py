"""Our own template, deployed in moto, and botocore made to answer what moto cannot."""

from __future__ import annotations

import ast
import base64
import copy
import copyreg
import hashlib
import io
import json
import re
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.handlers
import pytest
from moto.core.base_backend import BackendDict, BaseBackend

from checks.template_rules import counts, deploying
from comet_updates_cli.audit import allowed
from testkit.s3 import REGION
from tests.clients.servers import Server
from tests.template.expand import expand, source

ACCOUNT = "123456789012"
BUILT: dict[str, dict[str, bytes]] = {
    "AnswerFunction": {
        "comet_updates/__init__.py": b"",
        "comet_updates/answer/handler.py": b"handler = build()\n",
        "comet_updates/answer/__pycache__/handler.cpython-313.pyc": b"byte code of the handler",
    },
    "PublishFunction": {"comet_updates/publish/handler.py": b"handler = 1\n"},
    "AnswerLayer": {"python/semver/__init__.py": b"VERSION = 3\n", "python/obstore.so": bytes(range(256))},
    "PublishLayer": {"python/boto3/__init__.py": b"VERSION = 1\n"},
}
"""Package → the content of its files, as `sam build` makes them."""
NOT_IN_MOTO = {  # moto's CloudFormation cannot make these; it makes a layer without a name, and no function uses it
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudFront::CachePolicy",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Lambda::Alias",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",  # moto can make these, but they name the gateway or the CDN
    "AWS::Lambda::Url",
    "AWS::Lambda::Version",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
}


ABSENT = {
    "false": {"HasCdn", "HasCdnInVirginia", "HasGatewayDomain", "HasReservation"},
    "true": {"HasGateway", "HasGatewayDomain", "HasReservation"},
    "both": {"HasReservation"},
}
"""UseCdn → the conditions that do not hold. Gateway and CDN have the publisher's name only with "both"."""


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a package with these files, as SAM makes it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name), body)
    return content.getvalue()


@cache
def packages() -> Server:
    """Return the server of packages, which Lambda has on S3. A package is found by its hash."""
    return Server()


def hosted(package: bytes) -> bytes:
    """Serve `package`, and return it."""
    packages().files[hashlib.sha256(package).hexdigest()] = package
    return package


def _location(sha256: str) -> str:
    return f"{packages().url}/{base64.b64decode(sha256).hex()}?X-Amz-Signature=secret"


def write_build(folder: Path) -> Path:
    """Write the files of `BUILT` as `sam build` does, and return the folder."""
    for package, files in BUILT.items():
        for name, content in files.items():
            (folder / package / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / package / name).write_bytes(content)
    return folder


@cache
def client(service: str) -> Any:
    """Return a boto3 client. It is cached, since making one is slow; it holds no state of moto."""
    return boto3.client(service)  # type: ignore[call-overload]  # the stubs have one for each name


@cache
def _template() -> dict[str, Any]:
    return expand(source())


class Deployed:
    """A stack as CloudFormation makes it of our template.

    Attributes:
        ids: the name in the template → the physical id that AWS gave to the resource.
        listed: the answer to `ListStackResources`.
        answers: operation → the answer to give in AWS's place, where moto has none or the wrong one.
        refused: operation → the error code that it ends with.
        configured: function → the parts of its configuration that moto does not keep.
        urls: function → its URLs, as Lambda lists them. moto does not list those of an alias.
        policies: function and alias, or version, or nothing → who may call it. moto has one for all versions.
        build: the folder to compare the code with; `None` for no comparison.
        calls: every call that the audit made.
        known: the answers of moto for this stack, by call; `None` if every call must reach moto.

    Args:
        build: the folder of what is deployed, from `write_build`.
        use_cdn: the parameter UseCdn. With "both", gateway and CDN have the publisher's name.
    """

    def __init__(self, build: Path, *, use_cdn: str = "false") -> None:
        self.build: Path | None = build
        self.answers: dict[str, Any] = {
            "DescribeAccountPolicies": {"accountPolicies": []},
            "ListTelemetryRules": {"TelemetryRuleSummaries": []},
            "ListFunctionEventInvokeConfigs": {},
            "ListBucketAnalyticsConfigurations": {},
        }
        self.refused: dict[str, str] = {}
        self.calls: list[tuple[str, str]] = []
        self.known: dict[str, tuple[int, dict[str, Any]]] | None = None
        self.urls: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.policies: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        template = _without(ABSENT[use_cdn], _template())
        self.ids = _create_stack(template, use_cdn=use_cdn)
        _mend_policies(self.ids)
        _add_layers(self.ids, template)
        for function in allowed.HANDLERS:
            self.upload(function, zipped(BUILT[function]))
        _add_to_bucket(self.ids)
        self._version = next(name for name in template["Resources"] if name.startswith("AnswerFunctionVersion"))
        self.ids |= {GROUP: GROUP, APPLICATION: APPLICATION, ALIAS: f"{self.arn('AnswerFunction')}:{allowed.LIVE}"}
        client("lambda").create_alias(
            FunctionName=self.ids["AnswerFunction"], Name=allowed.LIVE, FunctionVersion=self._publish()
        )
        self.answers["GetDeploymentGroup"] = {"deploymentGroupInfo": _deployment_group()}
        if use_cdn != "false":
            url = self.open_url("AnswerFunction", allowed.LIVE, AuthType="AWS_IAM")
            self.answers |= _add_cdn(self.ids, url)
        if use_cdn != "true":
            _add_gateway(self.ids)
        if use_cdn == "both":
            _add_gateway_domain(self.ids)
        self._add_callers()
        _add_counts(self.ids, template)
        _add_trail()
        self.listed = [
            {"LogicalResourceId": name, "ResourceType": made["Type"], "PhysicalResourceId": self.ids.get(name, name)}
            for name, made in template["Resources"].items()
        ]
        self.configured: dict[str, dict[str, Any]] = {
            self.ids[name]: {"LoggingConfig": {**allowed.LOGGING, "LogGroup": self.ids[log]}}
            for name, log in allowed.LOGS.items()
        }

    def arn(self, name: str) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.ids[name]}"

    def layer(self, name: str) -> str:
        """Return the ARN of the version of a layer."""
        return next(arn for logical, arn in self.ids.items() if logical.startswith(name))

    def deploy(self) -> None:
        """Publish a version of the answering function, and let the alias `live` lead to it."""
        client("lambda").update_alias(
            FunctionName=self.ids["AnswerFunction"], Name=allowed.LIVE, FunctionVersion=self._publish()
        )

    def upload(self, function: str, package: bytes) -> None:
        """Replace the code of a function. No version changes."""
        client("lambda").update_function_code(FunctionName=self.ids[function], ZipFile=hosted(package))

    def _publish(self) -> str:
        made = client("lambda").publish_version(FunctionName=self.ids["AnswerFunction"])
        self.ids[self._version] = f"{self.arn('AnswerFunction')}:{made['Version']}"
        for listed in getattr(self, "listed", ()):
            if listed["LogicalResourceId"] == self._version:
                listed["PhysicalResourceId"] = self.ids[self._version]
        return str(made["Version"])

    def open_url(self, function: str, qualifier: str = "", **config: Any) -> str:
        """Give the function a URL, and return the URL."""
        arn = f"{self.arn(function)}:{qualifier}" if qualifier else self.arn(function)
        url = f"https://{len(self.urls[function])}{function.lower()}.lambda-url.{REGION}.on.aws/"
        self.urls[self.ids[function]].append({"FunctionArn": arn, "FunctionUrl": url, **config})
        return url

    def call(self, function: str, principal: str, arn: str = "", qualifier: str = allowed.LIVE) -> None:
        """Let `principal` call `function`."""
        statement: dict[str, Any] = {"Effect": "Allow", "Action": "lambda:InvokeFunction"}
        statement["Principal"] = principal if principal == "*" else {"Service": principal}
        if arn:
            statement["Condition"] = {"ArnLike": {"AWS:SourceArn": arn}}
        self.policies[self.ids[function], qualifier].append(statement)

    def _add_callers(self) -> None:
        here = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{self.ids[SWEEP]}"
        self.call("PublishFunction", "events.amazonaws.com", here, qualifier="")
        if "Cdn" in self.ids:
            for _ in range(2):  # once for the URL, once for the function
                arn = f"arn:aws:cloudfront::{ACCOUNT}:distribution/{self.ids['Cdn']}"
                self.call("AnswerFunction", "cloudfront.amazonaws.com", arn)
        if "Api" in self.ids:
            arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self.ids['Api']}/*"
            self.call("AnswerFunction", "apigateway.amazonaws.com", arn)

    @contextmanager
    def overheard(self) -> Iterator[None]:
        """Record every botocore call in this block. Answer or refuse it as `answers` and `refused` say."""
        _overhearing.append(self)
        try:
            yield
        finally:
            _overhearing.remove(self)

    def before_call(self, service: str, operation: str, request: dict[str, Any]) -> Any:
        self.calls.append((service, operation))
        if operation in self.refused:
            return SimpleNamespace(status_code=403), {"Error": {"Code": self.refused[operation], "Message": ""}}
        if operation in self.answers:
            return SimpleNamespace(status_code=200), dict(self.answers[operation])
        function = re.sub(r".*/functions/([^/]+)/.*", r"\1", request["url_path"])
        if operation == "ListFunctionUrlConfigs":
            return SimpleNamespace(status_code=200), {"FunctionUrlConfigs": self.urls[function]}
        if operation == "GetPolicy":
            statements = self.policies[function, request["query_string"].get("Qualifier", "")]
            return SimpleNamespace(status_code=200), {"Policy": json.dumps({"Statement": statements})}
        return self._known_answer(service, operation, request) if service not in _changed else None

    def _known_answer(self, service: str, operation: str, request: dict[str, Any]) -> Any:
        parts = [service, operation, request["url_path"], request["query_string"], request["body"]]
        request["context"]["call"] = call = json.dumps(parts, default=str)
        if self.known is None or call not in self.known:
            return None
        status, answer = copy.deepcopy(self.known[call])
        return SimpleNamespace(status_code=status), answer

    def received(self, context: dict[str, Any], status: int, answer: dict[str, Any]) -> None:
        if self.known is not None and "call" in context:
            self.known[context["call"]] = status, copy.deepcopy(answer)

    def after_call(self, operation: str, answer: dict[str, Any]) -> None:
        if operation == "ListStackResources" and "Error" not in answer:
            answer["StackResourceSummaries"] = self.listed
        if operation == "GetFunctionConfiguration":
            answer.update(self.configured.get(answer.get("FunctionName", ""), {}))
        if operation == "GetFunction" and "Code" in answer:
            answer["Code"]["Location"] = _location(answer["Configuration"]["CodeSha256"])
        if operation == "GetLayerVersion" and "Content" in answer:
            answer["Content"]["Location"] = _location(answer["Content"]["CodeSha256"])
        if operation == "GetDistributionConfig":  # moto does not keep the access control
            for origin in answer.get("DistributionConfig", {}).get("Origins", {}).get("Items", ()):
                origin.setdefault("OriginAccessControlId", self.ids["CdnSigns"])


copyreg.pickle(type(threading.RLock()), lambda _: (threading.RLock, ()))  # moto's queues have a lock, and are copied


class Prepared:
    """A stack that is made once for many tests, since moto makes it more slowly than the command audits it.

    Everything happens within one `mock_aws`.

    Args:
        build: as for `Deployed`.
        use_cdn: as for `Deployed`.
    """

    def __init__(self, build: Path, *, use_cdn: str) -> None:
        for backend in _backends():
            backend.reset()
        self._deployed = Deployed(build, use_cdn=use_cdn)
        self._known: dict[str, tuple[int, dict[str, Any]]] = {}
        self._backends = _backends()
        self._state = self._copied([vars(backend) for backend in self._backends])

    def again(self) -> Deployed:
        """Return the stack as it was made, in an account that holds nothing else."""
        for backend in _backends():
            backend.reset()
        for backend, state in zip(self._backends, self._copied(self._state), strict=True):
            vars(backend).clear()
            vars(backend).update(state)
        _changed.clear()
        deployed = copy.deepcopy(self._deployed)
        deployed.known = self._known
        return deployed

    def _copied(self, state: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return a copy of the state. References to a backend keep leading to the same backend."""
        return copy.deepcopy(state, {id(backend): backend for backend in self._backends})


def _backends() -> list[BaseBackend]:
    """Return all backends of moto that are in use."""
    instances = BackendDict._instances  # type: ignore[misc]  # mypy: the class is generic
    return [backend for service in instances for _, _, backend in service.iter_backends()]


_overhearing: list[Deployed] = []
_changed: set[str] = set()
"""The services that a test called since it got its stack. Their remembered answers are not used."""


def _before_call(model: Any, params: dict[str, Any], **_: Any) -> Any:
    service = model.service_model.service_name
    if _overhearing:
        return _overhearing[-1].before_call(service, model.name, params)
    _changed.add(service)
    return None


def _received(context: dict[str, Any], response_dict: Any, parsed_response: Any, **_: Any) -> None:
    if _overhearing and response_dict:
        _overhearing[-1].received(context, response_dict["status_code"], parsed_response)


def _after_call(model: Any, parsed: dict[str, Any], **_: Any) -> None:
    if _overhearing:
        _overhearing[-1].after_call(model.name, parsed)


@pytest.fixture(scope="session")
def botocore_overheard() -> Iterator[None]:
    """Let tests observe each botocore session that is made from now on, including those of the command."""
    hooks = [
        ("before-call", _before_call, botocore.handlers.REGISTER_LAST),
        ("response-received", _received),
        ("after-call", _after_call),
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.handlers, "BUILTIN_HANDLERS", [*botocore.handlers.BUILTIN_HANDLERS, *hooks])
        yield


def _without(conditions: set[str], template: dict[str, Any]) -> dict[str, Any]:
    made = template["Resources"].items()
    return {**template, "Resources": {name: one for name, one in made if one.get("Condition") not in conditions}}


def _create_stack(template: dict[str, Any], *, use_cdn: str) -> dict[str, str]:
    # AWS ends the ARN of a log group with `:*`; moto leaves that out.
    text = json.dumps(template)
    for log in allowed.LOGS.values():
        arn = json.dumps({"Fn::Sub": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:${{{log}}}:*"})
        text = text.replace(json.dumps({"Fn::GetAtt": [log, "Arn"]}), arn)
    ours = json.loads(text)
    made = {name: resource for name, resource in ours["Resources"].items() if resource["Type"] not in NOT_IN_MOTO}
    for resource in made.values():
        resource.pop("DependsOn", None)
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"] |= {"Code": {"ZipFile": "pass"}}
            del resource["Properties"]["Layers"]
            variables = resource["Properties"]["Environment"]["Variables"]
            if "SERVICE_URL" in variables:  # it names a resource that moto cannot make
                variables["SERVICE_URL"] = "https://updates.example.com"
    client("cloudformation").create_stack(
        StackName="comet",
        TemplateBody=json.dumps({**ours, "Rules": {}, "Resources": made, "Outputs": {}}),
        Parameters=[
            {"ParameterKey": "PipelinePrincipalArn", "ParameterValue": f"arn:aws:iam::{ACCOUNT}:role/ci"},
            {"ParameterKey": "OwnerPrincipalArn", "ParameterValue": f"arn:aws:iam::{ACCOUNT}:role/lead"},
            {"ParameterKey": "UseCdn", "ParameterValue": use_cdn},
        ],
    )
    listed = client("cloudformation").list_stack_resources(StackName="comet")["StackResourceSummaries"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in listed}


def _mend_policies(ids: dict[str, str]) -> None:
    """Rewrite the policies as JSON, since moto's CloudFormation writes them as Python literals."""
    for role, policy in OWN_POLICIES.items():
        name = {"RoleName": ids[role], "PolicyName": policy}
        document = ast.literal_eval(client("iam").get_role_policy(**name)["PolicyDocument"])
        client("iam").put_role_policy(**name, PolicyDocument=json.dumps(document))
        trusted = client("iam").get_role(RoleName=ids[role])["Role"]["AssumeRolePolicyDocument"]
        if isinstance(trusted, str):
            trust(ids[role], ast.literal_eval(trusted))


def trust(role: str, document: dict[str, Any]) -> None:
    client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))


OWN_POLICIES = {
    "AnswerRole": "answer",
    "DeployRole": "deploy",
    "PublishRole": "publish",
    "PipelineRole": "release",
    "OwnerRole": "own",
}
ALIAS, GROUP, APPLICATION = deploying.ALIAS, deploying.GROUP, "ServerlessDeploymentApplication"


def _add_layers(ids: dict[str, str], template: dict[str, Any]) -> None:
    for function, layer in allowed.LAYERS.items():
        named = next(name for name in template["Resources"] if name.startswith(layer))
        ids[named] = publish_layer(named, zipped(BUILT[layer]))
        client("lambda").update_function_configuration(FunctionName=ids[function], Layers=[ids[named]])


def publish_layer(name: str, package: bytes) -> str:
    made = client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": hosted(package)})
    arn: str = made["LayerVersionArn"]
    return arn


def _add_to_bucket(ids: dict[str, str]) -> None:
    """Add the parts of a bucket that moto's CloudFormation leaves out."""
    s3, bucket = client("s3"), ids["Bucket"]
    every = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(every, True))
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [denied]}))
    notify(bucket, ids["UploadQueue"].rsplit("/", 1)[-1])


def notify(bucket: str, queue: str) -> None:
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
    told = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)


def _add_gateway(ids: dict[str, str]) -> None:
    """Add the gateway that API Gateway makes of SAM's OpenAPI document."""
    gateway = client("apigatewayv2")
    ids["Api"] = gateway.create_api(Name="comet", ProtocolType="HTTP")["ApiId"]
    integration = gateway.create_integration(
        ApiId=ids["Api"],
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{ids[ALIAS]}/invocations",
        PayloadFormatVersion="2.0",
    )
    target = f"integrations/{integration['IntegrationId']}"
    gateway.create_route(ApiId=ids["Api"], RouteKey="$default", Target=target)
    gateway.create_stage(ApiId=ids["Api"], **STAGE)


HOST = "updates.example.com"


def _add_gateway_domain(ids: dict[str, str]) -> None:
    ids |= {"GatewayDomain": HOST, "GatewayMapping": "mapping"}
    (configuration,) = _template()["Resources"]["GatewayDomain"]["Properties"]["DomainNameConfigurations"]
    certificate = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1"
    gateway = client("apigatewayv2")
    gateway.create_domain_name(
        DomainName=HOST, DomainNameConfigurations=[configuration | {"CertificateArn": certificate}]
    )
    gateway.create_api_mapping(ApiId=ids["Api"], DomainName=HOST, Stage="$default")


STAGE: dict[str, Any] = {
    "StageName": "$default",
    "AutoDeploy": True,
    "DefaultRouteSettings": {"ThrottlingRateLimit": 500.0, "ThrottlingBurstLimit": 1000},
}


def _deployment_group() -> dict[str, Any]:
    """Return the deployment group as CodeDeploy shows it. moto does not keep most of it."""
    return {
        "deploymentConfigName": f"CodeDeployDefault.Lambda{allowed.GRADUALLY}",
        "alarmConfiguration": {
            "enabled": True,
            "alarms": [{"name": f"comet-{name}"} for name in allowed.GOES_BACK_ON],
        },
        "autoRollbackConfiguration": {
            "enabled": True,
            "events": _template()["Resources"][GROUP]["Properties"]["AutoRollbackConfiguration"]["Events"],
        },
    }


def _add_cdn(ids: dict[str, str], url: str) -> dict[str, Any]:
    """Add what CloudFront makes of the template. Return the answers that moto lacks."""
    resources = _template()["Resources"]
    signing = resources["CdnSigns"]["Properties"]["OriginAccessControlConfig"] | {"Name": "comet-answer"}
    made = client("cloudfront").create_origin_access_control(OriginAccessControlConfig=signing)
    ids |= {"CdnDoor": ids[ALIAS], "PathAlone": "path-alone", "CdnSigns": made["OriginAccessControl"]["Id"]}
    config = distribution_config(ids, url.split("/")[2])
    ids["Cdn"] = client("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]["Id"]
    key = resources["PathAlone"]["Properties"]["CachePolicyConfig"]
    return {"GetCachePolicy": {"CachePolicy": {"CachePolicyConfig": key}}, "GetMonitoringSubscription": {}}


def distribution_config(ids: dict[str, str], host: str) -> dict[str, Any]:
    """Return the template's distribution in the form of CloudFront's API."""
    said = _template()["Resources"]["Cdn"]["Properties"]["DistributionConfig"]
    (origin,) = said["Origins"]
    custom = origin["CustomOriginConfig"]
    return {
        "CallerReference": "comet",
        "Comment": said["Comment"],
        "Enabled": True,
        "ViewerCertificate": {"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1"},
        "Origins": listed(
            {
                "Id": origin["Id"],
                "DomainName": host,
                "OriginAccessControlId": ids["CdnSigns"],
                "CustomHeaders": listed(),
                "CustomOriginConfig": {
                    "HTTPPort": 80,
                    "HTTPSPort": 443,
                    "OriginProtocolPolicy": custom["OriginProtocolPolicy"],
                    "OriginSslProtocols": listed(*custom["OriginSSLProtocols"]),
                },
            }
        ),
        "DefaultCacheBehavior": _behaviour(said["DefaultCacheBehavior"] | {"CachePolicyId": ids["PathAlone"]}),
        "CacheBehaviors": listed(
            *(
                _behaviour(
                    each if isinstance(each["CachePolicyId"], str) else each | {"CachePolicyId": ids["PathAlone"]}
                )
                for each in said["CacheBehaviors"]
            )
        ),
        "CustomErrorResponses": listed(*said["CustomErrorResponses"]),
    }


def _policy(ids: dict[str, str], behaviour: dict[str, Any]) -> str:
    said = behaviour["CachePolicyId"]
    return said if isinstance(said, str) else ids["PathAlone"]


def _behaviour(said: dict[str, Any]) -> dict[str, Any]:
    methods = listed(*said["AllowedMethods"]) | {"CachedMethods": listed(*said["CachedMethods"])}
    return {name: value for name, value in said.items() if name != "CachedMethods"} | {"AllowedMethods": methods}


def listed(*items: Any) -> dict[str, Any]:
    return {"Quantity": len(items), "Items": list(items)}


def _add_counts(ids: dict[str, str], template: dict[str, Any]) -> None:
    resources = template["Resources"]
    for name, (log, pattern, number) in allowed.COUNTED.items():
        ids[name] = f"comet-{name}"
        count(ids[log], ids[name], pattern, number)
    for name in resources.keys() & {*allowed.WATCHED, *allowed.COMPUTED}:
        ids[name] = f"comet-{name}"
        watch(ids[name], resources[name]["Properties"])
    ids["Dashboard"] = "comet-dashboard"
    draw(ids["Dashboard"], json.loads(counts.text_of(resources["Dashboard"]["Properties"]["DashboardBody"])))


def count(log: str, name: str, pattern: str, number: str, **more: Any) -> None:
    counted = {"metricName": number, "metricNamespace": "CometUpdates/comet", "metricValue": "1"} | more
    client("logs").put_metric_filter(
        logGroupName=log, filterName=name, filterPattern=pattern, metricTransformations=[counted]
    )


def watch(name: str, properties: dict[str, Any], **more: Any) -> None:
    said = {key: value for key, value in properties.items() if key not in ("AlarmActions", "OKActions")}
    if "Metrics" in said:
        said["Metrics"] = [_metric(each) for each in said["Metrics"]]
    else:
        said["Dimensions"] = [dimension | {"Value": "x"} for dimension in said.get("Dimensions", ())]
    if not isinstance(said.get("Namespace", ""), str):
        said["Namespace"] = "CometUpdates/comet"
    client("cloudwatch").put_metric_alarm(AlarmName=name, **said | more)


def _metric(said: dict[str, Any]) -> dict[str, Any]:
    if "Expression" in said:
        return said | {"Expression": counts.text_of(said["Expression"])}
    metric = said["MetricStat"]["Metric"]
    dimensions = [dimension | {"Value": "x"} for dimension in metric["Dimensions"]]
    return said | {"MetricStat": said["MetricStat"] | {"Metric": metric | {"Dimensions": dimensions}}}


def draw(name: str, body: dict[str, Any]) -> None:
    client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=json.dumps(body))


SWEEP = "PublishFunctionSweep"


def _add_trail() -> None:
    """Add a trail of management events, which most accounts have. It records changes, and no requests."""
    client("s3").create_bucket(Bucket="trails")
    client("cloudtrail").create_trail(Name="changes", S3BucketName="trails")
