"""Live bots against the real API server: held before their first pod, let go by receipt, reaper or a person only."""

import json
import time

from operator_kube import BOT, READY, ended
from portal_cluster import GROUP, wait_for

from tradewind_api.resources import FORCE_DELETE_ANNOTATION, NOTICE_ANNOTATION, SHUTDOWN_FINALIZER
from tradewind_cluster.api import ApiError

LIVE = BOT | {"mode": "Live", "credentials": "main", "shutdownTimeoutSeconds": 10}


def run(kube, namespace, name):
    """Make a live bot whose pod runs on a node, as far as the API server knows; return path and pod."""
    path = kube.make(namespace, "TradingBot", name, LIVE)
    pod = wait_for(lambda: kube.children(namespace, "pods", f"bot-{name}-"))[0]
    place = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
    binding = {"metadata": {"name": pod["metadata"]["name"]}, "target": {"kind": "Node", "name": "n"}}
    kube.api.call("POST", f"{place}/binding", {"apiVersion": "v1", "kind": "Binding", **binding})
    kube.pod_status(namespace, pod, READY)
    wait_for(lambda: kube.summary(path) == "Trading")
    assert [SHUTDOWN_FINALIZER] == kube.get(path)["metadata"]["finalizers"]
    return path, pod, place


def vanish(kube, place):
    """End a pod as a node does that is gone for good."""
    kube.api.call("DELETE", place, {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0})


def is_gone(kube, path):
    try:
        kube.get(path)
    except ApiError as exc:
        return "404" in str(exc) or "not found" in str(exc)
    return False


def test_a_live_bot_goes_with_the_receipt_of_its_pod(kube, operator):
    """Deleting asks the pod to stop; its last words let the bot go, and no reaper is sent."""
    namespace = kube.tenant("live-receipt")
    path, pod, place = run(kube, namespace, "one")
    kube.api.call("DELETE", path)
    wait_for(lambda: kube.get(place)["metadata"].get("deletionTimestamp"))
    wait_for(lambda: kube.condition(path, "SafeShutdown")["reason"] == "Stopping")
    assert "Stopping" == kube.summary(path)
    words = {"code": "Stopped", "receipt": True, "message": "2 orders cancelled"}
    kube.pod_status(namespace, pod, ended(0, words))
    vanish(kube, place)
    wait_for(lambda: is_gone(kube, path))
    assert [] == kube.children(namespace, "jobs", "reaper-")


def test_a_pod_that_left_no_receipt_is_followed_by_the_reaper(kube, operator):
    """The bot stays until the reaper has finished, also over a restart of the operator; then it goes with all of its own."""
    namespace = kube.tenant("live-reaper")
    path, _, place = run(kube, namespace, "one")
    kube.api.call("DELETE", path)
    wait_for(lambda: kube.get(place)["metadata"].get("deletionTimestamp"))
    vanish(kube, place)
    reaper = wait_for(lambda: kube.children(namespace, "pods", "reaper-one-"))[0]
    wait_for(lambda: kube.condition(path, "SafeShutdown")["reason"] == "Reaping")
    account = kube.children(namespace, "serviceaccounts", "bot-one-")[0]["metadata"]["name"]
    assert (account, ["-m", "tradewind_runner.reaper"]) == (
        reaper["spec"]["serviceAccountName"],
        reaper["spec"]["containers"][0]["args"],
    )
    operator.kill()
    operator.start()
    assert "False" == kube.condition(path, "SafeShutdown")["status"]
    done = ended(0, {"code": "Stopped", "receipt": True, "message": "1 order cancelled"})
    done["containerStatuses"][0]["name"] = "reaper"
    kube.pod_status(namespace, reaper, done)
    wait_for(lambda: is_gone(kube, path), 30)
    wait_for(lambda: kube.children(namespace, "jobs", "reaper-") == [], 30)


def test_a_person_may_let_a_bot_go(kube, operator):
    """The condition names the command after twice the time; with a reason the bot goes though nobody knows of its orders."""
    namespace = kube.tenant("live-force")
    path, _, place = run(kube, namespace, "one")
    kube.api.call("DELETE", path)
    wait_for(lambda: kube.get(place)["metadata"].get("deletionTimestamp"))
    time.sleep(2)
    assert not is_gone(kube, path)
    kube.patch(path, {"metadata": {"annotations": {FORCE_DELETE_ANNOTATION: "exchange closed for good"}}})
    wait_for(lambda: is_gone(kube, path))


def test_what_the_portal_tells_is_seen_with_kubectl(kube, operator):
    """Condition, summary and event of a bot whose kill switch is on; all of it ends with the notice."""
    namespace = kube.tenant("live-halted")
    path, _, _ = run(kube, namespace, "one")
    note = {"reason": "KillSwitch", "message": "the kill switch of the platform is on, set by admin: drill"}
    kube.patch(path, {"metadata": {"annotations": {NOTICE_ANNOTATION: json.dumps(note)}}})
    wait_for(lambda: kube.summary(path) == "Halted")
    assert ("True", "KillSwitch", note["message"]) == tuple(
        kube.condition(path, "Halted")[key] for key in ("status", "reason", "message")
    )
    events = kube.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    assert (note["message"], "Warning") in [(e["note"], e["type"]) for e in events if e["regarding"]["kind"] == "TradingBot"]
    kube.patch(path, {"metadata": {"annotations": {NOTICE_ANNOTATION: None}}})
    wait_for(lambda: kube.summary(path) == "Trading")
    assert "" == kube.condition(path, "Halted")["status"]
    kube.patch(path, {"metadata": {"annotations": {FORCE_DELETE_ANNOTATION: "end of the test"}}})
    kube.api.call("DELETE", path)
    wait_for(lambda: is_gone(kube, path))


def test_a_tenant_goes_after_its_live_bots(kube, operator):
    """Their namespace, identity and network stay until the last one is shut down; the tenant says what it waits for."""
    namespace = kube.tenant("live-tenant")
    _, pod, place = run(kube, namespace, "one")
    kube.api.call("DELETE", f"{GROUP}/tenants/live-tenant")
    wait_for(lambda: kube.condition(f"{GROUP}/tenants/live-tenant", "Ready")["reason"] == "ShuttingDownLiveBots")
    wait_for(lambda: kube.get(place)["metadata"].get("deletionTimestamp"))
    assert "deletionTimestamp" not in kube.get(f"/api/v1/namespaces/{namespace}")["metadata"]
    kube.pod_status(namespace, pod, ended(0, {"code": "Stopped", "receipt": True, "message": "nothing was open"}))
    vanish(kube, place)
    wait_for(lambda: is_gone(kube, f"{GROUP}/tenants/live-tenant"), 30)
    wait_for(lambda: "deletionTimestamp" in kube.get(f"/api/v1/namespaces/{namespace}")["metadata"], 30)
