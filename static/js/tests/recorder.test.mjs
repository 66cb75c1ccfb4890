import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, trouble, wav } from "../recorder.js";

test("a recording is a WAV file of 16 kHz, mono, 16 bits", () => {
  const view = new DataView(wav(new Float32Array([0, 1, -1, 2])));
  const text = (at, length) => String.fromCharCode(...new Uint8Array(view.buffer, at, length));
  assert.deepEqual([text(0, 4), text(8, 8), text(36, 4)], ["RIFF", "WAVEfmt ", "data"]);
  assert.deepEqual([view.getUint16(20, true), view.getUint16(22, true), view.getUint32(24, true)], [1, 1, 16000]);
  assert.deepEqual([view.getUint32(4, true), view.getUint32(40, true), view.byteLength], [44, 8, 52]);
  assert.deepEqual([44, 46, 48, 50].map((at) => view.getInt16(at, true)), [0, 32767, -32767, 32767]);
});

test("its length is shown as clocks show it", () => {
  assert.deepEqual([0, 9.9, 65, 120].map(clock), ["0:00", "0:09", "1:05", "2:00"]);
});

test("what keeps the microphone away is said with what helps", () => {
  globalThis.isSecureContext = false;
  assert.match(trouble(new Error()), /https/);
  globalThis.isSecureContext = true;
  assert.match(trouble({ name: "NotAllowedError" }), /blocking the microphone/);
  assert.match(trouble({ name: "NotFoundError" }), /No microphone was found/);
});

test("it may be pressed once this is here, and a second press while the microphone is asked for begins no second recording", async () => {
  const heard = {};
  let button = { disabled: true };
  globalThis.document = {
    addEventListener: (name, listener) => { heard[name] = listener; },
    querySelectorAll: () => [button],
  };
  await import("../recorder.js?pressed");
  const { click: press } = heard;
  assert.equal(button.disabled, false);
  button = { disabled: true }; // of the page that came in place of that one
  heard["htmx:after:swap"]();
  assert.equal(button.disabled, false);
  delete globalThis.document;
  let asked = 0;
  let refuse;
  const getUserMedia = () => { asked += 1; return new Promise((done, fail) => { refuse = fail; }); };
  globalThis.navigator ??= {};
  Object.defineProperty(globalThis.navigator, "mediaDevices", { value: { getUserMedia }, configurable: true });
  const part = { hidden: true };
  const box = { querySelector: () => part, classList: { remove() {} } };
  const target = { closest: () => ({ closest: () => box }) };
  press({ target });
  press({ target });
  assert.equal(asked, 1);
  refuse(Object.assign(new Error(), { name: "NotAllowedError" }));
  await new Promise((done) => setTimeout(done));
  press({ target });
  assert.equal(asked, 2);
});
