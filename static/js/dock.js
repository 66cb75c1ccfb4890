/* The dock: what only the browser knows about the active call (mute, the ticking timer, which call
   this page has asked for). The panel's HTML comes from the server. */
(() => {
  const $ = (id) => document.getElementById(id);
  const READY = { idle: "Ready", connecting: "Connecting", open: "In a call", ended: "Ready" };
  let phone = { state: "idle", muted: false };
  let dialled = {};      // {name, to} of the last phone:dial, until the server knows the call
  let asked = {};        // {request, error} last put to the loader
  let shown = "";        // request and state of the panel at the last look
  let skew = 0;          // ms the server's clock is ahead of ours
  const say = (text, tone, options) =>
    document.body.dispatchEvent(new CustomEvent("toast", { detail: { text, tone, ...options }, bubbles: true }));

  function paint() {
    document.body.dataset.phone = phone.state;
    for (const place of document.querySelectorAll("[data-phone-state]")) place.textContent = READY[phone.state];
    const mute = $("call_mute");
    if (!mute) return;
    mute.disabled = $("call_keypad").disabled = phone.state !== "open";
    mute.classList.toggle("is-muted", phone.muted);
    mute.querySelector("[data-mute-label]").textContent = phone.muted ? "Unmute" : "Mute";
  }

  function tick() {
    const timer = document.querySelector("#call_timer[data-answered-at]");
    if (!timer) return;
    const since = Date.parse(timer.dataset.answeredAt);
    const seconds = since ? Math.max(0, Math.floor((Date.now() + skew - since) / 1000)) : 0;
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const text = [...(hours ? [hours, String(minutes).padStart(2, "0")] : [minutes]), String(seconds % 60).padStart(2, "0")].join(":");
    if (timer.textContent !== text) timer.textContent = text;
  }

  /** After each new panel: the name the server may not know yet, the timer, a toast for a new state. */
  function look() {
    const panel = $("call_panel");
    for (const place of document.querySelectorAll("#call_panel [data-dialled]:empty")) {
      place.textContent = (place.dataset.dialled === "name" ? dialled.name || dialled.to : dialled.name && dialled.to) || "";
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

  document.addEventListener("phone:state", ({ detail }) => {
    if (detail.state === "open" && phone.state === "open" && detail.muted !== phone.muted) {
      say(detail.muted ? "Muted: the other side cannot hear you" : "Unmuted", "info");
    }
    phone = detail;
    paint();
  });

  // Captured, so that the loader's fields are filled before htmx, which listens on body, reads them.
  document.addEventListener("phone:changed", ({ detail }) => {
    asked = detail;
    $("dock_request").value = detail.request;
    $("dock_error").value = detail.error ?? "";
  }, true);

  document.addEventListener("phone:error", ({ detail }) => {
    if (detail.fatal) return; // the panel says it, with what to do
    if (detail.code === "busy") say("A call is already under way. End it before you dial again.", "info");
    else say(`The connection is unsteady (${detail.code}). Trying to keep the call.`, "danger");
  });

  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.target?.id !== "active_call") return;
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

  setInterval(tick, 1000);
  paint();
})();
