"""Test who may release, who sets the rules and approves, and how each proves their identity."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from comet_updates_cli.audit.allowed import GRANTS
from tests.template.expand import Fault, Template, expand, findings_with, source
from tests.template.parameters import accepted

GITHUB = {
    "PipelineOidcIssuer": "token.actions.githubusercontent.com",
    "PipelineOidcSubject": "repo:acme/comet-cursor:environment:release",
    "PipelineOidcAudience": "sts.amazonaws.com",
}
GITLAB = {
    "PipelineOidcIssuer": "gitlab.com",
    "PipelineOidcSubject": "project_path:acme/comet-cursor:ref_type:tag:ref:*",
    "PipelineOidcAudience": "sts.amazonaws.com",
}


@pytest.fixture(scope="module")
def expanded() -> Template:
    return expand(source())


def trust(expanded: Template, parameters: dict[str, str]) -> Any:
    """Return who may take the pipeline role with these parameters, as CloudFormation writes it."""
    condition, by_issuer, _ = expanded["Resources"]["PipelineRole"]["Properties"]["AssumeRolePolicyDocument"]["Fn::If"]
    assert condition == "HasOidc"
    known = parameters | {"AWS::Partition": "aws", "AWS::AccountId": "123456789012"}
    return json.loads(re.sub(r"\$\{([^}]+)\}", lambda found: known[found[1]], by_issuer["Fn::Sub"]))


@pytest.mark.parametrize("parameters", [GITHUB, GITLAB], ids=["GitHub", "GitLab"])
def test_a_pipeline_shows_by_a_token_which_one_it_is_and_needs_no_key(
    expanded: Template, parameters: dict[str, str]
) -> None:
    issuer = parameters["PipelineOidcIssuer"]
    (statement,) = trust(expanded, parameters)["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRoleWithWebIdentity")
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{issuer}"}
    assert statement["Condition"] == {
        "StringEquals": {f"{issuer}:aud": parameters["PipelineOidcAudience"]},
        "StringLike": {f"{issuer}:sub": parameters["PipelineOidcSubject"]},
    }


def test_iam_takes_what_the_template_writes(expanded: Template, aws: str) -> None:
    with mock_aws():
        iam = boto3.client("iam")
        iam.create_role(RoleName="release", AssumeRolePolicyDocument="{}")
        document = json.dumps(trust(expanded, GITHUB))
        iam.update_assume_role_policy(RoleName="release", PolicyDocument=document)
        assert iam.get_role(RoleName="release")["Role"]["AssumeRolePolicyDocument"] == trust(expanded, GITHUB)
        with pytest.raises(ClientError, match="MalformedPolicyDocument"):
            iam.update_assume_role_policy(RoleName="release", PolicyDocument=document.replace("sts:", "sets:"))


def allowed(expanded: Template, parameter: str, value: str) -> bool:
    return re.fullmatch(expanded["Parameters"][parameter]["AllowedPattern"], value) is not None


@pytest.mark.parametrize(
    "subject",
    [
        GITHUB["PipelineOidcSubject"],
        GITLAB["PipelineOidcSubject"],
        "repo:acme@1234/comet-cursor@5678:environment:release",
        "repo:acme/comet-cursor:ref:refs/tags/v*",
        "project_path:acme/apps/comet-cursor:ref_type:branch:ref:main",
        "",
    ],
)
def test_a_subject_names_one_project_and_where_in_it(expanded: Template, subject: str) -> None:
    assert allowed(expanded, "PipelineOidcSubject", subject)


@pytest.mark.parametrize(
    "subject",
    [
        "*",
        "repo:*",
        "repo:acme/*:environment:release",
        "repo:acme/comet-cursor*:environment:release",
        "repo:acme/comet-cursor:*",
        "repo:acme/comet-cursor:environment:*",
        "repo:acme/comet-cursor:pull_request",
        'repo:acme/comet-cursor:environment:release"},"Null":{"x":"',
        "repo:acme/comet-cursor:environment:${aws:username}",
    ],
)
def test_a_subject_that_is_wider_or_something_else_is_refused(expanded: Template, subject: str) -> None:
    """Anybody may run a pipeline with a pull request, and may register a similar name."""
    assert not allowed(expanded, "PipelineOidcSubject", subject)


@pytest.mark.parametrize("issuer", ["https://gitlab.com", 'a.b","x":"', "gitlab.com/*", "localhost"])
def test_an_issuer_is_a_host_and_a_path(expanded: Template, issuer: str) -> None:
    assert not allowed(expanded, "PipelineOidcIssuer", issuer)
    assert allowed(expanded, "PipelineOidcIssuer", "git.example.com:8443/gitlab")


def test_the_roles_are_there_where_somebody_was_named(expanded: Template) -> None:
    named = {name: {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in expanded["Parameters"]}
    conditions = expanded["Conditions"]
    assert conditions["HasOidc"] == named["PipelineOidcIssuer"]
    assert conditions["HasPipeline"] == {"Fn::Or": [{"Condition": "HasOidc"}, named["PipelinePrincipalArn"]]}
    assert conditions["HasOwner"] == named["OwnerPrincipalArn"]
    for parameter in ("PipelineOidcIssuer", "PipelineOidcSubject", "PipelinePrincipalArn", "OwnerPrincipalArn"):
        assert expanded["Parameters"][parameter]["Default"] == ""


ONE, OTHER = "arn:aws:iam::123456789012:role/ci", "arn:aws:iam::123456789012:role/lead"


@pytest.mark.parametrize(
    ("rule", "parameters", "goes_on"),
    [
        ("TwoPeople", {}, True),
        ("TwoPeople", {"PipelinePrincipalArn": ONE, "OwnerPrincipalArn": OTHER}, True),
        ("TwoPeople", {"PipelinePrincipalArn": ONE, "OwnerPrincipalArn": ONE}, False),
        ("OnePipeline", {"PipelinePrincipalArn": ONE}, True),
        ("OnePipeline", GITHUB, True),
        ("OnePipeline", GITHUB | {"PipelinePrincipalArn": ONE}, False),
        ("OnePipeline", GITHUB | {"PipelineOidcSubject": ""}, False),
    ],
)
def test_what_does_not_go_together_is_not_deployed(
    expanded: Template,
    rule: str,
    parameters: dict[str, str],
    goes_on: bool,  # noqa: FBT001
) -> None:
    assert accepted(expanded, parameters, rule) == goes_on


def may(role: str, action: str, key: str) -> bool:
    return any(
        action in grant.actions and any(fnmatchcase(f"${{Bucket.Arn}}/{key}", place) for place in grant.resources)
        for grant in GRANTS[role]
    )


UPLOADS = {
    "products/comet-cursor.json": "OwnerRole",
    "approvals/comet-cursor/stable/4.2.1.json": "OwnerRole",
    "channels/comet-cursor/stable.json": "PipelineRole",
    "releases/comet-cursor/stable/4.2.1.json": "PipelineRole",
    "signed/comet-cursor/1.json": "PipelineRole",
    "trust/root/1.json": "OwnerRole",
    "site/publisher.json": "OwnerRole",
}


@pytest.mark.parametrize("key", UPLOADS)
def test_each_upload_is_written_by_one_role_and_read_by_all_that_decide(key: str) -> None:
    writers = [role for role in GRANTS if may(role, "s3:PutObject", key)]
    readers = [role for role in GRANTS if may(role, "s3:GetObject", key)]
    assert (writers, readers) == ([UPLOADS[key]], ["PublishRole", "PipelineRole", "OwnerRole"])


def test_only_publishing_writes_what_it_made_of_the_uploads() -> None:
    for key in ("packs/comet-cursor.json", "public/v1/comet-cursor/stable/manifest.json", "rejected/x.json"):
        assert [role for role in GRANTS if may(role, "s3:PutObject", key)] == ["PublishRole"]
    assert may("PipelineRole", "s3:GetObject", "packs/comet-cursor.json")


def test_only_pipelines_write_and_read_parts_of_releases() -> None:
    for action in ("s3:PutObject", "s3:GetObject"):
        assert [role for role in GRANTS if may(role, action, "parts/x/stable/1.0.0/linux.json")] == ["PipelineRole"]


def test_nobody_who_uploads_may_delete() -> None:
    deleting = {role for role, grants in GRANTS.items() for g in grants if "s3:DeleteObject" in g.actions}
    assert deleting == {"PublishRole"}
    assert not any(may("PublishRole", "s3:DeleteObject", key) for key in (*UPLOADS, "packs/comet-cursor.json"))


KEYS = {
    "releases/comet-cursor/stable/4.2.1.json",
    "channels/comet-cursor/stable.json",
    "products/comet-cursor.json",
    "approvals/comet-cursor/stable/4.2.1.json",
    "public/v1/comet-cursor/stable/manifest.json",
    "rejected/releases/comet-cursor/stable/4.2.1.json.json",
    "packs/comet-cursor.json",
    "signed/comet-cursor/1.json",
    "trust/root/1.json",
    "parts/comet-cursor/stable/4.2.1/windows.json",
    "site/publisher.json",
}


@pytest.mark.parametrize(
    ("role", "writes"),
    [
        (
            "PipelineRole",
            {
                "releases/comet-cursor/stable/4.2.1.json",
                "channels/comet-cursor/stable.json",
                "signed/comet-cursor/1.json",
                "parts/comet-cursor/stable/4.2.1/windows.json",
            },
        ),
        (
            "OwnerRole",
            {
                "products/comet-cursor.json",
                "approvals/comet-cursor/stable/4.2.1.json",
                "trust/root/1.json",
                "site/publisher.json",
            },
        ),
    ],
)
def test_stolen_credential_can_only_write_for_its_role_and_not_delete(aws: str, role: str, writes: set[str]) -> None:
    """IAM decides, in moto's form. The statements are the template's, and the user has only the role's key."""
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="comet")
        statements = [
            {
                "Effect": "Allow",
                "Action": sorted(grant.actions),
                "Resource": [place.replace("${Bucket.Arn}", "arn:aws:s3:::comet") for place in grant.resources],
            }
            for grant in GRANTS[role]
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam = boto3.client("iam")
        iam.create_user(UserName="thief")
        iam.put_user_policy(UserName="thief", PolicyName="stolen", PolicyDocument=document)
        key = iam.create_access_key(UserName="thief")["AccessKey"]
        thief = boto3.client("s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])

        @set_initial_no_auth_action_count(0)
        def tried() -> set[str]:
            for name in KEYS:
                with pytest.raises(ClientError, match="AccessDenied"):
                    thief.delete_object(Bucket="comet", Key=name)
            return {name for name in KEYS if _is_done(thief, name)}

        assert tried() == writes


def _is_done(client: Any, key: str) -> bool:
    try:
        client.put_object(Bucket="comet", Key=key, Body=b"{}")
    except client.exceptions.ClientError as error:
        return bool(error.response["Error"]["Code"] != "AccessDenied")
    return True


def _role(template: Template, name: str = "PipelineRole") -> Any:
    return template["Resources"][name]["Properties"]


def _puts(template: Template, *prefixes: str) -> None:
    places = [{"Fn::Sub": f"${{Bucket.Arn}}/{prefix}/*"} for prefix in prefixes]
    _role(template)["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] = places


def _trust(template: Template, old: str, new: str) -> None:
    document = _role(template)["AssumeRolePolicyDocument"]["Fn::If"][1]
    assert old in document["Fn::Sub"]
    document["Fn::Sub"] = document["Fn::Sub"].replace(old, new)


FAULTS: dict[str, tuple[str, Fault]] = {
    "any pipeline of the issuer may release": ("E9510", lambda t: _trust(t, "${PipelineOidcSubject}", "*")),
    "a token for somebody else is good enough": ("E9510", lambda t: _trust(t, "${PipelineOidcAudience}", "*")),
    "the subject is not looked at": ("E9510", lambda t: _trust(t, "StringLike", "StringLikeIfExists")),
    "anyone may be a pipeline": (
        "E9510",
        lambda t: _role(t)["AssumeRolePolicyDocument"]["Fn::If"][2]["Statement"][0].update(Principal={"AWS": "*"}),
    ),
    "who releases may set the rules": ("E9513", lambda t: _puts(t, "channels", "releases", "products")),
    "who releases may approve": ("E9513", lambda t: _puts(t, "channels", "releases", "approvals")),
    "one principal for both": ("E9513", lambda t: t["Rules"].pop("TwoPeople")),
    "one principal for both, under another name": (
        "E9513",
        lambda t: t["Rules"]["TwoPeople"].update(RuleCondition={"Fn::Equals": ["a", "b"]}),
    ),
    "an owner role for nobody": ("E9502", lambda t: t["Resources"]["OwnerRole"].pop("Condition")),
}
"""Fault → the rule that must find it, and a function that plants it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    rule, plant = FAULTS[fault]
    assert rule in {finding.rule for finding in findings_with(plant, tmp_path)}
