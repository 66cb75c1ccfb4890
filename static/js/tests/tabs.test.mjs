import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { createTabs } from "../tabs.js";

const LOCK = "phone";

/** Web Locks for one browser of many tabs, as far as tabs.js uses them. */
function fakeLocks() {
  let held = null; // {release, fail}
  const queue = [];
  function next() {
    while (!held && queue.length) {
      const { options, work, done, fail } = queue.shift();
      if (options.mode === "shared") {
        work();
        done();
        continue;
      }
      held = { fail };
      work({ name: LOCK }).then(() => {
        if (held?.fail === fail) held = null;
        done();
        next();
      });
    }
  }
  return {
    request: (name, options, work) => new Promise((done, fail) => {
      if (options.steal && held) {
        held.fail(new Error("AbortError"));
        held = null;
      }
      if (options.ifAvailable && (held || queue.length)) {
        work(null);
        done();
        return;
      }
      queue.push({ options, work, done, fail });
      next();
    }),
  };
}

let locks;
let channels;
let waits; // {ms, done} of each pause

function tab() {
  const made = { events: [], did: [] };
  const channel = {
    postMessage: (data) => channels.filter((one) => one !== channel).forEach((one) => one.onmessage?.({ data })),
  };
  channels.push(channel);
  made.tabs = createTabs({
    channel, locks,
    emit: (name, detail) => made.events.push([name, detail]),
    phone: () => ({ mute: () => made.did.push("mute"), digit: (digit) => made.did.push(digit) }),
    wait: (ms) => new Promise((done) => waits.push({ ms, done })),
  });
  return made;
}
const settle = async () => { for (let i = 0; i < 10; i += 1) await Promise.resolve(); };

beforeEach(() => {
  locks = fakeLocks();
  channels = [];
  waits = [];
});

test("what the tab with the sound does is seen by the others, also by one that comes later", async () => {
  const [first, second] = [tab(), tab()];
  await first.tabs.claim();
  first.tabs.tell({ state: "open", muted: true, request: "r1" });
  assert.deepEqual(second.tabs.remote, { state: "open", muted: true, request: "r1" });
  assert.deepEqual(tab().tabs.remote, { state: "open", muted: true, request: "r1" });
  assert.equal(first.tabs.remote.state, "idle");
});

test("mute and digits of another tab reach the one with the sound, and no other", async () => {
  const [first, second, third] = [tab(), tab(), tab()];
  await first.tabs.claim();
  first.tabs.tell({ state: "open", muted: false, request: "r1" });
  second.tabs.send("mute");
  second.tabs.send("digit", { digit: "5" });
  assert.deepEqual(first.did, ["mute", "5"]);
  assert.deepEqual(third.did, []);
  first.tabs.tell({ state: "ended", muted: false, request: "r1" });
  second.tabs.send("mute");
  assert.deepEqual(first.did, ["mute", "5"]);
});

test("only one tab has the sound; when it lets go another may", async () => {
  const [first, second] = [tab(), tab()];
  const release = await first.tabs.claim();
  assert.equal(typeof release, "function");
  const refused = second.tabs.claim();
  for (const ms of [100, 200]) {
    await settle();
    assert.equal(waits.at(-1).ms, ms);
    waits.at(-1).done();
  }
  assert.equal(await refused, null);
  const granted = second.tabs.claim();
  await settle();
  release();
  waits.at(-1).done();
  assert.equal(typeof await granted, "function");
});

test("a tab that vanishes without a word is noticed by its lock", async () => {
  const [first, second] = [tab(), tab()];
  const release = await first.tabs.claim();
  first.tabs.tell({ state: "open", muted: false, request: "r1" });
  assert.equal(second.tabs.remote.state, "open");
  release(); // as the browser does for a closed tab
  await settle();
  assert.equal(second.tabs.remote.state, "idle");
  assert.equal(second.events.at(-1)[0], "phone:remote");
});

test("who rejoins takes the sound, and the tab before is told", async () => {
  const [first, second] = [tab(), tab()];
  let lost = 0;
  await first.tabs.claim({ lost: () => { lost += 1; } });
  assert.equal(typeof await second.tabs.claim({ steal: true }), "function");
  await settle();
  assert.equal(lost, 1);
});

test("a browser without locks calls all the same", async () => {
  locks = undefined;
  assert.equal(typeof await tab().tabs.claim(), "function");
});
