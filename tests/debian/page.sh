# The page in Chromium, on a world that is steered. Pictures of each state go to <target folder>/page/shots.

programs="${OP_STATUS%/*}"
home="${programs%/*}/page"
rm -rf "$home"/page "$home"/*.mjs
mkdir -p "$home"
cp -r crates/rpc/page tests/debian/page/*.mjs tests/debian/page/package.json tests/debian/page/package-lock.json tests/.npmrc "$home"
(cd "$home" && npm ci --silent)
PAGE_WORLD="$programs/page-world" SHOTS="$home/shots" TMPDIR="$WORK" node --test --test-concurrency=1 "$home"/*.test.mjs
