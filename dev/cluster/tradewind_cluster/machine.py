"""What a node changes of the machine outside of its own namespaces, and how the last node puts it back."""

import contextlib
import json
import subprocess
from pathlib import Path

from tradewind_cluster.layout import state_home
from tradewind_cluster.node import PRIVATE_FOLDERS

# The kubelet sets these for all of the machine.
SYSCTLS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
NETWORK_NAMESPACES = Path("/run/netns")


def remember() -> None:
    """Write down how the machine is, before the first node changes it."""
    file = _record()
    if file.exists():
        return
    values = {key: path.read_text().strip() for key in SYSCTLS if (path := Path("/proc/sys") / key).exists()}
    folders = [folder for folder in PRIVATE_FOLDERS if not Path(folder).exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"sysctls": values, "folders": folders}))


def put_back() -> None:
    """Put the machine back as it was, unless another node of ours still lives on it."""
    file = _record()
    if not file.exists() or any(NETWORK_NAMESPACES.glob("tw-*")):
        return
    before = json.loads(file.read_text())
    for key, value in before["sysctls"].items():
        (Path("/proc/sys") / key).write_text(value)
    for folder in before["folders"]:
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
    if NETWORK_NAMESPACES.exists() and not any(NETWORK_NAMESPACES.iterdir()):
        subprocess.run(["umount", "-l", str(NETWORK_NAMESPACES)], check=False, capture_output=True)
        with contextlib.suppress(OSError):
            NETWORK_NAMESPACES.rmdir()
    file.unlink()


def _record() -> Path:
    return state_home().parent / "machine-before.json"
