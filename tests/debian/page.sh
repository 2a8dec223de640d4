#!/usr/bin/env bash
# The page in Debian's Chromium. Pictures of it go to <target folder>/page/shots.
set -euo pipefail
cd "$(dirname "$0")/page"

cargo build --quiet -p tests --bin page-world
target=$(cargo metadata --format-version 1 --no-deps | node -e 'process.stdin.on("data", (d) => (s += d)).on("end", () => console.log(JSON.parse(s).target_directory)); let s = ""')
home=$target/page
mkdir -p "$home"
rm -rf "$home/page"
cp -r ../../../crates/rpc/page "$home/page"
cp ./*.mjs package.json package-lock.json ../../.npmrc "$home"
(cd "$home" && npm ci --silent)
PAGE_WORLD=$target/debug/page-world SHOTS=$home/shots node --test --test-concurrency=1 "$@" "$home"/*.test.mjs
