"""An optimisation that several pods share, on the real API server and Job controller; the test is the kubelet."""

import json

from operator_kube import ended
from portal_cluster import GROUP, wait_for

INDEX = "batch.kubernetes.io/job-completion-index"
BACKTEST = {
    "strategy": {"template": "sma-crossover"},
    "dataset": {"exchange": "simulated", "symbols": ["BTC/USDT"], "from": "2025-01-01", "to": "2025-02-01"},
    "optimization": {"parameters": [{"address": "fast.period", "min": 2, "max": 21, "step": 1}], "parallelism": 16},
}
DONE = {"code": "Succeeded", "message": "the last one puts all together"}
RESULT = {
    "code": "Succeeded",
    "result": {"id": "r1", "sha256": "a" * 64},
    "summary": {"totalReturn": "0.5", "trust": "doubtful"},
}


def pods_of(kube, namespace, name):
    """Return the unfinished pods of a backtest by index."""
    pods = kube.children(namespace, "pods", f"backtest-{name}-")
    running = [pod for pod in pods if pod["status"]["phase"] == "Pending"]
    return {int(pod["metadata"]["annotations"][INDEX]): pod for pod in running}


def test_shards_are_made_killed_made_again_and_told_of_together(kube, operator):
    """Four shards, two at once; a lost pod comes again under its number; the words of the one with the result count."""
    kube.api.call(
        "PATCH", f"{GROUP}/plans/pro", {"spec": {"limits": {"backtestCpu": 8}}}, content_type="application/merge-patch+json"
    )
    namespace = kube.tenant("sharing")
    path = kube.make(namespace, "Backtest", "tune", BACKTEST)
    wait_for(lambda: kube.summary(path) == "Running")
    first = wait_for(lambda: found if len(found := pods_of(kube, namespace, "tune")) == 2 else None)
    assert {0, 1} == set(first)
    job = kube.children(namespace, "jobs", "backtest-tune-")[0]["spec"]
    assert ("Indexed", 4, 2) == (job["completionMode"], job["completions"], job["parallelism"])
    told = json.loads(kube.children(namespace, "configmaps", "backtest-tune-")[0]["data"]["backtest.json"])
    assert 4 == told["optimization"]["shards"]
    kube.pod_status(namespace, first[0], ended(137, {}))
    again = wait_for(lambda: found if (found := pods_of(kube, namespace, "tune").get(0)) else None, 60)
    assert first[0]["metadata"]["uid"] != again["metadata"]["uid"]
    for index in (1, 0, 2, 3):
        pod = wait_for(lambda index=index: pods_of(kube, namespace, "tune").get(index), 60)
        kube.pod_status(namespace, pod, ended(0, RESULT if index == 2 else DONE))
    wait_for(lambda: kube.summary(path) == "Succeeded", 60)
    status = kube.get(path)["status"]
    assert ("r1", "0.5", "doubtful") == (status["result"]["id"], status["figures"]["totalReturn"], status["trust"])


def test_a_bad_strategy_in_one_shard_ends_all(kube, operator):
    """Exit 64 is everybody's: no other shard is tried."""
    namespace = kube.tenant("sharing")
    path = kube.make(namespace, "Backtest", "bad", BACKTEST)
    pods = wait_for(lambda: found if len(found := pods_of(kube, namespace, "bad")) == 2 else None)
    kube.pod_status(namespace, pods[1], ended(64, {"code": "BadStrategy", "message": "none of 20 points satisfies"}))
    wait_for(lambda: kube.summary(path) == "Failed", 60)
    succeeded = kube.condition(path, "Succeeded")
    assert ("UserError", "none of 20 points satisfies") == (succeeded["reason"], succeeded["message"])
