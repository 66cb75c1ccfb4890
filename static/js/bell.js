/* The bell of calls that ring: in one tab of a browser, one that may make a sound, which holds the Web
   Lock `ring` meanwhile. Loaded with ringing.js. */

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
