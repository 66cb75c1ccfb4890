/* Whether the phone can be used: microphone, network, live channel. Words for the calls page's
   readiness, kept up to date by what the browser reports. Also writes body[data-microphone]. */

const MICROPHONE = {
  insecure: ["danger", "Not available", "Browsers allow the microphone only over https. Open this page with https://."],
  denied: ["danger", "Blocked", "Press the icon beside the address, allow the microphone there, and try again."],
  none: ["danger", "None found", "Connect a headset or microphone. It is noticed at once."],
  prompt: ["info", "Will be asked", "The browser asks at the first call. Choose “Allow”."],
  granted: ["success", "Allowed", ""],
};
const CHANNEL = {
  connecting: ["info", "Connecting", ""],
  up: ["success", "Live", "Calls update instantly."],
  reconnecting: ["warning", "Reconnecting", "You can still call. Updates may be a few seconds late."],
  off: ["danger", "Signed out", "Sign in again to call."],
  offline: ["danger", "Offline", "This computer has no network. Calls need one."],
};
const PHONE = { idle: ["success", "Ready"], ended: ["success", "Ready"], connecting: ["warning", "Connecting"], open: ["success", "In a call"] };

/** {microphone, connection, summary}, each [tone, word, help]. */
export function describe({ secure = true, permission = "prompt", microphones = null, channel = "connecting", online = true, phone = "idle" }) {
  let kind = MICROPHONE[permission] ? permission : "prompt";
  if (!secure) kind = "insecure";
  else if (kind !== "denied" && microphones === 0) kind = "none";
  const microphone = MICROPHONE[kind];
  const connection = CHANNEL[online ? channel : "offline"] ?? CHANNEL.connecting;
  let summary = PHONE[phone] ?? PHONE.idle;
  if (phone !== "open" && phone !== "connecting") {
    if (connection[0] === "danger") summary = [connection[0], connection[1]];
    else if (microphone[0] === "danger") summary = ["danger", { insecure: "No microphone here", denied: "Microphone blocked", none: "No microphone" }[kind]];
    else if (connection[0] === "warning") summary = ["warning", "Reconnecting"];
  }
  return { microphone, connection, summary };
}

export const ICONS = { success: "circle-check", info: "info-circle", warning: "alert-triangle", danger: "alert-circle" };

function start() {
  const { body } = document;
  const { mediaDevices, permissions } = navigator;
  const known = { secure: Boolean(mediaDevices?.getUserMedia), online: navigator.onLine };
  let label = "";
  let said = null;

  function write(place, [tone, word, help = ""], extra = "") {
    const row = document.querySelector(`[data-ready="${place}"]`);
    if (!row) return;
    row.dataset.tone = tone;
    const use = row.querySelector("[data-ready-icon] use");
    const icon = use.getAttribute("href").replace(/#.*/, `#${ICONS[tone]}`);
    if (use.getAttribute("href") !== icon) use.setAttribute("href", icon);
    for (const [name, text] of [["word", word], ["help", [help, extra].filter(Boolean).join(" ")]]) {
      const spot = row.querySelector(`[data-ready-${name}]`);
      if (spot && spot.textContent !== text) spot.textContent = text;
    }
  }

  function paint() {
    body.dataset.microphone = known.permission ?? "prompt";
    // In another tab or browser it is a call, too.
    const phone = body.dataset.phone;
    const elsewhere = phone !== "connecting" && "inCall" in document.documentElement.dataset;
    const now = describe({ ...known, phone: elsewhere ? "open" : phone });
    write("microphone", now.microphone, now.microphone[0] === "success" ? label : "");
    write("connection", now.connection);
    write("summary", now.summary);
    // Read out what changes, not what was found at first.
    const spot = document.querySelector("[data-ready-said]");
    if (spot && said !== null && said !== now.summary[1]) spot.textContent = `Phone: ${now.summary[1]}`;
    said = now.summary[1];
  }

  async function look() {
    try {
      const found = (await mediaDevices.enumerateDevices()).filter((one) => one.kind === "audioinput");
      known.microphones = found.length;
      const chosen = localStorage.getItem("phone:microphone");
      label = (found.find((one) => one.deviceId === chosen) ?? found[0])?.label ?? "";
      // Names are given to those alone who may use the microphone.
      if (label && !known.watched) known.permission = "granted";
    } catch {
      known.microphones = null;
    }
    paint();
  }

  async function watch() {
    try {
      const status = await permissions.query({ name: "microphone" });
      known.watched = true;
      const take = () => {
        known.permission = status.state;
        look();
      };
      status.addEventListener("change", take);
      take();
    } catch {
      look(); // this browser does not tell: names of devices will
    }
  }

  for (const name of ["online", "offline"]) {
    addEventListener(name, () => {
      known.online = navigator.onLine;
      paint();
    });
  }
  mediaDevices?.addEventListener?.("devicechange", look);
  document.addEventListener("device:changed", look);
  document.addEventListener("live:state", ({ detail }) => {
    known.channel = detail.state;
    paint();
  });
  for (const name of ["phone:state", "phone:repaint", "phone:in-call"]) document.addEventListener(name, paint);
  paint();
  watch();
}

if (globalThis.document) start();
