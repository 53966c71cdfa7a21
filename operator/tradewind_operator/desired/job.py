"""A backtest's pod: a Job, created suspended, released when the tenant has room for it."""

import math

from tradewind_api.plan import PlanSpec
from tradewind_api.runner import EXIT_BAD_STRATEGY, EXIT_DATA_MISSING
from tradewind_operator.desired.names import WORKER_ACCOUNT, Object, child_name, labels, owned_by
from tradewind_operator.desired.pods import environment, pod_spec
from tradewind_operator.desired.sharing import ALONE, Sharing
from tradewind_operator.settings import OperatorSettings

RETRIES = 3
SCRATCH = "1Gi"  # on disk: what an optimisation has scored, twice what the portal takes of it
INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"


def job(backtest: Object, tenant: Object, plan: PlanSpec, settings: OperatorSettings, sharing: Sharing = ALONE) -> Object:
    """Return the Job of a backtest. Faults of strategy and data end it at once, a lost node does not count.

    An optimisation that several pods share is an Indexed Job: a pod's index is the number of its shard, and each index may
    fail as often as a whole Job otherwise.
    """
    name, metadata, spec = child_name("backtest", backtest), backtest["metadata"], backtest["spec"]
    its_labels = labels("backtest", tenant, backtest=metadata["name"], backtest_uid=metadata["uid"])
    shared = sharing.shards > 1
    memory = plan.limits.backtest_memory_mebibytes
    container = {
        "name": "worker",
        "image": settings.backtest_image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": ["-m", "tradewind_runner.backtest_worker"],
        "env": [
            *environment(settings, "backtest.json"),
            {"name": "TRADEWIND_RUNNER_CPUS", "value": str(math.ceil(plan.limits.backtest_cpu))},
            *([{"name": "TRADEWIND_RUNNER_SHARD", "valueFrom": {"fieldRef": {"fieldPath": INDEX}}}] if shared else []),
        ],
        "resources": {
            "requests": {"cpu": "100m", "memory": f"{memory // 4}Mi"},
            "limits": {"cpu": str(plan.limits.backtest_cpu), "memory": f"{memory}Mi"},
        },
    }
    pod = pod_spec(container, service_account=WORKER_ACCOUNT, config_map=name, grace_s=30, scratch=SCRATCH)
    give_up = {"containerName": "worker", "operator": "In", "values": [EXIT_BAD_STRATEGY, EXIT_DATA_MISSING]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": its_labels,
            "ownerReferences": owned_by("Backtest", backtest),
        },
        "spec": {
            "suspend": True,
            **(_indexed(sharing) if shared else {"backoffLimit": RETRIES}),
            "activeDeadlineSeconds": spec.get("activeDeadlineSeconds", 3600),
            "ttlSecondsAfterFinished": spec.get("ttlSecondsAfterFinished", 86400),
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {"action": "FailJob", "onExitCodes": give_up},
                ]
            },
            "template": {"metadata": {"labels": its_labels}, "spec": pod | {"restartPolicy": "Never"}},
        },
    }


def _indexed(sharing: Sharing) -> Object:
    """Return what makes a Job of shards; one that fails for good ends all, since nobody could put the rest together."""
    return {
        "completionMode": "Indexed",
        "completions": sharing.shards,
        "parallelism": sharing.pods,
        "backoffLimitPerIndex": RETRIES,
        "maxFailedIndexes": 0,
    }
