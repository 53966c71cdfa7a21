"""Starting: what is configured wrongly is said by name, and a silent API server does not keep people out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import yaml
from portal_process import ADMIN, log_in, start_portal

pytestmark = pytest.mark.slow

NOBODY = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "x",
    "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "x", "user": {"token": "t"}}],
}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """A kubeconfig of an API server that is not there."""
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(NOBODY))
    return file


def run(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TRADEWIND_PORTAL_DATA_DIR": str(folder)}
    environment |= {f"TRADEWIND_PORTAL_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "tradewind_portal"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"public_port": "many"}, "TRADEWIND_PORTAL_PUBLIC_PORT: "),
        ({"exchanges": '[{"name": "x"}]'}, "TRADEWIND_PORTAL_EXCHANGES_0_CCXTID: "),
        ({"exchanges": "not json"}, '"exchanges"'),
        ({"kubeconfig": "/nowhere"}, "cannot use kubeconfig /nowhere"),
        ({"jwt_keys": '{"k": "short"}'}, "32 or more are wanted"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, kubeconfig: Path, settings: dict[str, str], words: str):
    """Exit code 78 and one sentence, no traceback."""
    ended = run(tmp_path / "data", **{"kubeconfig": str(kubeconfig), **settings})
    assert 78 == ended.returncode
    assert words in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_without_an_api_server_people_log_in_and_the_probe_says_what_is_missing(tmp_path: Path, kubeconfig: Path):
    """Live, not ready, the password printed once; what needs the cluster answers 503 or 404, not 500."""
    portal = start_portal(tmp_path / "data", kubeconfig, admin_password="")
    printed = next(line for line in portal.lines if line.startswith("The first administrator"))
    assert f"'{ADMIN}'" in printed
    session = log_in(portal, password=printed.split()[-1])
    assert 200 == httpx2.get(f"{portal.public}/livez").status_code
    ready = httpx2.get(f"{portal.public}/readyz")
    assert (503, True) == (ready.status_code, "[-]watch-tenants was never listed" in ready.text)
    body = {"name": "acme", "plan": "free", "owner": {"user": "alice"}}
    answer = httpx2.post(f"{portal.public}/api/v1/admin/tenants", json=body, headers=session)
    assert (503, "ClusterUnavailable") == (answer.status_code, answer.json()["code"])
    metrics = httpx2.get(f"{portal.metrics}/metrics").text
    for name in ("tradewind_build_info", "tradewind_store_commit_duration_seconds_count", "tradewind_audit_records_total"):
        assert name in metrics
    assert 'route="/api/v1/admin/tenants"' in metrics
    assert 0 == portal.stop()
    again = start_portal(tmp_path / "data", kubeconfig, admin_password="")
    assert not any(line.startswith("The first administrator") for line in again.lines)
    assert 0 == again.stop()


def test_every_line_of_the_log_is_json(tmp_path: Path, kubeconfig: Path):
    """Whatever a caller sends stays inside one field of one line."""
    portal = start_portal(tmp_path / "data", kubeconfig)
    for path in ("/a%0Ab", "/%1b[31m", "/%e2%80%a8x", "/api/v1/bots?x=%0d%0aforged"):
        httpx2.get(f"{portal.public}{path}", headers={"X-Request-Id": "12345678"})
    assert 0 == portal.stop()
    records = [json.loads(line) for line in portal.lines]
    assert 4 == sum(record.get("requestId") == "12345678" for record in records)


def test_a_portal_carries_no_numpy() -> None:
    """It weighs 10 MiB and more; what needs it, reading candle files and merging candles, is done in processes of their own."""
    program = "import tradewind_portal.__main__, sys; sys.exit('numpy' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode
