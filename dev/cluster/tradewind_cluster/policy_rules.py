"""NetworkPolicy as nftables: pods, namespaces and policies in, one table out. Pure; `policies` applies it.

Every packet between pods is routed, so it passes the forward hook; packets to the node itself pass the input hook. A pod
address that is not known yet reaches nothing, which closes the moment between a pod's start and its rules. Refuses to guess:
a named port that no pod has opens nothing.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

Key = tuple[str, str]
Objects = Mapping[Key, dict[str, Any]]
TABLE = "inet tradewind_policy"


def selects(selector: dict[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a label selector matches. An empty one matches everything."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for expression in selector.get("matchExpressions") or []:
        value, wanted = labels.get(expression["key"]), expression.get("values") or []
        holds = {
            "In": value in wanted,
            "NotIn": value not in wanted,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds[expression["operator"]]:
            return False
    return True


def addresses(pods: Objects) -> dict[str, Key]:
    """Return live pods by address; of two that claim one, the younger."""
    found: dict[str, Key] = {}
    for key, pod in sorted(pods.items(), key=lambda item: item[1]["metadata"].get("creationTimestamp", "")):
        address = pod.get("status", {}).get("podIP")
        ended = pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
        if address and ":" not in address and not ended and not pod["spec"].get("hostNetwork"):
            found[address] = key
    return found


def render(pods: Objects, namespaces: Objects, policies: Objects, pod_range: str) -> str:
    """Return the nft script that replaces the whole table at once.

    Args:
        pods: As the API server has them, by (namespace, name).
        namespaces: The same, by ("", name).
        policies: NetworkPolicies by (namespace, name).
        pod_range: Addresses of pods, such as 10.245.0.0/24.
    """
    live = addresses(pods)
    chains: dict[str, list[str]] = {}
    verdicts: dict[str, list[str]] = {"ingress": [], "egress": []}
    for address, key in sorted(live.items()):
        for direction in ("ingress", "egress"):
            applying = _applying(key, pods[key], policies, direction)
            if not applying:
                continue
            lines = [line for policy in applying for line in _policy_lines(policy, direction, pods, namespaces, live, key)]
            body = [*dict.fromkeys(lines), "goto refused"]
            name = f"{direction}_{hashlib.sha256('|'.join(body).encode()).hexdigest()[:12]}"  # equal rules, one chain
            chains[name] = body
            verdicts[direction].append(f"{address} : jump {name}")
    return _table(sorted(live), chains, verdicts, pod_range)


def _applying(key: Key, pod: dict[str, Any], policies: Objects, direction: str) -> list[dict[str, Any]]:
    found = []
    for (namespace, _), policy in sorted(policies.items()):
        spec = policy["spec"]
        kinds = spec.get("policyTypes") or (["Ingress", "Egress"] if "egress" in spec else ["Ingress"])
        if namespace == key[0] and direction.capitalize() in kinds and selects(spec.get("podSelector") or {}, _labels(pod)):
            found.append(policy)
    return found


def _policy_lines(
    policy: dict[str, Any], direction: str, pods: Objects, namespaces: Objects, live: Mapping[str, Key], me: Key
) -> Iterator[str]:
    side, peers_field = ("saddr", "from") if direction == "ingress" else ("daddr", "to")
    mine = pods[me] if direction == "ingress" else None
    for rule in policy["spec"].get(direction) or []:
        ports, peers = rule.get("ports"), rule.get(peers_field)
        if not peers:
            for port in _ports(ports, mine):
                yield f"{port} return".strip()
        for peer in peers or []:
            if "ipBlock" in peer:
                for match in _block_matches(peer["ipBlock"], side):
                    yield from (f"{match} {port} return".replace("  ", " ").strip() for port in _ports(ports, mine))
                continue
            # Peers by the port expression that holds for them: names of ports are the target's, and differ.
            by_port: dict[str, list[str]] = {}
            for address in _peer_addresses(peer, policy["metadata"]["namespace"], pods, namespaces, live):
                for port in _ports(ports, mine or pods[live[address]]):
                    by_port.setdefault(port, []).append(address)
            for port, found in by_port.items():
                yield f"ip {side} {{ {', '.join(found)} }} {port} return".replace("  ", " ")


def _block_matches(block: dict[str, Any], side: str) -> Iterator[str]:
    if ":" in block["cidr"]:
        return  # pods have IPv4 addresses alone
    excepted = [item for item in block.get("except") or [] if ":" not in item]
    within = "" if block["cidr"].endswith("/0") else f"ip {side} {block['cidr']}"
    without = f"ip {side} != {{ {', '.join(excepted)} }}" if excepted else ""
    yield f"{within} {without}".strip()


def _peer_addresses(
    peer: dict[str, Any], namespace: str, pods: Objects, namespaces: Objects, live: Mapping[str, Key]
) -> Iterator[str]:
    for address, key in sorted(live.items()):
        if "namespaceSelector" in peer:
            if not selects(peer["namespaceSelector"] or {}, _labels(namespaces.get(("", key[0]), {}))):
                continue
        elif key[0] != namespace:
            continue
        if selects(peer.get("podSelector") or {}, _labels(pods[key])):
            yield address


def _ports(ports: list[dict[str, Any]] | None, pod: dict[str, Any] | None) -> Iterator[str]:
    if not ports:
        yield ""
    for port in ports or []:
        protocol, number = port.get("protocol", "TCP").lower(), port.get("port")
        if isinstance(number, str):
            number = _named_port(pod, number, protocol) if pod else None
            if number is None:
                continue
        if number is None:
            yield f"meta l4proto {protocol}"
        else:
            yield f"{protocol} dport {number}" + (f"-{port['endPort']}" if port.get("endPort") else "")


def _named_port(pod: dict[str, Any], name: str, protocol: str) -> int | None:
    spec = pod["spec"]
    for container in (*spec["containers"], *(spec.get("initContainers") or [])):
        for port in container.get("ports") or []:
            if port.get("name") == name and port.get("protocol", "TCP").lower() == protocol:
                return int(port["containerPort"])
    return None


def _labels(item: dict[str, Any]) -> dict[str, str]:
    return item.get("metadata", {}).get("labels") or {}


def _elements(values: list[str]) -> str:
    return f"elements = {{ {', '.join(values)} }}" if values else ""


def _table(live: list[str], chains: dict[str, list[str]], verdicts: dict[str, list[str]], pod_range: str) -> str:
    bodies = "".join(
        f"  chain {name} {{\n" + "".join(f"    {line}\n" for line in body) + "  }\n" for name, body in sorted(chains.items())
    )
    return f"""table {TABLE}
