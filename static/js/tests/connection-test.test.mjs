import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";

import { measure, read, verdict, show } from "../connection-test.js";
import { PhoneError } from "../server.js";

const WELL = { letIn: true, accepted: true, connected: true, heard: true, level: 0.1, confirmed: true };
const word = (facts) => verdict({ ...WELL, ...facts })[1];

for (const [facts, says] of [
  [{}, "Heard you"],
  [{ confirmed: false }, "Not sure you were heard"],
  [{ level: 0 }, "You were silent"],
  [{ heard: false }, "No sound arrived"],
  [{ heard: false, connected: false }, "Connection blocked by a firewall"],
  [{ accepted: false, code: 31005 }, "Phone service not reached"],
  [{ letIn: false, code: "throttled", message: "Wait." }, "This site does not let you call"],
  [{ code: 31401 }, "No microphone"],
  [{ code: 31402 }, "No microphone"],
  [{ code: "stopped" }, "Stopped"],
  [{ code: "ended" }, "Heard you"],
]) {
  test(`${JSON.stringify(facts)}: ${says}`, () => {
    assert.equal(word(facts), says);
    assert.ok(verdict({ ...WELL, ...facts })[2]);
  });
}

test("You were heard is said only when everything was measured", () => {
  for (const missing of Object.keys(WELL)) assert.notEqual(word({ [missing]: missing === "level" ? 0 : false }), "Heard you");
});

test("what getStats says is read, and silence or a report of nothing is no sound", () => {
  const inbound = { type: "inbound-rtp", packetsReceived: 50 };
  assert.deepEqual(read([{ ...inbound, totalAudioEnergy: 0 }]), { connected: true, heard: false, confirmed: false });
  assert.deepEqual(read([{ ...inbound, totalAudioEnergy: 0.2 }, { type: "remote-inbound-rtp", fractionLost: 0 }]),
    { connected: true, heard: true, confirmed: true });
  assert.equal(read([{ type: "remote-inbound-rtp", fractionLost: 1 }]).confirmed, false);
  assert.deepEqual(read([]), { connected: false, heard: false, confirmed: false });
});

function world({ connect, token = async () => ({ token: "t" }), check = async () => true, stop = new Promise(() => {}) } = {}) {
  const made = { destroyed: 0, call: new EventEmitter() };
  let clock = 0;
  const reports = [{ type: "inbound-rtp", packetsReceived: 9, totalAudioEnergy: 1 }, { type: "remote-inbound-rtp" }];
  const pc = { connectionState: "connected", getStats: async () => new Map(reports.entries()) };
  Object.assign(made.call, { disconnect() {}, _mediaHandler: { version: { pc } } });
  class Device extends EventEmitter {
    constructor() { super(); made.device = this; }
    async connect(asked) { made.asked = asked; return connect ? connect(made) : made.call; }
    destroy() { made.destroyed += 1; }
  }
  const wait = async (ms) => { clock += ms; await new Promise((done) => setImmediate(done)); };
  made.facts = measure({ Device, post: token, devices: { check }, options: {}, stop, wait, now: () => clock });
  return made;
}
const turn = () => new Promise((done) => setImmediate(done));

test("a test asks for nothing but a test, measures, and leaves nothing open", async () => {
  const made = world();
  await turn();
  made.call.emit("accept");
  made.call.emit("volume", 0.2, 0.1);
  const facts = await made.facts;
  assert.deepEqual(made.asked, { params: { purpose: "test" } });
  assert.equal(verdict(facts)[1], "Heard you");
  assert.equal(made.destroyed, 1);
});

test("what fails on the way is told, and the device is let go", async () => {
  const refused = async () => { throw new PhoneError("throttled", "Wait a moment.", 429); };
  assert.deepEqual(verdict(await world({ token: refused }).facts).slice(1), ["This site does not let you call", "Wait a moment."]);
  const denied = async () => { throw new PhoneError(31401); };
  assert.equal(verdict(await world({ check: denied }).facts)[1], "No microphone");
  const made = world({ connect: (it) => { it.device.emit("error", { code: 31009 }); return new Promise(() => {}); } });
  assert.equal(verdict(await made.facts)[1], "Phone service not reached");
  assert.equal(made.destroyed, 1);
});

test("a call stops it", async () => {
  const made = world({ connect: () => new Promise(() => {}), stop: Promise.resolve() });
  assert.equal(verdict(await made.facts)[1], "Stopped");
});

test("a call that begins while the SDK is on its way stops it, too", async () => {
  const page = Object.assign(new EventTarget(), { documentElement: { dataset: {} } });
  Object.assign(globalThis, { document: page, RTCPeerConnection: class {} });
  let come;
  const place = { style: { setProperty() {} } };
  const told = [];
  page.addEventListener("phone:tested", () => told.push("tested"));
  class Device extends EventEmitter {
    connect() { return new Promise(() => {}); }
    destroy() {}
  }
  const shown = show({
    button: {}, place, sdk: () => new Promise((resolve) => { come = resolve; }),
    post: async () => ({ token: "t" }), devices: { check: async () => true }, options: {},
  });
  page.dispatchEvent(new Event("phone:dial"));
  come({ Device });
  await shown;
  delete globalThis.document;
  delete globalThis.RTCPeerConnection;
  assert.match(place.textContent, /Stopped/);
  assert.deepEqual(told, []);
});
