// What the plots are made of, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { History, tabulate } from "./page/history.js";

// At so many seconds; block n has the timestamp n.
function change(at, unsafe, safe, instance = "a") {
  const head = (number) => ({ number, timestamp: number });
  return { instance, at_ms: at * 1000, sequence: at, held: null, ready: true, l1_epoch: 0, l2_epoch: 0, head_l1: head(1),
    unsafe_l2: head(unsafe), safe_l2: head(safe), finalized_l2: head(0) };
}

// The changes, then the columns expected: time, ages of safe and finalized; and time since the last L2 head.
function check(changes, time, safe, finalized, interval) {
  const columns = tabulate(changes);
  assert.deepEqual(columns.lag, [time, safe, finalized]);
  assert.deepEqual(columns.interval[2], interval);
}

test("ages and intervals", () => {
  check([], [], [], [], []);
  check([change(10, 9, 3), change(12, 11, 3), change(13, 11, 8)], [10, 12, 13], [7, 9, 5], [10, 12, 13], [undefined, 2, undefined]);
});

test("a long absence is a gap and not a line", () => {
  check([change(10, 9, 3), change(70, 11, 3)], [10, 70], [7, 67], [10, 70], [undefined, 60]);
  check([change(10, 9, 3), change(71, 11, 3)], [10, 70.999, 71], [7, null, 68], [10, null, 71], [undefined, null, undefined]);
  check([change(10, 9, 3), change(12, 11, 3, "b")], [10, 11.999, 12], [7, null, 9], [10, null, 12], [undefined, null, undefined]);
});

test("what the server remembers takes the place of what was seen", () => {
  const history = new History();
  history.keep([change(1, 1, 0, "before"), change(10, 5, 3), change(12, 6, 3), change(20, 9, 3)]);
  history.load({ instance: "a", changes: [change(9, 5, 3), change(11, 6, 3), change(19, 9, 3)] });
  assert.deepEqual(history.changes.map(({ instance, at_ms }) => [instance, at_ms / 1000]),
    [["before", 1], ["a", 9], ["a", 11], ["a", 19], ["a", 20]]);
  history.load({ instance: "a", changes: [] });
  assert.equal(history.changes.length, 5);
});

test("a reorg is listed once, however it was heard of", () => {
  const history = new History();
  const reorg = { old_head: { hash: "0x1", number: 3 }, new_head: { hash: "0x2", number: 4 }, depth: 2, ancestor: null };
  history.addReorg({ ...reorg, instance: "a", l1_epoch: 1, status_id: "a-7" }, 1000);
  history.addReorg({ ...reorg, instance: "a", l1_epoch: 1 }, 1200);
  history.addReorg({ ...reorg, instance: "a", l1_epoch: 2 }, 9000);
  assert.deepEqual(history.reorgs.map(({ at_ms }) => at_ms), [1000, 9000]);
});
