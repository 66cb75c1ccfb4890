import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { ASLEEP_MS, createLive, SPREAD_MS } from "../live.js";

class FakeSource {
  static all = [];
  closed = false;
  constructor(url) {
    this.url = url;
    FakeSource.all.push(this);
  }
  close() { this.closed = true; }
}

const settle = async () => { for (let i = 0; i < 20; i += 1) await Promise.resolve(); };
async function pass(ms) {
  mock.timers.tick(ms);
  await settle();
}

function build(answer = (n) => ({ ok: true, status: 200, json: async () => ({ ticket: `t ${n}` }) })) {
  const made = { events: [], states: [], asked: 0, now: 0, inCall: false, hidden: false };
  made.live = createLive({
    fetch: async () => {
      made.asked += 1;
      return answer(made.asked);
    },
    EventSource: FakeSource,
    emit: (name, detail) => (name === "live:state" ? made.states.push(detail.state) : made.events.push([name, detail])),
    isMine: ({ agent }) => agent === "me",
    isInCall: () => made.inCall,
    isHidden: () => made.hidden,
    now: () => made.now, setTimeout, clearTimeout, random: () => 1,
  });
  made.live.start();
  return made;
}
const latest = () => FakeSource.all.at(-1);

beforeEach(() => {
  FakeSource.all = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("a ticket opens a stream, and a message becomes an event with its id", async () => {
  const made = build();
  await settle();
  assert.equal(latest().url, "/live?ticket=t%201");
  latest().onopen();
  latest().onmessage({ data: '{"type":"call","id":"c1","agent":"you","request":"r1"}' });
  latest().onmessage({ data: '{"type":"something new"}' });
  assert.deepEqual(made.events, [["live:call", { id: "c1", agent: "you", request: "r1" }]]);
});

test("what rings at this agent, and who is there, is told apart", async () => {
  const made = build();
  await settle();
  for (const message of ['{"type":"ring","agent":"you"}', '{"type":"ring","agent":"me"}', '{"type":"availability","agent":"you"}',
    '{"type":"availability","agent":"me"}', '{"type":"seen?"}']) latest().onmessage({ data: message });
  const names = made.events.map(([name]) => name);
  assert.deepEqual(names, ["live:ring", "live:presence", "live:ring", "live:presence", "live:seen"]);
});

test("a broken stream comes back with a new ticket and asks the page to fetch again", async () => {
  const made = build();
  await settle();
  latest().onopen();
  latest().onerror();
  assert.equal(latest().closed, true);
  await pass(1000);
  assert.equal(made.asked, 2);
  assert.equal(latest().url, "/live?ticket=t%202");
  latest().onopen();
  assert.deepEqual(made.events, []); // all pages have a new stream at the same moment
  await pass(SPREAD_MS);
  assert.deepEqual(made.events, [["live:resync", {}]]);
});

test("after a new stream a call's panel is fetched at once, the rest with the others", async () => {
  const made = build();
  await settle();
  latest().onopen();
  made.inCall = true;
  for (const missed of [() => latest().onmessage({ data: '{"type":"resync"}' }), () => { latest().onerror(); }]) {
    made.events.length = 0;
    missed();
    await pass(1000);
    if (made.asked > 1) latest().onopen();
    assert.deepEqual(made.events, [["live:mine", {}]]);
    await pass(SPREAD_MS);
    assert.deepEqual(made.events, [["live:mine", {}], ["live:resync", {}]]);
  }
});

test("a hidden page fetches nothing but its call and what rings, and all when it is shown", async () => {
  const made = build();
  await settle();
  latest().onopen();
  made.hidden = true;
  latest().onmessage({ data: '{"type":"resync"}' });
  await pass(SPREAD_MS);
  assert.deepEqual(made.events, [["live:ring", {}]]);
  made.live.wake(); // the network is back
  assert.deepEqual(made.events, [["live:ring", {}], ["live:ring", {}]]);
  made.inCall = true;
  made.events.length = 0;
  made.live.wake();
  assert.deepEqual(made.events, [["live:mine", {}], ["live:ring", {}]]);
  made.hidden = false;
  made.events.length = 0;
  made.live.wake();
  assert.deepEqual(made.events, [["live:resync", {}]]);
});

test("a stream by which nothing comes is none, until something does", async () => {
  const made = build();
  await settle();
  latest().onopen();
  latest().onmessage({ data: '{"type":"deaf"}' });
  latest().onmessage({ data: '{"type":"resync"}' });
  assert.deepEqual(made.states, ["connecting", "up", "reconnecting", "up"]);
});

test("pauses double up to half a minute and start anew after a stream", async () => {
  const made = build((n) => { if (n < 8) throw new TypeError("offline"); return { ok: true, status: 200, json: async () => ({ ticket: "t" }) }; });
  await settle();
  for (const pause of [1000, 2000, 4000, 8000, 16000, 30000, 30000]) {
    const before = made.asked;
    await pass(pause - 1);
    assert.equal(made.asked, before);
    await pass(1);
    assert.equal(made.asked, before + 1);
  }
  latest().onopen();
  latest().onerror();
  await pass(1000);
  assert.equal(made.asked, 9);
});

test("a stream that is refused is asked for less and less often", async () => {
  const made = build();
  await settle();
  for (const [index, pause] of [1000, 2000, 4000].entries()) {
    latest().onerror();
    await pass(pause - 1);
    assert.equal(made.asked, index + 1);
    await pass(1);
    assert.equal(made.asked, index + 2);
  }
});

test("who is signed out is not asked for tickets again", async () => {
  const made = build(() => ({ ok: false, status: 403, json: async () => ({}) }));
  await settle();
  await pass(60000);
  assert.equal(made.asked, 1);
});

test("who had a stream and gets no other is told to be out, a new page is not", async () => {
  const refusal = { ok: false, status: 403, redirected: false, json: async () => ({}) };
  for (const refused of [refusal, { ...refusal, status: 401 }, { ...refusal, ok: true, status: 200, redirected: true }]) {
    const made = build((n) => (n === 1 ? { ok: true, status: 200, json: async () => ({ ticket: "t" }) } : refused));
    await settle();
    latest().onopen();
    latest().onerror();
    await pass(1000);
    assert.deepEqual(made.events, [["live:refused", {}]]);
    const fresh = build(() => refused);
    await settle();
    assert.deepEqual(fresh.events, []);
  }
});

test("a server error is tried again", async () => {
  const made = build((n) => (n === 1 ? { ok: false, status: 500, json: async () => ({}) } : { ok: true, status: 200, json: async () => ({ ticket: "t" }) }));
  await settle();
  await pass(1000);
  assert.equal(made.asked, 2);
  assert.equal(FakeSource.all.length, 1);
});

test("waking fetches at once and ends a long pause", async () => {
  const made = build((n) => { if (n < 6) throw new TypeError("offline"); return { ok: true, status: 200, json: async () => ({ ticket: "t" }) }; });
  await settle();
  for (const pause of [1000, 2000, 4000, 8000]) await pass(pause);
  made.live.wake();
  await pass(0);
  assert.deepEqual(made.events, [["live:resync", {}]]);
  assert.equal(FakeSource.all.length, 1);
});

test("stopping closes the stream for good", async () => {
  const made = build();
  await settle();
  made.live.stop();
  assert.equal(latest().closed, true);
  latest().onerror();
  await pass(60000);
  assert.equal(made.asked, 1);
});

test("news of the agent's own calls are told apart", async () => {
  const made = build();
  await settle();
  latest().onmessage({ data: '{"type":"call","id":"c2","agent":"me","request":"r2"}' });
  assert.deepEqual(made.events.map(([name]) => name), ["live:call", "live:mine"]);
});

test("the state of the channel is told: connecting, up, reconnecting, off", async () => {
  const made = build((n) => (n < 3 ? { ok: true, status: 200, json: async () => ({ ticket: "t" }) } : { ok: false, status: 403, json: async () => ({}) }));
  await settle();
  latest().onopen();
  latest().onerror();
  await pass(1000);
  latest().onopen();
  latest().onerror();
  await pass(1000);
  assert.deepEqual(made.states, ["connecting", "up", "reconnecting", "up", "reconnecting", "off"]);
});

test("a machine that was asleep takes a new stream, a page that was hidden does not", async () => {
  const made = build();
  await settle();
  latest().onopen();
  const pause = async (ms) => {
    made.now += ms;
    await pass(10_000); // of its own time
    await pass(1000);
  };
  await pause(75_000);
  assert.equal(made.asked, 1);
  await pause(ASLEEP_MS + 1);
  assert.equal(made.asked, 2);
  assert.deepEqual(FakeSource.all.map(({ closed }) => closed), [true, false]);
  latest().onopen();
  await pass(SPREAD_MS);
  assert.deepEqual(made.events, [["live:resync", {}]]);
  made.live.stop();
  await pause(ASLEEP_MS + 1);
  assert.equal(made.asked, 2);
});

test("of two streams that were asked for, one is kept", async () => {
  const made = build();
  await settle();
  latest().onerror();
  mock.timers.tick(1000); // its ticket is on the way
  made.live.wake();
  await pass(0);
  assert.equal(made.asked, 3);
  assert.deepEqual(FakeSource.all.map(({ closed }) => closed), [true, true, false]);
});
