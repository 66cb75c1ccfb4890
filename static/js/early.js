/* A page that is loaded again in a call does not show a button that would dial another; in-call.js
   takes over.

   A button pressed before the page's scripts are there is not lost, nor sent the plain way, which
   cannot start a call: the press is kept and done once they are. Loaded first, and not deferred. */
(() => {
  if (sessionStorage.getItem("phone:in-call")) document.documentElement.dataset.inCall = "";

  let pressed = null;
  const keep = (event) => {
    const button = event.target.closest?.("button");
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    pressed = button;
  };
  document.addEventListener("click", keep, true);
  // Deferred scripts and modules have run by then; htmx looks at the page in its own listener.
  document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
    document.removeEventListener("click", keep, true);
    if (pressed?.isConnected) pressed.click();
  }));
})();
