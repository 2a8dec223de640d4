# On a machine that has never seen it: install the package, write three lines, start it, and ask it for the status; then
# a newer one, and gone again. It installs on this machine, so nothing of a real installation may be here.
source tests/debian/lib.bash
for path in /etc/op-status /var/lib/op-status /usr/bin/op-status; do
    [ ! -e "$path" ] || fail "$path is there already: op-status is in use here"
done
stop() {
    kill "${pids[@]}" 2>/dev/null || true
    wait
    "${root[@]}" dpkg --purge op-status >/dev/null 2>&1 || true
    # What the package does not own, so that a run that failed does not stop the next.
    "${root[@]}" rm -rf /etc/op-status /var/lib/op-status
}
trap stop EXIT

target="${OP_STATUS%/debug/*}"
CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$target" deploy/package/build dev >"$WORK/build.log"
deb="$(echo "$target"/packages/op-status_*.deb)"
add() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$1" </dev/null >"$WORK/apt.log" 2>&1 || fail "$1 cannot be installed"; }
mode() { stat --format '%a %U:%G' "$1"; }
is() { [ "$1" = "$2" ] || fail "$3: $1, not $2"; }

add "$deb"
is "$(mode /etc/op-status/op-status.toml)" "640 root:op-status" "the configuration"
is "$(mode /etc/op-status/env)" "600 root:root" "the environment"
is "$(getent passwd op-status | cut -d : -f 6,7)" "/var/lib/op-status:/usr/sbin/nologin" "the user"
is "$(op-status --version)" "op-status $("$OP_STATUS" --version | cut -d ' ' -f 2)" "the version"
# What is made by the program can be read by what reads it.
for page in /usr/share/man/man1/op-status*.1; do
    man --warnings --local-file "$page" 2>"$WORK/man.log" >/dev/null
    [ ! -s "$WORK/man.log" ] || fail "$page is not well formed"
done
bash -c 'source /usr/share/bash-completion/completions/op-status; COMP_WORDS=(op-status r) COMP_CWORD=1; _op__status op-status r op-status; [ "${COMPREPLY[*]}" = run ]' ||
    fail "bash does not complete"
if [ -d /run/systemd/system ]; then systemctl is-active --quiet op-status && fail "it runs before it is configured"; fi

# The unit, as systemd judges it. From 0, safe, to 100: systemd's own scale times ten.
unit=/lib/systemd/system/op-status.service
systemd-analyze verify "$unit"
systemd-analyze security --offline=true --threshold=20 "$unit" | tail -n 1

# What it starts, unconfigured: the program says what to do, and is not started again.
start="$(sed -n 's/^ExecStart=//p' "$unit")"
# shellcheck disable=SC2086
as_user op-status $start
code=0
"${service[@]}" 2>"$WORK/unconfigured.log" || code=$?
is "$code" "$(sed -n 's/^RestartPreventExitStatus=//p' "$unit")" "the exit code without a configuration"

# A chain to follow: that of `dev`, whose configuration is none of those built in.
start_dev
"${root[@]}" install -m 644 "$WORK/rollup.json" /etc/op-status/rollup.json
"${root[@]}" tee /etc/op-status/op-status.toml >/dev/null <<TOML
rollup.config = "/etc/op-status/rollup.json"
l1.url = ["$l1"]
l2.url = "$l2"
TOML
# Only because something else may have the usual port here.
echo 'OP_STATUS_RPC_PORT=0' | "${root[@]}" tee -a /etc/op-status/env >/dev/null
# As the unit does it.
# shellcheck disable=SC2086,SC2046
as_user op-status $("${root[@]}" grep -v '^#' /etc/op-status/env) $start
"${service[@]}" 2>"$WORK/op-status.log" &
pids+=($!)
wait_for "the RPC port" serves op-status RPC >/dev/null
rpc="http://$(serves op-status RPC)"
wait_for "a status" op-status check --rpc "$rpc" >/dev/null
curl -fsS -H 'content-type: application/json' "$rpc" -d '{"jsonrpc":"2.0","id":1,"method":"optimism_syncStatus"}' |
    jq -e '.result.unsafe_l2.number > 0' >/dev/null || fail "no status"
is "$(ps -o user= -p "$(pgrep -f '^/usr/bin/op-status run')")" op-status "who runs it"

# A newer package leaves alone what was written, and what is the user's.
"${root[@]}" install -d -m 700 -o op-status -g op-status /var/lib/op-status
id="$(id op-status)"
host="$(rustc --version --verbose | sed -n 's/^host: //p')"
PATH="$(CARGO_TARGET_DIR="$target" .ci/tools cargo-deb):$PATH" CARGO_TARGET_DIR="$target/staged" cargo deb --package op-status \
    --no-build --no-strip --target "$host" --deb-version 0.1.1~test-1 --output "$WORK/newer.deb" --compress-system --quiet >/dev/null
add "$WORK/newer.deb"
is "$(dpkg-query --show --showformat '${Version}' op-status)" 0.1.1~test-1 "the version of the package"
is "$("${root[@]}" grep -c . /etc/op-status/op-status.toml)" 3 "the lines of the configuration"
is "$(mode /etc/op-status/op-status.toml)" "640 root:op-status" "the configuration"
is "$(id op-status)" "$id" "the user"
op-status check --rpc "$rpc" >/dev/null || fail "the server that runs does not outlive the change of its file"
kill "${pids[@]}"
wait

# Without the package its configuration and state stay; a purge takes them.
"${root[@]}" apt-get remove -qq -y op-status >"$WORK/apt.log" 2>&1
is "$("${root[@]}" grep -c . /etc/op-status/op-status.toml)$(mode /var/lib/op-status)" "3700 op-status:op-status" "what stays"
[ ! -e /usr/bin/op-status ] || fail "the program stays"
"${root[@]}" rm /etc/op-status/rollup.json
"${root[@]}" apt-get purge -qq -y op-status >"$WORK/apt.log" 2>&1
for path in /etc/op-status /var/lib/op-status /lib/systemd/system/op-status.service; do
    [ ! -e "$path" ] || fail "$path stays after a purge"
done

# The other package has the same files with the same modes.
files() { sort | grep -v '/doc/\|/licenses/'; }
listing() { tar -tv | sed -nE 's|^-([rwx-]+) .* \./([^ ]*)$|\1 /\2|p' | files; }
rpm="$(echo "$target"/packages/op-status-*.rpm)"
dpkg-deb --fsys-tarfile "$deb" | listing | sed 's| /lib/| /usr/lib/|' >"$WORK/deb"
rpm --query --package "$rpm" --queryformat '[%{FILEMODES:perms} %{FILENAMES}\n]' | sed 's/^-//' | files >"$WORK/rpm"
diff "$WORK/deb" "$WORK/rpm" || fail "the two packages have other files"
(($(wc -l <"$WORK/rpm") > 15)) || fail "hardly any files are compared"
is "$(rpm --query --package "$rpm" --queryformat '[%{FILENAMES} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEFLAGS:fflags}\n]' | grep '^/etc')" \
    $'/etc/op-status/env root:root cn\n/etc/op-status/op-status.toml root:op-status cn' "the configuration in the RPM"
for script in deploy/package/rpm/* deploy/package/debian/*; do sh -n "$script"; done
