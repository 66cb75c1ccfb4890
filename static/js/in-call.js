/* While this agent is in a call nothing else can be dialled: every button that would is off and says
   so, in each open tab. Three sides know of a call, none of them at all times: this page's phone, the
   tab that has the sound, and the panel, which shows a call of another browser as well.

   From a press of Call on, before any network, button and dock say that it dials, until there is a
   call or the reason why not; what is pressed once more says why nothing else happens.

   out   html[data-in-call]   for ready.js and the style sheet
         phone:in-call  {}    it has come or gone
         dial:why  {form, text} */

import { isUp } from "./tabs.js";

const REASON = "In a call";
const BUSY = "You’re already in a call. End it first.";
const STARTS_MS = 5000; // in which the phone begins with what the server has allowed
const KEY = "phone:in-call"; // read by early.js when the page is loaded again
const DIALS = "Calling…";
const LIVE = new Set(["connecting", "ringing", "active", "interrupted"]);

/** `phone` and `remote` are states of phones, `panel` that of the call it shows, if any. `before` is
    what this page knew before it was loaded again: it holds until the panel has been `asked` for. */
export function isInCall({ phone = "idle", remote = "idle", panel = "", before = false, asked = false }) {
  return isUp(phone) || isUp(remote) || LIVE.has(panel) || (before && !asked);
}

function start() {
  const root = document.documentElement;
  const known = { before: "inCall" in root.dataset };
  let dialling = null; // {form, button, text, timer}

  function spell(button) {
    const word = button.querySelector("[data-word]");
    if (word) word.textContent = button.disabled ? REASON : button.ariaBusy ? DIALS : word.dataset.word || "Call";
    return word;
  }

  function turn(button, off) {
    if (button.disabled === off) return;
    // What is off loses the focus: whoever pressed Call by key goes on at the call.
    if (off && button === document.activeElement) document.getElementById("dock").focus();
    button.disabled = off;
    const word = spell(button);
    // A bare icon keeps its name: its title says why it is off.
    for (const name of word ? ["title", "aria-label"] : ["title"]) {
      const text = button.getAttribute(name);
      if (text === null) continue;
      if (off) button.setAttribute(`data-${name}`, text);
      button.setAttribute(name, off ? REASON : button.getAttribute(`data-${name}`));
    }
  }

  let told = ""; // by this module at the dialer's field, until it is true no more

  function why(form, text) {
    told = text;
    document.dispatchEvent(new CustomEvent("dial:why", { detail: { form, text } }));
  }

  function hush() {
    const place = document.getElementById("dial_error");
    if (told && place?.textContent === told) place.textContent = "";
    told = "";
  }

  /** The button of the wish that is on its way, and the dock's line until there is a panel. */
  function dial(form, button) {
    const name = button.getAttribute("aria-label")?.replace(/^Call (back )?/, "") ?? form.q.value.trim();
    dialling = { form, button, text: name ? `Calling ${name}…` : DIALS };
    button.ariaBusy = "true";
    spell(button);
    look();
  }

  function settle() {
    if (!dialling) return;
    const { button, timer } = dialling;
    dialling = null;
    hush();
    clearTimeout(timer);
    button.ariaBusy = null;
    spell(button);
    look();
  }

  function say() {
    const line = document.getElementById("dock_dials");
    const shown = dialling || (isUp(known.phone) && !LIVE.has(known.panel));
    const text = dialling?.text ?? (shown ? line.textContent || "Connecting…" : "");
    if (line.textContent !== text) line.textContent = text;
  }

  function look() {
    known.panel = document.getElementById("call_panel")?.dataset.callState;
    const now = isInCall(known);
    for (const button of document.querySelectorAll("button[data-dials]")) turn(button, now);
    say();
    if (now === "inCall" in root.dataset) return;
    root.toggleAttribute("data-in-call", now);
    hush();
    if (now) sessionStorage.setItem(KEY, "yes");
    else sessionStorage.removeItem(KEY);
    document.dispatchEvent(new CustomEvent("phone:in-call"));
  }

  function learn(news) {
    Object.assign(known, news);
    look();
  }

  document.addEventListener("submit", (event) => {
    const { target: form, submitter: button } = event;
    if (!button?.matches("[data-dials]")) return;
    if (!dialling) {
      // The rows of a history have one form between them, and each button says whom.
      if (button.value) {
        form.contact_id.value = button.dataset.contact ?? "";
        form.to.value = form.q.value = button.value;
      }
      dial(form, button);
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    why(form, `${dialling.text.replace("…", "")} already. Wait a moment.`);
  }, true);
  // What is off takes no press, and Enter in the field presses it.
  document.addEventListener("pointerup", ({ target }) => {
    const button = target.closest?.("[data-dials]:disabled");
    if (button) why(button.form, BUSY);
  });
  document.addEventListener("keydown", ({ target, key, defaultPrevented }) => {
    if (key === "Enter" && target.id === "dial_q" && !defaultPrevented && "inCall" in root.dataset) why(target.form, BUSY);
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    if (!dialling || ctx.sourceElement !== dialling.form) return;
    if (ctx.response?.status !== 204) settle();
    else dialling.timer = setTimeout(() => {
      const { form } = dialling;
      settle();
      why(form, "The phone could not be started. Reload the page and try again.");
    }, STARTS_MS);
  });
  document.addEventListener("phone:error", settle);

  document.addEventListener("phone:state", ({ detail }) => {
    learn({ phone: detail.state });
    settle();
  });
  document.addEventListener("phone:remote", ({ detail }) => learn({ remote: detail.state }));
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement?.id === "dock_loader" && ctx.response?.status < 400) learn({ asked: true });
  });
  // What a swap brings is switched on, and is off again before anybody can press it.
  new MutationObserver(look).observe(document.body, {
    childList: true, subtree: true, attributeFilter: ["disabled", "data-call-state"],
  });
  look();
}

if (globalThis.document) start();
