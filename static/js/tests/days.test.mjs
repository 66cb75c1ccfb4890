import assert from "node:assert/strict";
import { test } from "node:test";

import { createDays, saidOn } from "../days.js";

const HOUR = 3600;
// The second day has only 23 hours.
const NEXT = `2026-03-08=${2 * HOUR};2026-03-09=${25 * HOUR};2026-03-10=${49 * HOUR}`;
const LATER = "2026-03-08=Yesterday 14:05;2026-03-09=Sat 14:05;2026-03-14=7 Mar 14:05";

function dayAfter(hours, next = NEXT) {
  let passed = 0;
  const today = createDays({ next, now: () => 1000 + passed * HOUR * 1000 });
  passed = hours;
  return today();
}

test("each day begins when the server said, however long the one before was", () => {
  assert.deepEqual(
    [0, 1.99, 2, 24.99, 25, 48.99, 49, 500].map((hours) => dayAfter(hours)),
    ["", "", "2026-03-08", "2026-03-08", "2026-03-09", "2026-03-09", "2026-03-10", "2026-03-10"],
  );
});

test("a date that a zone left out is passed over", () => {
  assert.equal(dayAfter(1, "2011-12-30=3600;2011-12-31=3600"), "2011-12-31");
});

test("a page without a workspace has no days", () => {
  assert.equal(createDays({ next: undefined })(), "");
});

test("a time is said in the last words that its day has", () => {
  assert.deepEqual(
    ["2026-03-08", "2026-03-09", "2026-03-13", "2026-03-14", "2027-01-01"].map((day) => saidOn(day, LATER)),
    ["Yesterday 14:05", "Sat 14:05", "Sat 14:05", "7 Mar 14:05", "7 Mar 14:05"],
  );
});

test("until then, and where nothing changes, what stands there stays", () => {
  assert.equal(saidOn("", LATER), undefined);
  assert.equal(saidOn("2026-03-07", LATER), undefined);
  assert.equal(saidOn("2026-03-08", ""), undefined);
});
