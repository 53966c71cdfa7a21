"""NetworkPolicy becomes the nftables that a person would write."""

from typing import Any

from tradewind_cluster.policy_rules import Objects, addresses, render, selects

RANGE = "10.245.0.0/24"
NAMESPACES: Objects = {("", "a"): {"metadata": {"labels": {"team": "a"}}}, ("", "b"): {"metadata": {"labels": {"team": "b"}}}}


def pod(
    address: str, *, labels: dict[str, str] | None = None, ports: dict[str, int] | None = None, **more: Any
) -> dict[str, Any]:
    container = {"name": "c", "ports": [{"name": name, "containerPort": port} for name, port in (ports or {}).items()]}
    return {
        "metadata": {"labels": labels or {}, "creationTimestamp": more.get("created", "2026-01-01T00:00:00Z")},
        "spec": {"containers": [container], "hostNetwork": more.get("host", False)},
        "status": {"podIP": address, "phase": more.get("phase", "Running")},
    }


def policy(namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "p"}, "spec": {"podSelector": {}, **spec}}


def chain(rules: str, prefix: str) -> list[str]:
    """The lines of the one chain whose name starts with `prefix` and a digest."""
    bodies = [part.split("}\n  chain")[0] for part in rules.split(f"  chain {prefix}_")[1:]]
    assert 1 == len(bodies), bodies
    return [line.strip() for line in bodies[0].splitlines()[1:] if line.strip() not in {"", "}"}]


PODS: Objects = {
    ("a", "web"): pod("10.245.0.10", labels={"app": "web"}, ports={"http": 8080}),
    ("a", "db"): pod("10.245.0.11", labels={"app": "db"}, ports={"http": 5432}),
    ("b", "other"): pod("10.245.0.12", labels={"app": "web"}, ports={"http": 80}),
}


def test_a_pod_without_policy_is_open_both_ways() -> None:
    """Known addresses without verdicts pass."""
    rules = render(PODS, NAMESPACES, {}, RANGE)
    assert "set known { type ipv4_addr; elements = { 10.245.0.10, 10.245.0.11, 10.245.0.12 }" in rules
    assert "map ingress_rules { type ipv4_addr : verdict; \n" in rules


def test_default_deny_refuses_everything_but_is_limited_to_its_namespace() -> None:
    """An empty policy selects all pods of its namespace and allows nothing."""
    rules = render(PODS, NAMESPACES, {("a", "p"): policy("a", {"policyTypes": ["Ingress", "Egress"]})}, RANGE)
    assert ["goto refused"] == chain(rules, "ingress")
    assert ["goto refused"] == chain(rules, "egress")
    verdicts = next(line for line in rules.splitlines() if "map ingress_rules" in line)
    assert verdicts.count("10.245.0.10") == verdicts.count("10.245.0.11") == 1
    assert "10.245.0.12" not in verdicts


def test_ingress_from_pods_of_the_same_namespace_on_a_port() -> None:
    """A peer without namespaceSelector means the policy's own namespace."""
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 5432}]}
    spec = {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [rule]}
    rules = render(PODS, NAMESPACES, {("a", "p"): policy("a", spec)}, RANGE)
    assert ["ip saddr { 10.245.0.10 } tcp dport 5432 return", "goto refused"] == chain(rules, "ingress")


