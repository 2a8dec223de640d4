// News from the server: a WebSocket; where there can be none, server-sent events; and questions in any case.
//
// The feed tells of heads and readiness at once. Everything else, such as endpoints, is asked for at a fixed pace on the
// same connection, and the answers show that the server lives: a connection that does not answer is dropped.

const ASK_EVERY = 500;
const SOURCES_EVERY = 3;
const ANSWER_WITHIN = 3000;
const RETRY_AFTER = [250, 500, 1000, 2000];
const WITHOUT_SOCKET = 60_000;

// Follows for ever. `told` takes what comes, and how: `config`, `snapshot`, `frame`, `sources`, `history`, `reorg`, `link`;
// and says `since` when history is not known to it.
export async function follow(told) {
  let failures = 0;
  for (;;) {
    const worked = (await overSocket(told)) || (await overHttp(told));
    told.link("lost");
    failures = worked ? 0 : Math.min(failures + 1, RETRY_AFTER.length - 1);
    await sleep(RETRY_AFTER[failures]);
  }
}

// Resolves when the connection has ended: whether it ever answered.
async function overSocket(told) {
  const url = new URL(".", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = url.hash = "";
  const socket = new WebSocket(url);
  const waiting = new Map();
  const subscriptions = new Map();
  let last = 0;
  const ended = new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
  const opened = new Promise((resolve) => socket.addEventListener("open", () => resolve(true), { once: true }));
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    if (message.method === "optimism_subscription") {
      const { subscription, result, error } = message.params;
      subscriptions.get(subscription)?.(result, error);
    } else {
      waiting.get(message.id)?.(message);
    }
  });
  const ask = async (method, params = []) => {
    if (socket.readyState !== WebSocket.OPEN) throw new Error("the connection ended");
    const id = ++last;
    const answer = new Promise((resolve, reject) => {
      waiting.set(id, (message) => (message.error ? reject(refusal(message.error)) : resolve(message.result)));
      ended.then(() => reject(new Error("the connection ended")));
    });
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return within(answer).finally(() => waiting.delete(id));
  };
  const subscribe = async (params, handle) => {
    const id = await unlessMissing(ask("optimism_subscribe", params));
    if (id) subscriptions.set(id, handle);
    return Boolean(id);
  };
  let worked = false;
  try {
    if (!(await within(Promise.race([opened, ended.then(() => false)])))) return false;
    await askAll(ask, told);
    worked = true;
    const fed = await subscribe(["syncStatus", { meta: true }], (frame) => frame && told.frame(frame));
    if (fed) await subscribe(["l1Reorgs"], (reorg) => reorg && told.reorg(reorg));
    told.link(fed ? "live" : "asking");
    await keepAsking(ask, told, () => socket.readyState === WebSocket.OPEN);
  } catch {
    // Ended, refused or silent: all the same, it is opened anew.
  } finally {
    socket.close();
  }
  return worked;
}

// As long as questions are answered, but not for ever: a WebSocket may be possible by then.
async function overHttp(told) {
  let last = 0;
  const ask = async (method, params = []) => {
    const response = await fetch(".", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: ++last, method, params }),
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    const { result, error } = await response.json();
    if (error) throw refusal(error);
    return result;
  };
  const until = Date.now() + WITHOUT_SOCKET;
  let events;
  let worked = false;
  try {
    await askAll(ask, told);
    worked = true;
    told.link("asking");
    events = new EventSource("events?meta=true");
    events.addEventListener("open", () => told.link("events"));
    events.addEventListener("status", ({ data }) => told.frame(JSON.parse(data)));
    events.addEventListener("reorg", ({ data }) => told.reorg(JSON.parse(data)));
    // The browser reconnects by itself after a lost connection, and not after an error of the server.
    events.addEventListener("error", () => told.link("asking"));
    await keepAsking(ask, told, () => Date.now() < until);
  } catch {
    // As above.
  } finally {
    events?.close();
  }
  return worked;
}

async function askAll(ask, told) {
  told.config(await ask("optimism_rollupConfig"));
  // Before anything newer is told, which would be all that is known.
  const history = await unlessMissing(ask("opstatus_history", [{ since: told.since() }]));
  if (history) told.history(history);
  told.snapshot(await ask("opstatus_snapshot"));
  told.sources(await ask("opstatus_sources"));
}

async function keepAsking(ask, told, wanted) {
  for (let round = 1; wanted(); round++) {
    // Nobody looks: nothing is asked, and what the browser shows later is asked for at once.
    await Promise.race([sleep(document.hidden ? 20 * ASK_EVERY : ASK_EVERY), shown()]);
    told.snapshot(await ask("opstatus_snapshot"));
    if (round % SOURCES_EVERY === 0) told.sources(await ask("opstatus_sources"));
  }
}

function shown() {
  return new Promise((resolve) => {
    if (document.hidden) document.addEventListener("visibilitychange", resolve, { once: true });
  });
}

// What a server without this method answers is nothing.
function unlessMissing(answer) {
  return answer.catch((error) => {
    if (error.code === -32601) return undefined;
    throw error;
  });
}

function refusal({ code, message }) {
  return Object.assign(new Error(message), { code });
}

function within(promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("no answer")), ANSWER_WITHIN)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
