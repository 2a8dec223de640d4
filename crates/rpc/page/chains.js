// The two chains as a picture: L1 above L2, or beside it where the window is narrow.
//
// Only blocks that a head stands on, their L1 origins and the newest blocks are drawn; what is between is counted. L2
// boxes stand as close to their L1 origin as their neighbours allow.

import { HEADS, blocks, hash, isUnset, number, svg, say } from "./words.js";

const WIDE = { box: 92, most: 132, near: 14, far: 46, head: 29, pill: 22, between: 70, branch: 62 };
const NARROW = { gap: 12, far: 30, head: 30, pill: 22, branch: 46 };
const SMALLEST_WIDE = 640;

let drawn = "";
let known = new Set();

export function drawChains({ snapshot, history }) {
  const figure = document.getElementById("chains");
  const reorg = openReorg(snapshot, history);
  const width = Math.floor(figure.clientWidth);
  // The style sheet is not there yet.
  if (!width) return;
  const key = JSON.stringify([snapshot.status, reorg, width]);
  if (key === drawn) return;
  drawn = key;
  if (isUnset(snapshot.status.head_l1)) {
    figure.replaceChildren();
    say(document.getElementById("chains-text"), "Nothing is known yet.");
    return;
  }
  const lanes = { l1: lane("l1", snapshot.status, reorg), l2: lane("l2", snapshot.status) };
  const wide = width >= SMALLEST_WIDE && placeWide(lanes, width, reorg);
  const size = wide || placeNarrow(lanes, width, reorg);
  figure.replaceChildren(paint(lanes, reorg, size, Boolean(wide)));
  say(document.getElementById("chains-text"), tell(snapshot.status, reorg));
  known = new Set([...lanes.l1, ...lanes.l2].map(({ id }) => id));
}

// The last L1 reorg, as long as finality has not passed where the branches part.
function openReorg({ reorg, status }, history) {
  const last = reorg ?? history.lastReorg();
  if (!last?.ancestor || last.ancestor.number < status.finalized_l1.number) return null;
  return last;
}

// The blocks of a lane, oldest first.
function lane(layer, status, reorg) {
  const found = new Map();
  const add = (block, pill, tone) => {
    if (!block || isUnset(block) || block.number < 0) return;
    const at = found.get(block.number) ?? { id: `${layer}-${block.number}-${block.hash}`, layer, ...block, pills: [] };
    if (pill && !at.pills.some((other) => other.pill === pill)) at.pills.push({ pill, tone });
    found.set(block.number, at);
  };
  for (const { key, pill, tone, unless, layer: of } of HEADS) {
    const ref = status[key];
    if (of !== layer || !ref || (unless && ref.hash === status[unless].hash)) continue;
    add({ number: ref.number, hash: ref.hash, origin: ref.l1origin }, pill, tone);
  }
  const newest = layer === "l1" ? status.head_l1 : status.unsafe_l2;
  add({ number: newest.number - 1, hash: newest.parentHash });
  if (layer === "l1") {
    const origins = HEADS.filter((head) => head.layer === "l2").map(({ key }) => status[key]?.l1origin);
    for (const origin of origins) add(origin);
    if (reorg) add(reorg.ancestor);
  }
  return [...found.values()].sort((a, b) => a.number - b.number);
}

function isNear(lane, index) {
  return lane[index].number - lane[index - 1].number === 1;
}

