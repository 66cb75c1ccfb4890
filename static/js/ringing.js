/* What rings at this agent, on this page: the bell, the title, the notification, and what is pressed.
   The region is HTML from the server (_incoming.html). Loaded once somebody takes calls
   (phone-page.js), so it imports nothing.

   Several tabs of a browser are one: bell and receipts are those of one (bell.js), and what is pressed
   in one ends it in all. */

const SAID_MS = 5000; // as selectors/ringing.py has it
const RINGS_MS = 125 * 1000; // no longer, also where nobody can say that it has ended (checking.STEP_SECONDS)
const AGAIN_MS = 300;
const PROBLEMS = {
  31401: "Your browser is blocking the microphone. Allow it next to the address, then answer again.",
  31402: "No microphone was found, or another program is using it. Connect one, then answer again.",
  insecure_page: "Browsers allow the microphone only over https. Open this page with https://.",
  network: "No answer from the server. Check your connection and try again.",
};
export const NOTES = {
  off: "Not connected, so calls can’t ring here right now.",
  quiet: "Click anywhere on this page once, so that calls can ring aloud.",
  denied: "Your browser blocks notifications, so calls show on this page only.",
  default: "Notifications are off, so calls show on this page only.",
  granted: "Calls ring while a page is open, even in the background.",
  pushed: "Calls ring while a page is open. If none is, your browser shows who’s calling.",
};

