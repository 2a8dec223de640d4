# A real Prometheus scrapes `op-status dev` and evaluates our rules on what it finds.

# The alarms, checked and tested on made-up histories.
promtool check rules deploy/prometheus/alerts.yml
promtool test rules deploy/prometheus/alerts.test.yml

pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait' EXIT

# wait_for WHAT COMMAND...: until the command succeeds, a minute at most.
wait_for() {
    local what="$1"
    shift
    for _ in $(seq 300); do
        if "$@"; then return; fi
        sleep 0.2
    done
    echo "waited in vain for $what" >&2
    tail -n 20 "$WORK"/*.log >&2
    exit 1
}

"$OP_STATUS" dev --rpc.port 0 --metrics.enabled --metrics.port 0 >"$WORK/out.log" 2>"$WORK/op-status.log" &
pids+=($!)
metrics() { grep -oP 'serving metrics addr=\K[0-9.:]+' "$WORK/op-status.log"; }
wait_for "the metrics port" metrics >/dev/null
target="$(metrics)"
scraped() { curl -fsS "http://$target/metrics" >"$WORK/metrics.txt"; }
ready() { scraped && grep -qx 'op_status_ready 1.0' "$WORK/metrics.txt"; }
wait_for "readiness" ready

# Names, types and help texts as Prometheus's own linter wants them.
promtool check metrics <"$WORK/metrics.txt"

cat >"$WORK/prometheus.yml" <<YAML
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["$PWD/deploy/prometheus/alerts.yml"]
scrape_configs:
  - job_name: op-status
    static_configs: [{ targets: ["$target"] }]
YAML
promtool check config "$WORK/prometheus.yml"
promtool check config --syntax-only deploy/prometheus/prometheus.yml
prometheus --config.file "$WORK/prometheus.yml" --storage.tsdb.path "$WORK/data" \
    --web.listen-address 127.0.0.1:0 >"$WORK/prometheus.log" 2>&1 &
pids+=($!)
listens() { grep -oP 'msg="Listening on" address=\K[0-9.:]+' "$WORK/prometheus.log"; }
wait_for "Prometheus" listens >/dev/null
prometheus="$(listens)"
api() { curl -fsS --get "http://$prometheus/api/v1/$1" "${@:2}" 2>/dev/null; }
# query EXPRESSION: how many series it selects.
query() { api query --data-urlencode "query=$1" | jq -e '.data.result | length'; }
some() { (($(query "$1" || echo 0) > 0)); }

wait_for "the first scrape" some 'up{job="op-status"} == 1'
wait_for "op-node's metrics" some 'op_node_default_refs_number{layer="l2",type="l2_unsafe"} > 0'
wait_for "ours" some 'op_status_ready == 1'
wait_for "a counter with its suffix" some 'op_node_default_rpc_client_requests_total{method="eth_getBlockByNumber"} > 0'
wait_for "a histogram" some 'histogram_quantile(0.99, rate(op_node_default_rpc_client_request_duration_seconds_bucket[30s])) > 0'
wait_for "the tip to advance" some 'increase(op_node_default_refs_number{layer="l2",type="l2_unsafe"}[10s]) > 0'
# Rules that were never evaluated are neither well nor sick.
evaluated() { api rules | jq -e '[.data.groups[].rules[]] | length > 0 and all(.health != "unknown")' >/dev/null; }
wait_for "the rules" evaluated
sick="$(api rules | jq -r '.data.groups[].rules[] | select(.health == "err") | .name + ": " + .lastError')"
[ -z "$sick" ] || { echo "rules that fail: $sick" >&2; exit 1; }
firing="$(api alerts | jq -r '.data.alerts[] | select(.state == "firing") | .labels.alertname')"
[ -z "$firing" ] || { echo "a healthy server raises $firing" >&2; exit 1; }
# Every query of the dashboard is understood; what it selects depends on what is wrong.
jq -r '[.. | .expr? // empty] | .[]' deploy/grafana/op-status.json |
    sed 's/\$__rate_interval/30s/g; s/\$instance/.*/g' |
    while read -r expression; do
        api query --data-urlencode "query=$expression" >/dev/null || { echo "not understood: $expression" >&2; exit 1; }
    done
