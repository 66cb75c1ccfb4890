/* What the tabs of a browser do for calls that ring as if they were one. The bell rings in a tab that
   may make a sound, which holds the Web Lock `ring` meanwhile; a receipt is sent by the first that can.
   Loaded with ringing.js. */

const SEEN_MS = 12 * 1000; // the server asks each 30 s, each tab at a time of its own, and believes for 45
const TRIES_MS = [0, 300, 900]; // a receipt counts within two seconds

/** `tone()` begins to sound and resolves with what ends it, or null where no sound is allowed;
    `blocked(yes)` is told whether nobody in this browser may make one. */
export function createBell({ locks, tone, blocked, wait }) {
  let end = null;

  async function play({ signal }) {
    const stop = signal.aborted ? null : await tone();
    if (!stop) return false;
    if (!signal.aborted) {
      blocked(false);
      await new Promise((done) => signal.addEventListener("abort", done));
    }
    stop();
    return true;
  }

  async function ring() {
    if (end) return;
    const mine = end = new AbortController();
    const hasRung = await locks.request("ring", { signal: mine.signal }, () => play(mine)).catch(() => true);
    if (hasRung || mine.signal.aborted) return;
    await wait(500); // another tab's turn
    const { held } = await locks.query();
    if (!mine.signal.aborted) blocked(!held.some(({ name }) => name === "ring"));
  }

  function hush() {
    end?.abort();
    end = null;
    blocked(false);
  }

  return { ring, hush, again: () => end && (hush(), ring()) };
}

/** Two tones and a pause, as long as it is not ended, on the chosen device. */
export async function tone(device) {
  const context = new AudioContext();
  const audio = new Audio();
  const stop = () => {
    audio.pause();
    audio.srcObject = null;
    context.close();
  };
  try {
    await Promise.race([context.resume(), new Promise((done) => setTimeout(done, 300))]);
    if (context.state !== "running") throw new Error("no sound without a gesture");
    const rate = context.sampleRate;
    const buffer = context.createBuffer(1, 2 * rate, rate);
    buffer.getChannelData(0).forEach((_, i, samples) => {
      const at = (i / rate) % 2;
      const into = Math.min(at % 0.6, 0.4 - (at % 0.6)) / 0.02; // softly in and out
      if (at < 1.2 && into > 0) samples[i] = 0.12 * Math.min(1, into) * (Math.sin(2764.6 * at) + Math.sin(3015.9 * at));
    });
    const source = Object.assign(context.createBufferSource(), { buffer, loop: true });
    const out = context.createMediaStreamDestination();
    source.connect(out);
    source.start();
    audio.srcObject = out.stream;
    if (device) await audio.setSinkId?.(device).catch(() => {}); // unplugged: the system's own
    await audio.play();
    return stop;
  } catch {
    stop();
    return null;
  }
}

/** One ring of a call: it may ring again at the same agent, without a pause. */
export const offerOf = ({ dataset }) => `${dataset.ring} ${dataset.offered}`;

/** Says to the server that this page is there, and which calls it shows. `send(calls)` rejects when it
    did not arrive; `tell` reaches the other tabs. */
export function createReceipts({ send, tell, now = Date.now, wait }) {
  const known = new Set(); // offers that are confirmed, or are being so, by any tab
  let seenAt = -Infinity;

  async function say(ids) {
    seenAt = now();
    tell({ type: "seen", ids });
    for (const pause of TRIES_MS) {
      if (pause) await wait(pause); // in a hidden tab also no time at all would be a second
      if (await send(ids.map((id) => id.split(" ")[0])).then(() => true, () => false)) return;
    }
    seenAt = -Infinity;
    for (const id of ids) known.delete(id);
  }

  return {
    shown(rings) {
      const ids = rings.map(offerOf);
      const fresh = ids.filter((id) => !known.has(id));
      for (const id of fresh) known.add(id);
      for (const id of known) if (!ids.includes(id)) known.delete(id);
      return fresh.length ? say(fresh) : null;
    },
    asked: () => (now() - seenAt < SEEN_MS ? null : say([])),
    now: () => say([]),
    heard({ ids }) {
      seenAt = now();
      for (const id of ids) known.add(id);
    },
  };
}
