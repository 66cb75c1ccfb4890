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
  [{ permission: "denied" }, "Microphone blocked", /beside the address/],
  [{ microphones: 0 }, "No microphone", /Connect a headset/],
  [{ secure: false }, "No microphone here", /https/],
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
]) {
  test(`the connection: ${says}`, () => {
    const now = word(known);
    assert.deepEqual(now.summary, [tone, says]);
    assert.deepEqual(now.connection.slice(0, 2), [tone, says]);
    assert.ok(now.connection[2]);
  });
}

test("in a call the summary is the call, whatever else", () => {
  assert.deepEqual(word({ phone: "open", channel: "reconnecting" }).summary, ["success", "In a call"]);
  assert.deepEqual(word({ phone: "connecting" }).summary, ["warning", "Connecting"]);
});
