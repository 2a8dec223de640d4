// The page in a real browser: what /readyz knows is seen within a second, and nothing else happens.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { picture, startBrowser, startWorld, until } from "./stage.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.end());

const isWord = (page, text) => page.waitForFunction((text) => document.getElementById("verdict").textContent.startsWith(text), text);
const head = (page, row) => page.locator(`#heads tbody tr:has(:text-is("${row}")) td b`).textContent();

// Waits until a head has moved so often: then there is something to fall back to after a reorg.
async function moved(page, row, times) {
  for (; times > 0; times--) {
    const last = await head(page, row);
    await until(`another ${row}`, async () => (await head(page, row)) !== last);
  }
}

// A test with a world of its own and a page on it that must stay free of errors.
function scene(name, flags, play, options) {
  test(name, async () => {
    const world = await startWorld(...flags);
    const view = await browser.open(world.url, options);
    try {
      await isWord(view.page, "Ready");
      await play(view.page, world, view.wrong);
      assert.deepEqual(view.wrong, []);
    } finally {
      await view.close();
      await world.end();
    }
  });
}

// Brings a state about, and compares when /readyz tells of it with when the page does. A busy machine may delay either,
// so the best of three counts; a page that is slow by itself is slow each time.
async function withinASecond(page, world, { cause, knows, seen, undo }) {
  const delays = [];
  for (let attempt = 0; attempt < 3; attempt++) {
    await world.order(cause);
    const shown = page.waitForFunction(seen, undefined, { polling: "raf" }).then((when) => when.jsonValue());
    await until(`/readyz after ${cause}`, async () => knows(await world.readyz()));
    const known = Date.now();
    delays.push((await shown) - known);
    await picture(page, `after ${cause}`);
    for (const order of undo) await world.order(order);
    await isWord(page, "Ready");
    await until("an end of it", async () => !knows(await world.readyz()));
    await page.waitForFunction(() => document.getElementById("verdict").textContent === "Ready");
    if (delays.at(-1) < 1000) return;
  }
  assert.fail(`${cause} was seen ${delays.join(", ")} ms after /readyz knew`);
}

scene("heads move", [], async (page) => {
  for (const row of ["L1 head", "L2 unsafe", "L2 safe", "L2 finalized"]) {
    await moved(page, row, 1);
  }
  assert.equal(await page.locator("#link").textContent(), "live");
  assert.equal(await page.locator("#chains .block").count() > 4, true);
  assert.deepEqual(await page.locator("#chains .block.unsafe .on").allTextContents(), ["unsafe"]);
  assert.equal(await page.locator("#chains .origin").count() > 1, true);
  await picture(page, "desktop");
});

scene("a reorg is drawn as the branch that was dropped", [], async (page, world) => {
  await world.order("reorg 3");
  const dropped = page.locator("#chains .dropped .what");
  await dropped.waitFor();
  assert.equal(await dropped.textContent(), "3 blocks dropped");
  await page.locator("#events li", { hasText: "L1 reorg: 3 blocks after" }).waitFor();
  // What happened is the server's to remember.
  await page.reload();
  await page.locator("#events li", { hasText: "L1 reorg" }).waitFor();
  assert.equal(await dropped.textContent(), "3 blocks dropped");
  // Once L1 has finalized the other branch it is history.
  await dropped.waitFor({ state: "detached" });
});

scene("an endpoint that is gone is red and says why", [], async (page, world) => {
  const state = (endpoint) => page.locator(`#sources tr:has(th:text-is("${endpoint}"))`);
  await withinASecond(page, world, {
    cause: "kill l1 0",
    knows: ({ sources }) => sources.some(({ endpoint, state }) => endpoint === "l1-0" && state === "unreachable"),
    seen: () => document.querySelector("#sources tr.bad[data-state=unreachable]")?.textContent.includes("l1-0") && Date.now(),
    undo: ["heal l1 0"],
  });
  await world.order("kill node 1");
  await state("node-1").and(page.locator(".bad")).waitFor();
  assert.match(await state("node-1").locator("td").last().textContent(), /\w{4}/);
  assert.notEqual(await state("node-1").evaluate((row) => getComputedStyle(row).backgroundColor), "rgba(0, 0, 0, 0)");
  await isWord(page, "Ready, not everything is well");
  await picture(page, "degraded");
  await world.order("heal node 1");
  await state("node-1").and(page.locator(".good")).waitFor();
});

