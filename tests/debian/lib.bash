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
