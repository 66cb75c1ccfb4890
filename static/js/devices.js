/* Microphones and speakers: which there are, which one this browser has chosen, and what happens
   when one is changed or unplugged in a call. Shows nothing (sound.js does).

   out   device:changed  {}                something was chosen, plugged or unplugged
         device:asked    {denied}          the microphone was asked for, and given or not
         device:notice   {text, tone}      to be said to the person */

import { PhoneError } from "./server.js";

const KEYS = { microphone: "phone:microphone", speaker: "phone:speaker", ringer: "phone:ringer" };
const NAMES = { microphone: "phone:microphone-name", speaker: "phone:speaker-name", ringer: "phone:ringer-name" };
const KINDS = { microphone: "audioinput", speaker: "audiooutput", ringer: "audiooutput" }; // a call rings on the ringer
// Chromium's names for “whatever the system uses”.
const SYSTEM = new Set(["", "default", "communications"]);

export function createDevices({ mediaDevices, storage, emit = () => {}, canChooseSpeaker = true }) {
  let sdk = null; // the Voice SDK's AudioHelper while a call is up
  let active = ""; // the microphone that the call uses
  let labels = new Map();

  const chosen = (kind) => storage?.getItem(KEYS[kind]) ?? "";

  /** {id, label} of every real device of a kind; no labels before the microphone was allowed. */
  async function list(kind) {
    const all = (await mediaDevices?.enumerateDevices?.()) ?? [];
    const found = all.filter((one) => one.kind === KINDS[kind]);
    for (const one of found) if (one.label) labels.set(one.deviceId, one.label);
    const real = found.filter((one) => !SYSTEM.has(one.deviceId));
    followChosen(kind, real);
    return (real.length ? real : found).map((one) => ({ id: one.deviceId, label: one.label }));
  }

  /** Browsers give a device a new id now and then: the chosen one is still known by its name. */
  function followChosen(kind, real) {
    const [id, name] = [chosen(kind), storage?.getItem(NAMES[kind])];
    if (!id || !name || real.some((one) => one.deviceId === id)) return;
    const same = real.find((one) => one.label === name);
    if (same) storage.setItem(KEYS[kind], same.deviceId);
  }

  /** What to ask getUserMedia for: the chosen microphone if it is there, else any. */
  async function constraint() {
    const microphones = await list("microphone");
    const id = chosen("microphone");
    return id && microphones.some((one) => one.id === id) ? { deviceId: { exact: id } } : true;
  }

  /** Opens the microphone. Throws PhoneError: 31401 denied, 31402 none or in use. */
  async function open() {
    if (!mediaDevices?.getUserMedia) throw new PhoneError("insecure_page");
    let audio = true;
    try {
      audio = await constraint();
      const stream = await mediaDevices.getUserMedia({ audio });
      emit("device:asked", { denied: false });
      return stream;
    } catch (error) {
      const denied = error.name === "NotAllowedError" || error.name === "SecurityError";
      emit("device:asked", { denied });
      if (denied) throw new PhoneError(31401, error.message);
      if (audio === true) throw new PhoneError(31402, error.message);
      // The chosen one is there and does not open: any other is better than no call.
      return mediaDevices.getUserMedia({ audio: true }).catch((second) => {
        throw new PhoneError(31402, second.message);
      });
    }
  }

  /** Before dialling: is there a microphone that may be used? Returns its constraint. */
  async function check() {
    const stream = await open();
    const tracks = stream.getTracks();
    const { deviceId = "", groupId = "" } = tracks[0]?.getSettings?.() ?? {};
    tracks.forEach((track) => track.stop());
    list("speaker").catch(() => {}); // so that it is found under its present id when the call is up
    active = SYSTEM.has(deviceId) ? await behind(groupId) : deviceId;
    emit("device:changed", {});
    return SYSTEM.has(deviceId) ? true : { deviceId: { exact: deviceId } };
  }

  /** The device that the system's default stands for: it is of the same group. */
  async function behind(groupId) {
    const all = groupId ? await mediaDevices.enumerateDevices() : [];
    const same = (one) => one.kind === KINDS.microphone && one.groupId === groupId && !SYSTEM.has(one.deviceId);
    return all.find(same)?.deviceId ?? "";
  }

  async function useSpeaker(id) {
    if (!sdk?.isOutputSelectionSupported) return;
    await sdk.speakerDevices.set(id || "default");
  }

  async function useMicrophone(id) {
    const all = (await mediaDevices.enumerateDevices()).filter((one) => one.kind === KINDS.microphone);
    const found = all.find((one) => one.deviceId === (id || "default")) ?? all[0];
    if (!sdk || !found) return "";
    await sdk.setInputDevice(found.deviceId);
    active = found.deviceId;
    return found.label || "another microphone";
  }

  async function choose(kind, id) {
    if (id) storage?.setItem(KEYS[kind], id);
    else storage?.removeItem(KEYS[kind]);
    if (labels.get(id)) storage?.setItem(NAMES[kind], labels.get(id));
    else storage?.removeItem(NAMES[kind]);
    try {
      if (sdk && kind === "microphone") await useMicrophone(id);
      if (sdk && kind === "speaker") await useSpeaker(id);
    } catch {
      emit("device:notice", { text: `This ${kind} can’t be used. The call continues on the previous one.`, tone: "danger" });
    }
    emit("device:changed", {});
  }

  /** Something was plugged in or out. In a call, sound must not stop for it. */
  async function changed() {
    const before = labels;
    labels = new Map();
    const microphones = await list("microphone");
    const speakers = await list("speaker");
    const lostSpeaker = chosen("speaker");
    if (sdk && active && !SYSTEM.has(active) && !microphones.some((one) => one.id === active)) {
      const name = before.get(active) ?? "The microphone";
      try {
        const next = await useMicrophone("");
        const text = next ? `${name} was unplugged. Now using ${next}.` : `${name} was unplugged, and there is no other. Connect one.`;
        emit("device:notice", { text, tone: next ? "info" : "danger" });
      } catch {
        emit("device:notice", { text: `${name} was unplugged, and no other could be used. Connect one.`, tone: "danger" });
      }
    }
    if (sdk && before.has(lostSpeaker) && !speakers.some((one) => one.id === lostSpeaker)) {
      emit("device:notice", { text: `${before.get(lostSpeaker)} was unplugged. Sound comes from the system's speaker.`, tone: "info" });
    }
    emit("device:changed", {});
  }

  return {
    list, chosen, choose, changed, open, check, constraint,
    get canChooseSpeaker() { return canChooseSpeaker; },
    /** A call is up: `audio` is its Device's. */
    attach(audio) {
      sdk = audio ?? null;
      const speaker = chosen("speaker");
      if (speaker) useSpeaker(speaker).catch(() => {}); // unplugged: the system's own then
      list("microphone").catch(() => {});
      list("speaker").catch(() => {});
    },
    /** The call is over: nothing may keep the microphone. */
    detach() {
      sdk?.unsetInputDevice?.().catch(() => {});
      sdk = null;
      active = "";
    },
  };
}

/** How loud a stream is, ten times a second, 0 to 1. Returns what ends it; the stream ends with it. */
export function createMeter({ stream, AudioContext, onLevel, setInterval = globalThis.setInterval, clearInterval = globalThis.clearInterval }) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let shown = 0;
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const loud = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    // Speech is about 0.02 to 0.2: the square root shows it well. It falls slower than it rises.
    shown = Math.max(Math.min(1, Math.sqrt(loud) * 1.6), shown * 0.7);
    onLevel(shown);
  }, 100);
  return () => {
    clearInterval(timer);
    stream.getTracks().forEach((track) => track.stop());
    context.close();
  };
}
