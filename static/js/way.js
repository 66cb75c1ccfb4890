/* Whether there is a way for the sound between this page and the room, before a call and in it. */

import { PhoneError } from "./server.js";

export const SOUND_LOST = 53405; // not the signalling's 53001, which leaves the sound alone
// Sound from the room must have come before anybody is rung; once it has, it will for a while.
const SOUND_MS = 5000;
const SOUND_EVERY_MS = 50;
const SOUND_KNOWN_MS = 600000;
// A loss is told once the server can be reached again; with the network everything may be gone.
const LOST_FOR_MS = 120000;
const LOST_EVERY_MS = 2000;
const MOST_LOSSES = 20;

export function createWay({ sayLost, wait, now }) {
  let knownUntil = 0;

  return {
    /** Until sound from the room has come: a remote track is muted before. A contact who is rung over a
        network that lets none through would hear silence. Throws no_sound. */
    async hear(mine) {
      const until = now() + SOUND_MS;
      while (!mine.over && now() >= knownUntil) {
        const [track] = mine.call.getRemoteStream()?.getAudioTracks() ?? [];
        const isHeard = track && !track.muted;
        // A room may be silent as well. The SDK does not say so in public: whether there is a way.
        const isSilent = () => mine.call._mediaHandler?.version?.pc?.connectionState === "connected";
        if (isHeard || (now() >= until && isSilent())) knownUntil = now() + SOUND_KNOWN_MS;
        else if (now() >= until) throw new PhoneError("no_sound");
        else await wait(SOUND_EVERY_MS);
      }
    },

    /** It is lost, and this page is not: the call's story tells it. */
    async tellLost(mine) {
      const number = mine.losses = (mine.losses ?? 0) + 1;
      const since = now();
      if (!mine.placed || number > MOST_LOSSES) return;
      while (now() - since < LOST_FOR_MS && !await sayLost(mine.request, number, now() - since)) {
        await wait(LOST_EVERY_MS);
      }
    },

    /** Another network: whether sound comes through is not known any more. */
    forget() {
      knownUntil = 0;
    },
  };
}
