/* The live channel: a ticket, then a stream of ids. The page fetches the HTML itself.

   out   live:call    {id, agent, request}   this call has changed
         live:mine    {id, agent, request}   … and it is one of this page's agent
         live:ring    {}                     what rings at this agent has changed, or what they are
         live:presence {}                    somebody's presence has changed
         live:seen    {}                     the server asks whether this page is there
         live:resync  {}                     something may have been missed: fetch again; after a new
                                             stream not all pages at once, but a call's panel is
                                             (live:mine {}); a hidden page when it is shown, but
                                             for what rings (live:ring {})
         live:state   {state}                connecting, up, reconnecting, or off (signed out)
         live:refused {}                     whoever had a stream gets no other: they are out */

import { csrf } from "./csrf.js";

const FIRST_MS = 1000;
const LONGEST_MS = 30000;
const WATCH_MS = 10000;
export const ASLEEP_MS = 120000; // a hidden page's timers run once a minute
export const SPREAD_MS = 5000; // 300 pages take two cores that long

export function createLive({
  fetch, EventSource, emit, isMine = () => true, isInCall = () => false, isHidden = () => false,
  now = Date.now, setTimeout = globalThis.setTimeout, clearTimeout = globalThis.clearTimeout, random = Math.random,
}) {
  let source = null;
  let timer = null;
  let spread = null;
  let failures = 0;
  let seen = false; // was there ever a stream? Then a new one may have missed messages.
  let running = false;
  let watching = null;
  let awake = 0; // when this page was last known to run

  const tell = (state) => emit("live:state", { state });

  function stop(state = "off") {
    running = false;
    tell(state);
    for (const each of [timer, spread, watching]) clearTimeout(each);
    source?.close();
    source = null;
  }

  function resync() {
    clearTimeout(spread);
    if (!isHidden()) {
      emit("live:resync", {});
      return;
    }
    if (isInCall()) emit("live:mine", {});
    emit("live:ring", {}); // a hidden page rings, too
  }

  /** Every page has missed the same, and hears of it at the same moment. */
  function missed() {
    if (isInCall()) emit("live:mine", {});
    clearTimeout(spread);
    spread = setTimeout(resync, random() * SPREAD_MS);
  }

  function again() {
    if (!running) return;
    source?.close();
    source = null;
    clearTimeout(timer);
    tell("reconnecting");
    const longest = Math.min(FIRST_MS * 2 ** failures, LONGEST_MS);
    failures += 1;
    timer = setTimeout(open, longest * (0.5 + random() / 2)); // spread, or all come back at once
  }

  /** The stream of a machine that was asleep may be dead without a word. */
  function watch() {
    if (source && now() - awake > ASLEEP_MS) again();
    awake = now();
    watching = setTimeout(watch, WATCH_MS);
  }

  async function open() {
    let response;
    try {
      response = await fetch("/calls/live-ticket", {
        method: "POST",
        credentials: "same-origin",
        headers: { Accept: "application/json" },
      });
      // Signed out: no ticket will ever come. A page that never had one is new, and knows.
      if (response.status === 401 || response.status === 403 || response.redirected) {
        stop();
        if (seen) emit("live:refused", {});
        return;
      }
      const { ticket } = await response.json();
      if (!response.ok) return again();
      if (running) listen(ticket);
    } catch {
      again();
    }
  }

  function listen(ticket) {
    const mine = new EventSource(`/live?ticket=${encodeURIComponent(ticket)}`);
    source?.close(); // two were asked for: by the pause, and by waking
    source = mine;
    mine.onopen = () => {
      failures = 0;
      tell("up");
      if (seen) missed();
      seen = true;
    };
    mine.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.type === "call") {
        const { id, agent, request } = message;
        emit("live:call", { id, agent, request });
        if (isMine({ agent, request })) emit("live:mine", { id, agent, request });
      }
      if (message.type === "ring" || message.type === "availability") {
        if (isMine(message)) emit("live:ring", {});
        if (message.type === "availability") emit("live:presence", {});
      }
      if (message.type === "seen?") emit("live:seen", {});
      if (message.type === "deaf") tell("reconnecting"); // the stream is there, and nothing comes by it
      if (message.type === "resync") {
        tell("up");
        missed();
      }
    };
    // A ticket opens one stream, so the browser's own retry cannot work.
    mine.onerror = () => mine === source && again();
  }

  return {
    start() {
      if (running) return;
      running = true;
      tell("connecting");
      open();
      watch();
    },
    stop: () => stop(),
    /** Back from sleep or from being offline: fetch now, and do not sit out a long pause. */
    wake() {
      resync();
      if (!running || source) return;
      failures = 0;
      clearTimeout(timer);
      timer = setTimeout(open, 0);
    },
  };
}

if (globalThis.document) {
  const live = createLive({
    fetch: csrf.fetch,
    EventSource: globalThis.EventSource,
    // News of a recording name neither agent nor request: a panel shows nothing of it.
    isMine: ({ agent, request }) => agent === document.body.dataset.user ||
      Boolean(request) && request === document.getElementById("call_panel")?.dataset.request,
    isInCall: () => "inCall" in document.documentElement.dataset,
    isHidden: () => document.hidden,
    emit: (name, detail) => document.body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true })),
  });
  live.start();
  addEventListener("online", live.wake);
  addEventListener("pagehide", live.stop);
  addEventListener("pageshow", (event) => event.persisted && live.start());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && live.wake());
}
