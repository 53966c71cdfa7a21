"""`make up` on somebody's own cluster: a second local one, of which nothing is known but a context of KUBECONFIG.

The commands are those of docs/guides/existing-cluster.md and those that `make up` prints, as a person types them.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from free_ports import free_port
from platform_world import wait_for

from tradewind_cli.client import make_token
from tradewind_cluster import images, temporary
from tradewind_cluster.binaries import search_path
from tradewind_cluster.layout import Layout
from tradewind_demo import release
from tradewind_demo.node_images import ARCHIVE

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/guides/existing-cluster.md").read_text()
OTHER_LOGIN = json.dumps({"url": "https://portal.example", "token": "tw_pat_other", "tenant": ""})
PASSING = {"Event", "Lease"}  # come and go by themselves


class Person:
    """Somebody at a shell of their own, with a kubeconfig of two contexts; the current one leads nowhere."""

    def __init__(self, cluster: Layout, folder: Path) -> None:
        self.cluster, self.folder, self.port = cluster, folder, free_port()
        self.kubeconfig = folder / "kubeconfig"
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        config["clusters"].append({"name": "elsewhere", "cluster": {"server": "https://127.0.0.1:9"}})
        user = config["users"][0]["name"]
        config["contexts"] = [
            {"name": "my-context", "context": {"cluster": config["clusters"][0]["name"], "user": user}},
            {"name": "elsewhere", "context": {"cluster": "elsewhere", "user": user}},
        ]
        config["current-context"] = "elsewhere"
        self.kubeconfig.write_text(yaml.safe_dump(config))
        run = folder / "run"  # in place of .venv-run, which `make up` would install first
        (run / "bin").mkdir(parents=True)
        (run / "bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (run / "bin/python").chmod(0o755)
        (run / ".ready").touch()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWIND_CLI")} | {
            "PATH": search_path(),
            "KUBECONFIG": str(self.kubeconfig),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "MAKEFLAGS": "e",
            "RUN": str(run),
            "PORT": str(self.port),
        }

    @property
    def profile(self) -> Path:
        """Where `tw` keeps its login."""
        return self.folder / "config/tradewind/profile.json"

    def types(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command line to its end."""
        return subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )

    def follows(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the page."""
        assert command in PAGE
        return self.types(command)

    def everything(self) -> set[tuple[str, ...]]:
        """Return kind, namespace and name of all that the API server stores."""
        kinds = self.types("kubectl --context my-context api-resources --verbs=list -o name").stdout.split()
        columns = "custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name"
        told = self.types(f"kubectl --context my-context get {','.join(kinds)} -A --no-headers -o {columns}").stdout
        return {tuple(line.split()) for line in told.splitlines() if line.split()[0] not in PASSING}


@pytest.fixture(scope="module")
def person(machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with a fresh cluster."""
    with temporary.node_cluster(suffix="-own") as where:
        yield Person(where, tmp_path_factory.mktemp("person"))


@pytest.fixture(scope="module")
def before(person: Person) -> set[tuple[str, ...]]:
    """What was there before us, once the cluster's own controllers have made theirs."""
    seen: list[set[tuple[str, ...]]] = [set()]

    def settled() -> bool:
        time.sleep(3)
        seen.append(person.everything())
        return seen[-1] == seen[-2]

    wait_for(settled)
    return seen[-1]


def test_without_a_registry_the_images_are_put_into_an_archive(person: Person, before: set[tuple[str, ...]]) -> None:
    """The first run ends with what lacks, where it is, and the commands that load it."""
    done = person.follows("CONTEXT=my-context make up")
    assert 0 != done.returncode
    assert "the nodes of my-context have not got localhost/tradewind-backtest:" in done.stderr
    assert "kind load image-archive build/tradewind-images.tar --name NAME" in done.stderr
    assert "kind load image-archive build/tradewind-images.tar --name NAME" in PAGE
    images.import_image(person.cluster, ARCHIVE)  # what kind does: `ctr images import`


def check_output(person: Person, told: str) -> None:
    """What `make up` promises at its end is there, and all that it prints works."""
    assert re.search(r"return -?\d+\.\d\d %, of it fees -\d+\.\d\d %; buying and holding: -?\d+\.\d\d %", told)
    assert re.search(r"drawdown \d+\.\d\d %, Sharpe -?\d+\.\d\d, win rate \d+\.\d\d %", told)
    assert re.search(r"^  trust (high|doubtful|low): .+", told, re.MULTILINE)
    assert re.search(r"\d+ trades on \d+ candles", told)
    assert re.search(r"last fills: .* (buy|sell) [\d.]+ at [\d.]+", told)
    url = re.search(r"^URL +(\S+)", told, re.MULTILINE)[1]
    password = re.search(r"^Login +user trader, password (\S+)", told, re.MULTILINE)[1]
    assert f"http://127.0.0.1:{person.port}" == url
    forward, tw, kubectl, page = re.findall(r"^  (kubectl .*|(?:\w+=\S+ )?\S*/tw .*|http\S+)$", told, re.MULTILINE)
    process = subprocess.Popen(shlex.split(forward), env=person.environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: answer(page), 30)
        assert "demo" == make_token(url, "trader", password, "test")[1]["tenants"][0]["name"]
        for command, expected in ((tw, "demo-bot"), (kubectl, "backtest.tradewind.dev/demo-backtest")):
            done = person.types(command)
            assert 0 == done.returncode, done.stderr
            assert expected in done.stdout
    finally:
        process.terminate()
        process.wait()


def answer(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as told:
            return told.read().decode()
    except OSError:
        return ""


def test_up_ends_with_figures_fills_and_commands_that_work(person: Person) -> None:
    """Back-test, paper bot, URL, login, the way in, and three commands."""
    done = person.follows("CONTEXT=my-context make up")
    assert 0 == done.returncode, done.stdout + done.stderr
    check_output(person, done.stdout)


def test_up_works_where_all_is_there_and_leaves_another_login_alone(person: Person) -> None:
    """The commands work though `tw` is logged in to another portal, and that login stays as it was."""
    person.profile.write_text(OTHER_LOGIN)
    done = person.follows("CONTEXT=my-context make up")
    assert 0 == done.returncode, done.stdout + done.stderr
    check_output(person, done.stdout)
    assert OTHER_LOGIN == person.profile.read_text()


def test_down_leaves_nothing_but_the_definitions(person: Person, before: set[tuple[str, ...]]) -> None:
    """Neither in the cluster nor on this machine; the output names the command that takes them too."""
    done = person.follows("CONTEXT=my-context make down")
    assert 0 == done.returncode, done.stdout + done.stderr
    kept = {("CustomResourceDefinition", "<none>", name) for name in release.definitions()}
    kept.add(("APIService", "<none>", "v1alpha1.tradewind.dev"))
    wait_for(lambda: person.everything() - before == kept, 60)
    assert [person.profile] == list(person.folder.rglob("*.json"))
    assert OTHER_LOGIN == person.profile.read_text()
    delete = re.search(r"^  (kubectl .* delete crd .*)$", done.stdout, re.MULTILINE)[1]
    assert all(name in delete for name in release.definitions())


def test_up_works_again_after_down(person: Person, before: set[tuple[str, ...]]) -> None:
    """And the printed command takes the definitions away too."""
    done = person.types("CONTEXT=my-context make up")
    assert 0 == done.returncode, done.stdout + done.stderr
    done = person.types("CONTEXT=my-context make down")
    assert 0 == done.returncode, done.stdout + done.stderr
    delete = re.search(r"^  (kubectl .* delete crd .*)$", done.stdout, re.MULTILINE)[1]
    assert 0 == person.types(delete).returncode
    wait_for(lambda: person.everything() == before, 60)
