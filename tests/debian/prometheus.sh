# A real Prometheus scrapes `op-status dev` and evaluates our rules on what it finds.

# The alarms, checked and tested on made-up histories.
promtool check rules deploy/prometheus/alerts.yml
promtool test rules deploy/prometheus/alerts.test.yml

source tests/debian/lib.bash
"$OP_STATUS" dev --rpc.port 0 --metrics.enabled --metrics.port 0 >"$WORK/out.log" 2>"$WORK/op-status.log" &
pids+=($!)
wait_for "the metrics port" serves op-status metrics >/dev/null
target="$(serves op-status metrics)"
wait_for "readiness" ready "$target"

# Names, types and help texts as Prometheus's own linter wants them.
curl -fsS "http://$target/metrics" | promtool check metrics
promtool check config --syntax-only deploy/prometheus/prometheus.yml

start_prometheus "$target"
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
[ -z "$sick" ] || fail "rules that fail: $sick"
firing="$(api alerts | jq -r '.data.alerts[] | select(.state == "firing") | .labels.alertname')"
[ -z "$firing" ] || fail "a healthy server raises $firing"
# Every query of the dashboard is understood; what it selects depends on what is wrong.
jq -r '[.. | .expr? // empty] | .[]' deploy/grafana/op-status.json |
    sed 's/\$__rate_interval/30s/g; s/\$instance/.*/g' |
    while read -r expression; do
        api query --data-urlencode "query=$expression" >/dev/null || fail "not understood: $expression"
    done
