/* While this agent is in a call nothing else can be dialled: every button that would is off and says
   so, in each open tab. Three sides know of a call, none of them at all times: this page's phone, the
   tab that has the sound, and the panel, which shows a call of another browser as well.

   out   html[data-in-call]   for ready.js and the style sheet
         phone:in-call  {}    it has come or gone */

import { isUp } from "./tabs.js";

const REASON = "In a call";
const KEY = "phone:in-call"; // read by early.js when the page is loaded again
const LIVE = new Set(["connecting", "ringing", "active", "interrupted"]);

/** `phone` and `remote` are states of phones, `panel` that of the call it shows, if any. `before` is
    what this page knew before it was loaded again: it holds until the panel has been `asked` for. */
export function isInCall({ phone = "idle", remote = "idle", panel = "", before = false, asked = false }) {
  return isUp(phone) || isUp(remote) || LIVE.has(panel) || (before && !asked);
}

function start() {
  const root = document.documentElement;
  const known = { before: "inCall" in root.dataset };

  function turn(button, off) {
    if (button.disabled === off) return;
    // What is off loses the focus: whoever pressed Call by key goes on at the call.
    if (off && button === document.activeElement) document.getElementById("dock").focus();
    button.disabled = off;
    const word = button.querySelector("[data-word]");
    if (word) word.textContent = off ? REASON : "Call";
    // A bare icon keeps its name: its title says why it is off.
    for (const name of word ? ["title", "aria-label"] : ["title"]) {
      const text = button.getAttribute(name);
      if (text === null) continue;
      if (off) button.setAttribute(`data-${name}`, text);
      button.setAttribute(name, off ? REASON : button.getAttribute(`data-${name}`));
    }
  }

  function look() {
    known.panel = document.getElementById("call_panel")?.dataset.callState;
    const now = isInCall(known);
    for (const button of document.querySelectorAll("button[data-dials]")) turn(button, now);
    if (now === "inCall" in root.dataset) return;
    root.toggleAttribute("data-in-call", now);
    if (now) sessionStorage.setItem(KEY, "yes");
    else sessionStorage.removeItem(KEY);
    document.dispatchEvent(new CustomEvent("phone:in-call"));
  }

  function learn(news) {
    Object.assign(known, news);
    look();
  }

  document.addEventListener("phone:state", ({ detail }) => learn({ phone: detail.state }));
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
