/* The Voice SDK is half of all that a page loads, so the page is there before it, and a call waits for it.

   out   phone:sdk   {state: loading|ready|failed}   failed: the next call asks for it again */

import { PhoneError } from "./server.js";

const LONGEST_MS = 30000;

/** `load` fetches and runs the SDK; what it resolves with is the SDK. */
export function createSdk({ load, emit, setTimeout = globalThis.setTimeout }) {
  let asked = null;
  const tell = (state) => emit("phone:sdk", { state });

  function ask() {
    tell("loading");
    const mine = load().then((sdk) => {
      if (!sdk) throw new Error("the Voice SDK did not run");
      asked = mine;
      tell("ready");
      return sdk;
    });
    mine.catch(() => giveUp(mine));
    return mine;
  }

  /** The next call asks again; what comes later all the same is used. */
  function giveUp(mine) {
    if (asked !== mine) return;
    asked = null;
    tell("failed");
  }

  return {
    /** The SDK, once it is there. Throws PhoneError when it cannot be had, or takes too long. */
    async wait() {
      const mine = (asked ??= ask());
      let timer;
      const late = new Promise((_, reject) => { timer = setTimeout(reject, LONGEST_MS); });
      try {
        return await Promise.race([mine, late]);
      } catch {
        giveUp(mine);
        throw new PhoneError("phone_failed");
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** By a script of its own, whose file the page's head has asked for. */
export const load = () => new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = document.getElementById("voice_sdk").href;
  script.onload = () => resolve(globalThis.Twilio);
  script.onerror = () => {
    script.remove();
    reject(new Error("the Voice SDK could not be loaded"));
  };
  document.head.append(script);
});
