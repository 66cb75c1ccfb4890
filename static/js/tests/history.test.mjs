import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

/** As much of a document as history.js looks at: a list, its rows, what asks and the link to more. */
class Node extends EventTarget {
  constructor(id, attributes = {}) {
    super();
    Object.assign(this, { id, attributes, dataset: {}, children: [], parentNode: null, audios: [], textContent: "" });
  }
  get parentElement() { return this.parentNode; }
  get isConnected() { return this === document.body || Boolean(this.parentNode?.isConnected); }
  get firstElementChild() { return this.children[0] ?? null; }
  get lastElementChild() { return this.children.at(-1) ?? null; }
  get nextElementSibling() { return this.parentNode.children[this.parentNode.children.indexOf(this) + 1] ?? null; }
  getAttribute(name) { return this.attributes[name] ?? null; }
  setAttribute(name, value) { this.attributes[name] = value; }
  getBoundingClientRect() { return { top: 9999, bottom: 9999 }; }
  contains(other) { return this === other; }
  querySelectorAll() { return this.audios; }
  querySelector() { return { dateTime: "2026" }; } // the row's time
  cloneNode() { return new Node(this.id); }
  append(...nodes) { for (const node of nodes) this.insertBefore(node, null); }
  prepend(node) { this.insertBefore(node, this.firstElementChild); }
  insertBefore(node, place) {
    node.remove();
    this.children.splice(place ? this.children.indexOf(place) : this.children.length, 0, node);
    node.parentNode = this;
  }
  remove() {
    this.parentNode?.children.splice(this.parentNode.children.indexOf(this), 1);
    this.parentNode = null;
  }
}

const find = (id, node) => (node.id === id ? node : node.children.map((child) => find(id, child)).find(Boolean));
const document = Object.assign(new EventTarget(), {
  body: new Node("body"),
  getElementById: (id) => find(id, document.body) ?? null,
  createDocumentFragment: () => new Node(""),
  hasFocus: () => false,
});
const $ = document.getElementById;
let merge;
const anew = [];
Object.assign(globalThis, {
  document, location: { href: "http://crm.example/calls" }, innerHeight: 700,
  htmx: { process() {}, ajax: (...asked) => anew.push(asked), registerExtension: (_, extension) => { merge = extension; } },
});
await import("../history.js");
merge.init({ morph: (known, one) => { known.dataset.v = one.children[0].dataset.v; } });

function row(number) {
  const made = new Node(`call_${number}`);
  made.dataset.v = `v${number}`;
  return made;
}
const rows = (from, to) => Array.from({ length: from - to + 1 }, (_, index) => row(from - index)); // the newest first
const shown = () => list.children.map(({ id }) => Number(id.slice(5)));

/** What htmx says of a request; false: somebody has prevented it. */
const say = (name, ctx) => document.dispatchEvent(Object.assign(new Event(`htmx:${name}`, { cancelable: true }), { detail: { ctx } }));
function ask(id) {
  const ctx = { sourceElement: $(id), request: { body: new Map() } };
  say("config:request", ctx);
  return ctx;
}
function answer(ctx, fresh) {
  say("before:response", ctx);
  const fragment = new Node("");
  fragment.append(...fresh);
  merge.handle_swap("merge", list, fragment);
}

let list, told;
beforeEach(() => {
  document.body = new Node("body");
  const of = new Node("history");
  list = new Node("history_rows");
  Object.assign(list.dataset, { page: "25", most: "100" });
  const more = new Node("history_more");
  const template = new Node("history_more_template");
  template.content = new Node("");
  template.content.append(new Node("history_more_link"));
  more.append(new Node("history_more_link", { "hx-get": "/calls?before=old" }), template);
  of.append(new Node("history_news", { "hx-get": "/calls" }), new Node("history_total"), list, more);
  document.body.append(of);
  list.append(...rows(125, 101));
  told = [];
  for (const name of ["live:news"]) document.body.addEventListener(name, () => told.push(name));
  anew.length = 0;
  mock.timers.reset();
});

test("an answer is measured by what its own question asked for", () => {
  const first = ask("history_news");
  list.append(...rows(100, 76)); // “Show more”
  list.dataset.length = 50;
  ask("history_news"); // waits for the first
  answer(first, rows(125, 101));
  assert.equal(shown().length, 50);
});

test("“Show more” goes on behind what news have added at the end, or let go there", () => {
  const next = () => new URL($("history_more_link").getAttribute("hx-get"), location.href).searchParams.get("before");
  answer(ask("history_news"), [...rows(125, 121), ...rows(118, 99)]); // two have left the filter
  assert.equal(shown().at(-1), 99);
  assert.equal(next(), "2026~99");
  answer(ask("history_news"), rows(127, 103));
  assert.equal(shown().length, 25);
  assert.equal(next(), `2026~${shown().at(-1)}`);
});

test("what was asked for under another filter, or behind another row, is dropped", () => {
  const more = ask("history_more_link");
  assert.equal(say("before:swap", more), true);
  assert.equal(say("before:swap", {}), true);
  $("history_more_link").setAttribute("hx-get", "/calls?direction=inbound&before=old"); // a morph
  assert.equal(say("before:swap", more), false);
  const last = ask("history_more_link");
  $("history_more_link").remove();
  assert.equal(say("before:swap", last), false);
  answer(ask("history_news"), rows(225, 201)); // nothing of it touches
  const [[, , whole]] = anew;
  assert.equal(say("before:swap", whole), true);
  $("history_news").setAttribute("hx-get", "/calls?direction=inbound");
  assert.equal(say("before:swap", whole), false);
});

test("a list that must begin anew does so once nothing plays, and as news, which are asked for again", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  $("history").audios = [{ paused: false }];
  for (let news = 0; news < 3; news += 1) answer(ask("history_news"), rows(225, 201));
  assert.deepEqual([anew, told], [[], []]);
  document.hidden = true;
  mock.timers.tick(60_000);
  assert.deepEqual(told, []);
  document.hidden = false;
  answer(ask("history_news"), rows(225, 201));
  mock.timers.tick(60_000);
  assert.deepEqual(told, ["live:news"]);
  $("history").audios = [];
  answer(ask("history_news"), rows(225, 201));
  assert.equal(anew[0][2].event.type, "live:news");
  mock.timers.tick(60_000);
  assert.equal(told.length, 1);
});
