/* A sound recorded in the browser: the microphone into WAV, 16 kHz, mono, of which the form's file
   field then has a file as if it had been chosen. Loaded by the page that needs it (sound_form.html);
   it may come and go, so that all is found anew at each press. */

const RATE = 16000; // per second: twice of what a telephone carries
const LONGEST = 120; // seconds
const LOOK_MS = 100;

/** A WAV file of samples between -1 and 1. */
export function wav(samples, rate = RATE) {
  const view = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const text = (at, word) => [...word].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + samples.length * 2, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // mono
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true); // bits
  text(36, "data");
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, n) => {
    const near = Math.max(-1, Math.min(1, sample));
    view.setInt16(44 + n * 2, Math.round(near * 32767), true);
  });
  return view.buffer;
}

/** `1:05` */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Why there is no recording, for people. */
export function trouble(error) {
  if (!globalThis.isSecureContext) return "Browsers allow the microphone only over https. Open this page with https://.";
  if (error?.name === "NotAllowedError") return "Your browser is blocking the microphone. Allow it next to the address, then record again.";
  return "No microphone was found, or another program is using it. Connect one, then record again.";
}

/** Of whatever the browser records in, the samples at `RATE`, mono. */
async function samplesOf(blob) {
  const whole = await new OfflineAudioContext(1, RATE, RATE).decodeAudioData(await blob.arrayBuffer());
  const context = new OfflineAudioContext(1, Math.max(1, Math.ceil(whole.duration * RATE)), RATE);
  const source = context.createBufferSource();
  source.buffer = whole;
  source.connect(context.destination);
  source.start();
  return (await context.startRendering()).getChannelData(0);
}

let running = null; // what ends the recording that is under way

function parts(box) {
  const find = (name) => box.querySelector(`[data-recorder-${name}]`);
  return { box, label: find("label"), level: find("level"), time: find("time"), note: find("note"), preview: find("preview") };
}

async function record(page) {
  running = () => {}; // also while the microphone is being asked for: a second press begins no second one
  let [stream, context, timer] = [];
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: true } });
    const recorder = new MediaRecorder(stream);
    const pieces = [];
    const begun = performance.now();
    context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    const heard = new Float32Array(analyser.fftSize);
    timer = setInterval(() => {
      const seconds = (performance.now() - begun) / 1000;
      analyser.getFloatTimeDomainData(heard);
      const loud = Math.sqrt(heard.reduce((sum, sample) => sum + sample * sample, 0) / heard.length);
      page.level.value = Math.min(1, Math.sqrt(loud) * 1.6);
      page.time.textContent = clock(seconds);
      if (seconds >= LONGEST || !page.box.isConnected) running?.();
    }, LOOK_MS);
    recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
    const ended = new Promise((done) => recorder.addEventListener("stop", done, { once: true }));
    recorder.start();
    running = () => recorder.state !== "inactive" && recorder.stop();
    page.box.classList.add("is-recording");
    page.label.textContent = "Stop";
    page.note.textContent = "Recording. Speak now.";
    await ended;
    return new Blob(pieces, { type: recorder.mimeType });
  } finally {
    running = null;
    clearInterval(timer);
    stream?.getTracks().forEach((track) => track.stop());
    context?.close();
  }
}

function keep(page, buffer) {
  const file = new File([buffer], "recording.wav", { type: "audio/wav" });
  const files = new DataTransfer();
  files.items.add(file);
  page.box.closest("form").querySelector("input[type=file]").files = files.files;
  if (page.preview.src) URL.revokeObjectURL(page.preview.src);
  page.preview.src = URL.createObjectURL(file);
  page.preview.hidden = false;
}

async function press(page) {
  if (running) {
    running();
    return;
  }
  try {
    const samples = await samplesOf(await record(page));
    keep(page, wav(samples));
    page.note.textContent = "Recorded. Listen to it, then save, or record again.";
  } catch (error) {
    page.note.textContent = trouble(error);
  } finally {
    page.level.value = 0;
    page.box.classList.remove("is-recording");
    page.label.textContent = page.preview.hidden ? "Record" : "Record again";
  }
}

/** Until this is here nobody presses in vain. */
function enable() {
  for (const button of document.querySelectorAll("[data-recorder-press]")) button.disabled = false;
}

globalThis.document?.addEventListener("htmx:after:swap", enable);
if (globalThis.document) enable();
globalThis.document?.addEventListener("click", ({ target }) => {
  const box = target.closest?.("[data-recorder-press]")?.closest("[data-recorder]");
  if (box) press(parts(box));
});
globalThis.addEventListener?.("pagehide", () => running?.());