scene("what is held is said and why", [], async (page, world) => {
  await withinASecond(page, world, {
    cause: "reset node",
    knows: ({ held }) => held,
    seen: () => document.getElementById("reasons").textContent.includes("The derived heads are held") && Date.now(),
    undo: ["heal node"],
  });
  await page.locator("#events li", { hasText: "Held: the source derives again" }).waitFor();
  await page.locator("#kept li", { hasText: "derives again" }).waitFor();
});

scene("a status that is too old is called that", [], async (page, world) => {
  await withinASecond(page, world, {
    cause: "hang node",
    knows: ({ code }) => code === 503,
    seen: () => document.getElementById("verdict").textContent === "Not ready: l2_view is stale" && Date.now(),
    undo: ["heal node"],
  });
  await page.locator("#events li", { hasText: "Ready again" }).waitFor();
});

scene("an L1 that stands still is called that", ["--status.max-head-age=5s"], async (page, world) => {
  await withinASecond(page, world, {
    cause: "l1 pause",
    knows: ({ code }) => code === 503,
    seen: () => document.getElementById("verdict").textContent.startsWith("Not ready: ") && Date.now(),
    undo: ["l1 go"],
  });
});

scene("a server that was restarted is found again", [], async (page, world, wrong) => {
  const before = await page.locator("#identity").textContent();
  await world.order("server stop");
  await isWord(page, "No answer");
  await page.waitForFunction(() => document.body.classList.contains("old"));
  await picture(page, "no answer");
  await world.order("server start");
  await isWord(page, "Ready");
  assert.notEqual((await page.locator("#identity").textContent()).split(",")[0], before.split(",")[0]);
  await page.locator("#events li", { hasText: "The server was started anew" }).waitFor();
  // That nobody answered is an error to the browser, and all that may be one.
  const others = wrong.splice(0).filter((text) => !/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_SOCKET|ERR_CONNECTION_RESET/.test(text));
  assert.deepEqual(others, []);
});

for (const colorScheme of ["light", "dark"]) {
  for (const [kind, viewport] of Object.entries({ desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } })) {
    // The check is not part of the page, so the page's policy must not keep it out.
    scene(`anybody can use it: ${colorScheme}, ${kind}`, [], async (page, world) => {
      await moved(page, "L2 safe", 2);
      await world.order("reorg 2");
      await world.order("reset node");
      await page.locator("#chains .dropped").waitFor();
      await page.locator("#reasons li", { hasText: "are held" }).waitFor();
      for (const broken of [false, true]) {
        if (broken) {
          await world.order("hang node");
          await isWord(page, "Not ready");
        }
        await picture(page, `${broken ? "broken" : "held"} ${colorScheme} ${kind}`);
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`)]), []);
        const [wide, visible] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
        assert.equal(wide <= visible, true, `${wide} px wide where ${visible} can be seen`);
      }
    }, { colorScheme, viewport, bypassCSP: true, reducedMotion: "reduce" });
  }
}

scene("without WebSockets the page asks", [], async (page) => {
  await page.addInitScript(() => {
    globalThis.WebSocket = class extends EventTarget {
      constructor() {
        super();
        setTimeout(() => this.dispatchEvent(new Event("close")));
      }
      close() {}
    };
  });
  await page.reload();
  await isWord(page, "Ready");
  await moved(page, "L2 unsafe", 2);
  await page.waitForFunction(() => document.getElementById("link").textContent === "live, by server-sent events");
});

scene("keys reach everything", [], async (page) => {
  const reached = new Set();
  for (let presses = 0; presses < 20; presses++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.textContent.trim().slice(0, 12)));
  }
  for (const text of ["Skip to the ", "15 min", "1 h", "6 h", "The plots as", "readiness", "uPlot"]) assert.ok(reached.has(text), text);
  await page.getByRole("button", { name: "1 h" }).press("Enter");
  assert.equal(await page.getByRole("button", { name: "1 h" }).getAttribute("aria-pressed"), "true");
  assert.equal(await page.getByRole("button", { name: "15 min" }).getAttribute("aria-pressed"), "false");
});
