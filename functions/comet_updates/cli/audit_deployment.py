"""Which version answers, and whether the next one would go back by itself."""

from __future__ import annotations

from comet_updates import deployment
from comet_updates.cli.audit_stack import Difference, Differences, Read, Stack

_ANSWERING = "AnswerFunction"
_GROUP = f"{_ANSWERING}DeploymentGroup"


def alias(stack: Stack, read: Read) -> Differences:
    """One version answers: the one that was deployed."""
    found = read("lambda", "GetAlias", FunctionName=stack.of(_ANSWERING), Name=deployment.LIVE)
    deployed = stack.of(f"{_ANSWERING}Version").rsplit(":", 1)[-1]
    if (version := found.get("FunctionVersion")) != deployed:
        yield Difference(_ANSWERING, f"answers with version {version} instead of {deployed}, which was deployed")
    if others := sorted((found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or ()):
        says = f"answers with version {', '.join(others)}, too: this is a deployment, or was done by hand"
        yield Difference(_ANSWERING, says)


def group(stack: Stack, read: Read) -> Differences:
    """How fast a new version would get all requests, and what takes it back."""
    parameters = {
        "applicationName": stack.of("ServerlessDeploymentApplication"),
        "deploymentGroupName": stack.of(_GROUP),
    }
    found = read("codedeploy", "GetDeploymentGroup", **parameters).get("deploymentGroupInfo", {})
    if (how := found.get("deploymentConfigName")) != f"CodeDeployDefault.Lambda{deployment.GRADUALLY}":
        yield Difference(_GROUP, f"deploys as {how}")
    watching = found.get("alarmConfiguration") or {}
    alarms = {alarm.get("name") for alarm in watching.get("alarms") or () if watching.get("enabled")}
    for name in deployment.GOES_BACK_ON:
        if stack.of(name) not in alarms:
            yield Difference(_GROUP, f"stays at a new version on {name}")
    back = found.get("autoRollbackConfiguration") or {}
    if not back.get("enabled") or "DEPLOYMENT_STOP_ON_ALARM" not in (back.get("events") or ()):
        yield Difference(_GROUP, "does not go back by itself")
