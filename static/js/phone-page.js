/* Joins the phone, its devices and the other tabs to this page. */

import { csrf } from "./csrf.js";
import { createDevices } from "./devices.js";
import { DEFAULTS, createPhone } from "./phone.js";
import { createSdk, load } from "./sdk.js";
import { createServer } from "./server.js";
import { createSound } from "./sound.js";
import { createTabs, isUp } from "./tabs.js";

const { body } = document;
const emit = (name, detail) => body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
const { mediaDevices } = navigator;
const server = createServer({ fetch: csrf.fetch });
let askedFor = "";  // the call whose extension this page has sent

const sdk = createSdk({ load, emit });
const devices = createDevices({
  mediaDevices,
  storage: localStorage,
  emit,
  canChooseSpeaker: "setSinkId" in HTMLMediaElement.prototype,
});
const tabs = createTabs({
  channel: new BroadcastChannel("phone"),
  locks: navigator.locks,
  emit,
  phone: () => phone,
});
const options = JSON.parse(document.getElementById("phone-options").textContent);
const phone = createPhone({
  sdk: sdk.wait,
  fetch: csrf.fetch,
  mediaDevices,
  devices,
  claim: tabs.claim,
  options,
  emit,
});
createSound({ devices, mediaDevices, phone });
const loadSdk = () => sdk.wait().catch(() => {}); // ready.js says so
loadSdk();
document.addEventListener("phone:load", loadSdk);

addEventListener("offline", phone.networkChanged);
navigator.connection?.addEventListener?.("change", phone.networkChanged);
mediaDevices?.addEventListener?.("devicechange", devices.changed);
// Chosen in another tab: the call that is here follows.
addEventListener("storage", ({ key, newValue }) => {
  const kind = key?.match(/^phone:(microphone|speaker|ringer)$/)?.[1];
  if (kind) devices.choose(kind, newValue ?? "");
});
document.addEventListener("device:notice", ({ detail }) => emit("toast", detail));
document.addEventListener("phone:dial", (event) => phone.dial(event.detail));
document.addEventListener("phone:state", ({ detail }) => tabs.tell({ ...detail, request: phone.request }));
// An extension is sent once, by the page with the sound; who asks first is told what to send.
document.addEventListener("htmx:after:swap", async () => {
  const due = document.querySelector("#call_panel[data-extension-due]")?.dataset.request;
  if (!due || due !== phone.request || phone.state !== "open" || due === askedFor) return;
  askedFor = due;
  try {
    const digits = await server.askExtension(due);
    if (digits) phone.digit(digits);
  } catch {
    askedFor = "";  // the next panel asks again
  }
});
// What rings is loaded once somebody takes calls. The control shows what the server knows.
let ringing = null;
function ring() {
  const control = document.getElementById("availability");
  if (control) control.availability.value = control.dataset.state;
  const { script, bell } = document.getElementById("incoming").dataset;
  if (ringing || !document.querySelector("#availability[data-state=available], [data-ring]")) return;
  ringing = Promise.all([import(script), import(bell)]).then(([{ start }, bells]) => start({ ...bells, devices, tabs, phone, emit, csrf, post: server.post }));
  ringing.catch(() => { ringing = null; });
}
document.addEventListener("htmx:finally:request", ring);
document.addEventListener("change", ({ target }) => {
  if (target.id !== "availability_pick") return;
  // Asked by the hand that wants calls, never before.
  if (target.value === "available") globalThis.Notification?.requestPermission();
  target.form.requestSubmit();
});
ring();
document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-phone-test]");
  const place = document.querySelector("[data-phone-tested]");
  if (!button) return;
  try {
    const { show } = await import(button.dataset.phoneTest);
    if ("inCall" in document.documentElement.dataset) place.textContent = "You’re in a call. Test again after it.";
    else show({ button, place, sdk: sdk.wait, post: server.post, devices, options: { ...DEFAULTS, ...options, closeProtection: false } });
  } catch {
    place.textContent = "The test could not be loaded. Check your connection and try again.";
  }
});
document.addEventListener("click", (event) => {
  const control = event.target.closest?.("[data-phone]");
  if (!control || control.disabled) return;
  const { phone: wish, digit } = control.dataset;
  const here = isUp(phone.state);
  if (wish === "mute") here ? phone.mute() : tabs.send("mute");
  if (wish === "digit") here ? phone.digit(digit) : tabs.send("digit", { digit });
  if (wish === "end") phone.end(control.closest("[data-request]")?.dataset.request);
});
