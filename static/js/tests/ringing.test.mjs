import assert from "node:assert/strict";
import { test } from "node:test";

import { createBell, createReceipts } from "../bell.js";

/** What rings, as the page has it; `offered` tells one ring of a call from the next. */
const ring = (id, offered = "1") => ({ dataset: { ring: id, offered } });

const settle = async () => { for (let i = 0; i < 30; i += 1) await Promise.resolve(); };

function receipts({ fails = 0 } = {}) {
  const made = { sent: [], told: [], pauses: [], now: 0 };
  made.receipts = createReceipts({
    send: async (ids) => {
      made.sent.push(ids);
      if (made.sent.length <= fails) throw new Error("away");
    },
    tell: (message) => made.told.push(message),
    now: () => made.now,
    wait: async (ms) => { made.pauses.push(ms); },
  });
  return made;
}

test("what is shown is confirmed at once, and once", async () => {
  const made = receipts();
  made.receipts.shown([ring("a")]);
  made.receipts.shown([ring("a")]);
  await settle();
  made.receipts.shown([ring("a"), ring("b")]);
  await settle();
  assert.deepEqual(made.sent, [["a"], ["b"]]);
  assert.deepEqual(made.pauses, []); // the timers of a hidden tab come once a second
});

test("what rings again is confirmed again", async () => {
  const made = receipts();
  for (const ids of [["a"], [], ["a"]]) {
    made.receipts.shown(ids.map((id) => ring(id)));
    await settle();
  }
  assert.deepEqual(made.sent, [["a"], ["a"]]);
});

test("a call that rings again without a pause is confirmed again", async () => {
  const made = receipts();
  for (const offered of ["1", "1", "2"]) {
    made.receipts.shown([ring("a", offered)]);
    await settle();
  }
  assert.deepEqual(made.sent, [["a"], ["a"]]);
});

test("another tab's word counts for this one", async () => {
  const made = receipts();
  made.receipts.heard({ ids: ["a 1"] });
  made.receipts.shown([ring("a")]);
  made.now = 11999;
  made.receipts.asked();
  await settle();
  assert.deepEqual(made.sent, []);
  made.now = 12000;
  made.receipts.asked();
  await settle();
  assert.deepEqual(made.sent, [[]]);
  assert.deepEqual(made.told, [{ type: "seen", ids: [] }]);
});

test("another tab's word is not relied upon longer than the server believes it", () => {
  const [every, believed] = [30000, 45000]; // live.SEEN_SECONDS, queues.Rules.seen
  for (let asked = 0; asked < every; asked += 500) {
    const made = receipts();
    made.receipts.heard({ ids: [] }); // by a tab that is then closed
    made.now = asked;
    if (!made.receipts.asked()) assert.ok(asked + every < believed, `${asked}`);
  }
});

test("one that did not arrive is sent again, within the two seconds in which it counts", async () => {
  const made = receipts({ fails: 2 });
  made.receipts.shown([ring("a")]);
  await settle();
  assert.deepEqual(made.sent, [["a"], ["a"], ["a"]]);
  assert.ok(made.pauses.reduce((sum, ms) => sum + ms) < 2000);
});

test("one that never arrived is owed still", async () => {
  const made = receipts({ fails: 3 });
  made.receipts.shown([ring("a")]);
  await settle();
  made.receipts.asked();
  made.receipts.shown([ring("a")]);
  await settle();
  assert.deepEqual(made.sent.slice(3), [[], ["a"]]);
});

/** Locks of one browser, as `navigator.locks` has them, for several tabs. */
function createLocks() {
  let holder = null;
  const queue = [];
  async function next() {
    if (holder || !queue.length) return;
    const { name, run, resolve, reject } = holder = queue.shift();
    await run({ name }).then(resolve, reject);
    holder = null;
    next();
  }
  return {
    request: (name, { signal }, run) => new Promise((resolve, reject) => {
      const one = { name, run, resolve, reject };
      signal.addEventListener("abort", () => {
        if (!queue.includes(one)) return;
        queue.splice(queue.indexOf(one), 1);
        reject(new Error("aborted"));
      });
      queue.push(one);
      next();
    }),
    query: async () => ({ held: holder ? [holder] : [] }),
  };
}

function tab(locks, { mayPlay = true } = {}) {
  const made = { mayPlay, sounds: 0, blocked: false };
  made.bell = createBell({
    locks,
    tone: async () => {
      if (!made.mayPlay) return null;
      made.sounds += 1;
      return () => { made.sounds -= 1; };
    },
    blocked: (yes) => { made.blocked = yes; },
    wait: async () => {},
  });
  return made;
}

test("of two tabs one rings, and the other when that has gone", async () => {
  const locks = createLocks();
  const [first, second] = [tab(locks), tab(locks)];
  first.bell.ring();
  second.bell.ring();
  first.bell.ring();
  await settle();
  assert.deepEqual([first.sounds, second.sounds], [1, 0]);
  first.bell.hush();
  await settle();
  assert.deepEqual([first.sounds, second.sounds], [0, 1]);
  second.bell.hush();
  await settle();
  assert.deepEqual([first.sounds, second.sounds], [0, 0]);
});

test("a tab that may make no sound leaves it to one that may", async () => {
  const locks = createLocks();
  const [mute, other] = [tab(locks, { mayPlay: false }), tab(locks)];
  mute.bell.ring();
  other.bell.ring();
  await settle();
  assert.deepEqual([mute.sounds, other.sounds], [0, 1]);
  assert.equal(mute.blocked, false);
  other.bell.hush();
});

test("where none may it is said, and a gesture makes it ring", async () => {
  const made = tab(createLocks(), { mayPlay: false });
  made.bell.ring();
  await settle();
  assert.equal(made.blocked, true);
  made.mayPlay = true;
  made.bell.again();
  await settle();
  assert.deepEqual([made.sounds, made.blocked], [1, false]);
  made.bell.hush();
  await settle();
  assert.equal(made.sounds, 0);
});

test("what ends while the sound is being asked for does not sound on", async () => {
  const made = tab(createLocks());
  made.bell.ring();
  made.bell.hush();
  await settle();
  assert.equal(made.sounds, 0);
  made.bell.again(); // nothing rings
  await settle();
  assert.equal(made.sounds, 0);
});
