/* The number field: a list of suggestions (fetched by the markup) that keys and mouse can choose
   from. A choice writes the contact's name, id and number; typing on forgets the contact. */
(() => {
  const $ = (id) => document.getElementById(id);
  const field = () => $("dial_q");
  const options = () => [...($("suggestions")?.querySelectorAll("[role=option]") ?? [])];
  let current = -1;

  function show(open) {
    const input = field();
    if (!input) return;
    open &&= options().length > 0;
    $("suggestions").hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    if (!open) mark(-1);
  }

  function mark(index) {
    const all = options();
    current = all.length ? Math.max(-1, Math.min(index, all.length - 1)) : -1;
    all.forEach((option, i) => option.setAttribute("aria-selected", String(i === current)));
    if (current < 0) {
      field().removeAttribute("aria-activedescendant");
      return;
    }
    field().setAttribute("aria-activedescendant", all[current].id);
    all[current].scrollIntoView({ block: "nearest" });
  }

  function clear() {
    $("dial_error").textContent = "";
    for (const wrong of document.querySelectorAll("#dialer [aria-invalid]")) wrong.removeAttribute("aria-invalid");
  }

  function remember({ contactId = "", number = "", shown = "" } = {}) {
    $("dial_contact_id").value = contactId;
    $("dial_to").value = number;
    $("dial_chosen").hidden = !contactId;
    $("dial_chosen_number").textContent = shown;
    clear();
  }

  function choose({ dataset }) {
    field().value = dataset.name;
    remember(dataset);
    show(false);
    field().focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.target !== field() || event.isComposing) return;
    const open = !$("suggestions").hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const last = options().length - 1;
      const next = current + (event.key === "ArrowDown" ? 1 : -1);
      if (!open) show(true);
      mark(next < 0 ? last : next > last ? 0 : next);
    } else if (event.key === "Enter" && open && (current >= 0 || /\p{L}/u.test(field().value))) {
      // A name is nothing that can be dialled: the first who matches is meant.
      event.preventDefault();
      choose(options()[Math.max(0, current)]);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      show(false);
    }
  });

  document.addEventListener("input", (event) => {
    if (event.target !== field()) return;
    remember();
    if (!field().value.trim()) show(false);
  });

  // Also for the Call buttons of other pages: the server reads it.
  document.addEventListener("change", ({ target }) => {
    if (target.id !== "dial_from") return;
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${target.dataset.remember}=${target.value}; path=/; max-age=31536000; samesite=lax${secure}`;
    clear();
  });

  // pointerdown: the field must not lose focus before the choice is made.
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest?.("#suggestions")) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const option = event.target.closest?.("#suggestions [role=option]");
    if (option) choose(option);
    else if (event.target.closest?.("[data-forget-contact]")) {
      remember();
      field().value = "";
      field().focus();
    } else if (event.target !== field()) show(false);
  });
  document.addEventListener("focusout", (event) => event.target === field() && show(false));

  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.target === "#dial_error") {
      const wrong = $($("dial_error").dataset.wrong) ?? field();
      wrong.setAttribute("aria-invalid", "true");
      wrong.focus();
      show(false);
    }
    if (ctx.target?.id !== "suggestions") return;
    // An answer that comes after the choice, or after the field was left, must not open the list.
    show(document.activeElement === field() && field().value.trim() && !$("dial_contact_id").value);
    const count = options().length;
    $("suggestions_count").textContent = count ? `${count} suggestion${count > 1 ? "s" : ""}` : "";
  });
})();
