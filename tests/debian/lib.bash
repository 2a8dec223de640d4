# Shared by the scripts that start programs: every one that is in `pids` ends with the script.

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
    fail "waited in vain for $what"
}

fail() {
    echo "$*" >&2
    tail -n 20 "$WORK"/*.log >&2
    exit 1
}

# What makes root of us.
root=()
((EUID == 0)) || root=(sudo -n)

# as_user NAME COMMAND...: sets `service` to what runs the command as this user, with nothing in the environment but the
# PATH and no more rights than a service has.
as_user() {
    service=("${root[@]}" setpriv --reuid "$1" --regid "$1" --clear-groups --no-new-privs env --ignore-environment "PATH=$PATH" "${@:2}")
}

# serves NAME WHAT: where the server with the log NAME.log serves metrics or RPC.
serves() { grep -oP "serving $2.* addr=\K[0-9.:]+" "$WORK/$1.log"; }

# start_dev: a chain to follow. Sets `dev` to its process, `l1` and `l2` to its L1 and its execution client, and leaves its
# configuration in rollup.json.
start_dev() {
    "$OP_STATUS" dev --rpc.port 0 >"$WORK/out.log" 2>"$WORK/dev.log" &
    dev=$!
    pids+=("$dev")
    wait_for "dev" serves dev RPC >/dev/null
    ask "http://$(serves dev RPC)" optimism_rollupConfig | jq .result >"$WORK/rollup.json"
    l1="$(grep -oPm1 'endpoint=\Kws://[0-9.:]+' "$WORK/dev.log")"
    # The log names the execution client and the rollup node in any order.
    for l2 in $(grep -oP 'endpoint=\Khttp://[0-9.:]+' "$WORK/dev.log"); do
        if ask "$l2" eth_chainId | jq -e .result >/dev/null; then return; fi
    done
    fail "dev has no execution client"
}
ask() { curl -fsS -H 'content-type: application/json' "$1" -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$2\"}"; }

# ready ADDRESS: whether the server with these metrics is.
ready() { curl -fsS "http://$1/metrics" | grep -qx 'op_status_ready 1.0'; }

# start_prometheus ADDRESS: one that scrapes and evaluates our rules every second.
start_prometheus() {
    cat >"$WORK/prometheus.yml" <<YAML
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["$PWD/deploy/prometheus/alerts.yml"]
scrape_configs:
  - job_name: op-status
    static_configs: [{ targets: ["$1"] }]
YAML
    promtool check config "$WORK/prometheus.yml"
    prometheus --config.file "$WORK/prometheus.yml" --storage.tsdb.path "$WORK/data" \
        --web.listen-address 127.0.0.1:0 >"$WORK/prometheus.log" 2>&1 &
    pids+=($!)
    wait_for "Prometheus" listens >/dev/null
    prometheus="$(listens)"
}
listens() { grep -oP 'msg="Listening on" address=\K[0-9.:]+' "$WORK/prometheus.log"; }

# api PATH [CURL OPTIONS]: what Prometheus answers.
api() { curl -fsS --get "http://$prometheus/api/v1/$1" "${@:2}" 2>/dev/null; }

# some EXPRESSION: whether it selects anything.
some() { api query --data-urlencode "query=$1" | jq -e '.data.result | length > 0' >/dev/null; }
