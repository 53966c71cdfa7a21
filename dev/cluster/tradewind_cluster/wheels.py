"""What an image installs: the wheels of a hash-locked requirements file, unpacked here, so that a build needs no network.

Refuses source distributions: nothing of a package runs before it is in its image.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tradewind_cluster.layout import ClusterError, cache_home

PYTHON = "3.11"  # of the base image
GLIBC_MINORS = range(36, 16, -1)  # Debian 12 has glibc 2.36; wheels say the oldest that they need


def packages(requirements: Path, say: Callable[[str], None]) -> Path:
    """Return a folder of unpacked packages, made once for each content of `requirements`: to be copied onto PYTHONPATH.

    Raises:
        ClusterError: With the end of pip's output, such as a hash that does not match.
    """
    content = requirements.read_bytes()
    target = cache_home() / "packages" / f"{requirements.stem}-{PYTHON}-{hashlib.sha256(content).hexdigest()[:16]}"
    if target.exists():
        return target
    say(f"fetching the packages of {requirements.name} (once)")
    half = target.with_name(f"{target.name}.{os.getpid()}")
    done = subprocess.run([*_command(half), "-r", str(requirements)], capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(half, ignore_errors=True)
        raise ClusterError(f"fetching the packages of {requirements.name} failed:\n{done.stderr[-2000:]}")
    shutil.rmtree(half / "bin", ignore_errors=True)  # scripts that name this machine's interpreter
    for folder in [path for path in half.rglob("tests") if any(path.glob("test_*.py"))]:
        shutil.rmtree(folder, ignore_errors=True)  # a tenth of the size
    half.rename(target)
    return target


def _command(target: Path) -> list[str]:
    machine = platform.machine()
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS] + [f"manylinux2014_{machine}", f"linux_{machine}"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
    ]
    command += ["--only-binary=:all:", "--no-compile", f"--python-version={PYTHON}", "--implementation=cp"]
    command += [f"--platform={name}" for name in platforms]
    return [*command, f"--target={target}"]
