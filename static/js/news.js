/* When an open page asks for news of calls. All pages of a workspace hear of each call at the same
   moment; each has its turns, so that they ask one after the other, and once for all that has come.

   in    live:mine      of one's own call: ask at once
         live:call      of a colleague's: at the next turn
         live:resync    something may have been missed: at once (live.js spreads those of a new stream)
         live:state     while there is no stream, every half minute; once when there is one, where it has come late
                        or the page shows a call under way: something may have come between the two
         failed         the answer did not come: at the turn after the next
         drawn          a page or list with a call under way, which may be older than the last news: at the next turn
   out   live:news {ids}   ask now; of which calls, where that is known. A hidden page asks for nothing:
                           it is told to catch up when it is shown (live.js). */

export const TURN_MS = 2500;
export const POLL_MS = 30000;

export function createNews({
  emit, isHidden = () => false, isMoving = () => true, now = Date.now,
  setTimeout = globalThis.setTimeout, clearTimeout = globalThis.clearTimeout, random = Math.random,
}) {
  const place = random() * TURN_MS;
  let turn = null;
  let poll = null;
  let hasHeard = false; // has there been a stream?
  let isLate = false; // did the first one not come at once?
  let ids = new Set();

  function ask(about) {
    clearTimeout(turn);
    turn = null;
    ids = new Set();
    if (!isHidden()) emit("live:news", about);
  }

  const untilTurn = () => TURN_MS - ((now() + place) % TURN_MS);

  function pollLater() {
    poll = setTimeout(() => {
      ask({});
      pollLater();
    }, POLL_MS * (0.5 + random())); // or all pages that have lost their stream ask at once
  }

  function askAll(ms) {
    clearTimeout(turn);
    turn = setTimeout(() => ask({}), ms + untilTurn());
  }

  return {
    mine({ id }) {
      if (id) ask({ ids: [...ids, id] }); // without one there is nothing to show yet
    },
    call({ id }) {
      if (!id) return;
      ids.add(id);
      turn ??= setTimeout(() => ask({ ids: [...ids] }), untilTurn());
    },
    resync: () => ask({}),
    state({ state }) {
      clearTimeout(poll);
      isLate ||= state === "reconnecting";
      if (state !== "up") pollLater();
      else if (!hasHeard) {
        hasHeard = true;
        if (isLate || isMoving()) ask({});
      }
    },
    failed: () => askAll(TURN_MS),
    drawn: () => isMoving() && askAll(0),
  };
}

if (globalThis.document) {
  const news = createNews({
    emit: (name, detail) => document.body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true })),
    isHidden: () => document.hidden,
    isMoving: () => document.querySelector("[data-moving], [data-call]"),
  });
  for (const name of ["mine", "call", "resync", "state"]) {
    document.body.addEventListener(`live:${name}`, ({ detail }) => news[name](detail ?? {}));
  }
  // What shows one call asks for news of no other.
  document.addEventListener("htmx:config:request", (event) => {
    const { sourceElement, sourceEvent } = event.detail.ctx;
    const ids = sourceEvent?.type === "live:news" && sourceEvent.detail.ids;
    if (ids && !ids.includes(sourceElement.dataset.call ?? ids[0])) event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.swap !== "none" && ["main", "history"].includes(ctx.target?.id)) news.drawn();
  });
  for (const failure of ["htmx:error", "htmx:response:error"]) {
    document.addEventListener(failure, ({ detail: { ctx } }) => {
      const { status } = ctx?.response ?? {};
      const isOver = status < 500 && status !== 408 && status !== 429; // gone, or not theirs: it will not come
      if (ctx?.sourceEvent?.type === "live:news" && !isOver) news.failed();
    });
  }
}
