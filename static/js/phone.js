/* The shim: between the page and the Twilio Voice SDK.

   It gets tokens, connects, mutes, sends digits and hangs up, and turns what happens into DOM
   events. It renders nothing and decides nothing: what a call is, the server says.

   in    phone:dial     {contactId, to, name, fromNumberId?, clientRequestId?, rejoin?}   from an HX-Trigger header
                        {clientRequestId, to, name, answers}   the caller is brought in by the server (ringing.js)
         clicks on      [data-phone="mute|end"], [data-phone="digit"][data-digit] (phone-page.js)
   out   phone:state    {state: idle|connecting|open|ended, muted}
         phone:signal   {lost}                  the connection is being mended, or is well again
         phone:quality  {name}                  the SDK warns of bad sound
         phone:level    {input, output}         0 to 1, ten times a second, in a call
         phone:changed  {request, error?}       the server has news of this call, or will have soon
         phone:error    {code, message, request, fatal}

   `clientRequestId` names the call everywhere; asking twice with the same one is the same call. */

import { createDevices } from "./devices.js";
import { PhoneError, createServer } from "./server.js";
import { SOUND_LOST, createWay } from "./way.js";

export const DEFAULTS = {
  closeProtection: true,
  codecPreferences: ["pcmu", "opus"],
  enableImprovedSignalingErrorPrecision: true,
  logLevel: "error",
  tokenRefreshMs: 60000,
};
// Refused tokens stay refused; other signalling errors may heal within GRACE_MS.
const TOKEN_ERRORS = new Set([20101, 20104, 20151, 31201, 31202, 31204, 31205, 31207]);
// The SDK may say "accepted" a moment before the webhook has been stored.
const ASK_AGAIN = new Set(["agent_not_connected", "duplicate_in_progress", "network", "unavailable"]);
const CONNECT_MS = 10000;
const GRACE_MS = 3000;
const END_MS = 1500;
const RETRY_MS = 250;
const RETRY_FOR_MS = 10000;
const LEVEL_MS = 100;

export function createPhone({
  sdk, fetch, mediaDevices, emit, options = {},
  devices = createDevices({ mediaDevices, emit }), claim = async () => () => {},
  randomUUID = () => crypto.randomUUID(), setTimeout = globalThis.setTimeout,
  clearTimeout = globalThis.clearTimeout, now = () => Date.now(),
}) {
  const { post, askEnd, sayLost } = createServer({ fetch });
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const way = createWay({ sayLost, wait, now });
  // One attempt at a call: {request, detail, release, device, call, placed, over, watchdog}.
  let attempt = null;
  let claiming = false;
  let state = "idle";
  let muted = false;

  function report(mine, { code = "phone_failed", message = "" }, fatal) {
    emit("phone:error", { code, message, request: mine.request, fatal });
  }

  function tell(next = state) {
    state = next;
    emit("phone:state", { state, muted });
  }

  /** Ends this attempt once, whoever asks first; `error` says why, when it was not a plain end. */
  function finish(mine, error) {
    if (mine.over) return;
    mine.over = true;
    clearTimeout(mine.watchdog);
    mine.call?.disconnect();
    devices.detach();
    mine.release();
    // Releases the socket and the microphone; later, because the SDK may be in the middle of an event.
    setTimeout(() => mine.device?.destroy(), 0);
    muted = false;
    const code = error ? (error.code ?? "phone_failed") : "";
    if (code && code !== "canceled") {
      report(mine, error, true);
      // Whoever calls is back in line at once, and not only when nobody has come for a while.
      if (mine.detail.answers && !mine.accepted) askEnd(mine.request);
    }
    tell("ended");
    emit("phone:changed", { request: mine.request, error: code });
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
    if (mine.detail.answers) {
      mine.placed = true;
      return;
    }
    const { contactId, to, fromNumberId } = mine.detail;
    const body = { ...(contactId && { contactId }), ...(to && { to }), ...(fromNumberId && { fromNumberId }), clientRequestId: mine.request };
    const until = now() + RETRY_FOR_MS;
    while (!mine.over) {
      mine.asked = true;
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
      devices.attach(mine.device.audio);
      tell("open");
      (mine.detail.answers ? place(mine) : way.hear(mine).then(() => place(mine))).catch((error) => finish(mine, error));
    });
    call.on("mute", (isMuted) => {
      muted = isMuted;
      if (!mine.over) tell();
    });
    call.on("reconnecting", ({ code } = {}) => {
      if (mine.over) return;
      emit("phone:signal", { lost: true });
      if (code === SOUND_LOST) way.tellLost(mine);
    });
    call.on("reconnected", () => !mine.over && emit("phone:signal", { lost: false }));
    call.on("warning", (name) => !mine.over && emit("phone:quality", { name }));
    let levelAt = 0;
    call.on("volume", (input, output) => {
      if (mine.over || now() - levelAt < LEVEL_MS) return;
      levelAt = now();
      emit("phone:level", { input, output });
    });
    call.on("error", (error) => {
      mine.error = new PhoneError(error.code, error.message);
    });
    for (const end of ["disconnect", "cancel", "reject"]) {
      call.on(end, () => finish(mine, mine.error ?? (mine.placed ? null : new PhoneError("agent_leg_ended"))));
    }
  }

  async function dial(detail) {
    const request = detail.clientRequestId ?? randomUUID();
    const isUp = state === "connecting" || state === "open";
    // Rejoining: whatever this page still has of the call is of no use any more.
    if (isUp && detail.rejoin && attempt.request === request) finish(attempt, null);
    else if (isUp || claiming) {
      report({ request: attempt?.request ?? request }, { code: "busy" }, false);
      return;
    }
    const mine = { request, detail };
    claiming = true;
    mine.release = await claim({ steal: Boolean(detail.rejoin), lost: () => finish(mine, null) });
    claiming = false;
    if (!mine.release) {
      // Another tab of this agent has answered the same call a moment before.
      if (!detail.answers) report(mine, { code: "busy_elsewhere" }, false);
      return;
    }
    attempt = mine;
    muted = false;
    tell("connecting");
    emit("phone:changed", { request: mine.request, error: "" });
    try {
      const audio = await devices.check();
      if (mine.over) return;
      const { token } = await post("/api/twilio/access-token", {});
      if (mine.over) return;
      const { Device } = await sdk(); // it may be on its way still
      if (mine.over) return;
      mine.device = new Device(token, { ...DEFAULTS, ...options });
      watchDevice(mine);
      mine.watchdog = setTimeout(
        () => finish(mine, mine.error ?? new PhoneError("connect_timeout")), CONNECT_MS);
      mine.call = await mine.device.connect({
        params: { clientRequestId: mine.request },
        ...(audio === true ? {} : { rtcConstraints: { audio } }),
      });
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
    get request() { return attempt?.request ?? ""; },
    networkChanged: way.forget,
    mute() {
      if (state === "open") attempt.call.mute(!muted);
    },
    digit(digit) {
      if (state === "open") attempt.call.sendDigits(digit);
    },
    /** Ends this page's call, or, where another page of this agent has it, that one's (`request`). */
    async end(request) {
      const mine = state === "connecting" || state === "open" ? attempt : null;
      // Said before leaving: an agent who leaves without a word is waited for.
      const isCalling = mine ? mine.asked || mine.detail.rejoin || mine.detail.answers : request;
      if (isCalling) await Promise.race([askEnd(mine?.request ?? request), wait(END_MS)]);
      if (mine) finish(mine, mine.placed ? null : new PhoneError("canceled"));
    },
  };
}
