// Whether the status can be relied on, in a word and a sentence.

import { el, kind, say, sentence, span } from "./words.js";

const LINKS = {
  connecting: ["unknown", "connecting"],
  live: ["good", "live"],
  events: ["good", "live, by server-sent events"],
  asking: ["good", "asking every second"],
  lost: ["bad", "no connection"],
};

// The server must answer within this, or what is shown is called old.
const SILENT_AFTER = 2500;

export function drawReadiness(model, now) {
  const { tone, word, sentences } = judge(model, now);
  document.getElementById("readiness").className = tone;
  say(document.getElementById("verdict"), word);
  document.title = `${tone === "good" ? "✓" : tone === "fair" ? "!" : "✕"} ${word} – op-status`;
  const list = document.getElementById("reasons");
  while (list.children.length > sentences.length) list.lastChild.remove();
  while (list.children.length < sentences.length) list.append(el("li"));
  sentences.forEach((text, index) => say(list.children[index], sentence(text)));

  const link = document.getElementById("link");
  const [linkTone, text] = LINKS[model.link.how];
  link.className = linkTone;
  say(link, model.link.how === "lost" ? `${text} for ${span(now.link)}` : text);
  document.body.classList.toggle("old", tone === "lost");
  document.body.classList.toggle("refused", tone === "bad");
}

function judge({ snapshot, link }, now) {
  if (!snapshot) {
    const sentences = link.how === "lost" ? ["the server does not answer; asking again"] : [];
    return { tone: "unknown", word: link.how === "lost" ? "No answer" : "Asking the server", sentences };
  }
  if (now.since > SILENT_AFTER || link.how === "lost") {
    const sentences = [`the server has not answered for ${span(now.since)}; what is shown below is from before`];
    return { tone: "lost", word: "No answer", sentences };
  }
  const trouble = troubles(snapshot);
  if (snapshot.ready) {
    if (trouble.length) return { tone: "fair", word: "Ready, not everything is well", sentences: [...trouble, ...waits(snapshot)] };
    const sentences = ["every head is known and has been confirmed within its limit", ...waits(snapshot)];
    return { tone: "good", word: "Ready", sentences };
  }
  const unset = snapshot.reasons.every(({ problem }) => problem === "unset");
  if (unset) {
    const labels = snapshot.reasons.map(({ label }) => label).join(", ");
    const why = `not known yet: ${labels}; all are published at once when L1 and L2 are both known`;
    return { tone: "bad", word: "Not ready: starting", sentences: [why, ...trouble] };
  }
  const problem = snapshot.reasons.map(({ label, problem }) => `${label} is ${problem.replace("_", " ")}`).join(", ");
  const served = snapshot.reasons.every(({ problem }) => problem === "held_back")
    ? "optimism_syncStatus goes on: the heads below are true, but may be old"
    : "optimism_syncStatus answers with an error until this is over; the heads below are the last ones served";
  const messages = snapshot.reasons.map(({ message }) => message);
  return { tone: "bad", word: `Not ready: ${problem}`, sentences: [...messages, served, ...trouble] };
}

// Resolves by itself within moments, so nobody is to worry.
function waits({ l1_reason, l2_reason }) {
  return [l1_reason, l2_reason].filter((why) => why && kind(why.reason) === "wait").map((why) => `waiting: ${why.explanation}`);
}

function troubles({ held, l1_reason, l2_reason, notes, sources }) {
  const found = [];
  if (held) found.push(`the derived heads are held for ${span(held.since_ms)}: ${held.explanation}`);
  for (const why of [l1_reason, l2_reason]) {
    if (why && kind(why.reason) !== "wait" && why.reason !== held?.reason) found.push(why.explanation);
  }
  for (const { label, message } of notes ?? []) found.push(`${label}: ${message}`);
  const unwell = (sources ?? []).filter(({ state }) => state !== "live");
  for (const { endpoint, state, error } of unwell) found.push(`endpoint ${endpoint} is ${state}${error ? `: ${error}` : ""}`);
  return found;
}