def test_peers_of_other_namespaces_are_chosen_by_namespace_and_pod_labels() -> None:
    """Both selectors of one peer must match."""
    peer = {"namespaceSelector": {"matchLabels": {"team": "b"}}, "podSelector": {"matchLabels": {"app": "web"}}}
    spec = {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": [peer]}]}
    rules = render(PODS, NAMESPACES, {("a", "p"): policy("a", spec)}, RANGE)
    assert ["ip saddr { 10.245.0.12 } return", "goto refused"] == chain(rules, "ingress")


def test_a_named_port_of_egress_is_the_number_that_each_target_gives_it() -> None:
    """`http` is 8080 in one pod and 80 in another."""
    rule = {"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": "http"}]}
    spec = {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Egress"], "egress": [rule]}
    rules = render(PODS, NAMESPACES, {("a", "p"): policy("a", spec)}, RANGE)
    expected = [
        "ip daddr { 10.245.0.10 } tcp dport 8080 return",
        "ip daddr { 10.245.0.12 } tcp dport 80 return",
        "goto refused",
    ]
    assert expected == chain(rules, "egress")


def test_a_named_port_of_ingress_is_the_selected_pods_own() -> None:
    """The port's name is looked up in the pod that receives."""
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": "http"}]}
    spec = {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [rule]}
    rules = render(PODS, NAMESPACES, {("a", "p"): policy("a", spec)}, RANGE)
    assert ["ip saddr { 10.245.0.10 } tcp dport 5432 return", "goto refused"] == chain(rules, "ingress")


def test_a_named_port_that_no_pod_has_opens_nothing() -> None:
    """A misspelt name must not mean every port."""
    spec = {"policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {}}], "ports": [{"port": "nothing"}]}]}
    rules = render(PODS, NAMESPACES, {("a", "p"): policy("a", spec)}, RANGE)
    assert ["goto refused"] == chain(rules, "egress")


def test_address_blocks_with_exceptions_and_port_ranges() -> None:
    """`endPort` makes a range; UDP is its own protocol; all addresses need no match of their own."""
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "192.168.0.0/16"]}}
    ports = [{"port": 53, "protocol": "UDP"}, {"port": 8000, "endPort": 8010}]
    spec = {
        "podSelector": {"matchLabels": {"app": "db"}},
        "policyTypes": ["Egress"],
        "egress": [{"to": [block], "ports": ports}],
    }
    rules = render(PODS, NAMESPACES, {("a", "p"): policy("a", spec)}, RANGE)
    outside = "ip daddr != { 10.0.0.0/8, 192.168.0.0/16 }"
    expected = [f"{outside} udp dport 53 return", f"{outside} tcp dport 8000-8010 return", "goto refused"]
    assert expected == chain(rules, "egress")


def test_pods_with_equal_rules_share_one_chain() -> None:
    """Two hundred bots of one kind are one chain."""
    spec = {"policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "10.96.0.10/32"}}]}]}
    rules = render(PODS, NAMESPACES, {("a", "p"): policy("a", spec)}, RANGE)
    assert ["ip daddr 10.96.0.10/32 return", "goto refused"] == chain(rules, "egress")
    assert 1 == rules.count("10.245.0.10 : jump egress_")
    assert 1 == rules.count("10.245.0.11 : jump egress_")


def test_policy_types_are_derived_as_the_api_says() -> None:
    """Without policyTypes a policy concerns ingress, and egress too where it has such rules."""
    without = render(PODS, NAMESPACES, {("a", "p"): policy("a", {"ingress": []})}, RANGE)
    assert "jump egress_" not in without
    assert "jump egress_" in render(PODS, NAMESPACES, {("a", "p"): policy("a", {"egress": []})}, RANGE)


def test_of_two_pods_with_one_address_the_younger_counts() -> None:
    """After a crash the API still shows the old holder of an address."""
    pods = {
        ("a", "new"): pod("10.245.0.10", created="2026-01-02T00:00:00Z"),
        ("a", "old"): pod("10.245.0.10", created="2026-01-01T00:00:00Z"),
    }
    assert {"10.245.0.10": ("a", "new")} == addresses(pods)


def test_pods_that_ended_or_share_the_nodes_network_are_no_pods_here() -> None:
    """An ended pod's address is free; a pod on the host's network is the host."""
    pods = {("a", "ended"): pod("10.245.0.10", phase="Succeeded"), ("a", "host"): pod("10.244.0.2", host=True)}
    assert {} == addresses(pods)


def test_selectors() -> None:
    """All four operators, and both kinds together."""
    labels = {"app": "web"}
    assert selects({}, labels)
    assert selects({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "x"]}]}, labels)
    assert not selects({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, labels)
    assert selects({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, labels)
    assert not selects({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, labels)
    assert not selects({"matchLabels": {"app": "web", "tier": "1"}}, labels)
