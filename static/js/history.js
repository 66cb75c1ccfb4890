/* The history shows what a fresh look would show. Asked for news, it says which rows stand there (up to data-most), by
   the versions of what they say; it gets those that say something else, in their order, and of the others only their
   places. New ones come on top, known ones are patched, what the filter finds no more is taken away, and what lies beyond
   the list's length is let go. Where they do not touch what stands there (this one was asleep), the list begins anew.
   None of it is done to what somebody is at: reads, types or plays. */
(() => {
  const $ = (id) => document.getElementById(id);

  const has = (element, isHeld) =>
    (document.hasFocus() && element.contains(document.activeElement)) || [...element.querySelectorAll("audio")].some(isHeld);
  const isAt = (element) => has(element, (audio) => audio.currentTime > 0 && !audio.ended);

  function isRead(row) {
    const { top, bottom } = row.getBoundingClientRect();
    return !document.hidden && top < innerHeight && bottom > 0;
  }

  const pageLength = (list) => Number(list.dataset.page);
  const length = (list) => Number(list.dataset.length ?? list.dataset.page);
  const asked = ({ dataset, children }) => Math.min(Math.max(children.length, dataset.page), dataset.most);

  const address = (id) => $(id)?.getAttribute("hx-get");
  /** What comes of it is of use only while this still asks for the same: neither under another filter nor behind another row. */
  const only = (id) => ({ id, url: address(id) });

  const asNews = () => new CustomEvent("live:news", { detail: {} });
  const askAgain = () => document.hidden || document.body.dispatchEvent(asNews()); // when shown it looks anyway (live.js)

  let again;
  function beginAnew() {
    clearTimeout(again);
    // What was paused half-way is not waited for: it may stay so for ever.
    if (has($("history"), (audio) => !audio.paused)) again = setTimeout(askAgain, 30000);
    // As news, or it would not be asked for again where no answer comes (news.js).
    else htmx.ajax("GET", address("history_news"), { target: "#history", swap: "outerHTML", only: only("history_news"), event: asNews() });
  }

  function add(list, fresh, morph) {
    let place = list.firstElementChild;
    return fresh.map((row) => {
      const known = $(row.id);
      if (known?.parentElement !== list) {
        list.insertBefore(row, place);
        return row;
      }
      place = known.nextElementSibling;
      if (known === row) return row;
      const one = document.createDocumentFragment();
      one.append(row);
      morph(known, one);
      return known;
    });
  }

  /** The newest rows are the truth down to the last of them; if they are not as many as asked for, of everything. */
  function takeAway(list, fresh, isWhole) {
    const found = new Set(fresh);
    for (const row of [...list.children]) {
      if (!found.has(row) && !isAt(row)) row.remove();
      if (!isWhole && row === fresh.at(-1)) return;
    }
  }

  function letGo(list) {
    const before = list.children.length;
    while (list.children.length > length(list)) {
      const row = list.lastElementChild;
      if (isAt(row) || isRead(row)) break;
      row.remove();
    }
    if (list.children.length < before) pointAfter(list.lastElementChild);
  }

  /** “Show more” goes on behind this row. */
  function pointAfter(row) {
    const url = new URL(address("history_news"), location.href);
    url.searchParams.set("before", `${row.querySelector(".cell-time time").dateTime}~${row.id.slice("call_".length)}`);
    const link = $("history_more_template").content.firstElementChild.cloneNode(true);
    for (const name of ["href", "hx-get"]) link.setAttribute(name, url.pathname + url.search);
    $("history_more_link")?.remove();
    $("history_more").prepend(link);
    htmx.process(link);
  }

  const version = (row) => row.dataset.v ?? "";
  let sent; // with the question whose answer comes: the list, its address, its rows and their versions

  /** The rows of an answer, its own among them; nothing where they are no more what the question said. */
  function filled(list, fragment) {
    if (sent?.list !== list || sent.url !== address("history_news")) return null;
    const rows = [...fragment.children].flatMap((row) => {
      if (!row.dataset.seen) return [row];
      const [start, stop] = row.dataset.seen.split(" ");
      return sent.rows.slice(start, stop);
    });
    const isStill = (row) => row.parentNode === list && version(row) === sent.versions.get(row);
    return rows.every((row) => row.parentNode === fragment || isStill(row)) ? rows : null;
  }

  let morph;
  htmx.registerExtension("merge", {
    init: (api) => { morph = api.morph; },
    handle_swap(style, list, fragment) {
      if (style !== "merge") return false;
      const fresh = filled(list, fragment);
      if (!fresh) {
        askAgain();
        return [];
      }
      const isWhole = fresh.length < sent.asked;
      const touches = isWhole || !list.children.length || fresh.some((row) => $(row.id)?.parentElement === list);
      if (!touches) {
        beginAnew();
        return [];
      }
      const last = list.lastElementChild;
      const rows = add(list, fresh, morph);
      takeAway(list, rows, isWhole);
      letGo(list);
      const isNext = list.lastElementChild === last && $("history_more_link");
      if (!isWhole && !isNext) pointAfter(list.lastElementChild);
      return rows.filter((row) => row.isConnected);
    },
  });

  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement.id === "history_more_link") ctx.only = only("history_more_link");
    const list = $("history_rows");
    if (!list || ctx.sourceElement.id !== "history_news") return;
    const rows = [...list.children].slice(0, list.dataset.most);
    const versions = new Map(rows.map((row) => [row, version(row)]));
    ctx.standing = { list, rows, versions, asked: asked(list), url: address("history_news") };
    ctx.request.body.set("rows", ctx.standing.asked);
    ctx.request.body.set("seen", rows.map(version).join("."));
    ctx.request.body.set("total", $("history_total").textContent);
    if ($("to_return")) ctx.request.body.set("open", $("to_return").textContent);
  });
  document.addEventListener("htmx:before:response", ({ detail: { ctx } }) => { sent = ctx.standing ?? sent; });
  document.addEventListener("htmx:before:swap", (event) => {
    const { only: asked } = event.detail.ctx;
    if (asked && address(asked.id) !== asked.url) event.preventDefault();
  });

  // What a filter has found is read out; what comes by itself is not.
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.target?.id === "history" && $("history_said")) $("history_said").textContent = $("history_total").textContent;
  });

  // Whoever asks for more keeps it. Who has marked a row as done is through with it: it may go.
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[form=history_done]")) document.querySelector(".filters [aria-current]")?.focus();
    const list = $("history_rows");
    if (list && event.target.closest?.("#history_more_link[hx-get]")) list.dataset.length = length(list) + pageLength(list);
  });
})();
