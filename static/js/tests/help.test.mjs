import assert from "node:assert/strict";
import { test } from "node:test";

import { wish } from "../help.js";

const at = (inside) => ({ closest: () => (inside ? {} : null) });

test("single keys ask for what they say, in either case", () => {
  const asked = ["?", "/", "m", "M", "k", "s", "d", "x", "Enter", "Escape"].map((key) => wish({ key, target: at(false) }));
  assert.deepEqual(asked, ["help", "dial", "mute", "mute", "keypad", "sound", "dock", "", "", ""]);
});

test("a call ends with Shift alone: a slip, or a locked Shift, ends none", () => {
  const target = at(false);
  assert.equal(wish({ key: "E", shiftKey: true, target }), "end");
  assert.equal(wish({ key: "e", target }), "");
  assert.equal(wish({ key: "E", target }), "");
});

test("never while somebody types, with modifiers, on repetition, in the help, or when switched off", () => {
  assert.equal(wish({ key: "m", target: at(true) }), "");
  for (const held of ["ctrlKey", "metaKey", "altKey", "repeat", "isComposing"]) {
    assert.equal(wish({ key: "m", target: at(false), [held]: true }), "");
  }
  assert.equal(wish({ key: "m", target: at(false) }, { busy: true }), "");
  assert.equal(wish({ key: "?", target: at(false) }, { on: false }), "");
});
