# Somebody who has never seen it: start it, kill its upstreams, and be told what happened, everywhere one would look.
source tests/debian/lib.bash

# The upstreams are those of `dev`, which dies with them.
start_dev
upstreams=(--rollup.config "$WORK/rollup.json" --l1 "$l1" --l2 "$l2")

"$OP_STATUS" run "${upstreams[@]}" --rpc.port 0 --metrics.enabled --metrics.port 0 --status.max-age 5s \
    2>"$WORK/op-status.log" &
pids+=($!)
wait_for "the metrics port" serves op-status metrics >/dev/null
wait_for "the RPC port" serves op-status RPC >/dev/null
metrics="$(serves op-status metrics)"
rpc="http://$(serves op-status RPC)"
wait_for "readiness" ready "$metrics"
"$OP_STATUS" check --rpc "$rpc"
start_prometheus "$metrics"
wait_for "the first scrape" some 'op_status_ready == 1'

kill -9 "$dev"
# bash says on standard error who was killed.
wait "$dev" 2>/dev/null || true

# The log, once for each endpoint.
unreachable() { grep -c "endpoint=$1 .*state=\"unreachable\"" "$WORK/op-status.log"; }
wait_for "the log about L1" unreachable "$l1" >/dev/null
wait_for "the log about L2" unreachable "$l2" >/dev/null
# Readiness, with the reason and the endpoints.
unready() {
    curl -sS "$rpc/readyz" >"$WORK/readyz.json"
    jq -e '.ready == false and .reasons[0].problem == "stale" and all(.sources[]; .state == "unreachable")' \
        "$WORK/readyz.json" >/dev/null
}
wait_for "/readyz" unready
# The metrics and the alarms.
wait_for "the reason in the metrics" some 'op_status_unready{reason=~"head_l1|l2_view"} == 1'
wait_for "the endpoints in the metrics" some 'count(op_status_endpoint_state{state="unreachable"} == 1) == 2'
wait_for "the alarm of the status" some 'ALERTS{alertname="OpStatusStale"}'
wait_for "the alarm of the endpoint" some 'ALERTS{alertname="OpStatusEndpointDown",state="unreachable",layer="l1"}'
# The check, by exit code and words.
if "$OP_STATUS" check --rpc "$rpc" >"$WORK/check.log" 2>&1; then fail "check sees nothing wrong"; fi
grep -Eq '^bad: .*(no endpoint has confirmed the L1 head|no source has confirmed the L2 view)' "$WORK/check.log" || fail "check does not say why"
# And what to change.
if "$OP_STATUS" doctor "${upstreams[@]}" >"$WORK/doctor.log" 2>&1; then fail "doctor sees nothing wrong"; fi
grep -Eq "^fail +--l1 .*$l1.*reachable.* -> " "$WORK/doctor.log" || fail "doctor does not say what to change"
(($(unreachable "$l1") == 1)) || fail "the log repeats itself"
