/* A telephone: it speaks to the sandbox by a socket (control/telephone.py) and by WebRTC. */

const LOST_MS = 2000;
const RING_MS = 3000;
const ENDS = {
  completed: "The call has ended.",
  busy: "The line is busy.",
  "no-answer": "No one answered.",
  canceled: "The call has ended.",
  failed: "The call couldn’t be connected.",
};
const at = (id) => document.getElementById(id);

let socket;
let peer = null;
let ringing = []; // {call, from, to}, the oldest first
let timer;
let bell;

function show(state, text) {
  document.body.dataset.state = state;
  at("status").textContent = text;
  at("ring").hidden = !ringing.length || state === "talking" || state === "calling";
  at("ring-from").textContent = ringing[0]?.from ?? "";
  at("dial").hidden = state === "talking" || state === "calling" || !at("ring").hidden;
  at("talk").hidden = state !== "talking" && state !== "calling";
  for (const button of document.querySelectorAll("button")) button.disabled = state === "connecting";
  ringTone(!at("ring").hidden);
  document.title = at("ring").hidden ? "Telephone" : `${ringing[0].from} is calling`;
}

const rest = (text = "Ready") => show(ringing.length ? "ringing" : "ready", text);
const say = (type, more = {}) => socket.send(JSON.stringify({ type, ...more }));

function ringTone(on) {
  clearInterval(bell);
  if (!on) return;
  const ring = () => {
    const context = new AudioContext();
    const gain = context.createGain();
    gain.gain.value = 0.08;
    gain.connect(context.destination);
    for (const hertz of [440, 480]) {
      const tone = context.createOscillator();
      tone.frequency.value = hertz;
      tone.connect(gain);
      tone.start();
      tone.stop(context.currentTime + 1);
    }
    setTimeout(() => context.close(), 1200);
  };
  ring();
  bell = setInterval(ring, RING_MS);
}

/** The microphone, and an offer with all its candidates. */
async function offer() {
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  peer = new RTCPeerConnection();
  for (const track of microphone.getTracks()) peer.addTrack(track, microphone);
  peer.ontrack = ({ streams }) => { at("sound").srcObject = streams[0]; };
  await peer.setLocalDescription(await peer.createOffer());
  while (peer?.iceGatheringState !== "complete") {
    if (!peer) throw new Error("hung up");
    await new Promise((done) => { peer.addEventListener("icegatheringstatechange", done, { once: true }); });
  }
  return peer.localDescription.sdp;
}

function putDown() {
  clearInterval(timer);
  for (const { track } of peer?.getSenders() ?? []) track?.stop();
  peer?.close();
  peer = null;
  at("sound").srcObject = null;
}

/** Take up the receiver, and tell the sandbox so. */
async function lift(withWhom, type, more) {
  at("with").textContent = withWhom;
  at("time").textContent = "";
  show("calling", type === "dial" ? `Calling ${withWhom}…` : "Connecting…");
  try {
    say(type, { ...more, sdp: await offer() });
  } catch (error) {
    putDown();
    rest(error.name === "NotAllowedError" ? "Allow the microphone in your browser, then call again." : "There is no microphone.");
  }
}

const does = {
  hello({ numbers }) {
    at("numbers").replaceChildren(...numbers.map(({ number, name }) => new Option(name, number)));
    at("to").value ||= location.hash.slice(1) || (numbers[0]?.number ?? "");
    rest();
  },
  ring(call) {
    ringing.push(call);
    if (!peer) rest("");
  },
  rest({ call }) {
    ringing = ringing.filter((each) => each.call !== call);
    if (!peer) rest();
  },
  async answered({ sdp }) {
    await peer?.setRemoteDescription({ type: "answer", sdp });
    const began = Date.now();
    const tell = () => {
      const seconds = Math.floor((Date.now() - began) / 1000);
      at("time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    };
    timer = setInterval(tell, 1000);
    tell();
    show("talking", "Connected");
    at("hang-up").focus();
  },
  over({ status }) {
    putDown();
    rest(ENDS[status] ?? ENDS.completed);
  },
  refused({ why }) {
    putDown();
    rest(why);
  },
};

function connect() {
  socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/sandbox/telephone/line`);
  socket.onmessage = ({ data }) => {
    const { type, ...more } = JSON.parse(data);
    does[type]?.(more);
  };
  socket.onclose = () => {
    putDown();
    ringing = [];
    show("connecting", "The sandbox isn’t running. Start it, and this page connects by itself.");
    setTimeout(connect, LOST_MS);
  };
}

at("dial").addEventListener("submit", (event) => {
  event.preventDefault();
  const [to, from] = [at("to"), at("from")].map((field) => field.value.replace(/[^\d+*#a-z@:.]/gi, ""));
  localStorage.setItem("from", from);
  lift(to, "dial", { to, from });
});
at("answer").addEventListener("click", () => {
  const { call, from } = ringing[0];
  lift(from, "answer", { call });
});
at("decline").addEventListener("click", () => say("decline", { call: ringing[0].call }));
at("hang-up").addEventListener("click", () => {
  say("hang_up");
  putDown();
  rest();
});
at("pad").addEventListener("click", ({ target }) => {
  if (target.localName !== "button") return;
  if (peer) say("keys", { keys: target.textContent });
  else at("to").value += target.textContent;
});

at("from").value = localStorage.getItem("from") || "+12125550199";
show("connecting", "Connecting…");
connect();
