"""The Job that cancels what a live bot left open: the bot's own identity, configuration and network policy, another program."""

from tradewind_operator.desired.names import Object, child_name, labels, owned_by
from tradewind_operator.desired.pods import environment, pod_spec
from tradewind_operator.desired.quota import BOT_CPU_MILLI, BOT_MEMORY_MIB
from tradewind_operator.settings import OperatorSettings

REAPER = "reaper"


def reaper_job(bot: Object, tenant: Object, settings: OperatorSettings) -> Object:
    """Return the Job. The program waits for portal and exchange by itself; it fails only where waiting is of no use."""
    metadata = bot["metadata"]
    its_labels = labels(REAPER, tenant, bot=metadata["name"], bot_uid=metadata["uid"])
    account = child_name("bot", bot)
    container = {
        "name": REAPER,
        "image": settings.runner_image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": ["-m", "tradewind_runner.reaper"],
        "env": environment(settings, "bot.json"),
        "resources": {
            "requests": {"cpu": f"{BOT_CPU_MILLI}m", "memory": f"{BOT_MEMORY_MIB}Mi"},
            "limits": {"memory": f"{2 * BOT_MEMORY_MIB}Mi"},
        },
    }
    pod = pod_spec(container, service_account=account, config_map=account, grace_s=30)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": child_name(REAPER, bot),
            "namespace": metadata["namespace"],
            "labels": its_labels,
            "ownerReferences": owned_by("TradingBot", bot),
        },
        "spec": {
            "backoffLimit": 3,
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {"metadata": {"labels": its_labels}, "spec": pod | {"restartPolicy": "Never"}},
        },
    }
