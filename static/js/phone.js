/* The shim: between the page and the Twilio Voice SDK.

   It gets tokens, connects, mutes, sends digits and hangs up, and turns what happens into DOM
   events. It renders nothing and decides nothing: what a call is, the server says.

   in    phone:dial     {contactId, to, name, clientRequestId?}   from an HX-Trigger header
         clicks on      [data-phone="mute|end"], [data-phone="digit"][data-digit]
   out   phone:state    {state: idle|connecting|open|ended, muted}
         phone:changed  {request, error?}       the server has news of this call, or will have soon
         phone:error    {code, message, request, fatal}

   `clientRequestId` names the call everywhere; asking twice with the same one is the same call. */

const DEFAULTS = {
  closeProtection: true,
  codecPreferences: ["pcmu", "opus"],
  enableImprovedSignalingErrorPrecision: true,
  logLevel: "error",
  tokenRefreshMs: 60000,
};
// Refused tokens stay refused; other signalling errors may heal within GRACE_MS.
const TOKEN_ERRORS = new Set([20101, 20102, 20103, 20104, 20151, 31201, 31202, 31204, 31205, 31207]);
// The SDK may say "accepted" a moment before the webhook has been stored.
const ASK_AGAIN = new Set(["agent_not_connected", "duplicate_in_progress", "network"]);
const CONNECT_MS = 10000;
const GRACE_MS = 3000;
const END_MS = 1500;
const RETRY_MS = 250;
const RETRY_FOR_MS = 10000;

class PhoneError extends Error {
  constructor(code, message, status) {
    super(message || String(code));
    this.code = code;
    this.status = status;
  }
}

