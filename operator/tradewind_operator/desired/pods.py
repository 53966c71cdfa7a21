"""What every pod of ours shares: Pod Security "restricted", a token for the portal and for nobody else."""

from typing import Any

from tradewind_api.runner import RUNNER_AUDIENCE
from tradewind_operator.settings import OperatorSettings

USER = 10001
TOKEN_FOLDER, CONFIG_FOLDER, STATE_FOLDER = "/var/run/secrets/tradewind", "/etc/tradewind", "/var/lib/tradewind"
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pod_spec(
    container: dict[str, Any], *, service_account: str, config_map: str, grace_s: int, scratch: str = "64Mi"
) -> dict[str, Any]:
    """Return a pod's spec around its one container, completed with mounts and security; `scratch` is the size of its /tmp."""
    mounts = [
        {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
        {"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": True},
        {"name": "state", "mountPath": STATE_FOLDER},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod alone
    ]
    token = {"audience": RUNNER_AUDIENCE, "expirationSeconds": 3600, "path": "token"}
    return {
        "serviceAccountName": service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace_s,
        "securityContext": POD_SECURITY,
        "containers": [container | {"securityContext": CONTAINER_SECURITY, "volumeMounts": mounts}],
        "volumes": [
            {"name": "config", "configMap": {"name": config_map}},
            {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
            {"name": "state", "emptyDir": {"sizeLimit": "256Mi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": scratch}},
        ],
    }


def environment(settings: OperatorSettings, config: str) -> list[dict[str, str]]:
    """Return the environment of a runner's container; no value of a user is in it."""
    values = {
        "TRADEWIND_RUNNER_PORTAL_URL": settings.portal_url,
        **({"TRADEWIND_RUNNER_PORTAL_CA": settings.portal_ca} if settings.portal_ca else {}),
        "TRADEWIND_RUNNER_CONFIG": f"{CONFIG_FOLDER}/{config}",
        "TRADEWIND_RUNNER_TOKEN_FILE": f"{TOKEN_FOLDER}/token",
        "TRADEWIND_RUNNER_STATE_DIR": STATE_FOLDER,
        "TRADEWIND_RUNNER_METRICS_PORT": "9090",
    }
    return [{"name": name, "value": value} for name, value in values.items()]
