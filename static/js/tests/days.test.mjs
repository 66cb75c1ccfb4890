import assert from "node:assert/strict";
import { test } from "node:test";

import { createDays } from "../days.js";

const HOUR = 3600;
// The second day has only 23 hours.
const SECONDS = [2 * HOUR, 25 * HOUR, 49 * HOUR];

function build() {
  const made = { told: 0, hours: 0 };
  made.days = createDays({
    seconds: SECONDS,
    emit: (name) => { made.told += name === "day:new"; },
    now: () => 1000 + made.hours * HOUR * 1000,
  });
  made.lookAt = (hours) => {
    made.hours = hours;
    made.days.look();
    return made.told;
  };
  return made;
}

test("each day is told once, when it has begun, however long it was", () => {
  const { lookAt } = build();
  assert.deepEqual([0, 1.99, 2, 2.01, 24.99, 25, 48.99, 49].map(lookAt), [0, 0, 1, 1, 1, 2, 2, 3]);
});

test("a computer that slept over two midnights is told once", () => {
  const { lookAt } = build();
  assert.equal(lookAt(30), 1);
  assert.equal(lookAt(48), 1);
  assert.equal(lookAt(49), 2);
});

test("who got no answer is told again, until there is one", () => {
  const { days, lookAt } = build();
  assert.equal(lookAt(3), 1);
  days.missed();
  assert.equal(lookAt(3.1), 2);
  assert.equal(lookAt(3.2), 2);
});

test("a page without a workspace is never told", () => {
  const told = [];
  createDays({ seconds: [], emit: (name) => told.push(name), now: () => 1e12 }).look();
  assert.deepEqual(told, []);
});
