"""The real control plane that all tests of a run share: etcd, API server, controller manager, scheduler; no root, no node.

`control_plane` is its Layout: `.kubeconfig` is the administrator's kubeconfig file, `.state / "pki"` holds ca.crt and client
certificates (admin.crt, admin.key). Each test takes namespaces of its own.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind_cluster import temporary
from tradewind_cluster.api import Api
from tradewind_cluster.layout import Layout

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, so that `-m` finds it."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Layout]:
    """A control plane for this run."""
    with temporary.control_plane() as where:
        yield where


@pytest.fixture(scope="session")
def api(control_plane: Layout) -> Api:
    """The plain client of the cluster tool itself, as administrator."""
    return Api(control_plane)