// Boxes of one width in two rows. Gives up where they would be too narrow.
function placeWide({ l1, l2 }, width, reorg) {
  const gaps = (lane) => lane.slice(1).reduce((sum, _, index) => sum + (isNear(lane, index + 1) ? WIDE.near : WIDE.far), 0);
  const fits = Math.min(...[l1, l2].map((lane) => (width - 2 - gaps(lane)) / lane.length));
  if (fits < WIDE.box) return null;
  const w = Math.min(WIDE.most, Math.floor(fits));
  const gap = (lane, index) => (isNear(lane, index) ? WIDE.near : WIDE.far);
  const spare = width - 2 - gaps(l1) - w * l1.length;
  const stretch = l1.length > 1 ? spare / (l1.length - 1) : 0;
  l1.forEach((block, index) => {
    block.x = index ? l1[index - 1].x + w + gap(l1, index) + stretch : 1;
  });
  const nearest = (origin) => l1.reduce((best, block) => (origin && block.number <= origin.number ? block : best), l1[0]);
  l2.forEach((block, index) => {
    const wish = block.origin ? nearest(block.origin).x : index ? l2[index - 1].x + w : 1;
    block.x = Math.max(wish, index ? l2[index - 1].x + w + gap(l2, index) : 1);
  });
  for (let index = l2.length - 1; index >= 0; index--) {
    const limit = index === l2.length - 1 ? width - 1 - w : l2[index + 1].x - w - gap(l2, index + 1);
    l2[index].x = Math.min(l2[index].x, limit);
  }
  // The second line is for a hash that does not fit beside the number.
  const head = w < 120 ? WIDE.head + 15 : WIDE.head;
  const tall = ({ pills }) => head + WIDE.pill * pills.length;
  const height = (lane) => Math.max(...lane.map(tall));
  const top = 24 + (reorg ? WIDE.branch : 0);
  for (const block of l1) Object.assign(block, { y: top, w, h: tall(block) });
  for (const block of l2) Object.assign(block, { y: top + height(l1) + WIDE.between, w, h: tall(block) });
  const end = top + height(l1) + WIDE.between + height(l2) + 2;
  return { width, height: end, titles: { l1: [1, 14], l2: [1, top + height(l1) + WIDE.between - 8] } };
}

// Two columns, the newest block on top.
function placeNarrow({ l1, l2 }, width, reorg) {
  const column = Math.max(120, Math.min(260, Math.floor((width - 2) * 0.43)));
  const height = (block) => NARROW.head + NARROW.pill * block.pills.length;
  const place = (lane, x, startAt) => {
    let y = startAt;
    for (let index = lane.length - 1; index >= 0; index--) {
      const block = lane[index];
      Object.assign(block, { x, y, w: column, h: height(block) });
      y += block.h + (index && isNear(lane, index) ? NARROW.gap : NARROW.far);
      if (reorg && lane[index - 1]?.number === reorg.ancestor.number && block.layer === "l1") {
        block.branchBelow = y;
        y += NARROW.branch + NARROW.gap;
      }
    }
    return y - NARROW.far;
  };
  const ends = [place(l1, 1, 26), place(l2, width - 1 - column, 26)];
  return { width, height: Math.max(...ends) + 2, titles: { l1: [1, 14], l2: [width - 1 - column, 14] } };
}

function paint({ l1, l2 }, reorg, { width, height, titles }, wide) {
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true", focusable: "false" });
  picture.append(
    svg("text", { class: "lane", x: titles.l1[0], y: titles.l1[1] }, "L1"),
    svg("text", { class: "lane", x: titles.l2[0], y: titles.l2[1] }, "L2"),
  );
  for (const lane of [l1, l2]) lane.forEach((block, index) => index && picture.append(...link(lane[index - 1], block, wide)));
  for (const block of l2) {
    const origin = block.pills.length && l1.find(({ number, hash }) => number === block.origin?.number && hash === block.origin.hash);
    if (origin) picture.append(originLine(block, origin, wide));
  }
  if (reorg) picture.append(branch(reorg, l1, width, wide));
  picture.append(...[...l1, ...l2].map(box));
  return picture;
}

// The link to the parent, or the number of blocks left out.
function link(older, newer, wide) {
  const skipped = newer.number - older.number - 1;
  const [x1, y1, x2, y2] = wide
    ? [older.x + older.w, older.y + 14, newer.x, newer.y + 14]
    : [older.x + 15, older.y, newer.x + 15, newer.y + newer.h];
  const line = svg("line", { class: skipped ? "link skipped" : "link", x1, y1, x2, y2 });
  if (!skipped) return [line];
  const at = wide ? { x: (x1 + x2) / 2, y: y1 - 6, "text-anchor": "middle" } : { x: x1 + 8, y: (y1 + y2) / 2 + 4 };
  return [line, svg("text", { class: "count", ...at }, wide ? number(skipped) : blocks(skipped))];
}

