"""The Voice SDK's signalling: who may speak, and the frames of each socket."""
