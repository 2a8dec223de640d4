// A server on a world that can be steered, and a browser that looks at it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

// How long anything may take before the test is given up.
export const PATIENCE = 30_000;

// Sandboxes need a user that is not root; the rest keeps the browser from asking anybody.
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

export async function startWorld(...flags) {
  const world = spawn(process.env.PAGE_WORLD, flags, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: world.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value;
  const url = await next();
  return {
    url,
    async order(command) {
      world.stdin.write(`${command}\n`);
      const answer = await next();
      if (answer !== "ok") throw new Error(answer ?? "the server has ended");
    },
    async readyz() {
      const response = await fetch(`${url}/readyz`);
      return { code: response.status, ...(await response.json()) };
    },
    async end() {
      if (world.exitCode !== null) return;
      world.stdin.end();
      await once(world, "exit");
    },
  };
}

export async function startBrowser() {
  const folder = mkdtempSync(join(tmpdir(), "page-"));
  const context = (options) => chromium.launchPersistentContext(mkdtempSync(join(folder, "profile-")), {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS, ...options });
  return {
    // A page, and what went wrong on it: errors on the console, and requests for another origin.
    async open(url, options = {}) {
      const opened = await context({ viewport: { width: 1280, height: 900 }, ...options });
      const page = opened.pages()[0];
      page.setDefaultTimeout(PATIENCE);
      const wrong = [];
      page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
      page.on("pageerror", (error) => wrong.push(String(error)));
      const foreign = (asked) => {
        if (!asked.startsWith("data:") && new URL(asked).host !== new URL(url).host) wrong.push(`asked ${asked}`);
      };
      opened.on("request", (request) => foreign(request.url()));
      page.on("websocket", (socket) => foreign(socket.url()));
      await page.goto(url);
      return { page, wrong, close: () => opened.close() };
    },
    end: () => rmSync(folder, { recursive: true, force: true }),
  };
}

// Takes a picture for people to look at.
export async function picture(page, name) {
  const folder = process.env.SHOTS;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

// Resolves with what `ask` gives once that is something.
export async function until(what, ask) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
