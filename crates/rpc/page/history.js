// The last hours: how lags and intervals went, where reorgs, holds and outages were, and the list of what happened.

import { blocks, clock, el, number, reason, say, seconds, sentence, span } from "./words.js";

const KEEP = 6 * 3600_000;
const MOST = 8192;
// Between two changes further apart than this nobody knows what was: a gap and not a line.
const ABSENCE = 60_000;
const RANGES = [["15 min", 900], ["1 h", 3600], ["6 h", 21_600]];

export class History {
  changes = [];
  reorgs = [];
  version = 0;

  // What the server remembers, which takes the place of what we saw at that time.
  load({ instance, changes }) {
    if (!changes.length) return;
    const [first, last] = [changes[0].at_ms, changes.at(-1).at_ms];
    const older = this.changes.filter(({ at_ms }) => at_ms < first);
    const newer = this.changes.filter((change) => change.instance === instance && change.at_ms > last);
    this.keep([...older, ...changes.map((change) => ({ ...change, instance })), ...newer]);
  }

  // What we see: a change is a new status, hold or readiness.
  add({ instance, sequence, status, l1_epoch, l2_epoch, held, ready, reorg }, at_ms) {
    if (sequence === 0) return;
    const last = this.changes.at(-1);
    const why = typeof held === "string" ? held : held?.reason ?? null;
    if (last?.instance === instance && last.sequence === sequence && last.held === why && last.ready === ready) return;
    if (reorg && last?.instance === instance && l1_epoch > last.l1_epoch) this.addReorg({ ...reorg, instance, l1_epoch }, at_ms);
    const time = ({ number, timestamp }) => ({ number, timestamp });
    this.keep([...this.changes, {
      instance, at_ms, sequence, l1_epoch, l2_epoch, held: why, ready,
      head_l1: time(status.head_l1), unsafe_l2: time(status.unsafe_l2),
      safe_l2: time(status.safe_l2), finalized_l2: time(status.finalized_l2),
    }]);
  }

  addReorg(reorg, at_ms) {
    const known = ({ instance, l1_epoch }) => instance === reorg.instance && l1_epoch === reorg.l1_epoch;
    if (!reorg.old_head || this.reorgs.some(known)) return;
    this.reorgs = [...this.reorgs, { ...reorg, at_ms }].slice(-64);
    this.version++;
  }

  lastReorg() {
    return this.reorgs.at(-1) ?? null;
  }

  keep(changes) {
    const since = (changes.at(-1)?.at_ms ?? 0) - KEEP;
    this.changes = changes.filter(({ at_ms }) => at_ms >= since).slice(-MOST);
    this.version++;
  }
}

let range = 900;
let charts = null;
let drawn = "";

export function drawHistory({ history }, now) {
  buttons(now);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const width = document.getElementById("lag-plot").clientWidth;
  if (!width) return;
  const key = [history.version, range, dark, width, Math.floor(now.unix / 5000)].join();
  if (key === drawn) return;
  const restyle = charts?.dark !== dark;
  drawn = key;
  const end = now.unix / 1000;
  const shown = history.changes.filter(({ at_ms }) => at_ms >= (end - range) * 1000);
  const columns = tabulate(shown);
  // As much of the range as there is something to show of.
  const start = Math.max(end - range, Math.min(end - 60, (shown[0]?.at_ms ?? 0) / 1000));
  if (!charts || restyle) make(dark);
  charts.marks = marks(history, now.unix);
  for (const [chart, data] of [[charts.lag, columns.lag], [charts.interval, columns.interval]]) {
    if (chart.width !== width) chart.setSize({ width, height: chart.height });
    chart.setData(data, false);
    chart.setScale("x", { min: start, max: end });
  }
  figures(columns);
  events(history);
}

function buttons() {
  const group = document.getElementById("ranges");
  if (group.children.length) return;
  for (const [name, length] of RANGES) {
    const button = el("button", { type: "button", "aria-pressed": length === range }, name);
    button.addEventListener("click", () => {
      range = length;
      drawn = "";
      for (const other of group.children) other.setAttribute("aria-pressed", other === button);
      dispatchEvent(new Event("resize"));
    });
    group.append(button);
  }
}

