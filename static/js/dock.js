/* The dock: what only the browser knows about the active call (mute, the ticking timer, where its
   sound is, which call this page has asked for). The panel's HTML comes from the server. */
(() => {
  const $ = (id) => document.getElementById(id);
  let phone = { state: "idle", muted: false };
  let remote = { state: "idle", muted: false, request: "" }; // the tab that has the sound
  let own = sessionStorage.getItem("phone:own") ?? ""; // the last request whose sound this tab had
  let signalLost = false;
  let warned = "";       // the call whose bad sound has been told
  let dialled = {};      // {name, to} of the last phone:dial, until the server knows the call
  let asked = {};        // {request, error} last put to the loader
  let shown = "";        // request and state of the panel at the last look
  let skew = 0;          // ms the server's clock is ahead of ours
  const isUp = ({ state }) => state === "connecting" || state === "open";
  const say = (text, tone, options) =>
    document.body.dispatchEvent(new CustomEvent("toast", { detail: { text, tone, ...options }, bubbles: true }));

  function paint() {
    document.body.dataset.phone = phone.state;
    where();
    const mute = $("call_mute");
    if (!mute) return;
    const { state, muted } = sounding();
    mute.disabled = $("call_keypad").disabled = state !== "open";
    mute.classList.toggle("is-muted", muted);
    mute.querySelector("[data-mute-label]").textContent = muted ? "Unmute" : "Mute";
  }

  /** The phone that the panel's buttons steer: this page's, else the other tab's. */
  function sounding() {
    const request = $("call_panel")?.dataset.request;
    return !isUp(phone) && isUp(remote) && remote.request === request ? remote : phone;
  }

  function where() {
    const panel = $("call_panel");
    const spot = $("call_where");
    if (!spot) return;
    let text = "";
    if (isUp(phone)) text = signalLost ? "Signal lost, reconnecting" : "";
    else if (sounding() === remote) text = "Sound is in another tab";
    else if (panel.dataset.callState === "active" && panel.dataset.request !== own) text = "Sound is in another browser";
    if (spot.textContent !== text) spot.textContent = text;
    panel.toggleAttribute("data-signal-lost", Boolean(signalLost && isUp(phone)));
  }

  function tick() {
    for (const timer of document.querySelectorAll("#dock [data-answered-at]")) count(timer);
  }

  function count(timer) {
    const since = Date.parse(timer.dataset.answeredAt);
    if (!since) return; // nobody has answered
    const seconds = Math.max(0, Math.floor((Date.now() + skew - since) / 1000));
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const text = [...(hours ? [hours, String(minutes).padStart(2, "0")] : [minutes]), String(seconds % 60).padStart(2, "0")].join(":");
    if (timer.textContent !== text) timer.textContent = text;
  }

  /** After each new panel: the name the server may not know yet, the timer, a toast for a new state. */
  function look() {
    const panel = $("call_panel");
    const [name, number] = document.querySelectorAll("#call_panel [data-dialled]");
    if (name && !name.textContent) { // else the server knows both, and an empty number is the name
      name.textContent = dialled.name || dialled.to || "";
      number.textContent = (dialled.name && dialled.to) || "";
    }
    tick();
    paint();
    const now = panel ? `${panel.dataset.request} ${panel.dataset.callState}` : "";
    // For the eye only: the panel's own status is read out.
    if (panel && now !== shown) {
      if (panel.dataset.callState === "active") say("Connected", "success", { quiet: true });
      else if ($("call_end").dataset.dock) say(panel.querySelector("[role=status]").textContent.trim(), panel.dataset.tone, { quiet: true });
    }
    shown = now;
  }

  document.addEventListener("phone:repaint", paint);

  document.addEventListener("phone:dial", (event) => {
    if (phone.state === "idle" || phone.state === "ended") dialled = event.detail;
  }, true);

  function sayMute(before, now) {
    if (before.state !== "open" || now.state !== "open" || before.muted === now.muted) return;
    say(now.muted ? "You’re muted" : "Unmuted", "info");
  }

  document.addEventListener("phone:state", ({ detail }) => {
    sayMute(phone, detail);
    phone = detail;
    if (!isUp(phone)) signalLost = false;
    paint();
  });

  document.addEventListener("phone:remote", ({ detail }) => {
    if (!isUp(phone)) sayMute(remote, detail);
    remote = detail;
    if (isUp(remote)) own = remote.request; // when that tab goes, the sound is in no other browser
    paint();
  });

  document.addEventListener("phone:signal", ({ detail }) => {
    if (signalLost && !detail.lost) say("Connected again", "success");
    signalLost = detail.lost;
    paint();
  });

  document.addEventListener("phone:quality", ({ detail }) => {
    if (warned === own) return;
    warned = own;
    if (detail.name === "constant-audio-input-level") say("Your microphone seems silent. Check it under Sound.", "info");
    else say("The connection is weak: the sound may break up. Try a cable, or move closer to the Wi-Fi.", "info");
  });

  // News of a call of this agent that this panel does not show: it may be one of another tab.
  const unshown = (request) => {
    const panel = $("call_panel");
    return !panel || ($("call_end").dataset.dock && panel.dataset.request !== request);
  };
  for (const news of ["live:mine", "live:resync"]) {
    document.addEventListener(news, ({ detail }) => {
      const panel = $("call_panel");
      if (isUp(phone) || !unshown(detail.request ?? panel?.dataset.request)) return;
      // A panel that is on its way is asked for as before, with why the call failed.
      const isAwaited = !panel && asked.request && (detail.request ?? asked.request) === asked.request;
      if (!isAwaited) $("dock_request").value = $("dock_error").value = "";
      document.body.dispatchEvent(new CustomEvent("dock:look", { bubbles: true }));
    });
  }

  // Captured, so that the loader's fields are filled before htmx, which listens on body, reads them.
  document.addEventListener("phone:changed", ({ detail }) => {
    asked = detail;
    own = detail.request;
    sessionStorage.setItem("phone:own", own);
    $("dock_request").value = detail.request;
    $("dock_error").value = detail.error ?? "";
  }, true);

  document.addEventListener("phone:error", ({ detail }) => {
    if (detail.fatal) return; // the panel says it, with what to do
    if (detail.code === "busy") say("You’re already in a call. End it first.", "info");
    else if (detail.code === "busy_elsewhere") say("A call is under way in another tab. End it before you dial again.", "info");
    else say(`The connection is unsteady (${detail.code}). Trying to keep the call.`, "danger");
  });

  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (!["active_call", "incoming"].includes(ctx.target?.id)) return;
    const sent = Date.parse(ctx.response?.headers.get("date") ?? "");
    // The header has whole seconds: only a real difference counts.
    if (sent) skew = Math.abs(sent - Date.now()) > 2000 ? sent - Date.now() : 0;
    look();
  });

  // Without a panel nobody could hang up: ask again until one has come.
  for (const failure of ["htmx:error", "htmx:response:error"]) {
    document.addEventListener(failure, (event) => {
      if (event.detail.ctx?.sourceElement?.id !== "dock_loader") return;
      const detail = asked;
      setTimeout(() => {
        if (detail === asked) document.body.dispatchEvent(new CustomEvent("phone:changed", { detail, bubbles: true }));
      }, 2000);
    });
  }

  document.addEventListener("click", (event) => {
    // The second click of a double click on End call must not close what it brought.
    if (event.target.closest?.("[data-dock=close]") && event.detail < 2) {
      $("active_call").replaceChildren();
      shown = "";
      asked = {};
      (document.querySelector("#dial_q") ?? document.querySelector("#main h1"))?.focus();
    }
    const digit = event.target.closest?.("[data-phone=digit]");
    if (digit) $("keypad_sent").textContent += digit.dataset.digit;
  });

  // Digits typed on the keyboard while the keypad is open.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !$("keypad")?.matches(":popover-open")) return;
    if (event.target.closest?.("#keypad, #call_keypad") && /^[0-9*#]$/.test(event.key)) {
      $("keypad").querySelector(`[data-digit="${event.key}"]`).click();
    }
  });

  // The page leaves as much room at its foot as the dock takes (app.css, phone.css).
  new ResizeObserver(([{ target }]) => {
    document.documentElement.style.setProperty("--dock", `${target.offsetHeight}px`);
  }).observe($("dock"));

  setInterval(tick, 1000);
  paint();
})();
