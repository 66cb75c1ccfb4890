import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { beforeEach, mock, test } from "node:test";

import { createPhone } from "../phone.js";

class FakeCall extends EventEmitter {
  digits = "";
  disconnected = 0;
  sound = { muted: false };
  getRemoteStream() { return { getAudioTracks: () => [this.sound] }; }
  mute(on) { this.emit("mute", on, this); }
  sendDigits(digits) { this.digits += digits; }
  disconnect() {
    this.disconnected += 1;
    if (this.disconnected === 1) this.emit("disconnect", this);
  }
}

const ANSWERS = {
  "/api/twilio/access-token": () => [200, { token: "t1" }],
  "/api/twilio/make-call": () => [201, { callSid: "CA1" }],
  "/calls/end": () => [204, {}],
  "/calls/sound-lost": () => [204, {}],
};
const refused = (status, code) => () => [status, { error: { code, message: code, details: {} } }];

let world;

/** A phone in a world without browser, server or Twilio; time moves by `pass`. */
function build({ answers = {}, getUserMedia, connect, sdk } = {}) {
  const made = { events: [], posts: [], devices: [], stopped: 0, call: new FakeCall() };
  class Device extends EventEmitter {
    destroyed = 0;
    constructor(token, options) {
      super();
      Object.assign(this, { token, options });
      made.devices.push(this);
    }
    connect(options) {
      made.connected = options;
      return connect ? connect() : Promise.resolve(made.call);
    }
    updateToken(token) { this.token = token; }
    destroy() { this.destroyed += 1; }
  }
  const replies = { ...ANSWERS, ...answers };
  made.phone = createPhone({
    sdk: sdk?.(Device) ?? (async () => ({ Device })),
    fetch: async (path, init) => {
      const body = typeof init.body === "string" ? JSON.parse(init.body) : Object.fromEntries(init.body);
      made.posts.push([path, body, init.headers]);
      const [status, answer] = await replies[path](made.posts.filter(([p]) => p === path).length);
      return { ok: status < 300, status, json: async () => answer };
    },
    mediaDevices: { getUserMedia: getUserMedia ?? (async () => ({ getTracks: () => [{ stop: () => { made.stopped += 1; } }] })) },
    emit: (name, detail) => made.events.push([name, detail]),
    options: { chunderw: "sandbox" },
    randomUUID: () => "uuid-1",
    setTimeout, clearTimeout, now: () => Date.now(),
  });
  made.named = (name) => made.events.filter(([n]) => n === name).map(([, detail]) => detail);
  made.asked = (path) => made.posts.filter(([p]) => p === path).length;
  return made;
}

