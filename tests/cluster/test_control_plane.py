"""The control plane that tests use is the real thing."""

import uuid
from typing import Any

import pytest

from tradewind_cluster.api import Api, ApiError


@pytest.fixture
def namespace(api: Api) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


def test_the_server_tells_its_true_version(api: Api) -> None:
    """Clients compare versions: a server that says v0.0.0 is refused by Helm charts."""
    assert "v1.36.3" == api.call("GET", "/version")["gitVersion"]


def test_a_quota_is_enforced_by_the_server_itself(api: Api, namespace: str) -> None:
    """The second ConfigMap over a quota of two (one is the cluster's own) is forbidden."""
    path = f"/api/v1/namespaces/{namespace}"
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"count/secrets": "1"}}}
    api.call("POST", f"{path}/resourcequotas", quota)
    _until(lambda: api.call("GET", f"{path}/resourcequotas/q").get("status", {}).get("used"))
    api.call("POST", f"{path}/secrets", {"metadata": {"name": "a"}})
    with pytest.raises(ApiError, match="exceeded quota") as refused:
        api.call("POST", f"{path}/secrets", {"metadata": {"name": "b"}})
    assert 403 == refused.value.status


def test_pod_security_refuses_a_privileged_pod(api: Api) -> None:
    """A namespace that enforces `restricted` takes no privileged pod."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    _until(lambda: _found(api, f"/api/v1/namespaces/{name}/serviceaccounts/default"))
    container = {"name": "c", "image": "localhost/none", "securityContext": {"privileged": True}}
    with pytest.raises(ApiError, match="violates PodSecurity"):
        api.call("POST", f"/api/v1/namespaces/{name}/pods", {"metadata": {"name": "p"}, "spec": {"containers": [container]}})


def test_a_deleted_owner_takes_its_children_along(api: Api, namespace: str) -> None:
    """The controller manager collects garbage."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = api.call("POST", path, {"metadata": {"name": "owner"}})["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    api.call("POST", path, {"metadata": {"name": "child", "ownerReferences": [reference]}})
    api.call("DELETE", f"{path}/owner")
    _until(lambda: not _found(api, f"{path}/child"))


def _found(api: Api, path: str) -> Any:
    try:
        return api.call("GET", path)
    except ApiError as exc:
        if exc.status == 404:
            return None
        raise


def _until(test: Any, seconds: float = 20.0) -> None:
    import time

    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
