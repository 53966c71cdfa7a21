"""Who talks to whom: nobody, but for DNS, the portal's runner side, and a bot's own exchange."""

from typing import Any
from urllib.parse import urlsplit

from tradewind_api.runner import ExchangeConfig
from tradewind_operator.desired.names import Object, child_name, labels, namespace_of, owned_by

# Addresses that no exchange has: private, loopback, link-local (with the cloud's metadata service), shared, multicast.
NOT_THE_INTERNET = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
]
EXCHANGE_PORTS = (443, 9443)  # 9443: where ccxt finds the market streams of Binance
DNS = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}


def default_deny(tenant: Object) -> Object:
    """Return the policy that closes a namespace."""
    return _policy("default-deny", namespace_of(tenant), labels("tenant", tenant), {"podSelector": {}})


def worker_policy(tenant: Object, portal_namespace: str) -> Object:
    """Return what backtests may reach: DNS and the portal."""
    spec = {
        "podSelector": {"matchLabels": {"app.kubernetes.io/component": "backtest"}},
        "egress": [DNS, _portal(portal_namespace)],
    }
    return _policy("backtests", namespace_of(tenant), labels("tenant", tenant), spec)


def bot_policy(bot: Object, tenant: Object, exchange: ExchangeConfig, portal_namespace: str) -> Object:
    """Return what one bot may reach: DNS, the portal and its exchange; and who may read its metrics."""
    spec = {
        "podSelector": {"matchLabels": {"tradewind.dev/bot-uid": bot["metadata"]["uid"]}},
        "ingress": [
            {
                "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": portal_namespace}}}],
                "ports": [{"protocol": "TCP", "port": 9090}],
            }
        ],
        "egress": [DNS, _portal(portal_namespace), _exchange(exchange)],
    }
    policy = _policy(
        child_name("bot", bot), bot["metadata"]["namespace"], labels("bot", tenant, bot=bot["metadata"]["name"]), spec
    )
    policy["metadata"]["ownerReferences"] = owned_by("TradingBot", bot)
    return policy


def _policy(name: str, namespace: str, its_labels: dict[str, str], spec: dict[str, Any]) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "labels": its_labels},
        "spec": {"policyTypes": ["Ingress", "Egress"], **spec},
    }


def _portal(namespace: str) -> dict[str, Any]:
    return {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "podSelector": {"matchLabels": {"app.kubernetes.io/component": "portal"}},
            }
        ],
        "ports": [{"protocol": "TCP", "port": 8001}],
    }


def _exchange(exchange: ExchangeConfig) -> dict[str, Any]:
    """Return the rule for an exchange: its own address on the internet, or the Service that stands for it."""
    if exchange.endpoint is None:
        return {
            "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": NOT_THE_INTERNET}}],
            "ports": [{"protocol": "TCP", "port": port} for port in EXCHANGE_PORTS],
        }
    parts = urlsplit(exchange.endpoint.rest)
    host = (parts.hostname or "").split(".")
    namespace = host[1] if len(host) > 1 else "default"
    urls = [parts, urlsplit(exchange.endpoint.ws)] if exchange.endpoint.ws else [parts]
    ports = sorted({url.port or (443 if url.scheme in {"https", "wss"} else 80) for url in urls})
    return {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}],
        "ports": [{"protocol": "TCP", "port": port} for port in ports],
    }
