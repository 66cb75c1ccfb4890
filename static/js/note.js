/* A call's note says that it is saved only while it is, and what found no way is sent again. */
(() => {
  const AGAIN = 5000; // ms
  const timers = new WeakMap();
  const formOf = (element) => element?.closest?.(".note-form");

  document.addEventListener("input", ({ target }) => {
    formOf(target)?.querySelector(".note-state > .quiet")?.remove(); // said of what stood there before
  });

  for (const failure of ["htmx:error", "htmx:response:error"]) {
    document.addEventListener(failure, ({ detail: { ctx } }) => {
      const form = formOf(ctx?.sourceElement);
      const status = ctx?.response?.status ?? 0;
      if (!form || form.hasAttribute(`hx-status:${status}`)) return;
      if (ctx.response?.raw.headers.get("X-CSRF-Failed")) return; // csrf.js asks again
      const mayPass = !status || status >= 500 || status === 429;
      const state = form.querySelector(".note-state");
      const said = state.querySelector(".field-error") ?? state.appendChild(document.createElement("p"));
      said.className = "field-error";
      said.textContent = mayPass ? "Not saved yet. Trying again." : "Not saved. Copy your text, then reload the page.";
      clearTimeout(timers.get(form));
      if (!mayPass) return;
      const again = () => form.querySelector("textarea").dispatchEvent(new Event("change", { bubbles: true }));
      timers.set(form, setTimeout(again, AGAIN));
    });
  }
})();
