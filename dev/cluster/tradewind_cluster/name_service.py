"""One question to the cluster's DNS: `python -m tradewind_cluster.name_service SERVER NAME` prints the IPv4 address.

It is asked from the node's network namespace, so an answer means that kube-proxy, CoreDNS and the pod network work now,
whatever stale status the API still shows after a crash.
"""

import secrets
import socket
import struct
import subprocess
import sys
from pathlib import Path

from tradewind_cluster.layout import SERVICE_API, SERVICE_DNS, Layout

NAME = "kubernetes.default.svc.cluster.local"


def question(number: int, name: str) -> bytes:
    """Return the packet that asks for the A record of `name` (RFC 1035, section 4.1)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)


def address_in(answer: bytes) -> str | None:
    """Return the address of an answer with exactly one question and an A record at its end; None without one."""
    _, flags, _, answers, _, _ = struct.unpack(">6H", answer[:12])
    return socket.inet_ntoa(answer[-4:]) if answers and not flags & 0xF else None


def ask(server: str, name: str, *, timeout_s: float = 1.0) -> str | None:
    """Return the address of `name`, None where there is none. Raises OSError when nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(timeout_s)
        channel.connect((server, 53))
        channel.send(question(secrets.randbelow(65536), name))
        return address_in(channel.recv(512))


def answers(layout: Layout) -> bool:
    """Return whether the cluster's DNS tells the API server's address to the node."""
    command = [sys.executable, "-m", "tradewind_cluster.name_service", SERVICE_DNS, NAME]
    package = str(Path(__file__).parent.parent)
    done = subprocess.run(
        layout.inside(command),
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": package, "PATH": "/usr/bin:/bin"},
    )
    return done.stdout.strip() == SERVICE_API


if __name__ == "__main__":
    try:
        print(ask(sys.argv[1], sys.argv[2]) or "")
    except OSError as exc:
        sys.exit(f"{sys.argv[1]} does not answer: {exc}")
