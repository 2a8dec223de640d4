# The unit is one that systemd accepts, and gives the program no more than it needs.
sed "s|^ExecStart=/usr/local/bin/op-status|ExecStart=$OP_STATUS|" deploy/systemd/op-status.service >"$WORK/op-status.service"
systemd-analyze verify "$WORK/op-status.service"
# From 0, safe, to 100: systemd's own scale times ten.
systemd-analyze security --offline=true --threshold=20 "$WORK/op-status.service" | tail -n 1
