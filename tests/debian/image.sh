# The image, as far as it goes without an engine: its file system in a folder, read-only and with nothing else in sight,
# and in it what the Dockerfile says is run, by the user that it says.
source tests/debian/lib.bash

"${root[@]}" deploy/image-root "$OP_STATUS" "$WORK/image"
cmp --silent "$WORK/image/etc/ssl/certs/ca-certificates.crt" /etc/ssl/certs/ca-certificates.crt || fail "no certificates"
words() { grep -oP "^$1\b.*?\K\[.*\]$" Dockerfile | jq -r '.[]'; }
mapfile -t entry < <(words ENTRYPOINT)
mapfile -t health < <(words HEALTHCHECK)
user="$(sed -n 's/^USER //p' Dockerfile)"
[ -x "$WORK/image${entry[0]}" ] && [ "$(words CMD)" = run ] || fail "the entry point is not there"

# Ends up as the program itself, so that signals reach it.
# shellcheck disable=SC2016
inside=("${root[@]}" unshare --mount sh -euc 'image="$1"; shift
    mount --bind "$image" "$image"
    mount -o remount,bind,ro "$image"
    ! touch "$image/x" 2>/dev/null
    exec env --ignore-environment "$@"' sh "$WORK/image")
in_image=(/usr/sbin/chroot --userspec="$user" --groups= "$WORK/image")

port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')"
environment=(OP_STATUS_RPC_ADDR=0.0.0.0 "OP_STATUS_RPC_PORT=$port")
"${inside[@]}" "${environment[@]}" "${in_image[@]}" "${entry[@]}" dev >"$WORK/out.log" 2>"$WORK/dev.log" &
server=$!
pids+=("$server")
wait_for "the RPC port" serves dev RPC >/dev/null
healthy() { "${inside[@]}" "${environment[@]}" "${in_image[@]}" "${health[@]}" >"$WORK/health.log" 2>&1; }
healthy || fail "the health check does not find the server on its port"
wait_for "a status" "$OP_STATUS" check --rpc "http://127.0.0.1:$port" >/dev/null
[ "$(ps -o uid=,gid= -p "$server" | xargs)" = "${user/:/ }" ] || fail "it is run by another user"
# Whoever answers nothing is not alive.
"${root[@]}" kill -STOP "$server"
if healthy; then fail "the health check does not see that the server hangs"; fi
"${root[@]}" kill -CONT "$server"
"${root[@]}" kill "$server"
code=0
wait "$server" || code=$?
((code == 0)) || fail "it ends with $code"
