# The chart as Helm renders it: well formed, and the program takes every argument.
target="${OP_STATUS%/debug/*}"
cp -RL deploy/helm "$WORK/chart"
PATH="$(CARGO_TARGET_DIR="$target" .ci/tools helm-python-sdk):$PATH" python3 tests/debian/helm.py "$OP_STATUS" "$WORK"
