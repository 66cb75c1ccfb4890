/* The token against forgery. A sign-in in another tab makes the one of this page void: it is asked
   for anew, and what was wanted is done again, unless somebody else has signed in. */

const REFUSED = "X-CSRF-Failed";  // a header of the server's, with which it says so

export const isRefused = (response) => response.status === 403 && Boolean(response.headers?.get(REFUSED));

const FAILED = "That didn’t work. Try again in a moment.";

export function createCsrf({ fetch, document, emit }) {
  const meta = document.querySelector("meta[name=csrf-token]");
  const token = () => meta.content;
  let asking = null;  // everybody who is refused at once asks once
  let told = false;   // that this page is somebody else's: once is enough
  const inCall = () => ["connecting", "open"].includes(document.body.dataset.phone);

  async function ask() {
    const response = await fetch("/csrf-token", { credentials: "same-origin", headers: { Accept: "application/json" } });
    if (!response.ok) return null;
    const answer = await response.json();
    if (answer.user !== document.body.dataset.user) {
      const text = answer.user
        ? ["You signed in as someone else in another tab.", "Reload this page to continue."]
        : ["You signed out in another tab.", "Reload this page to sign in."];
      // To reload in a call would end it.
      if (!told) emit("toast", { text: inCall() ? text[0] : text.join(" "), tone: "danger", sticky: !inCall() });
      told = !inCall();
      return false;
    }
    meta.content = answer.token;
    document.body.setAttribute("hx-headers:inherited", JSON.stringify({ "X-CSRFToken": answer.token }));
    for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = answer.token;
    return true;
  }

  /** Whether this page has a good token now; null: it could not be asked for. */
  function renew() {
    asking ??= ask().catch(() => null).finally(() => { asking = null; });
    return asking;
  }

  /** `fetch` with the token, once more when it was void. */
  async function asked(path, options) {
    const send = () => fetch(path, { ...options, headers: { ...options.headers, "X-CSRFToken": token() } });
    const response = await send();
    return isRefused(response) && (await renew()) ? send() : response;
  }

  let again = null;  // what is done once more; refused again, it is left alone

  /** Does once more what htmx was refused: a form, or a control that asks when it changes. */
  async function repeat({ sourceElement: source, sourceEvent }) {
    const isNew = again === source ? null : await renew();
    if (isNew === null) emit("toast", { text: FAILED, tone: "danger" });
    if (!isNew) return;
    again = source;
    setTimeout(() => { again = null; }, 5000);
    if (source.requestSubmit) source.requestSubmit(sourceEvent?.submitter);
    else source.dispatchEvent(new Event(sourceEvent?.type ?? "change", { bubbles: true }));
  }

  return { renew, repeat, fetch: asked };
}

const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
export const csrf = globalThis.document && createCsrf({ fetch: globalThis.fetch.bind(globalThis), document, emit });

if (csrf) {
  document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
    if (isRefused(ctx.response.raw)) csrf.repeat(ctx);
  });
}
