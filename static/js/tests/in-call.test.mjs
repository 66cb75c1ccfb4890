import assert from "node:assert/strict";
import { test } from "node:test";

import { isInCall } from "../in-call.js";

test("a page that knows of no call is free", () => {
  assert.equal(isInCall({}), false);
  assert.equal(isInCall({ phone: "ended", remote: "idle", panel: "ended", asked: true }), false);
  assert.equal(isInCall({ phone: "ended", panel: "error" }), false);
});

for (const side of ["phone", "remote"]) {
  test(`${side}: in a call from connecting on`, () => {
    for (const state of ["connecting", "open"]) assert.equal(isInCall({ [side]: state, asked: true }), true);
  });
}

test("the panel keeps a call that no phone of this browser has", () => {
  for (const panel of ["connecting", "ringing", "active", "interrupted"]) {
    assert.equal(isInCall({ phone: "ended", panel, asked: true }), true);
  }
});

test("after a reload what was known holds until the panel has been asked for", () => {
  assert.equal(isInCall({ before: true }), true);
  assert.equal(isInCall({ before: true, asked: true }), false);
  assert.equal(isInCall({ before: true, asked: true, panel: "interrupted" }), true);
});
