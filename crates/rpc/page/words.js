// What things are called and what they mean, and how numbers are written.

// The heads of a status, in the order of the table.
export const HEADS = [
  { key: "head_l1", layer: "l1", name: "L1 head", pill: "head", tone: "head", confirmed: "head_l1",
    means: "The newest L1 block. It can still be replaced." },
  { key: "safe_l1", layer: "l1", name: "L1 safe", pill: "safe", tone: "safe", confirmed: "labels_l1",
    means: "Most validators have voted for it: only an attack replaces it." },
  { key: "finalized_l1", layer: "l1", name: "L1 finalized", pill: "finalized", tone: "final", confirmed: "labels_l1",
    means: "Cannot be replaced any more." },
  { key: "current_l1", layer: "l1", name: "current L1", pill: "current_l1", tone: "current", confirmed: "derived",
    means: "L2 has been derived from everything below this L1 block." },
  { key: "unsafe_l2", layer: "l2", name: "L2 unsafe", pill: "unsafe", tone: "unsafe", confirmed: "tip",
    means: "The sequencer's word. It can be taken back until its data is on L1." },
  { key: "cross_unsafe_l2", layer: "l2", name: "L2 cross-unsafe", pill: "cross-unsafe", tone: "unsafe", confirmed: "tip",
    unless: "unsafe_l2", means: "The messages it takes from other chains have been checked." },
  { key: "local_safe_l2", layer: "l2", name: "L2 local safe", pill: "local safe", tone: "local", confirmed: "derived",
    means: "Derived from data on L1, other chains not considered." },
  { key: "pending_safe_l2", layer: "l2", name: "L2 pending safe", pill: "pending safe", tone: "local",
    confirmed: "derived", unless: "local_safe_l2", means: "Derived from a batch that is not complete yet." },
  { key: "safe_l2", layer: "l2", name: "L2 safe", pill: "safe", tone: "safe", confirmed: "derived",
    means: "Derived from data on L1: only an L1 reorg takes it back." },
  { key: "finalized_l2", layer: "l2", name: "L2 finalized", pill: "finalized", tone: "final", confirmed: "derived",
    means: "Derived from finalized L1 blocks alone. It cannot be taken back." },
];

// Reasons for which something was not taken as it came: kind and sentence, as the server explains them.
export const REASONS = {
  no_l1: ["wait", "no L1 head is known yet"],
  l1_behind: ["wait", "the source names an L1 block our L1 has not reached with the confirmations asked for"],
  l1_unknown: ["wait", "the source names an old L1 block that could not be looked up on our L1"],
  source_not_ready: ["wait", "the source has unset heads: it is starting or resetting"],
  no_view_on_new_l1: ["wait", "the L1 reorged and no source has followed it yet"],
  outvoted: ["wait", "most rollup nodes have not derived that far yet"],
  rewinding: ["hold", "the source derives again from an older L1 block; what it had derived stays served"],
  finalized_behind: ["hold", "the source's finalized head is lower than the one served, which stays"],
  finality_ahead: ["wait", "the source claims L2 finality that our L1 has not finalized yet"],
  safe_unchanged_since_reorg: ["hold", "the source's safe head may rest on a batch that an L1 reorg took away, and it does not say"],
  l1_label_back: ["hold", "the L1 safe or finalized label moved back without a reorg; the old one stays"],
  disordered: ["refusal", "the source's heads contradict each other"],
  off_schedule: ["refusal", "a head of the source has a timestamp that a block of its number cannot have"],
  l1_fork: ["refusal", "the source is on another L1 chain than our L1 endpoints"],
  from_the_future: ["refusal", "the source's L2 head is ahead of the clock"],
  safe_conflict: ["refusal", "the source has another safe block at the height served, without an L1 reorg"],
  finalized_conflict: ["refusal", "the source contradicts the finalized L2 block served"],
  l1_finalized_conflict: ["refusal", "the L1 contradicts the finalized L1 block served"],
  l1_behind_finalized: ["wait", "the L1 endpoints are behind the finalized L1 block served"],
};

// Of an endpoint on which what needs it waits.
export const HELD_BACK = "answers and holds the others back";

export function kind(name) {
  return REASONS[name]?.[0] ?? "wait";
}

export function reason(name) {
  return REASONS[name]?.[1] ?? name;
}

// A time span in two figures at most: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min.
export function span(ms) {
  if (ms == null || !Number.isFinite(ms)) return "–";
  const s = Math.max(0, ms) / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  const [unit, whole, small] = s < 3600 ? ["min", 60, "s"] : s < 86400 ? ["h", 3600, "min"] : ["d", 86400, "h"];
  const rest = Math.floor((s % whole) / (whole === 60 ? 1 : whole === 3600 ? 60 : 3600));
  return `${Math.floor(s / whole)} ${unit}` + (rest ? ` ${rest} ${small}` : "");
}

// Whole seconds: timestamps know no more.
export function seconds(s) {
  return s == null ? "–" : s < 60 ? `${Math.max(0, Math.round(s))} s` : span(s * 1000);
}

export function blocks(count, layer = "") {
  return `${number(count)} ${layer ? `${layer} ` : ""}block${count === 1 ? "" : "s"}`;
}

export function number(n) {
  return n.toLocaleString("en").replaceAll(",", "\u202f");
}

export function hash(text) {
  return text ? `${text.slice(0, 8)}…${text.slice(-4)}` : "";
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}

export function isUnset(ref) {
  return !ref || /^0x0*$/.test(ref.hash);
}

// A name such as optimism_syncStatus stays as it is.
export function sentence(text) {
  const whole = /^[a-z]+\b(?![-.:/]\w)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

// An element: texts become text and never markup.
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Changes a text only if it differs, so that screen readers and selections are left in peace.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
