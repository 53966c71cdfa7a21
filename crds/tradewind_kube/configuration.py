"""How to reach the API server: from a kubeconfig, or from inside a pod."""

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ConfigurationError(Exception):
    """There is no usable way to the API server. The message says which file or variable is wrong."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Server, trust and identity. The token is read anew for each request, because the kubelet replaces it."""

    server: str
    tls: ssl.SSLContext | None = field(repr=False)
    token_file: Path | None = None
    token: str = field(default="", repr=False)

    def headers(self) -> dict[str, str]:
        """Return the header that proves who we are; none where a client certificate does."""
        token = self.token_file.read_text().strip() if self.token_file else self.token
        return {"Authorization": f"Bearer {token}"} if token else {}


def load_configuration(kubeconfig: str = "") -> Configuration:
    """Return the configuration of `kubeconfig`, else of the pod we are in, else of $KUBECONFIG or ~/.kube/config.

    Raises:
        ConfigurationError: If none of them is there, or it cannot be read.
    """
    if not kubeconfig and (SERVICE_ACCOUNT / "token").exists():
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
        if not host or not port:
            raise ConfigurationError("KUBERNETES_SERVICE_HOST and _PORT are not set, though this is a pod")
        context = ssl.create_default_context(cafile=str(SERVICE_ACCOUNT / "ca.crt"))
        return Configuration(f"https://{host}:{port}", context, token_file=SERVICE_ACCOUNT / "token")
    path = Path(kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube/config")
    try:
        return _from_kubeconfig(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError, KeyError, StopIteration, TypeError, ValueError) as exc:
        raise ConfigurationError(f"cannot use kubeconfig {path}: {exc!r}") from exc


def _from_kubeconfig(config: dict[str, Any]) -> Configuration:
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    tls = None
    if cluster["server"].startswith("https"):
        authority = cluster.get("certificate-authority-data")
        tls = ssl.create_default_context(
            cafile=cluster.get("certificate-authority"), cadata=base64.b64decode(authority).decode() if authority else None
        )
        _client_certificate(tls, user)
    return Configuration(cluster["server"].rstrip("/"), tls, token=user.get("token", ""))


def _client_certificate(context: ssl.SSLContext, user: dict[str, Any]) -> None:
    if "client-certificate" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    elif "client-certificate-data" in user:
        pem = base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"])
        with tempfile.NamedTemporaryFile() as file:  # the ssl module reads certificates from files only
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name)


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)
