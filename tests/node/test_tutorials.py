"""The tutorials do what they say: their commands, in their order, as a newcomer types them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tradewind_cluster.binaries import search_path

TUTORIALS = Path(__file__).parent.parent.parent / "docs/tutorials"


def blocks(text):
    """Return (language, content) of each fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["trader", "live-orders", "platform-engineer", "sre"])
def test_every_command_of_a_tutorial_works(platform, tmp_path, name):
    """Each block of commands ends with 0; YAML blocks become the files that the commands name."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "tw").write_text(f'#!/bin/sh\nexec {sys.executable} -m tradewind_cli.main "$@"\n')
    (tools / "tw").chmod(0o755)
    env = os.environ | {"PATH": f"{tools}:{search_path()}", "KUBECONFIG": platform.kube.kubeconfig, "BROWSER": "true"}
    for language, content in blocks((TUTORIALS / f"{name}.md").read_text()):
        if language == "yaml":
            (tmp_path / f"{yaml.safe_load(content)['metadata']['name']}.yaml").write_text(content)
        elif language == "sh":
            done = subprocess.run(["bash", "-euc", content], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
            assert 0 == done.returncode, f"{content}\n{done.stdout}\n{done.stderr}"
