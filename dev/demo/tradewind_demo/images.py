"""The five images: dependencies installed by hash, our packages beside them, built only where something changed.

A tag is the hash of all that goes in, so an image that exists is the right one and a changed one gets a new name.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradewind_cluster import images as cluster_images
from tradewind_cluster.layout import Layout, cache_home
from tradewind_demo.steps import DemoError

ROOT = Path(__file__).parent.parent.parent.parent
PYTHON = "3.11"
PLATFORMS = ("manylinux_2_36_x86_64", "manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_27_x86_64",
             "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_12_x86_64", "manylinux2010_x86_64",
             "manylinux_2_5_x86_64", "manylinux1_x86_64")  # fmt: skip
API, KUBE, ENGINE = "crds/tradewind_api", "crds/tradewind_kube", "botrunner/tradewind_engine"
RUNNER = "botrunner/tradewind_runner"


@dataclass(frozen=True, slots=True)
class Image:
    """What goes into one image: its Containerfile, the requirements file of its extra, our packages."""

    name: str
    containerfile: str
    packages: tuple[str, ...]

    @property
    def requirements(self) -> Path:
        """The lock file of the image's dependencies."""
        return ROOT / f"requirements-{self.name}.txt"


IMAGES = (
    Image("operator", "operator/Containerfile", (API, KUBE, "operator/tradewind_operator")),
    Image("runner", "botrunner/Containerfile.runner", (API, ENGINE, RUNNER)),
    Image("backtest", "botrunner/Containerfile.backtest", (API, ENGINE, RUNNER)),
    Image("portal", "portal/Containerfile", (API, KUBE, ENGINE, "portal/tradewind_portal")),
    Image("simulator", "dev/tradewind_simulator/Containerfile", (API, ENGINE, "dev/tradewind_simulator")),
)


def content_tag(image: Image, base: str) -> str:
    """Return the tag that an image of this content has."""
    digest = hashlib.sha256(base.encode())
    for path in (image.requirements, ROOT / image.containerfile, *_sources(image)):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def build_all(say: Callable[[str], None], registry: str = "localhost") -> dict[str, str]:
    """Build what is missing of the images; return name to tag."""
    base = cluster_images.base_image(say)
    tags = {image.name: content_tag(image, base) for image in IMAGES}
    for image in IMAGES:
        name = f"{registry}/tradewind-{image.name}:{tags[image.name]}"
        if not _exists(name):
            say(f"building image {name}")
            _build(image, name, base)
    return tags


def names(tags: dict[str, str], registry: str) -> list[str]:
    """Return the images' full names."""
    return [f"{registry}/tradewind-{name}:{tag}" for name, tag in tags.items()]


def load_all(layout: Layout, tags: dict[str, str], say: Callable[[str], None]) -> None:
    """Load the images that the node has not got."""
    record = layout.state / "loaded-images.json"
    loaded: list[str] = json.loads(record.read_text()) if record.exists() else []
    for name, tag in tags.items():
        image = f"localhost/tradewind-{name}:{tag}"
        if image in loaded:
            continue
        say(f"loading {image} into the node")
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "image.tar"
            cluster_images.export_image(image, archive)
            cluster_images.import_image(layout, archive)
        loaded.append(image)
        record.write_text(json.dumps(loaded))


def push_all(tags: dict[str, str], registry: str, say: Callable[[str], None]) -> None:
    """Push the images to a registry that the cluster can pull from."""
    for name, tag in tags.items():
        image = f"{registry}/tradewind-{name}:{tag}"
        say(f"pushing {image}")
        command = ["buildah", "push", "--quiet", image]
        done = subprocess.run(command, env=cluster_images.buildah_env(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoError(f"pushing {image} failed ({_remedy(done.stderr, registry)}): {done.stderr[-800:]}")


def _remedy(told: str, registry: str) -> str:
    """Return what a person may do about a push that failed."""
    host = registry.partition("/")[0]
    if "HTTP response to HTTPS client" in told:
        return f"{host} speaks no TLS: name it in /etc/containers/registries.conf, as docs/guides/existing-cluster.md says"
    return f"is `buildah login {host}` needed?"


def _build(image: Image, name: str, base: str) -> None:
    site = _site(image)
    with tempfile.TemporaryDirectory(dir=cache_home()) as folder:
        context = Path(folder)
        subprocess.run(["cp", "-al", str(site), str(context / "site")], check=True)
        for package in image.packages:
            target = context / "app" / Path(package).name
            shutil.copytree(ROOT / package, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "Containerfile"))
        _write_metadata(context / "app")
        cluster_images.build_image(name, ROOT / image.containerfile, context, {"BASE_IMAGE": base})


def _write_metadata(folder: Path) -> None:
    """Write what `importlib.metadata` reads: which version of us this is."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    place = folder / f"tradewind-{version}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tradewind\nVersion: {version}\n")


def _site(image: Image) -> Path:
    """Return the folder of an image's dependencies, installing them by hash at the first call."""
    digest = hashlib.sha256(image.requirements.read_bytes()).hexdigest()[:16]
    site = cache_home() / "sites" / f"{image.name}-{digest}"
    if site.exists():
        return site
    site.parent.mkdir(parents=True, exist_ok=True)
    half_done = Path(tempfile.mkdtemp(dir=site.parent))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--no-deps", "--no-compile", "--only-binary=:all:"]
    command += ["--implementation=cp", f"--python-version={PYTHON}"]
    command += [f"--platform={platform}" for platform in PLATFORMS]
    command += ["--target", str(half_done), "-r", str(image.requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(half_done)
        raise DemoError(f"installing the dependencies of {image.name} failed:\n{done.stderr[-2000:]}")
    for rest in ("bin", "share"):
        shutil.rmtree(half_done / rest, ignore_errors=True)
    half_done.chmod(0o755)
    os.replace(half_done, site)  # noqa: PTH105 - both are folders of ours
    return site


def _sources(image: Image) -> list[Path]:
    found: list[Path] = []
    for package in image.packages:
        found += [path for path in (ROOT / package).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sorted(found)


def _exists(name: str) -> bool:
    command = ["buildah", "inspect", "--type", "image", name]
    return subprocess.run(command, env=cluster_images.buildah_env(), capture_output=True, check=False).returncode == 0
