"""Keys, certificates and kubeconfigs of one cluster. Made once, valid for ten years, known to nobody else."""

import datetime as dt
import ipaddress
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tradewind_cluster.layout import SERVICE_API, Layout

CLIENTS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "supervisor": ("tradewind-cluster-supervisor", "system:masters"),
    "apiserver-kubelet": ("apiserver-kubelet", "system:masters"),
    "front-proxy": ("front-proxy", ""),
}


def make_certificates(layout: Layout) -> None:
    """Write authority, certificates and kubeconfigs below the state folder, unless they are there."""
    folder = layout.state / "pki"
    if (folder / "complete").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate(
        _name("tradewind-cluster"), authority_key, _name("tradewind-cluster"), authority_key, authority=True
    )
    _write(folder / "ca.crt", authority.public_bytes(serialization.Encoding.PEM))
    _write_key(folder / "ca.key", authority_key)
    signing = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_key(folder / "service-accounts.key", signing)
    public = signing.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write(folder / "service-accounts.pub", public)
    subjects = dict(CLIENTS)
    subjects["apiserver"] = ("kube-apiserver", "")
    subjects["node"] = (f"system:node:{layout.name}", "system:nodes")
    names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", layout.name]
    addresses = [layout.address, "127.0.0.1", SERVICE_API]
    for file, (common_name, organisation) in subjects.items():
        key = ec.generate_private_key(ec.SECP256R1())
        server = (names, addresses) if file in {"apiserver", "node"} else ([], [])
        made = _certificate(_name(common_name, organisation), key, authority.subject, authority_key, server=server)
        _write(folder / f"{file}.crt", made.public_bytes(serialization.Encoding.PEM))
        _write_key(folder / f"{file}.key", key)
    (folder / "complete").touch()


def write_kubeconfigs(layout: Layout, port: int) -> None:
    """Write a kubeconfig for each client; certificates are inside, so that a file works wherever it is copied to."""
    pki = layout.state / "pki"
    for name in (*CLIENTS, "node"):
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": layout.name, "cluster": {"server": f"https://{layout.address}:{port}", **_data(pki / "ca.crt")}}
            ],
            "users": [{"name": name, "user": {**_data(pki / f"{name}.crt"), **_data(pki / f"{name}.key")}}],
            "contexts": [{"name": layout.name, "context": {"cluster": layout.name, "user": name}}],
            "current-context": layout.name,
        }
        _write(layout.state / f"{name}.kubeconfig", json.dumps(config).encode(), mode=0o600)


def _data(path: Path) -> dict[str, str]:
    import base64  # noqa: PLC0415 - one use

    field = {"ca.crt": "certificate-authority-data"}.get(path.name) or (
        "client-certificate-data" if path.suffix == ".crt" else "client-key-data"
    )
    return {field: base64.b64encode(path.read_bytes()).decode()}


def _name(common_name: str, organisation: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organisation:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(attributes)


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
    server: tuple[list[str], list[str]] = ([], []),
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    names, addresses = server
    if names:
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in dict.fromkeys(addresses)]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    _write(path, pem, mode=0o600)


def _write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    path.touch(mode)
    path.chmod(mode)
    path.write_bytes(content)
