"""The chart: clean for helm, valid for Kubernetes, restricted in every pod, strict about values."""

import base64
import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from cryptography import x509

from tradewind_api.runner import ExchangeConfig
from tradewind_cluster import binaries
from tradewind_portal.keys.envelope import Envelopes

CHART = Path(__file__).parent.parent.parent / "charts/tradewind"
KUBERNETES = "1.36"
MATRIX = {
    "defaults": [],
    "simulator": ["--set", "simulator.enabled=true"],
    "node-port": ["--set", "portal.service.type=NodePort,portal.service.nodePort=30800"],
    "registry": ["--set", "images.registry=registry.example/tw,images.tag=v9", "--set", "images.pullSecrets[0].name=pull"],
    "real-exchange": ["--set", "exchanges[0].name=binance,exchanges[0].ccxtId=binance"],
    "no-policies": ["--set", "networkPolicies.enabled=false,crds.install=false"],
}


@pytest.fixture(scope="module")
def helm():
    """Run helm and return what it did."""
    binaries.build("helm", print)

    def run(*arguments):
        return subprocess.run([binaries.binary("helm"), *arguments], capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def manifests(helm):
    """Return the manifests of a set of values."""

    def render(values):
        done = helm("template", "tradewind", str(CHART), "--namespace", "tw", *values)
        assert 0 == done.returncode, done.stderr
        return [item for item in yaml.safe_load_all(done.stdout) if item]

    return render


def pods(items):
    for item in items:
        if item["kind"] in {"Deployment", "StatefulSet"}:
            yield item["metadata"]["name"], item["spec"]["template"]["spec"]


@pytest.mark.cluster
def test_helm_finds_nothing_to_say(helm):
    """`helm lint --strict`."""
    done = helm("lint", "--strict", str(CHART))
    assert 0 == done.returncode, done.stdout


@pytest.mark.cluster
@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_every_manifest_is_valid_for_kubernetes(manifests, values):
    """Strict: a field that Kubernetes does not know is an error."""
    for item in manifests(values):
        if item["kind"] != "CustomResourceDefinition":  # the API server itself judges these in tests/cluster
            kubernetes_validate.validate(item, KUBERNETES, strict=True)


@pytest.mark.cluster
@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_every_pod_is_restricted(manifests, values):
    """Pod Security Standards `restricted`, a read-only root, and limits of memory."""
    for name, pod in pods(manifests(values)):
        security = pod["securityContext"]
        assert (True, "RuntimeDefault") == (security["runAsNonRoot"], security["seccompProfile"]["type"]), name
        assert security["runAsUser"] >= 10_000
        for container in pod["containers"]:
            own = container["securityContext"]
            assert (False, True, ["ALL"]) == (
                own["allowPrivilegeEscalation"],
                own["readOnlyRootFilesystem"],
                own["capabilities"]["drop"],
            )
            assert "memory" in container["resources"]["limits"], name


@pytest.mark.cluster
def test_nobody_may_read_secrets_or_run_commands_in_pods(manifests):
    """No wildcard, no secrets, no exec, no impersonation, in any role."""
    rules = [rule for item in manifests([]) if item["kind"] in {"ClusterRole", "Role"} for rule in item.get("rules") or []]
    assert rules
    for rule in rules:
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
        assert not {"secrets", "pods/exec"} & set(rule["resources"])
        assert not {"escalate", "impersonate"} & set(rule["verbs"])


@pytest.mark.cluster
def test_the_key_that_seals_exchange_keys_is_made_and_stays(manifests, tmp_path):
    """A Secret of its own that survives an uninstall, in the form that the portal reads, mounted where it looks."""
    items = manifests([])
    secret = next(item for item in items if item["metadata"]["name"] == "tradewind-portal-kek")
    assert "keep" == secret["metadata"]["annotations"]["helm.sh/resource-policy"]
    file = tmp_path / "kek.json"
    file.write_bytes(base64.b64decode(secret["data"]["kek.json"]))
    assert [("k1", 32)] == [(name, len(key)) for name, key in Envelopes(file).keys().items()]
    pod = dict(pods(items))["tradewind-portal"]
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    environment = {item["name"]: item.get("value") for item in pod["containers"][0]["env"]}
    assert f"{mounts['kek']}/kek.json" == environment["TRADEWIND_PORTAL_KEK_FILE"]


@pytest.mark.cluster
def test_pods_know_the_portal_by_a_certificate_that_the_chart_makes(manifests):
    """For the very host that pods are told, by an authority whose key nobody has; the portal has it where it looks."""
    items = manifests([])
    data = next(item for item in items if item["metadata"]["name"] == "tradewind-portal-tls")["data"]
    assert {"ca.crt", "tls.crt", "tls.key"} == set(data)
    ca, certificate = (x509.load_pem_x509_certificate(base64.b64decode(data[name])) for name in ("ca.crt", "tls.crt"))
    certificate.verify_directly_issued_by(ca)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = dict(pods(items))
    told = {item["name"]: item for item in found["tradewind-operator"]["containers"][0]["env"]}
    url = urlsplit(told["TRADEWIND_OPERATOR_PORTAL_URL"]["value"])
    assert ("https", [url.hostname]) == (url.scheme, names.get_values_for_type(x509.DNSName))
    reference = {"name": "tradewind-portal-tls", "key": "ca.crt"}
    assert reference == told["TRADEWIND_OPERATOR_PORTAL_CA"]["valueFrom"]["secretKeyRef"]
    container = found["tradewind-portal"]["containers"][0]
    folder = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "tls")
    environment = {item["name"]: item.get("value") for item in container["env"]}
    files = [environment[f"TRADEWIND_PORTAL_INTERNAL_TLS_{name}"] for name in ("CERT", "KEY")]
    assert [f"{folder}/tls.crt", f"{folder}/tls.key"] == files