delete table {TABLE}
table {TABLE} {{
  set known {{ type ipv4_addr; {_elements(live)}
  }}
  set themselves {{ type ipv4_addr . ipv4_addr; {_elements([f"{address} . {address}" for address in live])}
  }}
  map ingress_rules {{ type ipv4_addr : verdict; {_elements(verdicts["ingress"])}
  }}
  map egress_rules {{ type ipv4_addr : verdict; {_elements(verdicts["egress"])}
  }}
  chain refused {{
    counter
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }}
{bodies}  chain egress {{
    ip saddr != @known counter drop
    ip saddr vmap @egress_rules
  }}
  chain ingress {{
    ip daddr != @known counter drop
    ip daddr vmap @ingress_rules
  }}
  chain spoofed {{ type filter hook prerouting priority raw; policy accept;
    iifname "veth*" meta nfproto ipv6 drop
    iifname "veth*" fib saddr . iif oif missing counter drop
  }}
  chain forward {{ type filter hook forward priority filter - 5; policy accept;
    ct state established,related accept
    ip saddr . ip daddr @themselves accept
    ip saddr {pod_range} jump egress
    ip daddr {pod_range} jump ingress
  }}
  chain input {{ type filter hook input priority filter - 5; policy accept;
    ct state established,related accept
    iifname "veth*" ip daddr 127.0.0.0/8 drop
    ip saddr {pod_range} iifname "veth*" jump egress
  }}
}}
"""