function originLine(block, origin, wide) {
  const tone = block.pills.at(-1).tone;
  const [x1, y1, x2, y2] = wide
    ? [block.x + block.w / 2, block.y, origin.x + origin.w / 2, origin.y + origin.h]
    : [block.x, block.y + 15, origin.x + origin.w, origin.y + origin.h / 2];
  const half = wide ? [x1, (y1 + y2) / 2, x2, (y1 + y2) / 2] : [(x1 + x2) / 2, y1, (x1 + x2) / 2, y2];
  return svg("path", { class: `origin ${tone}`, d: `M${x1} ${y1} C${half[0]} ${half[1]} ${half[2]} ${half[3]} ${x2} ${y2}` });
}

// What an L1 reorg dropped, as a branch that ends.
function branch(reorg, l1, width, wide) {
  const at = l1.find(({ number }) => number === reorg.ancestor.number);
  const first = reorg.ancestor.number + 1;
  const last = reorg.old_head.number;
  const w = wide ? 190 : at.w - 32;
  const h = 44;
  const above = l1[l1.indexOf(at) + 1];
  const x = wide ? Math.min(at.x + at.w / 2 + 26, width - w - 1) : at.x + 32;
  const y = wide ? at.y - 24 - h + 8 : (above?.branchBelow ?? at.y - 60);
  const start = wide ? [at.x + at.w / 2, at.y] : [at.x + 15, at.y];
  const path = `M${start[0]} ${start[1]} Q${start[0]} ${y + h / 2} ${x} ${y + h / 2}`;
  return svg("g", { class: "dropped" },
    svg("path", { d: path }),
    svg("rect", { x, y, width: w, height: h, rx: 6 }),
    svg("text", { class: "what", x: x + 10, y: y + 18 }, wide ? `${blocks(reorg.depth)} dropped` : `${number(reorg.depth)} dropped`),
    svg("text", { class: "hash", x: x + 10, y: y + 35 }, first < last ? `${number(first)} – ${number(last)}` : `${number(last)} ${wide ? hash(reorg.old_head.hash) : ""}`));
}

function box({ id, x, y, w, h, number: height, hash: name, pills, layer }) {
  const tone = pills.at(-1)?.tone ?? "plain";
  const group = svg("g", { class: `block ${tone}${known.has(id) ? "" : " fresh"}`, "data-layer": layer, "data-number": height });
  // Beside a long number in a narrow column there is no room.
  const short = name && (w < 120 || String(height).length * 9 + 70 < w) ? `${name.slice(0, 6)}…` : "";
  group.append(
    svg("rect", { class: "frame", x, y, width: w, height: h, rx: 6 }),
    svg("text", { class: "height", x: x + 10, y: y + 19 }, number(height)),
    w < 120
      ? svg("text", { class: "hash", x: x + 10, y: y + 34 }, short)
      : svg("text", { class: "hash", x: x + w - 10, y: y + 19, "text-anchor": "end" }, short),
  );
  pills.forEach(({ pill, tone }, index) => {
    const top = y + h - (pills.length - index) * 21 - 3;
    group.append(
      svg("rect", { class: `pill ${tone}`, x: x + 6, y: top, width: w - 12, height: 18, rx: 4 }),
      svg("text", { class: `on ${tone}`, x: x + w / 2, y: top + 13, "text-anchor": "middle" }, pill),
    );
  });
  return group;
}

// The picture in a sentence or two.
function tell({ head_l1, current_l1, unsafe_l2, safe_l2, finalized_l2 }, reorg) {
  const text = `L2 has reached block ${number(unsafe_l2.number)}, is safe up to ${number(safe_l2.number)} and final up to `
    + `${number(finalized_l2.number)}. It is derived from L1 up to block ${number(current_l1.number)} of ${number(head_l1.number)}.`;
  if (!reorg) return text;
  return `${text} An L1 reorg dropped ${blocks(reorg.depth)} after block ${number(reorg.ancestor.number)}; L1 has not finalized that height yet.`;
}
