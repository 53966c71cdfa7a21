"""Names, addresses and paths follow from a cluster's name."""

import ipaddress
from pathlib import Path

import pytest

from tradewind_cluster.layout import ClusterError, layout


def test_the_default_cluster_has_fixed_addresses() -> None:
    """A person may note the demo's addresses: they never change."""
    where = layout("tradewind", node=True)
    assert ("10.244.0.2", "10.245.0.0/24") == (where.address, where.pod_range)


def test_two_clusters_share_no_address_link_or_group() -> None:
    """Two nodes run side by side."""
    one, two = (layout(name, node=True) for name in ("tradewind", "test-1"))
    for field in ("address", "host_address", "pod_range", "namespace", "host_link", "node_link", "cgroup", "state"):
        assert getattr(one, field) != getattr(two, field), field


def test_a_control_plane_alone_listens_on_loopback() -> None:
    """It needs no root, so it can have no address of its own."""
    assert "127.0.0.1" == layout("any", node=False).address


@pytest.mark.parametrize("name", [f"test-{number}" for number in range(0, 4000, 97)])
def test_links_fit_the_kernel_and_addresses_are_valid(name: str) -> None:
    """An interface name has at most 15 characters; both ends of the link lie in one /30."""
    where = layout(name, node=True)
    assert len(where.host_link) <= 15
    link = ipaddress.ip_network(f"{where.host_address}/30", strict=False)
    assert ipaddress.ip_address(where.address) in link
    assert ipaddress.ip_network(where.pod_range).is_private


@pytest.mark.parametrize("name", ["", "Big", "a b", "-x", "a" * 21, "../up"])
def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    """The name becomes part of paths and interface names."""
    with pytest.raises(ClusterError, match="is no cluster name"):
        layout(name, node=True)


def test_a_control_plane_alone_runs_its_commands_as_they_are(tmp_path: Path) -> None:
    """Only a node has a network namespace to enter."""
    assert ["etcd"] == layout("a", node=False, state=tmp_path).inside(["etcd"])
    assert ["nsenter", "--net=/run/netns/tw-a", "--", "etcd"] == layout("a", node=True, state=tmp_path).inside(["etcd"])