/** All that is given is the page's, but for what the tabs of a browser share (bell.js). */
export function start({ createBell, createReceipts, offerOf, tone, devices, tabs, phone, emit, csrf, post }) {
  const $ = (id) => document.getElementById(id);
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const isUp = ({ state }) => state === "connecting" || state === "open";
  const isAvailable = () => $("availability")?.dataset.state === "available";
  const channel = new BroadcastChannel("ringing");
  const tell = (message) => channel.postMessage(message);
  const over = new Set(); // offers that were answered or declined by this person, or have lasted too long
  const timed = new Set();
  const answering = new Set();
  const going = new WeakSet(); // that rang, and will be taken away
  let [stream, isQuiet, wasAvailable, wasAsleep, wasSetAway, worker, notified] = ["up", false, false, false, false, null, ""];
  let pushed = null; // whether this browser is told of calls without a page; null: not asked for
  let title = ""; // the page's own

  const receipts = createReceipts({
    tell, wait,
    send: async (ids) => {
      const body = new URLSearchParams(ids.map((id) => ["call", id]));
      const { status } = await csrf.fetch("/calls/seen", { method: "POST", credentials: "same-origin", body });
      if (status >= 500) throw new Error(String(status));
    },
  });
  const bell = createBell({
    wait, locks: navigator.locks ?? { request: (name, options, ring) => ring(), query: async () => ({ held: [] }) },
    tone: () => tone(devices.chosen("ringer")),
    blocked: (yes) => {
      const place = document.querySelector("[data-ring-problem]");
      if (!place || (!yes && place.dataset.why !== "bell")) return;
      problem(place, yes ? "Your browser blocks the ring. Click anywhere on this page to hear it." : "", "bell");
    },
  });

  function problem(place, text, why) {
    place.textContent = text;
    place.hidden = !text;
    place.dataset.why = why;
  }

  const rings = () => [...document.querySelectorAll("[data-ring]")];
  const isInCall = () => isUp(phone) || isUp(tabs.remote) || "inCall" in document.documentElement.dataset;

  /** After each answer of the server, and whatever else changes what is to be heard or seen. */
  function look() {
    for (const one of rings()) one.hidden = over.has(offerOf(one));
    const now = rings().filter((one) => !one.hidden);
    if (now.length) receipts.shown(now);
    for (const id of now.map(offerOf)) if (!timed.has(id)) timed.add(id) && setTimeout(done, RINGS_MS, id);
    if (now.length && !isInCall() && !answering.size) bell.ring();
    else bell.hush();
    for (const one of document.querySelectorAll("[data-rang]")) {
      if (!going.has(one)) setTimeout(remove, SAID_MS, one);
      going.add(one);
    }
    name(now);
    notify(now);
    control();
  }

  function remove(one) {
    going.delete(one);
    if ("ring" in one.dataset) return; // again, in the meantime
    const { parentElement: region } = one;
    one.remove();
    if (!region?.children.length) region?.remove();
  }

  function name(now) {
    const wanted = now.length && !isInCall() ? `Incoming: ${now[0].dataset.name}` : "";
    if (wanted && document.title !== wanted) {
      if (!document.title.startsWith("Incoming: ")) title = document.title;
      document.title = wanted;
    } else if (!wanted && document.title.startsWith("Incoming: ")) document.title = title;
  }

  /** The worker shows them while no page of this browser is in sight, and takes them away. */
  async function notify(now) {
    const news = `${document.visibilityState} ${now.map(({ dataset }) => dataset.ring)}`;
    if (news === notified || globalThis.Notification?.permission !== "granted" || !navigator.serviceWorker) return;
    notified = news;
    const found = await registered();
    const active = found?.active ?? found?.waiting ?? found?.installing;
    active?.postMessage(now.map((one) => ({ id: one.dataset.ring, title: `Incoming: ${one.dataset.name}`, body: one.querySelector(".number")?.textContent ?? "" })));
  }

  const registered = () => (worker ??= navigator.serviceWorker.register($("incoming").dataset.worker).catch(() => null));

  /** Where Web Push is switched on (push.js); once, and again after the next load. */
  async function push() {
    const { push: script, pushKey: key } = $("incoming").dataset;
    if (!script || pushed !== null || !navigator.serviceWorker) return;
    pushed = false;
    try {
      const [{ subscribe }, registration] = await Promise.all([import(script), registered()]);
      await subscribe({ registration, key, user: document.body.dataset.user, storage: localStorage, wait, fetch: csrf.fetch });
      pushed = true;
      control();
    } catch { /* as without it: calls ring while a page is open */ }
  }

  /** What the server does not know: whether this browser can ring at all. */
  function control() {
    const place = $("availability_note");
    const { setAway, asleep } = $("availability")?.dataset ?? {};
    const [isSetAway, isAsleep] = [setAway !== undefined, asleep !== undefined];
    // A page that was too slow to confirm a ring is there all the same.
    if (isAvailable() && (!wasAvailable || (isAsleep && !wasAsleep))) receipts.now();
    if (isAvailable() && !wasAvailable) stayAwake();
    if (isSetAway && !wasSetAway) emit("toast", { text: place.textContent, tone: "info", sticky: true });
    [wasAvailable, wasAsleep, wasSetAway] = [isAvailable(), isAsleep, isSetAway];
    if (!isAvailable()) return;
    const permission = globalThis.Notification?.permission ?? "default";
    if (permission === "granted") push();
    const known = permission === "granted" && pushed ? "pushed" : permission;
    const text = NOTES[(stream !== "up" && "off") || (isQuiet && "quiet") || known];
    if (place.textContent !== text) place.textContent = text;
  }

  /** A browser freezes no page that holds a lock for which another waits. */
  function stayAwake() {
    if (!navigator.locks) return;
    const mine = `awake:${crypto.randomUUID()}`;
    const until = async () => { while (isAvailable()) await wait(60000); };
    for (const _ of [1, 2]) navigator.locks.request(mine, until).catch(() => {});
  }

  function done(id) {
    over.add(id);
    tell({ type: "over", id });
    look();
  }

  async function answer(id) {
    const item = $(`ring_${id}`);
    if (!item || answering.has(id)) return;
    const place = item.querySelector("[data-ring-problem]");
    if (isInCall()) {
      problem(place, "You’re already in a call. End it first.", "");
      return;
    }
    answering.add(id);
    look(); // it is not to be talked over
    try {
      await devices.check(); // before anybody else may no more
      const { request } = await post(`/calls/${id}/answer`, {});
      done(offerOf(item));
      emit("phone:dial", { clientRequestId: request, answers: true, name: item.dataset.name, to: item.dataset.number });
    } catch (error) {
      problem(place, PROBLEMS[error.code] ?? (error.status === 409 ? error.message : "That didn’t work. Try again."), "");
      emit("live:ring", {}); // by whom it was answered
    } finally {
      answering.delete(id);
      look();
    }
  }

  channel.onmessage = ({ data }) => {
    if (data.type === "seen") receipts.heard(data);
    if (data.type === "over") over.add(data.id);
    if (data.type === "over") look();
  };
  document.addEventListener("click", ({ target }) => {
    const id = target.closest?.("[data-ring-answer]")?.closest("[data-ring]").dataset.ring;
    if (id) answer(id);
  });
  document.addEventListener("submit", ({ target }) => {
    const declined = target.matches?.("[data-ring-decline]") && target.closest("[data-ring]");
    if (declined) setTimeout(done, 0, offerOf(declined)); // after htmx has taken it
  });
  navigator.serviceWorker?.addEventListener("message", ({ data: { ring, action } }) => {
    if (action === "answer") answer(ring);
    if (action === "decline") $(`ring_${ring}`)?.querySelector("[data-ring-decline]").requestSubmit();
  });
  document.addEventListener("live:seen", () => isAvailable() && receipts.asked());
  let isFirst = true;
  document.addEventListener("live:state", ({ detail }) => {
    if (detail.state === "up" && isFirst) {
      isFirst = false;
      emit("live:ring", {}); // as at the end
    }
    if (detail.state === "up" && stream !== "up") setTimeout(() => isAvailable() && receipts.asked(), Math.random() * 5000);
    stream = detail.state;
    control();
  });
  navigator.permissions?.query({ name: "notifications" }).then((one) => { one.onchange = control; }, () => {});
  for (const event of ["phone:in-call", "visibilitychange"]) document.addEventListener(event, look);
  // What could not be fetched is asked for once more, within the two seconds in which a receipt counts.
  let hasFailed = false;
  document.addEventListener("htmx:after:swap", () => { hasFailed = false; look(); });
  for (const failure of ["htmx:error", "htmx:response:error"]) {
    document.addEventListener(failure, ({ detail: { ctx } }) => {
      if (ctx?.sourceElement?.id !== "incoming" || hasFailed) return;
      hasFailed = true;
      setTimeout(emit, AGAIN_MS, "live:ring", {});
    });
  }

  // A browser plays nothing on a page that nobody has touched since it was loaded.
  isQuiet = navigator.userActivation?.hasBeenActive === false;
  for (const gesture of ["pointerdown", "keydown"]) {
    addEventListener(gesture, () => {
      isQuiet = false;
      bell.again();
      control();
    }, { capture: true, once: true });
  }
  look();
  emit("live:ring", {}); // what came after this page was made, and before its stream, was told to nobody
}
