"""Renders deploy/helm with values of many kinds: helm.py PROGRAM FOLDER."""

import json
import pathlib
import subprocess
import sys

import helm_python as helm

PROGRAM, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
# With copies where there are links, of which Helm makes a remark each time.
CHART = FOLDER / "chart"
ROLLUP = '{"block_time": 2}'
ONE = {"network": "op-mainnet", "l1": ["wss://l1.example/key"], "rollup": ["http://node:9546"]}
ALL = {
    "rollupConfig": ROLLUP,
    "l1": ["a=wss://a.example", "http://b.example"],
    "l2": "http://client:8545",
    "rollup": ["http://node:9546", "http://other:9546"],
    "follower": ["ws://op-status:9545"],
    "sequencer": ["http://sequencer:9546"],
    "flags": {
        "status.max-age": "60s",
        "rpc.max-connections": 1000000,
        "l1.rpc-rate-limit": 2.5,
        "metrics.on-rpc": True,
        "l1.trustrpc": False,
        "rollup.current-l1": ["node"],
    },
    "safedb": {"enabled": True, "storageClass": "fast"},
    "address": "::",
    "ports": {"rpc": 8000, "metrics": 8001},
    "replicas": 3,
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True},
    "dashboard": {"enabled": True},
    "podAnnotations": {"team": "l2"},
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "service": {"annotations": {"internal": "true"}},
}
OWN = {"network": "base-sepolia", "existingSecret": "mine"}


def render(values, name="status"):
    """The objects by kind and name."""
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        rendered = chart.render(values, name=name, namespace="l2")
    texts = [text for path, text in rendered.items() if path.endswith(".yaml")]
    found = {}
    for document in "\n---\n".join(texts).split("\n---\n"):
        made = helm.values_from_yaml(document)
        if made:
            found[made["kind"], made["metadata"]["name"]] = made
    return found


def only(objects, kind):
    (found,) = [it for (other, _), it in objects.items() if other == kind]
    return found


def effective(objects, variables):
    """What `op-status config` makes of the arguments and the environment: the values by key."""
    (container,) = only(objects, "StatefulSet")["spec"]["template"]["spec"]["containers"]
    run, *args = container["args"]
    assert run == "run", run
    environment = {it["name"]: it["value"] for it in container["env"]}
    told = subprocess.run(
        [PROGRAM, "config", *args], env=environment | variables, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    values, table = {}, ""
    for line in told.stdout.splitlines():
        if line.startswith("["):
            table = line.strip("[]") + "."
        elif " = " in line:
            key, value = line.split(" = ", 1)
            values[table + key] = value.rsplit("  # ", 1)[0].strip()
    return values


def check(values, expected, variables=None):
    """The chart with these values is a configuration with what is expected, and its parts fit together."""
    report = helm.lint(CHART, values, strict=True)
    # That there is no icon is told, and all.
    told = [it for it in report["messages"] if it["severity"] > 1]
    assert not told and not report["errors"], report
    objects = render(values)
    if variables is None:
        variables = only(objects, "Secret")["stringData"]
    shown = effective(objects, variables)
    for key, value in expected.items():
        assert shown.get(key) == value, f"{key} is {shown.get(key)}, not {value}"

    pod = only(objects, "StatefulSet")["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    ports = {it["name"]: str(it["containerPort"]) for it in container["ports"]}
    assert ports == {"rpc": shown["rpc.port"], "metrics": shown["metrics.port"]}, ports
    assert shown["metrics.enabled"] == "true" and shown["metrics.addr"] == shown["rpc.addr"]
    for probe in ("livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports, probe
    mounted = {it["mountPath"] for it in container.get("volumeMounts", [])}
    assert ("/var/lib/op-status" in mounted) == ('"/var/lib/op-status"' == shown.get("safedb.path"))
    assert ("/etc/op-status" in mounted) == ('"/etc/op-status/rollup.json"' == shown.get("rollup.config"))
    for (kind, _), service in objects.items():
        if kind == "Service":
            assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
            assert all(it["targetPort"] in ports for it in service["spec"]["ports"])
    assert ("Service", only(objects, "StatefulSet")["spec"]["serviceName"]) in objects
    return objects


def refuse(values, why):
    try:
        render(values)
    except helm.HelmError as error:
        assert why in str(error), error
    else:
        raise AssertionError(f"rendered without: {why}")


check(ONE, {"network": '"op-mainnet"', "l1.url": '["wss://l1.example"]', "rollup.url": '["http://node:9546"]'})
everything = check(
    ALL,
    {
        "l1.url": '["a=wss://a.example", "http://b.example"]',
        "l2.url": '"http://client:8545"',
        "rollup.url": '["http://node:9546", "http://other:9546"]',
        "rollup.follower": '["ws://op-status:9545"]',
        "sequencer": '["http://sequencer:9546"]',
        "status.max-age": '"60s"',
        "rpc.max-connections": "1000000",
        "l1.rpc-rate-limit": '"2.5"',
        "metrics.on-rpc": "true",
        "l1.trustrpc": "false",
        "rpc.addr": '"::"',
        "rpc.port": "8000",
    },
)
assert everything["ConfigMap", "status-op-status"]["data"]["rollup.json"] == ROLLUP
nodes = {"rollupConfig": "node", "l1": ["wss://l1"], "rollup": ["http://node:9546"], "flags": {"chain-id": 11155420}}
nodes = check(nodes, {"rollup.config": '"node"', "chain-id": "11155420"})
assert ("ConfigMap", "status-op-status") not in nodes
rules = helm.values_from_yaml(pathlib.Path("deploy/prometheus/alerts.yml").read_text())
assert only(everything, "PrometheusRule")["spec"] == rules
dashboard = everything["ConfigMap", "status-op-status-dashboard"]["data"]["op-status.json"]
assert json.loads(dashboard) == json.loads(pathlib.Path("deploy/grafana/op-status.json").read_text())
monitor = only(everything, "ServiceMonitor")["spec"]
(scraped,) = [
    it
    for (kind, _), it in everything.items()
    if kind == "Service" and monitor["selector"]["matchLabels"].items() <= it["metadata"]["labels"].items()
]
assert "metrics" in [it["name"] for it in scraped["spec"]["ports"]] and scraped["spec"]["publishNotReadyAddresses"]
assert scraped["metadata"]["labels"][monitor["jobLabel"]] == "op-status"
secret = {"OP_STATUS_L1_ETH_RPC": "ws://l1", "OP_STATUS_L2_ENGINE_RPC": "http://l2"}
own = check(OWN, {"network": '"base-sepolia"', "l1.url": '["ws://l1"]'}, secret)
assert not [kind for kind, _ in own if kind == "Secret"]
refuse({**ONE, "network": ""}, "which chain?")
refuse({**ONE, "l1": []}, "which L1?")
refuse({**ONE, "rollup": []}, "which L2?")
refuse({**ONE, "netwrok": "op-mainnet"}, "netwrok")
# A release archive holds the files that are links here.
with helm.Chart.load(helm.package("deploy/helm", destination=FOLDER)) as chart:
    assert {it["name"] for it in chart.files} >= {"files/alerts.yml", "files/op-status.json"}
print("the chart renders in every way, and its arguments are taken")
