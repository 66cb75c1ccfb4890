/* Web Push: the server may tell this browser of callers while none of our pages is open in it. Loaded
   by ringing.js where it is switched on, once notifications are allowed. */

const TRIES = 50; // times 100 ms, for the worker to be there
const WHOSE = "push:whose"; // for whom, and by which key of the server's, this browser was made known

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** Rejects when the browser, or the server, does not want it. What another person left in this browser
    is ended first: their pushes lead nowhere then. */
export async function subscribe({ registration, key, user, storage, fetch, wait }) {
  for (let tries = 0; !registration.active && tries < TRIES; tries += 1) await wait(100);
  const { pushManager } = registration;
  const whose = `${user} ${key}`;
  let found = await pushManager.getSubscription();
  if (found && storage.getItem(WHOSE) !== whose) {
    await found.unsubscribe();
    found = null;
  }
  found ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
  storage.setItem(WHOSE, whose);
  const { endpoint, keys: { p256dh, auth } } = found.toJSON();
  const body = new URLSearchParams({ endpoint, p256dh, auth });
  const { ok } = await fetch("/calls/push", { method: "POST", credentials: "same-origin", body });
  if (!ok) throw new Error("not taken");
}
