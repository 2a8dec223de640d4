// The page: keeps what the server told last, and draws it.
//
//   feed ─▶ told ─▶ model ─▶ draw: readiness, lags and heads, the chains, the plots, endpoints, events
//
// A frame of the feed is newer than the answer it is laid over, and what was told is drawn once per animation frame.
// Once a second everything that has an age is drawn again.

import { drawChains } from "./chains.js";
import { follow } from "./feed.js";
import { drawHeads } from "./heads.js";
import { History, drawHistory } from "./history.js";
import { drawReadiness } from "./readiness.js";
import { drawKept, drawSources } from "./sources.js";
import { say } from "./words.js";

const model = {
  // What opstatus_snapshot answered, frames laid over it; when that was, by performance.now().
  snapshot: null,
  at: 0,
  // How far the server's clock is ahead of ours, in ms: ages are by the server's clock.
  skew: 0,
  sources: [],
  history: new History(),
  link: { how: "connecting", since: performance.now() },
};

const told = {
  config({ l1_chain_id, l2_chain_id }) {
    say(document.getElementById("chain"), `Chain ${l2_chain_id} on L1 ${l1_chain_id}`);
  },
  snapshot(answer) {
    const { progress, status } = answer;
    if (progress) model.skew = status.head_l1.timestamp * 1000 + progress.head_l1_ms - Date.now();
    take(answer);
  },
  frame(frame) {
    if (!model.snapshot || frame.instance !== model.snapshot.instance) return;
    const { unready, ...rest } = frame;
    take({ ...model.snapshot, ...rest, reasons: unready ?? model.snapshot.reasons });
  },
  sources(answer) {
    model.sources = answer;
    wanted();
  },
  since() {
    return model.history.changes.at(-1)?.at_ms ?? 0;
  },
  history(answer) {
    model.history.load(answer);
    wanted();
  },
  reorg(reorg) {
    model.history.addReorg(reorg, Date.now() + model.skew);
    wanted();
  },
  link(how) {
    if (how !== model.link.how) model.link = { how, since: performance.now() };
    wanted();
  },
};

function take(snapshot) {
  const known = model.snapshot;
  // An answer that was overtaken by a frame.
  if (known?.instance === snapshot.instance && snapshot.sequence < known.sequence) return;
  model.snapshot = snapshot;
  model.at = performance.now();
  model.history.add(snapshot, Date.now() + model.skew);
  wanted();
}

let drawing = false;

function wanted() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(draw);
}

function draw() {
  drawing = false;
  const now = { unix: Date.now() + model.skew, since: performance.now() - model.at, link: performance.now() - model.link.since };
  drawReadiness(model, now);
  if (!model.snapshot) return;
  drawHeads(model, now);
  drawChains(model, now);
  drawHistory(model, now);
  drawSources(model, now);
  drawKept(model, now);
}

setInterval(wanted, 1000);
for (const query of ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)"]) {
  matchMedia(query).addEventListener("change", wanted);
}
addEventListener("resize", wanted);
follow(told);