@pytest.mark.cluster
@pytest.mark.parametrize(
    "value", ["colour=red", "portal.replicas=2", "images.pullPolicy=Sometimes", "simulator.speed=0", "simulator.seed=-1"]
)
def test_a_wrong_value_is_refused(helm, value):
    """By the schema, before anything is installed."""
    assert 0 != helm("template", "tradewind", str(CHART), "--set", value).returncode


@pytest.mark.cluster
def test_the_simulated_exchange_streams(manifests):
    """Bots and portal are told of its WebSocket: paper bots fill in its books unless they say otherwise."""
    for name, pod in pods(manifests(["--set", "simulator.enabled=true,simulator.speed=30"])):
        values = {item["name"]: item.get("value") for item in pod["containers"][0]["env"]}
        told = [value for key, value in values.items() if key.endswith("_EXCHANGES")]
        assert len(told) == (name != "tradewind-simulator")
        for text in told:
            (exchange,) = [ExchangeConfig.model_validate(item) for item in json.loads(text)]
            assert ("ws://tradewind-simulator.tw.svc:9000", 30) == (exchange.endpoint.ws, exchange.clock_speed)


@pytest.mark.cluster
def test_one_image_may_have_a_tag_of_its_own(manifests):
    """`images.tags` goes before `images.tag`, and that before the chart's version."""
    items = manifests(["--set", "images.tag=all,images.tags.portal=own"])
    images = {name: pod["containers"][0]["image"] for name, pod in pods(items)}
    assert ("localhost/tradewind-portal:own", "localhost/tradewind-operator:all") == (
        images["tradewind-portal"],
        images["tradewind-operator"],
    )


def test_every_value_is_described_and_no_other_is_allowed():
    """The schema knows each value of values.yaml, with words."""
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def check(place, value, node):
        assert node["additionalProperties"] is False, place
        for key, inner in value.items():
            found = node["properties"][key]
            assert found.get("description"), f"{place}.{key}"
            if isinstance(inner, dict) and "properties" in found:
                check(f"{place}.{key}", inner, found)

    check("values", values, schema)
