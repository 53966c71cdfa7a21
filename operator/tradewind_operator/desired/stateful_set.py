"""A bot's pod. A StatefulSet, because it never lets a second pod of a name start while the first may still run."""

from tradewind_operator.desired.names import Object, child_name, labels, owned_by
from tradewind_operator.desired.pods import environment, pod_spec
from tradewind_operator.desired.quota import BOT_CPU_MILLI, BOT_MEMORY_MIB
from tradewind_operator.settings import OperatorSettings

STOP_MARGIN_S = 30


def stateful_set(bot: Object, tenant: Object, settings: OperatorSettings, *, replicas: int) -> Object:
    """Return the StatefulSet of a bot with 0 or 1 replicas; a new template waits until the pod is deleted (OnDelete)."""
    name, metadata = child_name("bot", bot), bot["metadata"]
    selector = {"tradewind.dev/bot-uid": metadata["uid"]}
    its_labels = labels("bot", tenant, bot=metadata["name"])
    container = {
        "name": "runner",
        "image": settings.runner_image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": ["-m", "tradewind_runner.bot"],
        "env": environment(settings, "bot.json"),
        "ports": [{"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
        "resources": {
            "requests": {"cpu": f"{BOT_CPU_MILLI}m", "memory": f"{BOT_MEMORY_MIB}Mi"},
            "limits": {"memory": f"{2 * BOT_MEMORY_MIB}Mi"},
        },
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "metrics"}, "periodSeconds": 2, "timeoutSeconds": 2},
        "livenessProbe": {
            "httpGet": {"path": "/livez", "port": "metrics"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
    }
    grace = bot["spec"].get("shutdownTimeoutSeconds", 120) + STOP_MARGIN_S
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": its_labels,
            "ownerReferences": owned_by("TradingBot", bot),
        },
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "selector": {"matchLabels": selector},
            "updateStrategy": {"type": "OnDelete"},
            "podManagementPolicy": "Parallel",
            "template": {
                "metadata": {"labels": its_labels | selector},
                "spec": pod_spec(container, service_account=name, config_map=name, grace_s=grace),
            },
        },
    }
