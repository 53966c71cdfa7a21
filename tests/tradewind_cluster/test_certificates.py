"""Certificates say who is who, and are made once."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tradewind_cluster.certificates import make_certificates
from tradewind_cluster.layout import Layout, layout


@pytest.fixture
def where(tmp_path: Path) -> Layout:
    found = layout("unit", node=True, state=tmp_path)
    make_certificates(found)
    return found


def certificate(where: Layout, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((where.state / f"pki/{name}.crt").read_bytes())


def test_the_node_is_a_node_and_no_administrator(where: Layout) -> None:
    """The node authorizer knows nodes by this very name and group."""
    subject = certificate(where, "node").subject
    assert ["system:node:unit"] == [a.value for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    assert ["system:nodes"] == [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]


def test_the_server_is_valid_for_all_its_addresses(where: Layout) -> None:
    """Pods reach it by the service address, the machine by the node's."""
    names = certificate(where, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert {"127.0.0.1", "10.96.0.1", where.address} == found


def test_keys_are_for_the_owner_alone(where: Layout) -> None:
    """Whoever reads the authority's key is administrator."""
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (where.state / "pki").glob("*.key")}
    assert {0o600} == modes


def test_they_are_made_once(where: Layout) -> None:
    """A second `up` keeps them: running clients trust them."""
    before = certificate(where, "ca").serial_number
    make_certificates(where)
    assert before == certificate(where, "ca").serial_number
