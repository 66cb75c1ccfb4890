/* Several tabs of one browser: one has the sound, the others show its call and steer it.

   The tab with the sound holds the Web Lock `phone`; a tab that crashes lets it go by itself. What
   it does it tells on the channel; what the others want, they ask there.

   out   phone:remote  {state, muted, request}   what the tab with the sound says; idle when it is gone */

const LOCK = "phone";
const WAIT_MS = 300; // the tab before may be letting go just now
const IDLE = { state: "idle", muted: false, request: "" };

export const isUp = (state) => state === "connecting" || state === "open";

export function createTabs({ channel, locks, emit, phone, timeout = (ms) => AbortSignal.timeout(ms) }) {
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
      `steal` takes it from a tab that has lost its call; `lost` is called when that happens to us. */
  function claim({ steal = false, lost = () => {} } = {}) {
    if (!locks) return Promise.resolve(() => {});
    return new Promise((resolve) => {
      let granted = false;
      const options = steal ? { steal: true } : { signal: timeout(WAIT_MS) };
      locks.request(LOCK, options, () => new Promise((release) => {
        granted = true;
        resolve(release);
      })).catch(() => (granted ? lost() : resolve(null)));
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