export function createPhone({
  Twilio, fetch, mediaDevices, emit, csrf = () => "", options = {},
  randomUUID = () => crypto.randomUUID(), setTimeout = globalThis.setTimeout,
  clearTimeout = globalThis.clearTimeout, now = () => Date.now(),
}) {
  // One attempt at a call: {request, detail, device, call, placed, over, watchdog}.
  let attempt = null;
  let state = "idle";
  let muted = false;

  function report(mine, { code = "phone_failed", message = "" }, fatal) {
    emit("phone:error", { code, message, request: mine.request, fatal });
  }

  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  function tell(next = state) {
    state = next;
    emit("phone:state", { state, muted });
  }

  async function post(path, body) {
    let response;
    try {
      response = await fetch(path, {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrf(), Accept: "application/json" },
        body: JSON.stringify(body),
      });
    } catch (error) {
      throw new PhoneError("network", error.message);
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const { code, message } = answer.error ?? {};
    throw new PhoneError(code ?? `http_${response.status}`, message, response.status);
  }

  async function microphone() {
    try {
      const stream = await mediaDevices.getUserMedia({ audio: true });
      stream.getTracks().forEach((track) => track.stop());
    } catch (error) {
      const denied = error.name === "NotAllowedError" || error.name === "SecurityError";
      throw new PhoneError(denied ? 31401 : 31402, error.message);
    }
  }

  /** Ends this attempt once, whoever asks first; `error` says why, when it was not a plain end. */
  function finish(mine, error) {
    if (mine.over) return;
    mine.over = true;
    clearTimeout(mine.watchdog);
    mine.call?.disconnect();
    // Releases the socket and the microphone; later, because the SDK may be in the middle of an event.
    setTimeout(() => mine.device?.destroy(), 0);
    muted = false;
    const code = error ? (error.code ?? "phone_failed") : "";
    if (code && code !== "canceled") report(mine, error, true);
    tell("ended");
    emit("phone:changed", { request: mine.request, error: code });
  }

  function askEnd(request) {
    return fetch("/calls/end", {
      method: "POST",
      credentials: "same-origin",
      keepalive: true,
      headers: { "X-CSRFToken": csrf() },
      body: new URLSearchParams({ request }),
    }).catch(() => {}); // then the server notices by itself
  }

  function watchDevice(mine) {
    mine.device.on("error", (error) => {
      if (mine.over) return;
      if (state === "open") {
        report(mine, error, false);
        return;
      }
      mine.error = new PhoneError(error.code, error.message);
      const patience = TOKEN_ERRORS.has(error.code) ? 0 : GRACE_MS;
      setTimeout(() => state === "connecting" && finish(mine, mine.error), patience);
    });
    mine.device.on("tokenWillExpire", async () => {
      try {
        const { token } = await post("/api/twilio/access-token", {});
        if (!mine.over) mine.device.updateToken(token);
      } catch (error) {
        report(mine, error, false);
      }
    });
  }

  /** Asks the server to ring the other side, again while our own leg is still on its way in. */
  async function place(mine) {
    const { contactId, to } = mine.detail;
    const body = { ...(contactId ? { contactId } : {}), ...(to ? { to } : {}), clientRequestId: mine.request };
    const until = now() + RETRY_FOR_MS;
    while (!mine.over) {
      try {
        await post("/api/twilio/make-call", body);
        mine.placed = true;
      } catch (error) {
        if (ASK_AGAIN.has(error.code) && now() < until) {
          await wait(RETRY_MS);
          continue;
        }
        // The server finds out whether it rang; hanging up now would end a call that did.
        if (error.code !== "submission_unknown") throw error;
        mine.placed = true;
      }
      if (!mine.over) emit("phone:changed", { request: mine.request, error: "" });
      return;
    }
  }

  function watchCall(mine) {
    const { call } = mine;
    call.on("accept", () => {
      if (mine.over || mine.accepted) return;
      mine.accepted = true;
      mine.error = null;
      clearTimeout(mine.watchdog);
      tell("open");
      place(mine).catch((error) => finish(mine, error));
    });
    call.on("mute", (isMuted) => {
      muted = isMuted;
      if (!mine.over) tell();
    });
    call.on("error", (error) => {
      mine.error = new PhoneError(error.code, error.message);
    });
    for (const end of ["disconnect", "cancel", "reject"]) {
      call.on(end, () => finish(mine, mine.error ?? (mine.placed ? null : new PhoneError("agent_leg_ended"))));
    }
  }

  async function dial(detail) {
    if (state === "connecting" || state === "open") {
      report(attempt, { code: "busy" }, false);
      return;
    }
    const mine = { request: detail.clientRequestId ?? randomUUID(), detail };
    attempt = mine;
    muted = false;
    tell("connecting");
    emit("phone:changed", { request: mine.request, error: "" });
    try {
      await microphone();
      if (mine.over) return;
      const { token } = await post("/api/twilio/access-token", {});
      if (mine.over) return;
      mine.device = new Twilio.Device(token, { ...DEFAULTS, ...options });
      watchDevice(mine);
      mine.watchdog = setTimeout(
        () => finish(mine, mine.error ?? new PhoneError("connect_timeout")), CONNECT_MS);
      mine.call = await mine.device.connect({ params: { clientRequestId: mine.request } });
      if (mine.over) {
        mine.call.disconnect();
        return;
      }
      watchCall(mine);
    } catch (error) {
      finish(mine, error);
    }
  }

  return {
    dial,
    get state() { return state; },
    mute() {
      if (state === "open") attempt.call.mute(!muted);
    },
    digit(digit) {
      if (state === "open") attempt.call.sendDigits(digit);
    },
    /** Ends this page's call, or, where another page of this agent has it, that one's (`request`). */
    async end(request) {
      const mine = state === "connecting" || state === "open" ? attempt : null;
      if (mine && !mine.placed) {
        finish(mine, new PhoneError("canceled"));
        return;
      }
      // Said before leaving: an agent who leaves without a word is waited for.
      if (mine || request) await Promise.race([askEnd(mine?.request ?? request), wait(END_MS)]);
      if (mine) finish(mine, null);
    },
  };
}

if (globalThis.document) {
  const { body } = document;
  const phone = createPhone({
    Twilio: globalThis.Twilio,
    fetch: globalThis.fetch.bind(globalThis),
    mediaDevices: navigator.mediaDevices,
    csrf: () => document.querySelector("meta[name=csrf-token]").content,
    options: JSON.parse(document.getElementById("phone-options").textContent),
    emit: (name, detail) => body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true })),
  });
  document.addEventListener("phone:dial", (event) => phone.dial(event.detail));
  document.addEventListener("click", (event) => {
    const control = event.target.closest?.("[data-phone]");
    if (!control || control.disabled) return;
    if (control.dataset.phone === "mute") phone.mute();
    if (control.dataset.phone === "end") phone.end(control.closest("[data-request]")?.dataset.request);
    if (control.dataset.phone === "digit") phone.digit(control.dataset.digit);
  });
}