// Columns for the plots of changes, oldest first: time, then the series; null where nothing is known. Lags are behind the
// clock and not behind the newest L2 block, which may stand still itself.
export function tabulate(changes) {
  const lag = [[], [], []];
  const interval = [[], [], []];
  let before = null;
  let heads = {};
  for (const change of changes) {
    const at = change.at_ms / 1000;
    const apart = before && (change.at_ms - before.at_ms > ABSENCE || change.instance !== before.instance);
    if (apart) {
      push(lag, at - 0.001, null, null);
      push(interval, at - 0.001, null, null);
      heads = {};
    }
    push(lag, at, at - change.safe_l2.timestamp, at - change.finalized_l2.timestamp);
    const since = (name) => {
      const head = heads[name];
      if (head?.number === change[name].number) return undefined;
      heads[name] = { number: change[name].number, at };
      return head && change[name].number > head.number ? at - head.at : undefined;
    };
    // undefined joins the neighbours, null parts them.
    push(interval, at, since("head_l1"), since("unsafe_l2"));
    before = change;
  }
  return { lag, interval };
}

function push(columns, ...values) {
  values.forEach((value, index) => columns[index].push(value));
}

// When something was held or not ready, and when blocks were taken back, in seconds.
function marks({ changes, reorgs }, until) {
  const spans = [];
  const points = reorgs.map(({ at_ms, depth }) => ({ at: at_ms / 1000, text: `reorg ${depth}`, tone: "--bad" }));
  const open = {};
  changes.forEach((change, index) => {
    const before = changes[index - 1];
    const same = before?.instance === change.instance;
    for (const [kind, on, tone] of [["held", change.held, "--fair-soft"], ["unready", change.ready === false, "--bad-soft"]]) {
      if (on) open[kind] ??= { from: change.at_ms / 1000, tone };
      else if (open[kind]) {
        spans.push({ ...open[kind], to: change.at_ms / 1000 });
        delete open[kind];
      }
    }
    const at = change.at_ms / 1000;
    const heard = points.some((point) => Math.abs(point.at - at) < 3);
    if (same && change.l1_epoch > before.l1_epoch && !heard) points.push({ at, text: "reorg", tone: "--bad" });
    else if (same && change.l2_epoch > before.l2_epoch && !heard) points.push({ at, text: "tip back", tone: "--unsafe" });
  });
  for (const left of Object.values(open)) spans.push({ ...left, to: until / 1000 });
  return { spans, points };
}

function make(dark) {
  charts?.lag.destroy();
  charts?.interval.destroy();
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const ink = color("--quiet");
  const axis = { stroke: ink, grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const x = { ...axis, values: (_, at) => at.map((s) => new Date(s * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: range <= 900 ? "2-digit" : undefined })), space: 90 };
  const y = { ...axis, size: 56, values: (_, at) => at.map((value) => `${value} s`) };
  const line = (label, tone, dash) => ({ label, stroke: color(tone), width: 2, dash, spanGaps: false, points: { show: false } });
  const options = (height, series, paths) => ({
    width: document.getElementById("lag-plot").clientWidth,
    height,
    legend: { show: false },
    cursor: { sync: { key: "hours" }, drag: { x: false, y: false }, y: false },
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(4, high ?? 0) * 1.15] } },
    axes: [x, y],
    series: [{}, ...series.map((one) => ({ ...one, paths }))],
    hooks: { drawClear: [(chart) => shade(chart, color)], draw: [(chart) => rule(chart, color)], setCursor: [readout] },
  });
  // A lag holds from its change on, an interval until the head that ended it.
  const step = uPlot.paths.stepped({ align: 1 });
  const place = (id) => {
    const element = document.getElementById(id);
    element.replaceChildren();
    return element;
  };
  charts = { dark, marks: { spans: [], points: [] } };
  const empty = () => [[], [], []];
  charts.lag = new uPlot(options(210, [line("safe", "--safe"), line("finalized", "--final", [8, 4])], step), empty(), place("lag-plot"));
  charts.interval = new uPlot(options(150, [line("L1 head", "--head"), line("L2 head", "--unsafe", [3, 3])], uPlot.paths.stepped({ align: -1 })), empty(), place("interval-plot"));
  const key = [["safe", "age of safe"], ["final dashed", "age of finalized"], ["head", "L1 head interval"], ["unsafe dotted", "L2 head interval"],
    ["reorg", "reorg"], ["held", "held"], ["unready", "not ready"]];
  document.getElementById("key").replaceChildren(...key.map(([tone, text]) => el("li", {}, el("span", { class: `swatch ${tone}` }), text)));
}

