/* A page that stays open into a new day of its workspace says "Today" of yesterday. It has what shows
   days fetched again.

   out   day:new  {}   a day has begun, at most a minute ago unless the computer was asleep */

const LOOK_MS = 60000; // pages were opened at all seconds of a minute: they do not ask all at once

/** `seconds` until each of the next days, as the server counts them: its clock and its zones hold. */
export function createDays({ seconds, emit, now = () => Date.now() }) {
  const opened = now();
  const begins = seconds.map((wait) => opened + wait * 1000);
  let due = false;
  return {
    look() {
      while (begins.length && begins[0] <= now()) {
        begins.shift();
        due = true;
      }
      if (!due) return;
      due = false;
      emit("day:new", {});
    },
    /** Somebody got no answer, as on a computer that has just woken: ask again at the next look. */
    missed() { due = true; },
  };
}

function start() {
  const { body } = document;
  const days = createDays({
    seconds: (body.dataset.nextDays ?? "").split(" ").filter(Boolean).map(Number),
    emit: (name, detail) => body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true })),
  });
  setInterval(days.look, LOOK_MS);
  // Timers rest while a computer sleeps.
  addEventListener("pageshow", days.look);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && days.look());
  for (const failure of ["htmx:error", "htmx:response:error"]) {
    document.addEventListener(failure, ({ detail: { ctx } }) => {
      const refused = ctx?.response?.status < 500; // which it will be again
      if (ctx?.sourceEvent?.type === "day:new" && !refused) days.missed();
    });
  }
}

if (globalThis.document) start();
