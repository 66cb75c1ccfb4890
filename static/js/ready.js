/* Whether the phone can be used: browser, microphone, network, live channel. Words for the calls
   page's readiness, kept up to date by what the browser reports; what the workspace lacks the server
   has written there (#readiness[data-lacks]). Also writes body[data-microphone].

   out   dial:why  {form, text}   Call was pressed, and this is why it cannot work here
         phone:load               … and the Voice SDK is to be fetched once more */

const BROWSER = {
  sdk: ["danger", "Phone blocked", "A content blocker or your network has stopped a part of the phone. Allow it for this site, then press Call again."],
  webrtc: ["danger", "WebRTC is off", "Calls need it. Turn it on in the browser or in the extension that blocks it, or use another browser."],
};

const MICROPHONE = {
  insecure: ["danger", "Not available", "Browsers allow the microphone only over https. Open this page with https://."],
  unavailable: ["danger", "Not available", "This browser gives no page a microphone. Turn that on in its settings, or use another browser."],
  system: ["danger", "Blocked by the system", "Allow this browser to use the microphone in your computer’s privacy settings."],
  denied: ["danger", "Blocked", "Click the icon next to the address, allow the microphone there, and try again."],
  none: ["danger", "None found", "Connect a headset or microphone."],
  prompt: ["info", "Will be asked", "Your browser will ask on your first call. Choose “Allow”."],
  granted: ["success", "Allowed", ""],
};
const CHANNEL = {
  connecting: ["info", "Connecting", ""],
  up: ["success", "Live", "Calls update instantly."],
  reconnecting: ["warning", "Reconnecting", "You can still call. Updates may be a few seconds late."],
  off: ["danger", "Signed out", "Sign in again to call."],
  unreached: ["warning", "Phone service not reached", "The last attempt did not get through. A firewall or an outage may be the cause: press Test the connection."],
  offline: ["danger", "Offline", "You’re offline. Calls need a connection."],
};
const PHONE = { idle: ["success", "Ready"], ended: ["success", "Ready"], connecting: ["warning", "Connecting"], open: ["success", "In a call"] };

const MICROPHONE_SUMMARY = { insecure: "No microphone here", unavailable: "No microphone here", none: "No microphone" };
const LACKS = { account: "Phone not set up", caller_id: "No phone number" };
// What the SDK or the shim give up with when nobody answers at the other end of the signalling.
const UNREACHED = new Set([31003, 31005, 31009, 53000, "connect_timeout"]);

/** {browser (null: all well), microphone, connection, summary}, each [tone, word, help]; `why` is what
    to say instead of dialling, when that is bound to fail. `permission` is what the browser tells, if it
    does; `refused` a microphone that was asked for and not given, which the next press may bring;
    `lacks` what the workspace is without; `unreached` whether signalling failed last. */
export function describe({
  sdk = "ready", webrtc = true, secure = true, media = true, permission, refused = false, microphones = 1,
  lacks = "", channel = "connecting", online = true, unreached = false, phone = "idle",
}) {
  const browser = BROWSER[(sdk === "failed" && "sdk") || (!webrtc && "webrtc")] ?? null;
  let kind = MICROPHONE[permission] ? permission : "prompt";
  if (!secure) kind = "insecure";
  else if (!media) kind = "unavailable";
  else if (kind !== "denied" && microphones === 0) kind = "none";
  const certain = kind;
  if (refused && !permission) kind = "denied";
  else if (refused && kind === "granted") kind = "system";
  const microphone = MICROPHONE[kind];
  const place = !online ? "offline" : unreached && channel === "up" ? "unreached" : channel;
  const connection = CHANNEL[place] ?? CHANNEL.connecting;
  const why = browser?.[2] ?? (MICROPHONE[certain][0] === "danger" ? microphone[2] : "");
  const faults = [
    browser,
    LACKS[lacks] && ["danger", LACKS[lacks]],
    connection[0] === "danger" && connection,
    microphone[0] === "danger" && ["danger", MICROPHONE_SUMMARY[kind] ?? "Microphone blocked"],
    connection[0] === "warning" && connection,
    microphones === null && ["info", "Checking"],
    sdk === "loading" && ["info", "Starting"],
  ];
  const isCalling = phone === "open" || phone === "connecting";
  const [tone, word] = (!isCalling && faults.find(Boolean)) || (PHONE[phone] ?? PHONE.idle);
  return { browser, microphone, connection, isCalling, summary: [tone, word], why };
}

export const ICONS = { success: "circle-check", info: "info-circle", warning: "alert-triangle", danger: "alert-circle" };

function start() {
  const { body } = document;
  const { mediaDevices, permissions } = navigator;
  const known = {
    sdk: "loading",
    webrtc: Boolean(globalThis.RTCPeerConnection),
    secure: isSecureContext,
    media: Boolean(mediaDevices?.getUserMedia),
    microphones: null,
    online: navigator.onLine,
  };
  let label = "";
  let said = null;
  let why = "";

  function write(place, found, extra = "") {
    const row = document.querySelector(`[data-ready="${place}"]`);
    if (!row) return;
    row.hidden = !found;
    if (!found) return;
    const [tone, word, help = ""] = found;
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
    const { lacks } = document.getElementById("readiness")?.dataset ?? {};
    const now = describe({ ...known, lacks, phone: elsewhere ? "open" : phone });
    why = now.why;
    write("browser", now.browser);
    write("microphone", now.microphone, now.microphone[0] === "success" ? label : "");
    write("connection", now.connection);
    write("summary", now.summary);
    // Read out what changes, not what was found at first; of a call its panel tells.
    const spot = document.querySelector("[data-ready-said]");
    const isKnown = !now.isCalling && now.summary[0] !== "info";
    const word = isKnown ? now.summary[1] : said;
    if (spot && said !== null && said !== word) spot.textContent = `Phone: ${word}`;
    said = word;
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
      known.microphones = undefined; // not to be known here
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

  function learn(news) {
    Object.assign(known, news);
    paint();
  }

  // On the window, before anything that sees the form: it stays pressable, and says why not.
  addEventListener("submit", (event) => {
    if (!why || !event.submitter?.matches("[data-dials]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    document.dispatchEvent(new CustomEvent("dial:why", { detail: { form: event.target, text: why } }));
    if (known.sdk === "failed") document.dispatchEvent(new CustomEvent("phone:load"));
  }, true);

  for (const name of ["online", "offline"]) {
    addEventListener(name, () => {
      learn({ online: navigator.onLine, unreached: false });
    });
  }
  mediaDevices?.addEventListener?.("devicechange", look);
  document.addEventListener("device:changed", look);
  document.addEventListener("device:asked", ({ detail }) => learn({ refused: detail.denied }));
  document.addEventListener("live:state", ({ detail }) => learn({ channel: detail.state }));
  document.addEventListener("phone:sdk", ({ detail }) => learn({ sdk: detail.state }));
  document.addEventListener("phone:error", ({ detail }) => UNREACHED.has(detail.code) && detail.fatal && learn({ unreached: true }));
  document.addEventListener("phone:state", ({ detail }) => detail.state === "open" && learn({ unreached: false }));
  document.addEventListener("phone:tested", ({ detail }) => learn({ unreached: !detail.accepted }));
  for (const name of ["phone:state", "phone:repaint", "phone:in-call"]) document.addEventListener(name, paint);
  paint();
  watch();
}

if (globalThis.document) start();
