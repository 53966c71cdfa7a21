"""NetworkPolicy as nftables: pods, namespaces and policies in, one table out. Pure; `policies` applies it.

Every packet between pods is routed, so it passes the forward hook; packets to the node itself pass the input hook. A pod
address that is not known yet reaches nothing, which closes the moment between a pod's start and its rules.
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
    """Return the nft script that replaces the whole table at once."""
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
            name = f"{direction}_{hashlib.sha256('|'.join(body).encode()).hexdigest()[:12]}"
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
    for rule in policy["spec"].get(direction) or []:
        peers = rule.get(peers_field)
        if not peers:
            for port in _ports(rule.get("ports"), pods[me] if direction == "ingress" else None):
                yield f"{port} return".strip()
        for peer in peers or []:
            for match, target in _peer_matches(peer, side, policy["metadata"]["namespace"], pods, namespaces, live):
                named = pods[me] if direction == "ingress" else target
                for port in _ports(rule.get("ports"), named):
                    yield f"{match} {port} return".replace("  ", " ").strip()


def _peer_matches(
    peer: dict[str, Any], side: str, namespace: str, pods: Objects, namespaces: Objects, live: Mapping[str, Key]
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    block = peer.get("ipBlock")
    if block:
        if ":" not in block["cidr"]:
            excepted = [item for item in block.get("except") or [] if ":" not in item]
            without = f" ip {side} != {{ {', '.join(excepted)} }}" if excepted else ""
            yield f"ip {side} {block['cidr']}{without}", None
        return
    for address, key in sorted(live.items()):
        if "namespaceSelector" in peer:
            if not selects(peer["namespaceSelector"] or {}, _labels(namespaces.get(("", key[0]), {}))):
                continue
        elif key[0] != namespace:
            continue
        if selects(peer.get("podSelector") or {}, _labels(pods[key])):
            yield f"ip {side} {address}", pods[key]


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
    for container in pod["spec"]["containers"]:
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
  map ingress_rules {{ type ipv4_addr : verdict; {_elements(verdicts["ingress"])}
  }}
  map egress_rules {{ type ipv4_addr : verdict; {_elements(verdicts["egress"])}
  }}
  chain refused {{ meta l4proto tcp reject with tcp reset
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
  chain forward {{ type filter hook forward priority filter - 5; policy accept;
    ct state established,related accept
    iifname "veth*" meta nfproto ipv6 drop
    ip saddr {pod_range} jump egress
    ip daddr {pod_range} jump ingress
  }}
  chain input {{ type filter hook input priority filter - 5; policy accept;
    ct state established,related accept
    iifname "veth*" meta nfproto ipv6 drop
    iifname "veth*" ip daddr 127.0.0.0/8 drop
    ip saddr {pod_range} iifname "veth*" jump egress
  }}
}}
"""
