import assert from "node:assert/strict";
import { test } from "node:test";

import { createCsrf } from "../csrf.js";

const refused = { status: 403, headers: new Headers({ "X-CSRF-Failed": "1" }) };
const taken = { status: 200, headers: new Headers() };

/** A page of `me` whose token is void, on a site where `who` is signed in. */
function page(who = "me", { isOut = false } = {}) {
  const meta = { content: "old" };
  const fields = [{ value: "old" }, { value: "old" }];
  const attributes = {};
  const made = { meta, fields, attributes, asked: [], toasts: [] };
  const document = {
    body: { dataset: { user: "me" }, setAttribute: (name, value) => { attributes[name] = value; } },
    querySelector: () => meta,
    querySelectorAll: () => fields,
  };
  const fetch = async (path, options) => {
    made.asked.push([path, options.headers["X-CSRFToken"], options.body]);
    if (path === "/csrf-token") {
      if (isOut) throw new TypeError("offline");
      return { ok: true, json: async () => ({ token: "new", user: who }) };
    }
    return options.headers["X-CSRFToken"] === "new" ? taken : refused;
  };
  made.document = document;
  made.csrf = createCsrf({ fetch, document, emit: (name, detail) => made.toasts.push(detail.text) });
  return made;
}

test("what was refused for an old token is asked once more with a new one", async () => {
  const made = page();
  const answer = await made.csrf.fetch("/calls/end", { method: "POST", body: "b", headers: { Accept: "x" } });
  assert.equal(answer.status, 200);
  assert.deepEqual(made.asked, [["/calls/end", "old", "b"], ["/csrf-token", undefined, undefined], ["/calls/end", "new", "b"]]);
  assert.deepEqual(made.fields.map(({ value }) => value), ["new", "new"]);
  assert.equal(made.attributes["hx-headers:inherited"], '{"X-CSRFToken":"new"}');
  await made.csrf.fetch("/calls/end", { method: "POST" });
  assert.equal(made.asked.length, 4, "and from then on at once");
});

test("all who are refused at once ask for one token", async () => {
  const made = page();
  const answers = await Promise.all([1, 2, 3].map(() => made.csrf.fetch("/x", {})));
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
  assert.equal(made.asked.filter(([path]) => path === "/csrf-token").length, 1);
});

for (const [who, says] of [["other", /as someone else/], [null, /signed out/]]) {
  test(`nothing is done in the name of ${who}`, async () => {
    const made = page(who);
    assert.equal(await made.csrf.fetch("/x", {}), refused);
    assert.match(made.toasts[0], says);
    assert.equal(made.meta.content, "old");
  });
}

test("without a connection the refusal stands, and the next one asks again", async () => {
  const made = page("me", { isOut: true });
  assert.equal(await made.csrf.fetch("/x", {}), refused);
  assert.equal(await made.csrf.renew(), null);
  assert.equal(made.asked.filter(([path]) => path === "/csrf-token").length, 2);
});

/** A control of htmx's that is refused; what it is told to do again. */
function control(given = {}) {
  const done = [];
  return { done, ctx: { sourceElement: { dispatchEvent: (event) => done.push(event.type), ...given }, sourceEvent: { type: "change" } } };
}

test("a form is sent once more by the button that was pressed", async () => {
  const { done, ctx } = control({ requestSubmit: (by) => done.push(by) });
  await page().csrf.repeat({ ...ctx, sourceEvent: { type: "submit", submitter: "Save" } });
  assert.deepEqual(done, ["Save"]);
});

test("a control that asks when it changes asks once more, and is not changed", async () => {
  const { done, ctx } = control({ click: () => done.push("click") });
  await page().csrf.repeat(ctx);
  assert.deepEqual(done, ["change"]);
});

test("what is refused again, or cannot be asked again, is said", async () => {
  const made = page();
  const { done, ctx } = control();
  await made.csrf.repeat(ctx);
  await made.csrf.repeat(ctx);
  assert.deepEqual([done, made.toasts], [["change"], ["That didn’t work. Try again in a moment."]]);
  const away = page("me", { isOut: true });
  await away.csrf.repeat(ctx);
  assert.deepEqual([done.length, away.toasts.length], [1, 1]);
});

test("a page of somebody else's says so once, and in a call not to reload it", async () => {
  const made = page("other");
  made.document.body.dataset.phone = "open";
  const { done, ctx } = control();
  await made.csrf.repeat(ctx);
  made.document.body.dataset.phone = "idle";
  await made.csrf.repeat(ctx);
  await made.csrf.repeat(ctx);
  const alone = "You signed in as someone else in another tab.";
  assert.deepEqual([done, made.toasts], [[], [alone, `${alone} Reload this page to continue.`]]);
});

test("another refusal is nobody's token", async () => {
  const made = page();
  made.meta.content = "new";
  assert.equal((await made.csrf.fetch("/x", {})).status, 200);
  assert.equal(made.asked.length, 1);
});
