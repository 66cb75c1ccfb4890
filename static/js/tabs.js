/* Several tabs of one browser: one has the sound, the others show its call and steer it.

   The tab with the sound holds the Web Lock `phone`; a tab that crashes lets it go by itself. What
   it does it tells on the channel; what the others want, they ask there.

   out   phone:remote  {state, muted, request}   what the tab with the sound says; idle when it is gone */

const LOCK = "phone";
const PAUSES_MS = [100, 200]; // the tab before may be letting go just now
const IDLE = { state: "idle", muted: false, request: "" };

export const isUp = (state) => state === "connecting" || state === "open";

export function createTabs({ channel, locks, emit, phone, wait = (ms) => new Promise((done) => setTimeout(done, ms)) }) {
  let mine = IDLE;
  let remote = IDLE;
  let watching = false;

  function hear(told) {
    remote = told;
    emit("phone:remote", remote);
    if (isUp(remote.state)) watch();
  }

  /** Granted when the tab with the sound has let go, in whatever way. */
  function watch() {
    if (watching || !locks) return;
    watching = true;
    locks.request(LOCK, { mode: "shared" }, () => {
      watching = false;
      if (isUp(remote.state)) hear(IDLE);
    }).catch(() => { watching = false; });
  }

  channel.onmessage = ({ data }) => {
    if (data.type === "state") hear({ state: data.state, muted: data.muted, request: data.request });
    if (!isUp(mine.state)) return;
    if (data.type === "ask") tell(mine);
    if (data.request !== mine.request) return;
    if (data.type === "mute") phone().mute();
    if (data.type === "digit") phone().digit(data.digit);
  };

  /** What this page's phone does, for the others. */
  function tell(state) {
    const said = isUp(mine.state) || isUp(state.state);
    mine = state;
    if (said) channel.postMessage({ type: "state", ...state });
  }

  /** The right to have the sound: a function that gives it back, or null while another tab has it.
      `steal` takes it from a tab that has lost its call; `lost` is called when that happens to us.
      The browser says whether it is free: no clock of ours does, since a busy one may take its time. */
  async function claim({ steal = false, lost = () => {} } = {}) {
    if (!locks) return () => {};
    if (steal) return ask({ steal }, lost);
    let release = await ask({ ifAvailable: true }, lost);
    for (const pause of PAUSES_MS) {
      if (release) break;
      await wait(pause);
      release = await ask({ ifAvailable: true }, lost);
    }
    return release;
  }

  function ask(options, lost) {
    return new Promise((resolve) => {
      let granted = false;
      locks.request(LOCK, options, (lock) => lock && new Promise((release) => {
        granted = true;
        resolve(release);
      })).then(() => resolve(null), () => (granted ? lost() : resolve(null)));
    });
  }

  channel.postMessage({ type: "ask" });
  return {
    claim, tell,
    get remote() { return remote; },
    /** Ask the tab with the sound: `mute` or `digit`. */
    send(type, more = {}) {
      if (isUp(remote.state)) channel.postMessage({ type, request: remote.request, ...more });
    },
  };
}
