// The heads in numbers: four lags large, and the table, which is also what the picture says without the picture.

import { HEADS, blocks, el, hash, isUnset, number, say, seconds, span } from "./words.js";

const LAGS = [
  { title: "Newest L2 block", tone: "unsafe", head: "unsafe_l2",
    means: "What the sequencer announced last. Until it is safe it can be taken back.",
    of: ({ unsafe_l2 }, now) => [seconds(now.unix / 1000 - unsafe_l2.timestamp), "old"] },
  { title: "Safe", tone: "safe", head: "safe_l2",
    means: "Its data is on L1. Normally as long as the batcher takes from one batch to the next.",
    of: ({ unsafe_l2, safe_l2 }) => behind(unsafe_l2, safe_l2) },
  { title: "Finalized", tone: "final", head: "finalized_l2",
    means: "The L1 blocks with its data are final. On Ethereum some 13 to 20 minutes.",
    of: ({ unsafe_l2, finalized_l2 }) => behind(unsafe_l2, finalized_l2) },
  { title: "Derivation", tone: "current", head: "current_l1",
    means: "How far reading L1 is behind the L1 head: L2 cannot become safe faster than that.",
    of: ({ head_l1, current_l1 }) => behind(head_l1, current_l1, "L1") },
];

function behind(newest, head, layer) {
  const time = newest.timestamp - head.timestamp;
  return [seconds(time), `${blocks(Math.max(0, newest.number - head.number), layer)} behind`];
}

export function drawHeads({ snapshot }, now) {
  const { status } = snapshot;
  const lags = document.getElementById("lags");
  if (!lags.children.length) lags.append(...LAGS.map(tile));
  LAGS.forEach((lag, index) => {
    const [, large, small] = lags.children[index].children;
    const [time, more] = isUnset(status[lag.head]) ? ["–", "not known yet"] : lag.of(status, now);
    say(large, time);
    say(small, more);
  });

  const shown = HEADS.filter(({ key, unless }) => status[key] && !(unless && status[key].hash === status[unless].hash));
  const body = document.querySelector("#heads tbody");
  const keys = shown.map(({ key }) => key).join();
  if (body.dataset.keys !== keys) {
    body.dataset.keys = keys;
    body.replaceChildren(...shown.map(row));
  }
  shown.forEach((head, index) => drawRow(body.children[index], head, snapshot, now));
  say(document.getElementById("identity"), `Instance ${snapshot.instance}, snapshot ${number(snapshot.sequence)}, `
    + `L1 reorgs ${snapshot.l1_epoch}, L2 tip taken back ${snapshot.l2_epoch} times.`);
}

function tile({ title, tone, means }) {
  return el("div", { class: `tile ${tone}` }, el("h3", {}, title), el("p", { class: "large" }), el("p"), el("p", { class: "note" }, means));
}

function row({ name, tone, means }) {
  const cell = (label, ...children) => el("td", { "data-label": label }, ...children);
  return el("tr", {}, el("th", { scope: "row" }, el("span", { class: `pill ${tone}` }, name)),
    cell("Block", el("b"), " ", el("code")), cell("Age"), cell("Behind"), cell("Confirmed"), cell("L1 origin"), cell("What it means", means));
}

function drawRow(row, { key, layer, confirmed }, { status, age_ms }, now) {
  const ref = status[key];
  const [, block, age, lag, heard, origin] = row.children;
  const newest = layer === "l1" ? status.head_l1 : status.unsafe_l2;
  const unset = isUnset(ref);
  say(block.children[0], unset ? "not known" : number(ref.number));
  say(block.children[1], unset ? "" : hash(ref.hash));
  say(age, unset ? "–" : seconds(now.unix / 1000 - ref.timestamp));
  say(lag, unset ? "–" : ref === newest || ref.number >= newest.number ? "the newest" : behind(newest, ref).join(", ").replace(" behind", ""));
  const ms = age_ms[key] ?? age_ms[confirmed];
  say(heard, ms == null ? "–" : `${span(ms + now.since)} ago`);
  const l1 = ref.l1origin;
  say(origin, l1 && !unset ? `${number(l1.number)} ${hash(l1.hash)}` : "");
}
