"""The real control plane that all tests of a run share: etcd, API server, controller manager, scheduler; no root, no node.

Our kinds are defined there, and its controllers know them. `kube` asks what a platform engineer asks, `operator` runs.

`control_plane` is its Layout: `.kubeconfig` is the administrator's kubeconfig file, `.state / "pki"` holds ca.crt and client
certificates (admin.crt, admin.key). Each test takes namespaces of its own.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from operator_kube import Kube
from operator_process import OperatorProcess, install_rights
from portal_cluster import install

from tradewind_cluster import cluster, temporary
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
    """A control plane for this run, which knows our kinds."""
    with temporary.control_plane() as where:
        install(Api(where))
        cluster.learn_kinds(where)
        yield where


@pytest.fixture(scope="session")
def api(control_plane: Layout) -> Api:
    """The plain client of the cluster tool itself, as administrator."""
    return Api(control_plane)


@pytest.fixture(scope="module")
def kube(api: Api) -> Kube:
    """A platform engineer, and the rights that the chart gives the operator."""
    install_rights(api)
    return Kube(api)


@pytest.fixture(scope="module")
def operator(
    api: Api, control_plane: Layout, kube: Kube, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """A running operator, which ends well."""
    process = OperatorProcess(api, control_plane, tmp_path_factory.mktemp("operator"))
    process.start()
    yield process
    assert process.stop() == 0, process.log.read_text()[-2000:]
