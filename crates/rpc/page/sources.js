// The endpoints, and what of their words was not taken as it came.

import { HELD_BACK, el, kind, number, reason, say, sentence, span } from "./words.js";

const TONES = { live: "good", connecting: "fair", verifying: "fair", lagging: "fair" };

export function drawSources({ snapshot, sources, at }, now) {
  const { provenance } = snapshot;
  const list = (names) => names.join(", ") || "nobody";
  say(document.getElementById("served-by"),
    `Agreed on the L1 served: ${list(provenance.l1)}. The derived heads are the word of ${provenance.derived ?? "nobody"}, the tip of ${provenance.tip ?? "nobody"}.`);

  const known = snapshot.sources ?? [];
  const body = document.querySelector("#sources tbody");
  while (body.children.length > known.length) body.lastChild.remove();
  while (body.children.length < known.length) body.append(row());
  known.forEach((source, index) => {
    const more = sources.find((other) => other.endpoint === source.endpoint && other.layer === source.layer) ?? {};
    const back = (snapshot.held_back ?? []).find((other) => other.endpoint === source.endpoint && other.layer === source.layer);
    drawRow(body.children[index], source, { ...more, back }, provenance, now);
  });
}

function row() {
  const cell = (label) => el("td", { "data-label": label });
  return el("tr", {}, el("td", { "data-label": "State" }, el("span", { class: "state" }), el("small")), el("th", { scope: "row" }), cell("For"),
    cell("In what is served"), cell("Last heard"), cell("Requests"), cell("Why"));
}

function drawRow(row, { endpoint, layer, state, error, since_ms }, { kind, last_heard_ms, refused, requests, back }, provenance, now) {
  const tone = state === "live" && back ? "fair" : TONES[state] ?? "bad";
  row.className = tone;
  row.dataset.state = state;
  const [first, name, what, role, heard, asked, why] = row.children;
  first.firstChild.className = `state ${tone}`;
  say(first.firstChild, state);
  say(first.lastChild, `for ${span(since_ms + now.since)}`);
  say(name, endpoint);
  say(what, [layer.toUpperCase(), kind].filter(Boolean).join(", "));
  say(role, roleOf(endpoint, layer, provenance));
  say(heard, last_heard_ms == null ? "–" : `${span(last_heard_ms)} ago`);
  const total = Object.values(requests ?? {}).reduce((sum, count) => sum + count, 0);
  say(asked, total ? number(total) : "–");
  say(why, error ? sentence(error) : refused ? `Refused: ${sentence(reason(refused))}`
    : back ? sentence(`${HELD_BACK}, for ${span(back.since_ms + now.since)}`) : "");
}

function roleOf(endpoint, layer, { l1, derived, tip }) {
  if (layer === "l1") return l1.includes(endpoint) ? "agrees" : "does not count";
  const parts = [derived === endpoint && "derived heads", tip === endpoint && "tip"].filter(Boolean);
  return parts.length ? `speaks: ${parts.join(" and ")}` : "is compared";
}

export function drawKept({ snapshot }) {
  const { counts, held, l1_reason, l2_reason } = snapshot;
  const current = new Set([held?.reason ?? held, l1_reason?.reason, l2_reason?.reason]);
  const found = Object.entries(counts ?? {}).filter(([name, count]) => count || current.has(name));
  found.sort(([a], [b]) => current.has(b) - current.has(a));
  const list = document.getElementById("kept");
  const key = JSON.stringify([found, [...current]]);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  const items = found.map(([name, count]) => {
    const what = kind(name);
    const now = current.has(name) ? " now" : "";
    return el("li", { class: what + now }, el("span", { class: "kind" }, what + (now && ", now")), ` ${sentence(reason(name))} `, el("small", {}, `${number(count)} ×`));
  });
  list.replaceChildren(...(items.length ? items : [el("li", { class: "none" }, "Everything was taken as it came.")]));
}
