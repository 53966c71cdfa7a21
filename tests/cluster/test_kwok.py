"""Thousands of bots are tried out on pretended nodes: kwok plays them for the real control plane."""

import time

import pytest

from tradewind_cluster import cluster, kwok
from tradewind_cluster.api import Api
from tradewind_cluster.layout import Layout


@pytest.fixture
def pretended(control_plane: Layout, api: Api) -> None:
    cluster.up(control_plane, print, with_kwok=True)
    api.call("POST", "/api/v1/nodes", kwok.fake_node("pretended"))


def test_pods_on_a_pretended_node_become_ready(pretended: None, api: Api) -> None:
    """Twenty pods of a StatefulSet, started in parallel, with the real controllers and scheduler."""
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "kwok"}})
    template = {
        "metadata": {"labels": {"app": "many"}},
        "spec": {
            "containers": [{"name": "c", "image": "localhost/none"}],
            "nodeSelector": {"type": "kwok"},
            "tolerations": [kwok.TOLERATION],
        },
    }
    spec = {
        "replicas": 20,
        "podManagementPolicy": "Parallel",
        "serviceName": "many",
        "selector": {"matchLabels": {"app": "many"}},
        "template": template,
    }
    path = "/apis/apps/v1/namespaces/kwok/statefulsets"
    api.call("POST", path, {"metadata": {"name": "many"}, "spec": spec})
    deadline = time.monotonic() + 60
    while api.call("GET", f"{path}/many")["status"].get("readyReplicas") != 20:
        assert time.monotonic() < deadline, "the pods did not become ready"
        time.sleep(0.1)
