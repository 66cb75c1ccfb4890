/* A page that stays open into a new day of its workspace would go on saying "Today" of yesterday. The
   server says with each such time what to say of it later, and with the page when its next days begin:

   <body data-next-days="2026-11-30=3600;2026-12-01=90000">   seconds, as the server counts them
   <time data-later="2026-11-30=Yesterday 14:05;2026-12-01=Sun 14:05">Today 14:05</time> */

const LOOK_MS = 60000;

const read = (text) => (text ?? "").split(";").filter(Boolean).map((part) => part.split("="));

/** Returns what tells the day that began last since the page was opened, or "". */
export function createDays({ next, now = () => Date.now() }) {
  const opened = now();
  const days = read(next).map(([day, seconds]) => ({ day, begins: opened + seconds * 1000 }));
  return () => days.findLast(({ begins }) => begins <= now())?.day ?? "";
}

/** What is said on `today` of a time with these later words; undefined: what it says already. */
export function saidOn(today, later) {
  return read(later).findLast(([day]) => day <= today)?.[1];
}

function start() {
  const today = createDays({ next: document.body.dataset.nextDays });
  // Each time anew, since an answer may have been on its way at midnight.
  const look = () => {
    for (const time of document.querySelectorAll("time[data-later]")) {
      const said = saidOn(today(), time.dataset.later);
      if (said && time.textContent !== said) time.textContent = said;
    }
  };
  setInterval(look, LOOK_MS);
  // Timers rest while a computer sleeps.
  addEventListener("pageshow", look);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
}

if (globalThis.document) start();
