"""Each refusal says what to do."""

import socket
from pathlib import Path

import pytest

from tradewind_cluster import binaries, debian, disk, preflight
from tradewind_cluster.layout import ClusterError, layout


def test_a_taken_port_is_named() -> None:
    """The person learns which port, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ClusterError, match=f"port {port} of 127.0.0.1 is taken: stop what uses it"):
            preflight.check_port(port)
    preflight.check_port(port)


def test_too_little_disk_is_said_in_gigabytes(tmp_path: Path) -> None:
    """What is free, what is needed, and the variable that moves it."""
    with pytest.raises(ClusterError, match=r"GB of disk are free at .*, 1048576 are needed: make room, or set XDG_STATE_HOME"):
        disk.check_free(tmp_path / "not" / "yet", 2**50, "XDG_STATE_HOME")


def test_no_root_is_said_with_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root there is still an existing cluster to use."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match=r"needs root: .*CONTEXT="):
        preflight.check_root()


def test_a_state_folder_too_deep_for_sockets_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unix socket's path has at most 107 bytes; containerd would fail with an obscure error."""
    monkeypatch.setattr(preflight, "check_root", lambda: None)
    with pytest.raises(ClusterError, match="too long for a socket"):
        preflight.check_node(layout("unit", node=True, state=tmp_path / ("x" * 100)))


def test_a_missing_go_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kubernetes is built from source."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match=r"Go is not installed: .* needs Go 1\.26"):
        binaries.check_go()


def test_an_old_go_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the version that is there and the one that is wanted."""
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go1.19.8\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ClusterError, match=r"is go1\.19\.8, Go 1\.26 or newer is needed"):
        binaries.check_go()


def test_what_is_there_is_not_installed_again() -> None:
    """A command on the PATH and a file both show that their package is there."""
    said: list[str] = []
    debian.install({"sh": ("dash", "scripts"), "/bin/sh": ("dash", "scripts")}, said.append)
    assert [] == said


def test_a_missing_package_is_named_with_its_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where we may not install it ourselves."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match=r"please install nft-nothing \(pod network rules\)"):
        debian.install({"no-such-command": ("nft-nothing", "pod network rules")}, print)
