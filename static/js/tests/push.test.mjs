import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

import { subscribe } from "../push.js";

const KEY = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"; // pragma: allowlist secret

function browser({ status = 204, refuses = false, active = true } = {}) {
  const kept = new Map();
  const made = { sent: [], asked: [], ended: 0, waits: 0, count: 0, current: null };
  made.registration = {
    active,
    pushManager: {
      getSubscription: async () => made.current,
      subscribe: async (options) => {
        if (refuses) throw new DOMException("no", "AbortError");
        made.asked.push(options);
        made.count += 1;
        const endpoint = `https://push.example/${made.count}`;
        made.current = {
          toJSON: () => ({ endpoint, keys: { p256dh: "p", auth: "a" } }),
          unsubscribe: async () => { made.ended += 1; made.current = null; },
        };
        return made.current;
      },
    },
  };
  made.subscribe = (user, key = KEY) => subscribe({
    registration: made.registration, key, user,
    storage: { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) },
    fetch: async (path, { method, body }) => {
      made.sent.push([method, path, Object.fromEntries(body)]);
      return { ok: status < 400, status };
    },
    wait: async () => {
      made.waits += 1;
      if (made.waits > 2) made.registration.active = {};
    },
  });
  return made;
}

test("a browser is made known once and told of again by the same address", async () => {
  const made = browser();
  await made.subscribe("bob");
  await made.subscribe("bob");
  const said = { endpoint: "https://push.example/1", p256dh: "p", auth: "a" };
  assert.deepEqual(made.sent, [["POST", "/calls/push", said], ["POST", "/calls/push", said]]);
  assert.equal(made.asked.length, 1);
  assert.equal(made.asked[0].userVisibleOnly, true);
  const { applicationServerKey: key } = made.asked[0];
  assert.equal(Buffer.from(key).toString("base64url"), KEY);
});

test("what another person, or another key, has left in a browser is ended first", async () => {
  const made = browser();
  await made.subscribe("bob");
  await made.subscribe("charlie");
  await made.subscribe("charlie", KEY.replace("BP4", "BP5"));
  assert.equal(made.ended, 2);
  assert.deepEqual(made.sent.map(([, , { endpoint }]) => endpoint.at(-1)), ["1", "2", "3"]);
});

test("the worker is waited for", async () => {
  const made = browser({ active: null });
  await made.subscribe("bob");
  assert.equal(made.waits, 3);
  assert.equal(made.sent.length, 1);
});

test("it says when the browser or the server does not want it", async () => {
  await assert.rejects(browser({ refuses: true }).subscribe("bob"));
  await assert.rejects(browser({ status: 422 }).subscribe("bob"));
});

// The worker -------------------------------------------------------------------------------------

function worker({ pages = [] } = {}) {
  const made = { shown: [], opened: [], told: [], timers: [], listeners: {} };
  const registration = {
    showNotification: async (title, options) => {
      made.shown = made.shown.filter(({ tag }) => tag !== options.tag);
      const one = { title, ...options, close: () => { made.shown = made.shown.filter((each) => each !== one); } };
      made.shown.push(one);
    },
    getNotifications: async ({ tag } = {}) => made.shown.filter((one) => !tag || one.tag === tag),
  };
  const clients = {
    matchAll: async () => pages,
    openWindow: async (path) => { made.opened.push(path); },
  };
  const source = readFileSync(new URL("../../workers/ringing.js", import.meta.url), "utf8");
  vm.runInNewContext(source, {
    registration, clients, skipWaiting() {},
    addEventListener: (name, heard) => { made.listeners[name] = heard; },
    setTimeout: (what, ms) => made.timers.push([what, ms]),
  });
  made.hear = async (name, event) => {
    const waits = [];
    made.listeners[name]({ waitUntil: (one) => waits.push(one), ...event });
    await Promise.all(waits);
  };
  made.push = (said) => made.hear("push", { data: { json: () => said } });
  return made;
}

const KNOCK = { id: "c1", title: "Incoming call", body: "Maria\nSales", seconds: 20 };

test("a knock is shown with who calls, and taken away when it is over", async () => {
  const made = worker();
  await made.push(KNOCK);
  assert.deepEqual(made.shown.map(({ title, body, tag }) => [title, body, tag]), [["Incoming call", "Maria\nSales", "c1"]]);
  assert.equal(made.shown[0].requireInteraction, true);
  const [[over, ms]] = made.timers;
  assert.equal(ms, 20000);
  await over();
  assert.deepEqual(made.shown, []);
});

test("pressed, it opens where the call rings, or where it is said that it is over", async () => {
  const made = worker();
  await made.push(KNOCK);
  await made.hear("notificationclick", { notification: made.shown[0], action: "" });
  assert.deepEqual(made.opened, ["/calls/c1/knocked"]);
  assert.deepEqual(made.shown, []);
});

test("a page that is there is shown and told what is pressed of a call that rings on it, but of no knock", async () => {
  const told = [];
  const page = { visibilityState: "hidden", postMessage: (said) => told.push({ ...said }), focus: async () => told.push("focus") };
  const made = worker({ pages: [page] });
  await made.push(KNOCK);
  await made.hear("notificationclick", { notification: made.shown[0], action: "" });
  assert.deepEqual([told, made.opened], [[], ["/calls/c1/knocked"]]);
  await made.hear("message", { data: [{ id: "c2", title: "Incoming: Maria", body: "" }] });
  await made.hear("notificationclick", { notification: made.shown[0], action: "answer" });
  assert.deepEqual(told, [{ ring: "c2", action: "answer" }, "focus"]);
  assert.equal(made.opened.length, 1);
});

test("a page that says what rings takes away what rings no more, a knock too", async () => {
  const made = worker();
  await made.push(KNOCK);
  await made.hear("message", { data: [] });
  assert.deepEqual(made.shown, []);
});
