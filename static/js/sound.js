/* The Sound box: which microphone, which speaker, and whether you are heard. Opened by buttons of
   the markup (popovertarget="sound"). The microphone is open only as long as the box or a call is. */

import { createMeter } from "./devices.js";

export function createSound({ devices, mediaDevices, phone }) {
  const $ = (id) => document.getElementById(id);
  const box = $("sound");
  const isOpen = () => box.matches(":popover-open");
  const picks = { microphone: $("sound_microphone"), speaker: $("sound_speaker"), ringer: $("sound_ringer") };
  let stop = null;
  let round = 0; // which opening of the microphone is the newest

  async function fill() {
    for (const [kind, pick] of Object.entries(picks)) {
      const found = await devices.list(kind);
      const chosen = devices.chosen(kind);
      const named = found.filter((one) => one.label);
      const wanted = [["", "System default"], ...named.map((one) => [one.id, one.label])];
      if (JSON.stringify(wanted) !== pick.dataset.filled) {
        pick.dataset.filled = JSON.stringify(wanted);
        pick.replaceChildren(...wanted.map(([id, label]) => new Option(label, id)));
      }
      pick.value = named.some((one) => one.id === chosen) ? chosen : "";
    }
    $("sound_speaker_pick").hidden = !devices.canChooseSpeaker;
    $("sound_no_speaker").hidden = devices.canChooseSpeaker;
  }

  function show(level) {
    $("sound_level").value = level;
    $("sound_level").textContent = `${Math.round(level * 100)} %`;
  }

  function quiet() {
    round += 1;
    stop?.();
    stop = null;
    show(0);
  }

  /** Opens the microphone for the meter; in a call the call's own level is shown instead. */
  async function listen() {
    quiet();
    const mine = round;
    $("sound_problem").textContent = "";
    $("sound_test").hidden = true;
    if (phone.state === "open" || phone.state === "connecting") return;
    try {
      const stream = await devices.open();
      if (mine !== round || !isOpen()) {
        stream.getTracks().forEach((track) => track.stop());
        return;
      }
      stop = createMeter({ stream, AudioContext, onLevel: show });
      await fill(); // now they have names
    } catch (error) {
      if (mine !== round) return;
      $("sound_test").hidden = false;
      $("sound_problem").textContent = {
        31401: "Your browser is blocking the microphone. Allow it next to the address, then test again.",
        insecure_page: "Browsers allow the microphone only over https. Open this page with https://.",
      }[error.code] ?? "No microphone was found, or another program is using it. Connect one, then test again.";
    }
  }

  function opened() {
    fill();
    const allowed = document.body.dataset.microphone === "granted";
    $("sound_test").hidden = allowed;
    if (allowed) listen(); // else the browser's question comes only when asked for
  }

  box.addEventListener("toggle", ({ newState }) => (newState === "open" ? opened() : quiet()));
  $("sound_test").addEventListener("click", listen);
  for (const [kind, pick] of Object.entries(picks)) {
    pick.addEventListener("change", async () => {
      await devices.choose(kind, pick.value);
      if (kind === "microphone" && stop) listen();
    });
  }
  $("sound_play").addEventListener("click", async () => {
    const audio = new Audio($("sound_play").dataset.sound);
    const speaker = devices.chosen("speaker");
    try {
      if (speaker && devices.canChooseSpeaker) await audio.setSinkId(speaker);
      await audio.play();
    } catch {
      $("sound_problem").textContent = "The sound can’t be played on this speaker. Choose another one.";
    }
  });

  document.addEventListener("device:changed", () => isOpen() && fill());
  document.addEventListener("phone:level", ({ detail }) => isOpen() && show(Math.min(1, Math.sqrt(detail.input))));
  document.addEventListener("phone:state", ({ detail }) => {
    if (!isOpen()) return;
    if (detail.state === "connecting") quiet(); // some browsers give the microphone to one only
    if (detail.state === "ended" && document.body.dataset.microphone === "granted") listen();
  });
  addEventListener("pagehide", quiet);
}
