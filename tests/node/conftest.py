"""The real node that all tests of a run share. Where the machine cannot run one the tests are skipped with the reason.

`node_cluster` is its Layout: `.kubeconfig` is the administrator's kubeconfig file, `.address` the node's address.
With TRADEWIND_REQUIRE_NODE=1 (`.ci/run`) a machine that cannot run a node is a failure.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tradewind_cluster import preflight, temporary
from tradewind_cluster.api import Api
from tradewind_cluster.layout import ClusterError, Layout, layout

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, so that `-m` finds it."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.node)


@pytest.fixture(scope="session")
def machine() -> None:
    """A machine that can run a node."""
    try:
        preflight.check_node(layout("test-preflight", node=True))
    except ClusterError as exc:
        if os.environ.get("TRADEWIND_REQUIRE_NODE"):
            pytest.fail(f"this machine must run a node: {exc}")
        pytest.skip(f"this machine cannot run a node: {exc}")


@pytest.fixture(scope="session")
def node_cluster(machine: None) -> Iterator[Layout]:
    """A whole cluster for this run."""
    with temporary.node_cluster() as where:
        yield where


@pytest.fixture(scope="session")
def api(node_cluster: Layout) -> Api:
    """The plain client of the cluster tool itself, as administrator."""
    return Api(node_cluster)
