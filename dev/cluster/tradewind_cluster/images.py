"""Images without a registry: one file as an image, a base by debootstrap, builds by buildah, import by containerd."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from tradewind_cluster import debian
from tradewind_cluster.binaries import binary
from tradewind_cluster.layout import ClusterError, Layout, cache_home

PACKAGES = {
    "buildah": ("buildah", "building images"),
    "debootstrap": ("debootstrap", "the images' base"),
    "/usr/share/keyrings/debian-archive-keyring.gpg": ("debian-archive-keyring", "checking the base's packages"),
}
SUITE = "bookworm"
BASE_NAME = "localhost/tradewind-base"
BASE_PACKAGES = "python3-minimal,libpython3-stdlib,ca-certificates,tzdata"
NODE_IMAGES = {"localhost/pause:1": "pause", "localhost/coredns:1": "coredns"}
DROPPED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt/lists", "var/cache/apt")


def image_of_file(name: str, program: Path, target: Path) -> None:
    """Write a docker-archive at `target`: nothing but one static program, which is its entry point."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        entry = tarfile.TarInfo(program.name)
        entry.size, entry.mode = program.stat().st_size, 0o755
        with program.open("rb") as content:
            tar.addfile(entry, content)
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [f"/{program.name}"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    raw = json.dumps(config).encode()
    file = hashlib.sha256(raw).hexdigest() + ".json"
    manifest = json.dumps([{"Config": file, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(target, "w") as out:
        for part, body in (("layer.tar", layer.getvalue()), (file, raw), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(part)
            entry.size = len(body)
            out.addfile(entry, io.BytesIO(body))


def import_image(layout: Layout, archive: Path) -> None:
    """Load a docker-archive into the node. Raises ClusterError where containerd refuses it."""
    if not archive.exists():
        raise ClusterError(f"there is no {archive}: wanted is a docker-archive, as `docker save` or `buildah push` write it")
    if not layout.containerd_socket.exists():
        raise ClusterError(f"the cluster {layout.name!r} has no node that runs: `up` first")
    command = [
        str(binary("ctr")),
        "-a",
        str(layout.containerd_socket),
        "-n",
        "k8s.io",
        "images",
        "import",
        str(archive.absolute()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"loading {archive.name} failed: {done.stderr.strip()}")


def node_images(layout: Layout) -> None:
    """Load the images that the node itself needs."""
    for name, program in NODE_IMAGES.items():
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / f"{program}.tar"
            image_of_file(name, binary(program), archive)
            import_image(layout, archive)


def base_image(say: Callable[[str], None]) -> str:
    """Return the name of the base image, making it by debootstrap at the first call."""
    debian.install(PACKAGES, say)
    tag = f"{BASE_NAME}:{hashlib.sha256(f'{SUITE} {BASE_PACKAGES} {DROPPED}'.encode()).hexdigest()[:12]}"
    if (
        subprocess.run(
            ["buildah", "inspect", "--type", "image", tag], capture_output=True, env=buildah_env(), check=False
        ).returncode
        == 0
    ):
        return tag
    say("making the base image of all images: Debian with Python (once)")
    with tempfile.TemporaryDirectory(dir=cache_home()) as folder:  # not /tmp, which may be mounted without devices
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", SUITE, str(root), *_mirror()]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | _apt_proxy(), check=False)
        if done.returncode:
            raise ClusterError(f"debootstrap failed:\n{done.stdout[-1500:]}")
        for path in DROPPED:
            shutil.rmtree(root / path, ignore_errors=True)
        archive = Path(folder) / "base.tar"
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        (Path(folder) / "Containerfile").write_text("FROM scratch\nADD base.tar /\nENV LANG=C.UTF-8\n")
        build_image(tag, Path(folder) / "Containerfile", Path(folder), {})
    return tag


def build_image(name: str, containerfile: Path, context: Path, arguments: dict[str, str]) -> None:
    """Build an image with buildah, without the network. Raises ClusterError with the end of its output."""
    command = ["buildah", "bud", "--quiet", "--network=none", "--pull-never", "-t", name, "-f", str(containerfile)]
    for key, value in arguments.items():
        command += ["--build-arg", f"{key}={value}"]
    done = subprocess.run([*command, str(context)], capture_output=True, text=True, env=buildah_env(), check=False)
    if done.returncode:
        raise ClusterError(f"building {name} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def export_image(name: str, archive: Path) -> None:
    """Write a built image as docker-archive."""
    archive.unlink(missing_ok=True)
    command = ["buildah", "push", "--quiet", name, f"docker-archive:{archive}:{name}"]
    done = subprocess.run(command, capture_output=True, text=True, env=buildah_env(), check=False)
    if done.returncode:
        raise ClusterError(f"exporting {name} failed: {done.stderr[-1500:]}")


def export_images(names: list[str], archive: Path) -> None:
    """Write several built images as one docker-archive, what they share once."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    half_done = archive.with_suffix(".new")
    with tempfile.TemporaryDirectory(dir=cache_home()) as folder, tarfile.open(half_done, "w") as out:
        entries, written = [], set[str]()
        for name in names:
            single = Path(folder) / "image.tar"
            export_image(name, single)
            with tarfile.open(single) as image:
                entry = json.loads(_content(image, "manifest.json"))[0]
                entries.append(entry)
                for part in {entry["Config"], *entry["Layers"]} - written:
                    out.addfile(image.getmember(part), image.extractfile(part))
                    written.add(part)
        manifest = json.dumps(entries).encode()
        place = tarfile.TarInfo("manifest.json")
        place.size = len(manifest)
        out.addfile(place, io.BytesIO(manifest))
    half_done.replace(archive)


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ClusterError(f"{name} of an image's archive is no file")
    return file.read()


def load_built(layout: Layout, name: str) -> None:
    """Load an image that buildah built into the node."""
    with tempfile.TemporaryDirectory(dir=cache_home()) as folder:
        archive = Path(folder) / "image.tar"
        export_image(name, archive)
        import_image(layout, archive)


def buildah_env() -> dict[str, str]:
    """Return the environment of buildah: builds in a chroot, storage in our cache, the overlay driver."""
    storage = cache_home() / "images"
    storage.mkdir(parents=True, exist_ok=True)
    config = storage / "storage.conf"
    config.write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{storage}/graph"\nrunroot = "{storage}/run"\n')
    return os.environ | {"BUILDAH_ISOLATION": "chroot", "CONTAINERS_STORAGE_CONF": str(config)}


def _mirror() -> list[str]:
    """Return the package mirror that this machine itself uses, where it is a Debian; debootstrap knows one elsewhere."""
    release = dict(line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines())
    if release.get("ID") != "debian":
        return []
    for file in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))):
        if file.is_file() and file.suffix in {".list", ".sources"}:
            found = mirror_in(file.read_text(), release.get("VERSION_CODENAME", SUITE).strip('"'))
            if found:
                return [found]
    return []


def mirror_in(sources: str, suite: str) -> str | None:
    """Return the address that `suite` itself comes from, in package sources of the old form (lines) or the new (deb822)."""
    for paragraph in sources.split("\n\n"):
        lines = [line.split() for line in paragraph.splitlines()]
        stanza = {words[0].lower(): words[1:] for words in lines if words and words[0].endswith(":")}
        if suite in stanza.get("suites:", []) and "uris:" in stanza:
            return stanza["uris:"][0]
        for words in lines:
            if words[:1] == ["deb"] and suite in words:
                return words[words.index(suite) - 1]
    return None


def _apt_proxy() -> dict[str, str]:
    """Return apt's own proxy as environment, for debootstrap, which does not read apt's settings."""
    command = ["apt-config", "shell", "proxy", "Acquire::http::Proxy"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    proxy = said.removeprefix("proxy=").strip("'")
    return {"http_proxy": proxy} if proxy and proxy != "DIRECT" and "http_proxy" not in os.environ else {}