async function settle() {
  for (let i = 0; i < 30; i += 1) await Promise.resolve();
}
async function pass(ms) {
  for (let left = ms; left > 0; left -= 50) {
    mock.timers.tick(Math.min(50, left));
    await settle();
  }
}
async function dialled(options) {
  world = build(options);
  world.phone.dial({ contactId: "c1", to: "+15550100", name: "Ada", clientRequestId: "r1" });
  await settle();
  return world;
}
async function inCall(options) {
  await dialled(options);
  world.call.emit("accept", world.call);
  await settle();
  return world;
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

test("a call goes from idle over connecting to open, asks the server once, and ends", async () => {
  await inCall();
  assert.deepEqual(world.connected, { params: { clientRequestId: "r1" } });
  assert.deepEqual(world.posts.map(([path]) => path), ["/api/twilio/access-token", "/api/twilio/make-call"]);
  assert.deepEqual(world.posts[1][1], { contactId: "c1", to: "+15550100", clientRequestId: "r1" });
  assert.equal(world.phone.state, "open");
  world.call.emit("disconnect", world.call);
  await pass(50);
  assert.deepEqual(world.named("phone:state").map((s) => s.state), ["connecting", "open", "ended"]);
  assert.deepEqual(world.named("phone:changed"), [
    { request: "r1", error: "" }, { request: "r1", error: "" }, { request: "r1", error: "" }]);
  assert.deepEqual(world.named("phone:error"), []);
  assert.equal(world.devices[0].destroyed, 1);
});

const ANSWER = { clientRequestId: "r1", answers: true, name: "Ada", to: "" };

test("a call that is answered connects, and asks for nobody to be rung", async () => {
  world = build();
  world.phone.dial(ANSWER);
  await settle();
  world.call.sound.muted = true; // nobody is in the room yet, and nobody waits for sound
  world.call.emit("accept", world.call);
  await settle();
  assert.deepEqual(world.connected, { params: { clientRequestId: "r1" } });
  assert.deepEqual(world.posts.map(([path]) => path), ["/api/twilio/access-token"]);
  assert.equal(world.phone.state, "open");
  world.call.emit("disconnect", world.call);
  await pass(50);
  assert.deepEqual(world.named("phone:error"), []);
});

test("who answers and hangs up at once says so", async () => {
  world = build();
  world.phone.dial(ANSWER);
  await settle();
  world.phone.end();
  await pass(50);
  assert.deepEqual(world.posts.at(-1).slice(0, 2), ["/calls/end", { request: "r1" }]);
});

const noWay = async () => { throw new DOMException("no", "NotAllowedError"); };
const said = () => world.posts.filter(([path]) => path === "/calls/end").map(([, body]) => body);

for (const [why, options] of [
  ["the microphone fails", { getUserMedia: noWay }],
  ["there is no token", { answers: { "/api/twilio/access-token": refused(503, "down") } }],
  ["the SDK does not connect", { connect: () => Promise.reject(new Error("no way")) }],
  ["nothing happens", { connect: () => new Promise(() => {}) }],
]) {
  test(`who answers and cannot come in, as ${why}, says so: the caller rings at others`, async () => {
    world = build(options);
    world.phone.dial(ANSWER);
    await pass(10050);
    assert.equal(world.phone.state, "ended");
    assert.deepEqual(said(), [{ request: "r1" }]);
  });
}

test("who has answered and is lost later says nothing: they may come back", async () => {
  world = build();
  world.phone.dial(ANSWER);
  await settle();
  world.call.emit("accept", world.call);
  world.call.emit("error", { code: 53405, message: "lost" });
  world.call.emit("disconnect", world.call);
  await pass(50);
  assert.equal(world.phone.state, "ended");
  assert.deepEqual(said(), []);
});

test("who dials and cannot connect has rung nobody, and says nothing", async () => {
  await dialled({ getUserMedia: noWay });
  await pass(50);
  assert.equal(world.phone.state, "ended");
  assert.deepEqual(said(), []);
});

test("a call pressed before the Voice SDK is there waits for it", async () => {
  let come;
  await dialled({ sdk: (Device) => () => new Promise((resolve) => { come = () => resolve({ Device }); }) });
  await pass(12000);
  assert.deepEqual([world.phone.state, world.devices.length], ["connecting", 0]);
  come();
  await settle();
  world.call.emit("accept", world.call);
  await settle();
  assert.equal(world.phone.state, "open");
  assert.deepEqual(world.named("phone:error"), []);
});

test("a call ended before the Voice SDK is there makes no Device", async () => {
  let come;
  await dialled({ sdk: (Device) => () => new Promise((resolve) => { come = () => resolve({ Device }); }) });
  world.phone.end();
  await pass(50);
  come();
  await settle();
  assert.deepEqual([world.phone.state, world.devices.length], ["ended", 0]);
});

test("the Device gets our defaults, the page's options, and is never registered", async () => {
  await dialled();
  const { options } = world.devices[0];
  assert.equal(options.chunderw, "sandbox");
  assert.deepEqual(options.codecPreferences, ["pcmu", "opus"]);
  assert.equal(options.enableImprovedSignalingErrorPrecision, true);
  assert.equal(options.closeProtection, true);
  assert.equal(world.devices[0].register, undefined);
});

test("a chosen caller ID goes along", async () => {
  world = build();
  world.phone.dial({ to: "+15550100", fromNumberId: "n1", clientRequestId: "r1" });
  await settle();
  world.call.emit("accept", world.call);
  await settle();
  assert.deepEqual(world.posts[1][1], { to: "+15550100", fromNumberId: "n1", clientRequestId: "r1" });
});

test("without a request id the phone makes one; a bare number is sent without a contact", async () => {
  world = build();
  world.phone.dial({ contactId: null, to: "+15550100", name: "" });
  await settle();
  world.call.emit("accept");
  await settle();
  assert.deepEqual(world.posts[1][1], { to: "+15550100", clientRequestId: "uuid-1" });
});

test("the microphone of the pre-flight is let go at once", async () => {
  await dialled();
  assert.equal(world.stopped, 1);
});

test("a second dial during a call is refused and changes nothing", async () => {
  await inCall();
  await world.phone.dial({ to: "+15550199", clientRequestId: "r2" });
  assert.deepEqual(world.named("phone:error"), [{ code: "busy", message: "", request: "r1", fatal: false }]);
  assert.equal(world.devices.length, 1);
  assert.equal(world.phone.state, "open");
});

test("after a call the next one can be dialled", async () => {
  await inCall();
  await world.phone.end();
  await world.phone.dial({ to: "+15550199", clientRequestId: "r2" });
  assert.equal(world.phone.state, "connecting");
  assert.equal(world.devices.length, 2);
});

for (const [name, code] of [["NotAllowedError", 31401], ["NotFoundError", 31402]]) {
  test(`a microphone that fails with ${name} is error ${code} before anything is dialled`, async () => {
    await dialled({ getUserMedia: async () => { throw Object.assign(new Error("no"), { name }); } });
    assert.equal(world.posts.length, 0);
    assert.equal(world.devices.length, 0);
    assert.equal(world.named("phone:error")[0].code, code);
    assert.deepEqual(world.named("phone:changed").at(-1), { request: "r1", error: code });
  });
}

for (const code of ["agent_not_connected", "duplicate_in_progress"]) {
  test(`409 ${code} is asked again every quarter second until it works`, async () => {
    await inCall({ answers: { "/api/twilio/make-call": (n) => (n < 4 ? refused(409, code)() : [201, {}]) } });
    assert.equal(world.asked("/api/twilio/make-call"), 1);
    await pass(800);
    assert.equal(world.asked("/api/twilio/make-call"), 4);
    assert.equal(world.phone.state, "open");
    assert.deepEqual(new Set(world.posts.slice(1).map(([, body]) => body.clientRequestId)), new Set(["r1"]));
  });
}

test("409 that never ends gives up after ten seconds and hangs up", async () => {
  await inCall({ answers: { "/api/twilio/make-call": refused(409, "agent_not_connected") } });
  await pass(11000);
  assert.equal(world.phone.state, "ended");
  assert.equal(world.named("phone:error")[0].code, "agent_not_connected");
  assert.ok(world.call.disconnected >= 1);
  const asked = world.asked("/api/twilio/make-call");
  await pass(2000);
  assert.equal(world.asked("/api/twilio/make-call"), asked);
});

test("a lost answer to make-call is asked for again with the same id", async () => {
  await inCall({ answers: { "/api/twilio/make-call": (n) => { if (n === 1) throw new TypeError("network"); return [200, {}]; } } });
  await pass(300);
  assert.equal(world.asked("/api/twilio/make-call"), 2);
  assert.equal(world.phone.state, "open");
});

test("a refusal of make-call ends the agent's leg and says why", async () => {
  await inCall({ answers: { "/api/twilio/make-call": refused(422, "country_not_allowed") } });
  assert.equal(world.phone.state, "ended");
  assert.ok(world.call.disconnected >= 1);
  assert.deepEqual(world.named("phone:changed").at(-1), { request: "r1", error: "country_not_allowed" });
});

test("submission_unknown keeps the agent connected: it may be ringing", async () => {
  await inCall({ answers: { "/api/twilio/make-call": refused(503, "submission_unknown") } });
  assert.equal(world.phone.state, "open");
  assert.equal(world.call.disconnected, 0);
});

test("no token, no call", async () => {
  await dialled({ answers: { "/api/twilio/access-token": refused(401, "not_authenticated") } });
  assert.equal(world.devices.length, 0);
  assert.equal(world.named("phone:error")[0].code, "not_authenticated");
});

test("an answer that is no JSON is still an error with a code", async () => {
  await dialled({ answers: { "/api/twilio/access-token": () => [502, undefined] } });
  assert.equal(world.phone.state, "ended");
  assert.equal(typeof world.named("phone:error")[0].code, "string");
});

test("a connection that never comes is given up after ten seconds", async () => {
  await dialled();
  await pass(10050);
  assert.equal(world.phone.state, "ended");
  assert.equal(world.named("phone:error")[0].code, "connect_timeout");
  assert.equal(world.devices[0].destroyed, 1);
});

test("a refused token fails at once, a signalling error after three seconds", async () => {
  await dialled();
  world.devices[0].emit("error", { code: 20101, message: "bad" });
  await pass(50);
  assert.equal(world.named("phone:error")[0].code, 20101);

  await dialled();
  world.devices[0].emit("error", { code: 31005, message: "down" });
  await pass(2000);
  assert.equal(world.phone.state, "connecting");
  await pass(1100);
  assert.equal(world.named("phone:error")[0].code, 31005);
});

test("a signalling error that heals in time does not end the call, then or later", async () => {
  await dialled();
  world.devices[0].emit("error", { code: 31005, message: "down" });
  world.call.emit("accept");
  await pass(5000);
  assert.equal(world.phone.state, "open");
  world.devices[0].emit("error", { code: 31005, message: "again" });
  assert.equal(world.phone.state, "open");
  assert.deepEqual(world.named("phone:error"), [{ code: 31005, message: "again", request: "r1", fatal: false }]);
});

test("connect that throws is an error with a code", async () => {
  await dialled({ connect: () => Promise.reject(new Error("A Call is already active")) });
  assert.equal(world.named("phone:error")[0].code, "phone_failed");
  assert.equal(world.named("phone:changed").at(-1).error, "phone_failed");
});

test("our leg ended by the other end before anything was dialled is an error", async () => {
  await dialled();
  world.call.emit("disconnect");
  await settle();
  assert.equal(world.named("phone:error")[0].code, "agent_leg_ended");
  assert.equal(world.asked("/api/twilio/make-call"), 0);
});

test("an SDK error on the way out is what the person is told", async () => {
  await dialled();
  world.call.emit("error", { code: 31005, message: "hangup" });
  world.call.emit("disconnect");
  assert.equal(world.named("phone:changed").at(-1).error, 31005);
});

test("ending while connecting cancels: nothing is dialled and nothing is an error", async () => {
  await dialled();
  await world.phone.end();
  world.call.emit("accept");
  await pass(500);
  assert.equal(world.asked("/api/twilio/make-call"), 0);
  assert.deepEqual(world.named("phone:error"), []);
  assert.deepEqual(world.named("phone:changed").at(-1), { request: "r1", error: "canceled" });
  assert.equal(world.devices[0].destroyed, 1);
});

test("ending before the SDK has connected hangs up the call that comes late", async () => {
  let arrive;
  await dialled({ connect: () => new Promise((resolve) => { arrive = resolve; }) });
  await world.phone.end();
  arrive(world.call);
  await pass(100);
  assert.equal(world.call.disconnected, 1);
  assert.equal(world.phone.state, "ended");
});

test("ending during the microphone question asks for no token", async () => {
  let allow;
  await dialled({ getUserMedia: () => new Promise((resolve) => { allow = resolve; }) });
  await world.phone.end();
  allow({ getTracks: () => [] });
  await settle();
  assert.equal(world.posts.length, 0);
});

test("ending while make-call is repeated stops the repetition", async () => {
  await inCall({ answers: { "/api/twilio/make-call": refused(409, "agent_not_connected") } });
  await world.phone.end();
  await pass(1000);
  assert.equal(world.asked("/api/twilio/make-call"), 1);
  assert.equal(world.named("phone:changed").at(-1).error, "canceled");
});

test("ending an open call is a plain end; ending again or when idle does nothing", async () => {
  await inCall();
  await world.phone.end();
  await world.phone.end();
  await pass(50);
  assert.equal(world.call.disconnected, 1);
  assert.equal(world.named("phone:state").filter((s) => s.state === "ended").length, 1);
  assert.equal(world.named("phone:changed").at(-1).error, "");
  build().phone.end();
});

test("mute toggles, is told to the page, and is forgotten with the call", async () => {
  await inCall();
  world.phone.mute();
  assert.deepEqual(world.named("phone:state").at(-1), { state: "open", muted: true });
  world.phone.mute();
  assert.deepEqual(world.named("phone:state").at(-1), { state: "open", muted: false });
  world.phone.mute();
  await world.phone.end();
  assert.deepEqual(world.named("phone:state").at(-1), { state: "ended", muted: false });
});

test("digits go out in a call and nowhere else", async () => {
  await dialled();
  world.phone.digit("1");
  world.call.emit("accept");
  for (const digit of ["5", "*", "#"]) world.phone.digit(digit);
  await world.phone.end();
  world.phone.digit("9");
  assert.equal(world.call.digits, "5*#");
});

test("a token that will expire is renewed, also twice", async () => {
  await inCall({ answers: { "/api/twilio/access-token": (n) => [200, { token: `t${n}` }] } });
  world.devices[0].emit("tokenWillExpire");
  await settle();
  assert.equal(world.devices[0].token, "t2");
  world.devices[0].emit("tokenWillExpire");
  await settle();
  assert.equal(world.devices[0].token, "t3");
});

test("a renewal that fails is said and does not end the call", async () => {
  await inCall({ answers: { "/api/twilio/access-token": (n) => (n === 1 ? [200, { token: "t" }] : refused(503, "down")()) } });
  world.devices[0].emit("tokenWillExpire");
  await settle();
  assert.equal(world.phone.state, "open");
  assert.equal(world.named("phone:error")[0].fatal, false);
});

test("the end is asked for before leaving, so that nobody waits for this agent", async () => {
  await inCall();
  await settle();
  const ended = world.phone.end();
  assert.equal(world.call.disconnected, 0, "not before the server knows");
  await ended;
  assert.deepEqual(world.posts.find(([path]) => path === "/calls/end")[1], { request: "r1" });
  assert.equal(world.call.disconnected, 1);
});

test("a server that does not answer keeps nobody on the line", async () => {
  await inCall({ answers: { "/calls/end": () => new Promise(() => {}) } });
  await settle();
  world.phone.end();
  await pass(2000);
  assert.equal(world.call.disconnected, 1);
});

test("nobody is rung before sound from the room has come", async () => {
  await dialled();
  world.call.sound.muted = true;
  world.call.emit("accept", world.call);
  await pass(400);
  assert.equal(world.asked("/api/twilio/make-call"), 0);
  world.call.sound.muted = false;
  await pass(50);
  assert.equal(world.asked("/api/twilio/make-call"), 1);
});

test("a network that lets no sound through is said, and nothing was dialled", async () => {
  await dialled();
  world.call.sound.muted = true;
  world.call.emit("accept", world.call);
  await pass(5100);
  assert.equal(world.asked("/api/twilio/make-call"), 0);
  assert.equal(world.named("phone:error").at(-1).code, "no_sound");
  assert.equal(world.phone.state, "ended");
});

test("a way that is lost is told, each time once, as soon as the server can be reached", async () => {
  await inCall({ answers: { "/calls/sound-lost": (times) => {
    if (times < 3) throw new TypeError("no network");
    return [204, {}];
  } } });
  world.call.emit("reconnecting", { code: 53405 });
  await pass(10000);
  world.call.emit("reconnected");
  world.call.emit("reconnecting", { code: 53001 });
  await pass(10000);
  world.call.emit("reconnected");
  world.call.emit("reconnecting", { code: 53405 });
  await pass(10000);
  const told = world.posts.filter(([path]) => path === "/calls/sound-lost").map(([, body]) => body);
  assert.deepEqual(told.map(({ number }) => number), ["1", "1", "1", "2"]);
  assert.deepEqual(told.map(({ ago }) => Math.round(ago / 1000)), [0, 2, 4, 0]);
  assert.equal(told[0].request, "r1");
});

test("a way that is there and silent does for a call", async () => {
  await dialled();
  world.call.sound.muted = true;
  world.call._mediaHandler = { version: { pc: { connectionState: "connected" } } };
  world.call.emit("accept", world.call);
  await pass(5100);
  assert.equal(world.asked("/api/twilio/make-call"), 1);
});

test("what is known of a network is not waited for again, until it is another one", async () => {
  await inCall();
  world.phone.end();
  await pass(100);
  world.call = Object.assign(world.call, { sound: { muted: true }, disconnected: 0 });
  world.phone.dial({ to: "+15550100", clientRequestId: "r2" });
  await settle();
  world.call.emit("accept", world.call);
  await settle();
  assert.equal(world.asked("/api/twilio/make-call"), 2);
  world.phone.end();
  await pass(100);
  world.phone.networkChanged();
  world.call.disconnected = 0;
  world.phone.dial({ to: "+15550100", clientRequestId: "r3" });
  await settle();
  world.call.emit("accept", world.call);
  await pass(400);
  assert.equal(world.asked("/api/twilio/make-call"), 2);
});

test("who ends on the way back, or while it is dialled, says so to the server", async () => {
  for (const [rejoin, answers] of [
    [true, { "/api/twilio/access-token": () => new Promise(() => {}) }],
    [false, { "/api/twilio/make-call": () => new Promise(() => {}) }],
  ]) {
    world = build({ answers });
    world.phone.dial({ contactId: "c1", to: "+15550100", name: "Ada", clientRequestId: "r1", rejoin });
    await settle();
    if (!rejoin) world.call.emit("accept", world.call);
    await settle();
    world.phone.end();
    await settle();
    assert.deepEqual(world.posts.find(([path]) => path === "/calls/end")?.[1], { request: "r1" });
    assert.equal(world.phone.state, "ended");
  }
});

test("another page of the agent can end the call", async () => {
  world = build();
  await world.phone.end("r9");
  assert.deepEqual(world.posts.map(([path, body]) => [path, body]), [["/calls/end", { request: "r9" }]]);
});
