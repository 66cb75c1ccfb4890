import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { createNews, POLL_MS, TURN_MS } from "../news.js";

function build(more = {}) {
  const asked = [];
  const news = createNews({ emit: (name, about) => asked.push(about.ids ?? "all"), setTimeout, clearTimeout, random: () => 0.5, ...more });
  return { asked, news };
}

const say = (name, detail) => document.dispatchEvent(Object.assign(new Event(name), { detail }));
let pages = 0;

/** The module in a page of its own, with a call under way; what it asks for. */
async function page() {
  globalThis.document = Object.assign(new EventTarget(), { body: new EventTarget(), hidden: false, querySelector: () => true });
  const asked = [];
  document.body.addEventListener("live:news", ({ detail }) => asked.push(detail.ids ?? "all"));
  await import(`../news.js?${pages += 1}`);
  return asked;
}

afterEach(() => { delete globalThis.document; });
beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
});

test("nothing is asked while nothing happens, but once when the stream is there and a call under way", () => {
  const quiet = build({ isMoving: () => false });
  quiet.news.state({ state: "up" });
  const { asked, news } = build();
  news.state({ state: "connecting" });
  news.state({ state: "up" });
  mock.timers.tick(24 * 3600 * 1000);
  assert.deepEqual(asked, ["all"]);
  assert.deepEqual(quiet.asked, []);
});

test("an answer that did not come is asked for again", () => {
  const { asked, news } = build();
  news.call({ id: "a" });
  mock.timers.tick(TURN_MS);
  news.failed();
  news.call({ id: "b" });
  mock.timers.tick(TURN_MS);
  assert.deepEqual(asked, [["a"]]); // not at once: the server may be busy
  mock.timers.tick(TURN_MS);
  assert.deepEqual(asked, [["a"], "all"]);
  mock.timers.tick(10 * TURN_MS);
  assert.equal(asked.length, 2);
});

test("one's own call at once, with what else has come", () => {
  const { asked, news } = build();
  news.call({ id: "a" });
  news.call({ id: "own" });
  news.mine({ id: "own" });
  assert.deepEqual(asked, [["a", "own", "own"]]);
  mock.timers.tick(10 * TURN_MS);
  assert.equal(asked.length, 1);
});

test("colleagues' calls are joined, and asked for within three seconds", () => {
  const { asked, news } = build();
  for (let burst = 0; burst < 100; burst += 1) {
    news.call({ id: "a" });
    news.call({ id: `b${burst % 3}` });
    mock.timers.tick(100);
  }
  assert.ok(TURN_MS < 3000 && asked.length <= 10_000 / TURN_MS + 1, String(asked.length));
  assert.ok(asked.every((ids) => new Set(ids).size === ids.length && ids.includes("a")));
  for (const random of [0, 0.3, 0.999]) {
    for (const at of [0, 1, 1250, 2499]) {
      mock.timers.setTime(2_000_000 + at);
      const page = build({ random: () => random });
      page.news.call({ id: "a" });
      mock.timers.tick(2999);
      assert.deepEqual(page.asked, [["a"]]);
    }
  }
});

test("pages that hear of a call at one moment do not ask at one moment", () => {
  const moments = new Map();
  for (let page = 0; page < 100; page += 1) {
    const news = createNews({
      emit: () => moments.set(Date.now() >> 8, (moments.get(Date.now() >> 8) ?? 0) + 1),
      setTimeout, clearTimeout, random: () => page / 100,
    });
    news.call({ id: "a" });
  }
  for (let ms = 0; ms < 3000; ms += 10) mock.timers.tick(10);
  assert.ok(Math.max(...moments.values()) < 20, JSON.stringify([...moments]));
});

test("a hidden page asks for nothing", () => {
  let hidden = true;
  const { asked, news } = build({ isHidden: () => hidden });
  news.state({ state: "reconnecting" });
  news.call({ id: "a" });
  news.mine({ id: "a" });
  news.resync();
  mock.timers.tick(10 * POLL_MS);
  assert.deepEqual(asked, []);
  hidden = false;
  news.resync(); // live.js, once it is shown
  assert.deepEqual(asked, ["all"]);
});

test("without a stream it looks each half minute, with one no more", () => {
  const { asked, news } = build();
  news.state({ state: "connecting" });
  mock.timers.tick(POLL_MS);
  mock.timers.tick(POLL_MS);
  assert.equal(asked.length, 2);
  news.state({ state: "up" });
  mock.timers.tick(10 * POLL_MS);
  assert.equal(asked.length, 3);
  news.state({ state: "reconnecting" });
  mock.timers.tick(POLL_MS);
  assert.equal(asked.length, 4);
  news.state({ state: "up" }); // live.js says when to resync
  mock.timers.tick(10 * POLL_MS);
  assert.equal(asked.length, 4);
});

test("a room without a call yet has no row to ask for", () => {
  const { asked, news } = build();
  news.mine({ id: null });
  news.mine({}); // for the panel alone
  news.call({ id: null });
  mock.timers.tick(10 * TURN_MS);
  assert.deepEqual(asked, []);
});

test("what is drawn while a call is under way may be older than its news: it asks at the next turn", () => {
  const { asked, news } = build();
  news.call({ id: "a" });
  news.drawn();
  mock.timers.tick(TURN_MS);
  assert.deepEqual(asked, ["all"]);
  const quiet = build({ isMoving: () => false });
  quiet.news.drawn();
  mock.timers.tick(10 * TURN_MS);
  assert.deepEqual(quiet.asked, []);
});

test("a page asks after a page or a whole list was swapped in, not after news", async () => {
  const asked = await page();
  const swapped = (id, swap = "outerHTML") => say("htmx:after:swap", { ctx: { swap, target: { id } } });
  swapped("history_rows");
  swapped("call_page");
  swapped("history", "none"); // refused
  mock.timers.tick(10 * TURN_MS);
  assert.equal(asked.length, 0);
  for (const id of ["main", "history"]) {
    swapped(id);
    mock.timers.tick(10 * TURN_MS);
  }
  assert.equal(asked.length, 2);
});

test("a first stream that comes late is followed by a look", () => {
  const { asked, news } = build({ isMoving: () => false });
  for (const state of ["connecting", "reconnecting", "connecting", "up"]) news.state({ state });
  assert.deepEqual(asked, ["all"]);
  for (const state of ["reconnecting", "up"]) news.state({ state }); // live.js says when to resync
  assert.deepEqual(asked, ["all"]);
});

test("an answer that did not come in time or was one too many is asked for again, one that is gone is not", async () => {
  const asked = await page();
  const fail = (response, type = "live:news") => {
    say(response ? "htmx:response:error" : "htmx:error", { ctx: { response, sourceEvent: { type } } });
    mock.timers.tick(10 * TURN_MS);
    return asked.splice(0).length;
  };
  assert.deepEqual([403, 404, 410].map((status) => fail({ status })), [0, 0, 0]);
  assert.deepEqual([408, 429, 500, 503].map((status) => fail({ status })), [1, 1, 1, 1]);
  assert.deepEqual([fail(), fail(undefined, "click")], [1, 0]);
});
