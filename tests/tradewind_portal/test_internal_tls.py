"""The line over which exchange keys are told: pods believe the certificate that the chart made, and no other."""

import asyncio
import datetime as dt
import ipaddress
import shutil
from pathlib import Path

import httpx2
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from portal_process import PortalProcess, start_portal

from tradewind_api.runner import StartRequest
from tradewind_runner.portal import PortalClient, PortalUnavailableError

pytestmark = pytest.mark.slow
HELLO = StartRequest(generation=1, strategy_digest="d", runner_version="0")
NOBODY = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "x",
    "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "x", "user": {"token": "t"}}],
}


def authority(folder: Path, address: str) -> str:
    """Make an authority and a certificate of it for an address in `folder`, as the chart does; return the authority's."""
    own, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tradewind-portal")])
    now = dt.datetime.now(dt.UTC)

    def certificate(public: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> str:
        builder = x509.CertificateBuilder().issuer_name(name).public_key(public).serial_number(x509.random_serial_number())
        subject = name if isinstance(extension, x509.BasicConstraints) else x509.Name([])
        builder = builder.subject_name(subject).add_extension(extension, critical=True)
        builder = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
        return builder.sign(own, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    folder.mkdir()
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    (folder / "tls.crt").write_text(certificate(key.public_key(), names))
    form = serialization.PrivateFormat.PKCS8
    (folder / "tls.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return certificate(own.public_key(), x509.BasicConstraints(ca=True, path_length=None))


async def asked(url: str, folder: Path, ca: str) -> str:
    """Return what a pod learns that asks for an epoch and a key."""
    (folder / "token").write_text("pod-token")
    async with PortalClient(url, folder / "token", ca=ca) as portal:
        with pytest.raises(PortalUnavailableError) as failed:
            await portal.start(HELLO)
    return str(failed.value)


async def test_a_pod_tells_its_token_to_the_portal_of_its_certificate_alone(tmp_path: Path):
    """The right authority: it is heard (and refused, for nobody is there to review its token). Another, or none: not a word."""
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(NOBODY))
    ca, other = authority(tmp_path / "tls", "127.0.0.1"), authority(tmp_path / "other", "127.0.0.1")
    files = {f"internal_tls_{name}": str(tmp_path / f"tls/tls.{end}") for name, end in (("cert", "crt"), ("key", "key"))}
    portal = start_portal(tmp_path / "data", tmp_path / "kubeconfig", **files)
    try:
        secure = portal.internal.replace("http:", "https:")
        assert "the portal answered 5" in await asked(secure, tmp_path, ca)
        for wrong in (other, ""):
            assert "CertificateError" in await asked(secure, tmp_path, wrong)
        with pytest.raises(httpx2.HTTPError):
            httpx2.get(f"{portal.internal}/livez")
        assert 200 == httpx2.get(f"{portal.public}/livez").status_code
        heard = [line for line in portal.lines if "/runner/v1/start" in line]
        assert 1 == len(heard), heard
    finally:
        assert 0 == portal.stop()


async def test_a_certificate_of_another_host_is_not_believed(tmp_path: Path):
    """Of the same authority, for another address."""
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(NOBODY))
    ca = authority(tmp_path / "tls", "127.0.0.2")
    files = {f"internal_tls_{name}": str(tmp_path / f"tls/tls.{end}") for name, end in (("cert", "crt"), ("key", "key"))}
    portal = start_portal(tmp_path / "data", tmp_path / "kubeconfig", **files)
    try:
        assert "CertificateError" in await asked(portal.internal.replace("http:", "https:"), tmp_path, ca)
    finally:
        assert 0 == portal.stop()


async def test_a_replaced_certificate_is_taken_without_a_restart_and_a_spoiled_one_is_not(tmp_path: Path):
    """A kubelet replaces the files of a changed Secret one by one: new connections meet the new pair, never a half of it."""
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(NOBODY))
    ca, other = authority(tmp_path / "tls", "127.0.0.1"), authority(tmp_path / "other", "127.0.0.1")
    files = {f"internal_tls_{name}": str(tmp_path / f"tls/tls.{end}") for name, end in (("cert", "crt"), ("key", "key"))}
    portal = start_portal(tmp_path / "data", tmp_path / "kubeconfig", **files)
    try:
        secure = portal.internal.replace("http:", "https:")
        shutil.copy(tmp_path / "other/tls.crt", tmp_path / "tls/tls.crt")
        await told(portal, "the last one stays")
        assert "the portal answered 5" in await asked(secure, tmp_path, ca)
        shutil.copy(tmp_path / "other/tls.key", tmp_path / "tls/tls.key")
        await told(portal, "the certificate of the internal port was replaced")
        assert "the portal answered 5" in await asked(secure, tmp_path, other)
        assert "CertificateError" in await asked(secure, tmp_path, ca)
    finally:
        assert 0 == portal.stop()


async def told(portal: PortalProcess, words: str) -> None:
    """Wait until the portal's log has a line with these words."""
    async with asyncio.timeout(60):
        while not any(words in line for line in portal.lines):
            await asyncio.sleep(0.1)
