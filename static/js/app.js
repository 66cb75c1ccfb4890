/* The page around the phone: toasts, navigation, recordings, the dial pad. */
(() => {
  const $ = (id) => document.getElementById(id);

  // Toasts -------------------------------------------------------------------------------------

  /** `sticky` stays until dismissed; `quiet` is for the eye only, when a live region says it already;
      `undo` is the form that takes back what the toast speaks of. */
  function toast({ text, tone = "info", sticky = false, quiet = false, undo }) {
    const note = $("toast_template").content.firstElementChild.cloneNode(true);
    note.dataset.tone = tone;
    note.querySelector("[data-toast-text]").textContent = text;
    if (quiet) {
      note.setAttribute("aria-hidden", "true");
      note.querySelector("[data-toast-close]").remove();
    }
    $("toasts").append(note);
    if (undo) offer(note, undo);
    makeRoom();
    if (!sticky) fade(note, undo || tone === "danger" ? 9000 : quiet ? 3000 : 5000);
  }

  // A toast never lies on what was pressed: it often speaks of it.
  let pressed = null; // where that was
  document.addEventListener("click", ({ target }) => {
    pressed = target.closest?.("a, button, select, input, label")?.getBoundingClientRect();
  }, true);

  function makeRoom() {
    const toasts = $("toasts");
    delete toasts.dataset.low;
    const { left, right, top, bottom } = toasts.getBoundingClientRect();
    const lies = pressed && left < pressed.right && pressed.left < right && top < pressed.bottom && pressed.top < bottom;
    if (lies) toasts.dataset.low = "";
  }

  function offer(note, { path, form: fields }) {
    const form = Object.assign(document.createElement("form"), { method: "post", action: path });
    form.setAttribute("hx-post", path);
    form.setAttribute("hx-swap", "none");
    for (const [name, value] of Object.entries(fields)) {
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
    form.append(Object.assign(document.createElement("button"), { className: "btn", textContent: "Undo" }));
    form.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
      if (ctx.response?.status < 400) note.remove();
    });
    note.querySelector("[data-toast-text]").after(form);
    htmx.process(form);
  }

  function fade(note, after) {
    setTimeout(() => {
      // Whoever is reading or about to press keeps it.
      if (note.matches(":hover, :focus-within")) fade(note, 2000);
      else note.remove();
    }, after);
  }

  document.addEventListener("toast", (event) => toast(event.detail));

  /** Why a press of Call does nothing: at the dialer's field, else as a toast. */
  document.addEventListener("dial:why", ({ detail: { form, text } }) => {
    const place = form?.closest("#dialer") && $("dial_error");
    if (place) place.textContent = text;
    else toast({ text, tone: "danger" });
  });

  for (const note of $("toasts").querySelectorAll("[data-toast]")) fade(note, 6000);

  // What went wrong on the way -------------------------------------------------------------------

  const byHand = (ctx) => ["click", "submit"].includes(ctx?.sourceEvent?.type);
  const inCall = () => ["connecting", "open"].includes(document.body.dataset.phone);

  document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
    if (ctx.response.raw.headers.get("X-CSRF-Failed")) return; // csrf.js asks for another token
    const shown = ctx.sourceElement?.hasAttribute(`hx-status:${ctx.response.status}`);
    if (!byHand(ctx) || shown) return; // a refusal that the form itself shows needs no toast
    const page = new DOMParser().parseFromString(ctx.text, "text/html");
    const reason = page.querySelector("[data-form-error]")?.textContent;
    const text = reason ?? (ctx.response.status === 404 ? "That isn’t here anymore." : "That didn’t work. Try again in a moment.");
    toast({ text, tone: "danger" });
  });
  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (byHand(ctx)) toast({ text: "No answer from the server. Check your connection and try again.", tone: "danger" });
  });

  let signedOut = false;
  function leave(where = location.href) {
    if (!inCall()) location.assign(where);
    else if (!signedOut) toast({ text: "You have been signed out. Sign in again after this call.", tone: "danger", sticky: true });
    signedOut = true;
  }
  document.addEventListener("htmx:before:response", (event) => {
    const { raw } = event.detail.ctx.response;
    if (!raw.redirected || !new URL(raw.url).pathname.startsWith("/sign-in")) return;
    event.preventDefault(); // never a sign-in page inside the page
    leave(byHand(event.detail.ctx) ? "/sign-in" : location.href);
  });
  document.addEventListener("live:refused", () => leave());
  // Whoever was let finish leaves when the call is over; what it came to is not theirs to see.
  document.addEventListener("phone:state", () => setTimeout(() => signedOut && leave()));

  // Navigation -----------------------------------------------------------------------------------

  // Where one goes is shown at the press, and taken back when it leads nowhere.
  const { dataset } = document.documentElement;
  let going = null;
  function here(path) {
    for (const link of document.querySelectorAll("[data-nav]")) {
      if (`${path}/`.startsWith(`${link.pathname}/`)) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }
  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    if (ctx.target?.id !== "main" || !byHand(ctx)) return;
    going = ctx;
    dataset.going = "";
    if (ctx.request.method === "GET") here(new URL(ctx.request.action, location.href).pathname);
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    if (going !== ctx) return; // another one was pressed meanwhile
    going = null;
    delete dataset.going;
    here(location.pathname);
  });
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.target?.id !== "main") return;
    here(location.pathname);
    // A refused form: its first wrong field. Else the new page's heading, so that a screen reader starts there; the dialer's field keeps it.
    const wrong = document.querySelector("#main form .field-error") && document.querySelector("#main [aria-invalid=true]");
    if (wrong) wrong.focus();
    else if (!document.activeElement?.closest("#dock, #main *")) document.querySelector("#main h1")?.focus({ preventScroll: true });
    document.dispatchEvent(new CustomEvent("phone:repaint"));
  });

  // Recordings and the dial pad --------------------------------------------------------------------

  // An error of sound does not bubble. The page then shows what has become of the recording.
  document.addEventListener("error", (event) => {
    if (!event.target.matches?.("[data-recording-player]")) return;
    toast({ text: "This recording can’t be played right now.", tone: "danger" });
    event.target.closest("[hx-morph-skip]")?.removeAttribute("hx-morph-skip");
    event.target.closest("tr")?.removeAttribute("data-v"); // it shows no more what it said
    const page = $("call_page");
    if (page) htmx.ajax("GET", location.pathname, { target: page, select: "#call_page", swap: "outerMorph" });
    else document.body.dispatchEvent(new CustomEvent("live:resync"));
  }, true);

  // A voicemail counts as heard once it sounds; said again where that did not arrive.
  document.addEventListener("playing", ({ target }) => {
    const heard = target.closest?.("[data-heard]")?.dataset.heard;
    if (heard) htmx.ajax("POST", heard, { swap: "none" });
  }, true);

  document.addEventListener("click", (event) => {
    const play = event.target.closest?.("[data-play]");
    if (play) {
      const audio = document.createElement("audio");
      audio.controls = true;
      audio.src = play.dataset.play;
      audio.setAttribute("aria-label", play.dataset.playLabel);
      audio.dataset.recordingPlayer = "";
      play.replaceWith(audio);
      audio.focus();
      audio.play().catch(() => {}); // the error event says it, or the person presses play
    }

    const key = event.target.closest?.("[data-pad]");
    if (key) {
      const field = $("dial_q");
      const { pad } = key.dataset;
      field.value = pad === "back" ? field.value.slice(0, -1) : field.value + pad;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }

    const copy = event.target.closest?.("[data-copy]");
    if (copy) {
      const field = $(copy.dataset.copy);
      field.select();
      navigator.clipboard.writeText(field.value).then(
        () => toast({ text: "Copied.", tone: "success" }),
        () => toast({ text: "Your browser doesn’t allow copying. The text is selected: press Ctrl+C.", tone: "info" }),
      );
    }

    if (event.target.closest?.("[data-toast-close]")) event.target.closest("[data-toast]").remove();
  });
})();
