import assert from "node:assert/strict";
import { test } from "node:test";

import { createSdk } from "../sdk.js";

function build(answers) {
  const made = { states: [], loads: 0 };
  made.sdk = createSdk({
    load: () => answers[made.loads++](),
    emit: (_, { state }) => made.states.push(state),
  });
  return made;
}
const there = async () => "Twilio";
const away = async () => { throw new Error("blocked"); };

test("it is loaded once, whoever waits, and says when it is there", async () => {
  const made = build([there]);
  const { sdk, states } = made;
  assert.deepEqual(await Promise.all([sdk.wait(), sdk.wait()]), ["Twilio", "Twilio"]);
  assert.deepEqual([states, made.loads], [["loading", "ready"], 1]);
});

test("where it could not be had the next one asks again", async () => {
  const { sdk, states } = build([away, there]);
  await assert.rejects(sdk.wait(), { code: "phone_failed" });
  assert.equal(await sdk.wait(), "Twilio");
  assert.deepEqual(states, ["loading", "failed", "loading", "ready"]);
});

test("a file that came and did not run is no SDK", async () => {
  const { sdk, states } = build([async () => undefined]);
  await assert.rejects(sdk.wait(), { code: "phone_failed" });
  assert.deepEqual(states, ["loading", "failed"]);
});

test("nobody waits for ever: it is asked for again, and what comes late is used", async () => {
  const come = [];
  const states = [];
  const sdk = createSdk({
    load: () => new Promise((resolve) => { come.push(resolve); }),
    emit: (_, { state }) => states.push(state),
    setTimeout: (reject) => { reject(); },
  });
  await assert.rejects(sdk.wait(), { code: "phone_failed" });
  await assert.rejects(sdk.wait(), { code: "phone_failed" });
  assert.deepEqual([states, come.length], [["loading", "failed", "loading", "failed"], 2]);
  come[0]("Twilio");
  await new Promise((done) => setTimeout(done));
  assert.equal(states.at(-1), "ready");
  assert.equal(await sdk.wait(), "Twilio");
  assert.equal(come.length, 2);
});
