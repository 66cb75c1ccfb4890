/* The token against forgery. A sign-in in another tab makes the one of this page void: it is asked
   for anew, and what was wanted is done again, unless somebody else has signed in. */

const REFUSED = "X-CSRF-Failed";  // a header of the server's, with which it says so

export const isRefused = (response) => response.status === 403 && Boolean(response.headers?.get(REFUSED));

export function createCsrf({ fetch, document, emit }) {
  const meta = document.querySelector("meta[name=csrf-token]");
  const token = () => meta.content;
  let asking = null;  // everybody who is refused at once asks once

  async function ask() {
    const response = await fetch("/csrf-token", { credentials: "same-origin", headers: { Accept: "application/json" } });
    if (!response.ok) return false;
    const answer = await response.json();
    if (answer.user !== document.body.dataset.user) {
      const text = answer.user
        ? "You signed in as someone else in another tab. Reload this page to go on."
        : "You signed out in another tab. Reload this page to sign in.";
      emit("toast", { text, tone: "danger", sticky: true });
      return false;
    }
    meta.content = answer.token;
    document.body.setAttribute("hx-headers:inherited", JSON.stringify({ "X-CSRFToken": answer.token }));
    for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = answer.token;
    return true;
  }

  /** Whether this page has a good token now. */
  function renew() {
    asking ??= ask().catch(() => false).finally(() => { asking = null; });
    return asking;
  }

  /** `fetch` with the token, once more when it was void. */
  async function asked(path, options) {
    const send = () => fetch(path, { ...options, headers: { ...options.headers, "X-CSRFToken": token() } });
    const response = await send();
    return isRefused(response) && (await renew()) ? send() : response;
  }

  return { renew, fetch: asked };
}

const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
export const csrf = globalThis.document && createCsrf({ fetch: globalThis.fetch.bind(globalThis), document, emit });

if (csrf) {
  let again = null;  // what is done once more; refused again, it is left alone

  document.addEventListener("htmx:response:error", async ({ detail: { ctx } }) => {
    if (!isRefused(ctx.response.raw)) return;
    const { sourceElement: source, sourceEvent } = ctx;
    if (again === source || !(await csrf.renew())) return;
    again = source;
    if (source.requestSubmit) source.requestSubmit(sourceEvent?.submitter);
    else source.click();
    setTimeout(() => { again = null; }, 5000);
  });
}
