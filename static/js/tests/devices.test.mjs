import assert from "node:assert/strict";
import { test } from "node:test";

import { createDevices, createMeter } from "../devices.js";

const device = (kind, deviceId, label = deviceId) => ({ kind, deviceId, label });
const DESK = [
  device("audioinput", "default", "Default"), device("audioinput", "a", "Headset"), device("audioinput", "b", "Webcam"),
  device("audiooutput", "default", "Default"), device("audiooutput", "x", "Headset"), device("audiooutput", "y", "Monitor"),
];

function build({ found = DESK, stored = {}, getUserMedia } = {}) {
  const made = { found, asked: [], events: [], set: [], stopped: 0 };
  const store = new Map(Object.entries(stored));
  made.storage = { getItem: (key) => store.get(key) ?? null, setItem: (key, value) => store.set(key, value), removeItem: (key) => store.delete(key) };
  const stream = (id) => ({ getTracks: () => [{ getSettings: () => ({ deviceId: id }), stop: () => { made.stopped += 1; } }] });
  made.devices = createDevices({
    mediaDevices: {
      enumerateDevices: async () => made.found,
      getUserMedia: async (wanted) => {
        made.asked.push(wanted.audio);
        if (getUserMedia) await getUserMedia(wanted, made.asked.length);
        return stream(wanted.audio.deviceId?.exact ?? "a");
      },
    },
    storage: made.storage,
    emit: (name, detail) => made.events.push([name, detail]),
  });
  made.audio = {
    isOutputSelectionSupported: true,
    setInputDevice: async (id) => { made.set.push(["microphone", id]); },
    unsetInputDevice: async () => { made.set.push(["microphone", null]); },
    speakerDevices: { set: async (id) => { made.set.push(["speaker", id]); } },
  };
  made.notices = () => made.events.filter(([name]) => name === "device:notice").map(([, detail]) => detail.text);
  return made;
}

test("the list holds real devices, not the system's aliases", async () => {
  const { devices } = build();
  assert.deepEqual(await devices.list("microphone"), [{ id: "a", label: "Headset" }, { id: "b", label: "Webcam" }]);
});

test("the chosen microphone is asked for, and remembered", async () => {
  const made = build();
  await made.devices.choose("microphone", "b");
  assert.deepEqual(await made.devices.check(), { deviceId: { exact: "b" } });
  assert.deepEqual(made.asked, [{ deviceId: { exact: "b" } }]);
  assert.equal(made.storage.getItem("phone:microphone"), "b");
  assert.equal(made.stopped, 1);
  await made.devices.choose("microphone", "");
  assert.equal(made.storage.getItem("phone:microphone"), null);
});

test("a device that the browser has given a new id is known by its name", async () => {
  const made = build();
  await made.devices.list("microphone");
  await made.devices.choose("microphone", "b");
  made.found = DESK.map((one) => (one.deviceId.length === 1 ? { ...one, deviceId: `new-${one.deviceId}` } : one));
  assert.deepEqual(await made.devices.check(), { deviceId: { exact: "new-b" } });
  assert.equal(made.devices.chosen("microphone"), "new-b");
  // Another one's name is nobody's: without the id and the name it is not there.
  made.found = DESK.filter((one) => one.deviceId !== "b");
  await made.devices.check();
  assert.deepEqual(made.asked.at(-1), true);
});

test("a chosen microphone that is not there is forgotten for this call only", async () => {
  const made = build({ stored: { "phone:microphone": "gone" } });
  assert.deepEqual(await made.devices.check(), { deviceId: { exact: "a" } });
  assert.deepEqual(made.asked, [true]);
  assert.equal(made.devices.chosen("microphone"), "gone");
});

test("a chosen microphone that does not open is replaced by any", async () => {
  const made = build({
    stored: { "phone:microphone": "b" },
    getUserMedia: ({ audio }) => { if (audio !== true) throw Object.assign(new Error(), { name: "NotReadableError" }); },
  });
  await made.devices.check();
  assert.deepEqual(made.asked, [{ deviceId: { exact: "b" } }, true]);
});

test("a page without a microphone at all says so", async () => {
  await assert.rejects(createDevices({ mediaDevices: undefined }).check(), { code: "insecure_page" });
});

test("devices chosen in a call are used at once, the speaker from its start", async () => {
  const made = build({ stored: { "phone:speaker": "y" } });
  await made.devices.check();
  made.devices.attach(made.audio);
  await made.devices.choose("microphone", "b");
  await made.devices.choose("speaker", "x");
  assert.deepEqual(made.set, [["speaker", "y"], ["microphone", "b"], ["speaker", "x"]]);
  made.devices.detach();
  await made.devices.choose("microphone", "a");
  assert.deepEqual(made.set.slice(3), [["microphone", null]]);
});

test("a device that refuses in a call is said, and nothing breaks", async () => {
  const made = build();
  made.devices.attach({ ...made.audio, setInputDevice: async () => { throw new Error(); } });
  await made.devices.choose("microphone", "b");
  assert.match(made.notices()[0], /can’t be used/);
});

test("a microphone unplugged in a call is replaced, and that is said", async () => {
  const made = build();
  await made.devices.check();
  made.devices.attach(made.audio);
  await made.devices.list("microphone");
  made.found = DESK.filter((one) => one.deviceId !== "a");
  await made.devices.changed();
  assert.deepEqual(made.set, [["microphone", "default"]]);
  assert.match(made.notices()[0], /^Headset was unplugged\. Now using Default\./);
});

test("the only microphone unplugged in a call: the person is told to connect one", async () => {
  const made = build();
  await made.devices.check();
  made.devices.attach(made.audio);
  await made.devices.list("microphone");
  made.found = [];
  await made.devices.changed();
  assert.match(made.notices()[0], /there is no other/);
});

test("a chosen speaker unplugged in a call is said", async () => {
  const made = build({ stored: { "phone:speaker": "y" } });
  await made.devices.list("speaker");
  made.devices.attach(made.audio);
  await made.devices.list("speaker");
  made.found = DESK.filter((one) => one.deviceId !== "y");
  await made.devices.changed();
  assert.match(made.notices()[0], /^Monitor was unplugged/);
});

test("plugging about without a call says nothing", async () => {
  const made = build();
  made.found = [];
  await made.devices.changed();
  assert.deepEqual(made.events, [["device:changed", {}]]);
});

test("the meter shows loudness and lets the microphone go", () => {
  let tick;
  let stopped = 0;
  const levels = [];
  let loud = 0.1;
  const end = createMeter({
    stream: { getTracks: () => [{ stop: () => { stopped += 1; } }] },
    AudioContext: class {
      createAnalyser() { return { getFloatTimeDomainData: (into) => into.fill(loud) }; }
      createMediaStreamSource() { return { connect() {} }; }
      close() { stopped += 1; }
    },
    onLevel: (level) => levels.push(level),
    setInterval: (work) => { tick = work; return 1; },
    clearInterval: () => { stopped += 1; },
  });
  tick();
  loud = 0;
  tick();
  end();
  assert.ok(levels[0] > 0.4 && levels[0] <= 1);
  assert.ok(levels[1] > 0 && levels[1] < levels[0], "falls slowly");
  assert.equal(stopped, 3);
});
