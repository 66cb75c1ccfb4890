/* A connection of its own, on request: signalling, the way of the sound and the microphone, from end to
   end. No one is called: the server has it hear a sentence and hang up (calls/webhooks/voice.py).
   Loaded when it is asked for, so it imports nothing. What it says comes from what was measured:

   code        what the shim, our API or the SDK gave up with, "" if with nothing
   message     our API's sentence for it
   letIn       this site has given a token
   accepted    signalling went through
   connected   packets found a way
   heard       sound that is not silence came in
   level       how loud the microphone was at its loudest, 0 to 1
   confirmed   the other end has reported that our packets arrive (RTCP) */

const [STOPPED, ENDED] = ["stopped", "ended"]; // by a call, by the other end
const SILENT = 0.005;
const NOISE = 0.00001; // as getStats sums energy up: less than a hundredth of a spoken word
const CONNECT_MS = 10000;
const LISTEN_MS = 8000;
const LOOK_MS = 200;
const FIREWALL = "Your network lets no sound of calls through. Use another network, or ask an admin: “Networks” in the guide says what to allow.";

/** [tone, word, help] */
export function verdict({ code = "", message = "", letIn = false, accepted = false, connected = false, heard = false, level = 0, confirmed = false }) {
  if (code === 31401) return ["danger", "No microphone", "Your browser is blocking it. Allow it next to the address, then test again."];
  if (code === 31402) return ["danger", "No microphone", "None was found, or another program is using it. Connect one, then test again."];
  if (code === "insecure_page") return ["danger", "No microphone", "Browsers allow it only over https. Open this page with https://."];
  if (code === STOPPED) return ["info", "Stopped", "You’re in a call. Test again after it."];
  if (!letIn) return ["danger", "This site does not let you call", code === "network" ? "It cannot be reached. Check your network." : message];
  if (!accepted) return ["danger", "Phone service not reached", `Check your network: a firewall may block it, or the service is down (code ${code || "none"}).`];
  if (!connected) return ["danger", "Connection blocked by a firewall", FIREWALL];
  if (!heard) return ["danger", "No sound arrived", FIREWALL];
  if (level < SILENT) return ["warning", "You were silent", "Sound reached you, but your microphone gave none. Say something during the test, or choose another microphone."];
  if (!confirmed) return ["warning", "Not sure you were heard", "Sound reached you, but the phone service has not confirmed yours. Test again; if it keeps happening, try another network."];
  return ["success", "Heard you", "Your voice reached the phone service, and its voice reached you."];
}

/** What getStats says of it: {connected, heard, confirmed} of the connection so far. */
export function read(reports) {
  const found = { connected: false, heard: false, confirmed: false };
  for (const report of reports) {
    if (report.type === "inbound-rtp") {
      found.connected ||= report.packetsReceived > 0;
      found.heard ||= report.totalAudioEnergy > NOISE;
    }
    if (report.type === "remote-inbound-rtp") found.confirmed ||= (report.fractionLost ?? 0) < 1;
  }
  return found;
}

/** Never throws: the measured facts. `stop` is a promise that ends it early, with a call. */
export async function measure({ Device, post, devices, options, stop, wait = (ms) => new Promise((done) => setTimeout(done, ms)), now = Date.now }) {
  const facts = { code: "", message: "", letIn: false, accepted: false, connected: false, heard: false, level: 0, confirmed: false };
  let device = null;
  let call = null;
  let failed = () => {};
  const over = new Promise((_, reject) => { failed = reject; });
  over.catch(() => {}); // it may fail when nobody waits any more
  stop.then(() => failed({ code: STOPPED }));
  const unless = (work) => Promise.race([work, over]);

  async function listen() {
    const until = now() + LISTEN_MS;
    while (now() < until && !(facts.heard && facts.confirmed && facts.level >= SILENT)) {
      await unless(wait(LOOK_MS));
      // The SDK does not give its connection in public.
      const pc = call._mediaHandler?.version?.pc;
      facts.connected ||= pc?.connectionState === "connected";
      if (pc) for (const [name, is] of Object.entries(read((await pc.getStats()).values()))) facts[name] ||= is;
    }
  }

  try {
    const audio = await unless(devices.check());
    const { token } = await unless(post("/api/twilio/access-token", {}));
    facts.letIn = true;
    device = new Device(token, options);
    device.on("error", failed);
    call = await unless(device.connect({ ...(audio === true ? {} : { rtcConstraints: { audio } }), params: { purpose: "test" } }));
    const accepted = new Promise((done) => { call.on("accept", done); });
    call.on("error", failed);
    call.on("disconnect", () => failed({ code: ENDED }));
    call.on("volume", (input) => { facts.level = Math.max(facts.level, input); });
    await unless(Promise.race([accepted, wait(CONNECT_MS).then(() => { throw { code: "connect_timeout" }; })]));
    facts.accepted = true;
    await listen();
  } catch (error) {
    facts.code = error.code ?? "failed";
    facts.message = error.message;
  }
  call?.disconnect();
  device?.destroy();
  return facts;
}

/** Measures, and says what was found at `place`. */
export async function show({ button, place, sdk, ...rest }) {
  const say = ([tone, word, help]) => {
    place.style.setProperty("--tone", `var(--${tone})`);
    place.textContent = `${word}. ${help}`;
  };
  button.disabled = true;
  const over = new AbortController();
  // A call, here or in another tab, from the press on: the SDK may still be on its way.
  const stop = new Promise((done) => {
    const { signal } = over;
    document.addEventListener("phone:dial", done, { signal });
    document.addEventListener("phone:in-call", () => "inCall" in document.documentElement.dataset && done(), { signal });
  });
  const { Device } = (await sdk().catch(() => null)) ?? {};
  if (!Device || !globalThis.RTCPeerConnection) say(["danger", "Not possible here", "See Browser above."]);
  else {
    say(["info", "Testing", "Say something now; you hear a voice. It takes some seconds."]);
    const facts = await measure({ Device, stop, ...rest });
    say(verdict(facts));
    if (facts.letIn && facts.code !== STOPPED) document.dispatchEvent(new CustomEvent("phone:tested", { detail: facts }));
  }
  over.abort();
  button.disabled = false;
}
