"""Sound: frames and tones, files, and a browser's WebRTC audio."""