function shade(chart, color) {
  const { left, top, width, height } = chart.bbox;
  for (const { from, to, tone } of charts.marks.spans) {
    const x1 = Math.max(left, chart.valToPos(from, "x", true));
    const x2 = Math.min(left + width, chart.valToPos(to, "x", true));
    if (x2 <= x1) continue;
    chart.ctx.fillStyle = color(tone);
    chart.ctx.fillRect(x1, top, Math.max(x2 - x1, 2 * devicePixelRatio), height);
  }
}

function rule(chart, color) {
  const { ctx } = chart;
  const { left, top, width, height } = chart.bbox;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  for (const { at, text, tone } of charts.marks.points) {
    const x = chart.valToPos(at, "x", true);
    if (x < left || x > left + width) continue;
    ctx.strokeStyle = ctx.fillStyle = color(tone);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.textAlign = x > left + width * 0.9 ? "right" : "left";
    ctx.fillText(text, x + (ctx.textAlign === "left" ? 4 : -4) * devicePixelRatio, top + 12 * devicePixelRatio);
  }
  ctx.restore();
}

// What is under the pointer, in words.
function readout(chart) {
  if (!charts?.interval) return;
  const { idx } = chart.cursor;
  const line = document.getElementById("readout");
  const at = idx == null ? null : chart.data[0][idx];
  if (at == null) return say(line, "");
  const parts = chart.series.slice(1).map(({ label }, index) => [label, chart.data[index + 1][idx]]);
  const known = parts.filter(([, value]) => value != null).map(([label, value]) => `${label} ${seconds(value)}`);
  if (chart === charts.lag || known.length) say(line, `${clock(at * 1000)}: ${known.join(", ") || "nothing is known"}`);
}

function figures({ lag, interval }) {
  const rows = [["Age of the safe L2 head", lag[1]], ["Age of the finalized L2 head", lag[2]],
    ["Between L1 heads", interval[1]], ["Between L2 heads", interval[2]]];
  const body = document.querySelector("#figures tbody");
  if (!body.children.length) {
    body.append(...rows.map(([name]) => el("tr", {}, el("th", { scope: "row" }, name), el("td"), el("td"), el("td"))));
  }
  rows.forEach(([, column], index) => {
    const values = column.filter((value) => value != null);
    const sorted = values.toSorted((a, b) => a - b);
    const three = [values.at(-1), sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
    three.forEach((value, at) => say(body.children[index].children[at + 1], value == null ? "–" : `${Math.round(value * 10) / 10}`));
  });
}

function tipBack(before, after) {
  return after < before ? `the L2 tip went back from ${number(before)} to ${number(after)}` : `L2 blocks up to ${number(before)} were replaced`;
}

// What happened, newest first.
function events({ changes, reorgs }) {
  const found = reorgs.map(({ at_ms, depth, ancestor, old_head, new_head }) => ({
    at_ms, tone: "bad",
    text: `L1 reorg: ${blocks(depth)} after ${ancestor ? number(ancestor.number) : "an unknown block"} dropped, head ${number(old_head.number)} became ${number(new_head.number)}`,
  }));
  changes.forEach((change, index) => {
    const before = changes[index - 1];
    if (!before) return;
    const { at_ms } = change;
    const add = (tone, text) => found.push({ at_ms, tone, text });
    if (change.instance !== before.instance) return add("fair", "the server was started anew");
    if (change.l1_epoch > before.l1_epoch && !reorgs.some((reorg) => Math.abs(reorg.at_ms - at_ms) < 3000)) add("bad", "L1 reorg");
    if (change.l2_epoch > before.l2_epoch) add("fair", tipBack(before.unsafe_l2.number, change.unsafe_l2.number));
    if (change.held !== before.held) {
      if (change.held) add("fair", `held: ${reason(change.held)}`);
      else add("good", "no longer held");
    }
    if (change.ready !== before.ready) add(change.ready ? "good" : "bad", change.ready ? "ready again" : "not ready");
    if (at_ms - before.at_ms > ABSENCE) add("fair", `nothing is known of the ${span(at_ms - before.at_ms)} before`);
  });
  found.sort((a, b) => b.at_ms - a.at_ms);
  const list = document.getElementById("events");
  const items = found.slice(0, 24).map(({ at_ms, tone, text }) =>
    el("li", { class: tone }, el("time", { datetime: new Date(at_ms).toISOString() }, clock(at_ms)), ` ${sentence(text)}`));
  list.replaceChildren(...(items.length ? items : [el("li", { class: "none" }, "Nothing out of the ordinary.")]));
}
