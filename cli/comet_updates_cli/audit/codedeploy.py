"""Audits the deployment of the answering function: its live version, and the automatic rollback of the next one."""

from __future__ import annotations

from comet_updates_cli.audit import allowed
from comet_updates_cli.audit.stack import Difference, Differences, Read, Stack

_ANSWERING = "AnswerFunction"
_GROUP = f"{_ANSWERING}DeploymentGroup"


def alias(stack: Stack, read: Read) -> Differences:
    """Check that the deployed version alone answers."""
    found = read("lambda", "GetAlias", FunctionName=stack.of(_ANSWERING), Name=allowed.LIVE)
    deployed = stack.of(f"{_ANSWERING}Version").rsplit(":", 1)[-1]
    if (version := found.get("FunctionVersion")) != deployed:
        yield Difference(_ANSWERING, f"answers with version {version} instead of the deployed version {deployed}")
    if others := sorted((found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or ()):
        says = f"also answers with version {', '.join(others)}: a deployment is running, or somebody changed it by hand"
        yield Difference(_ANSWERING, says)


def group(stack: Stack, read: Read) -> Differences:
    """Check how fast a new version gets all requests, and which alarms roll it back."""
    parameters = {
        "applicationName": stack.of("ServerlessDeploymentApplication"),
        "deploymentGroupName": stack.of(_GROUP),
    }
    found = read("codedeploy", "GetDeploymentGroup", **parameters).get("deploymentGroupInfo", {})
    if (how := found.get("deploymentConfigName")) != f"CodeDeployDefault.Lambda{allowed.GRADUALLY}":
        yield Difference(_GROUP, f"deploys as {how}")
    watching = found.get("alarmConfiguration") or {}
    alarms = {alarm.get("name") for alarm in watching.get("alarms") or () if watching.get("enabled")}
    for name in allowed.GOES_BACK_ON:
        if stack.of(name) not in alarms:
            yield Difference(_GROUP, f"does not roll back on the alarm {name}")
    back = found.get("autoRollbackConfiguration") or {}
    if not back.get("enabled") or "DEPLOYMENT_STOP_ON_ALARM" not in (back.get("events") or ()):
        yield Difference(_GROUP, "does not roll back automatically")
