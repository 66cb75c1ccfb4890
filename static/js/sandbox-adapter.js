/* Sandbox mode only, loaded before the Voice SDK: the SDK insists on wss://, the sandbox on a
   plain-http machine speaks ws://. Everything else is the same as with Twilio. */
(() => {
  const host = document.currentScript.dataset.sandboxHost;
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(url, protocols) {
      super(String(url).replace(`wss://${host}/`, `ws://${host}/`), protocols);
    }
  };
})();
