import assert from "node:assert/strict";
import { test } from "node:test";

import { describe } from "../ready.js";

const word = (known) => describe({ channel: "up", permission: "granted", microphones: 1, ...known });

test("all well is ready", () => {
  assert.deepEqual(word({}).summary, ["success", "Ready"]);
  assert.equal(word({}).microphone[1], "Allowed");
  assert.equal(word({}).connection[1], "Live");
});

test("a microphone that will be asked for is no fault", () => {
  const now = word({ permission: "prompt" });
  assert.deepEqual([now.microphone[1], now.summary[1]], ["Will be asked", "Ready"]);
});

for (const [known, says, help] of [
  [{ permission: "denied" }, "Microphone blocked", /next to the address/],
  [{ microphones: 0 }, "No microphone", /Connect a headset/],
  [{ secure: false, media: false }, "No microphone here", /https/],
  [{ media: false }, "No microphone here", /another browser/],
  [{ refused: true }, "Microphone blocked", /privacy settings/],
  [{ permission: undefined, refused: true }, "Microphone blocked", /next to the address/],
]) {
  test(`${says} is said with what to do`, () => {
    const now = word(known);
    assert.deepEqual(now.summary, ["danger", says]);
    assert.match(now.microphone[2], help);
  });
}

for (const [known, tone, says] of [
  [{ online: false }, "danger", "Offline"],
  [{ channel: "off" }, "danger", "Signed out"],
  [{ channel: "reconnecting" }, "warning", "Reconnecting"],
  [{ unreached: true }, "warning", "Phone service not reached"],
]) {
  test(`the connection: ${says}`, () => {
    const now = word(known);
    assert.deepEqual(now.summary, [tone, says]);
    assert.deepEqual(now.connection.slice(0, 2), [tone, says]);
    assert.ok(now.connection[2]);
  });
}

test("while the Voice SDK is on its way nobody is told Ready, and Call may be pressed", () => {
  const sdk = "loading";
  assert.deepEqual([word({ sdk }).summary[1], word({ sdk }).why], ["Starting", ""]);
  assert.equal(word({ sdk, permission: "denied" }).summary[1], "Microphone blocked");
  assert.equal(word({ sdk, phone: "open" }).summary[1], "In a call");
});

test("in a call the summary is the call, whatever else", () => {
  assert.deepEqual(word({ phone: "open", channel: "reconnecting" }).summary, ["success", "In a call"]);
  assert.deepEqual(word({ phone: "connecting" }).summary, ["warning", "Connecting"]);
});

for (const [known, says, help] of [
  [{ sdk: "failed" }, "Phone blocked", /content blocker/],
  [{ webrtc: false }, "WebRTC is off", /Turn it on/],
]) {
  test(`the browser: ${says}`, () => {
    const now = word(known);
    assert.deepEqual([now.summary, now.browser[1]], [["danger", says], says]);
    assert.match(now.browser[2], help);
    assert.equal(now.why, now.browser[2]);
  });
}

test("what the workspace is without is said before what could be done here", () => {
  assert.deepEqual(word({ lacks: "caller_id", permission: "denied" }).summary, ["danger", "No phone number"]);
  assert.deepEqual(word({ lacks: "account", channel: "reconnecting" }).summary, ["danger", "Phone not set up"]);
});

test("before it has looked nothing is said to be ready", () => {
  assert.deepEqual(word({ microphones: null }).summary, ["info", "Checking"]);
});

test("a press says why only where it is bound to fail here", () => {
  for (const known of [{ permission: "denied" }, { microphones: 0 }, { secure: false }, { media: false }]) {
    assert.ok(word(known).why, JSON.stringify(known));
  }
  for (const known of [
    {}, { permission: "prompt" }, { online: false }, { lacks: "caller_id" }, { channel: "off" }, { unreached: true },
    { refused: true }, { permission: undefined, refused: true }, { permission: "prompt", refused: true }, { microphones: null },
  ]) assert.equal(word(known).why, "", JSON.stringify(known));
});

test("Ready is said of no state in which anything is wrong", () => {
  const faults = [{ sdk: "failed" }, { sdk: "loading" }, { webrtc: false }, { secure: false }, { media: false }, { permission: "denied" }, { refused: true },
    { microphones: 0 }, { microphones: null }, { lacks: "account" }, { lacks: "caller_id" }, { channel: "off" },
    { channel: "reconnecting" }, { online: false }, { unreached: true }];
  for (const one of faults) for (const other of faults) assert.notEqual(word({ ...one, ...other }).summary[1], "Ready");
});
