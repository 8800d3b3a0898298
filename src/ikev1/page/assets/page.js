"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  root.classList.add("scripted");

  // --- light and dark ----------------------------------------------------------------------------------------------

  const remembered = "ikev1-theme";

  function changeTheme() {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem(remembered, root.dataset.theme); } catch { /* a page from a file may not remember */ }
  }

  try {
    const chosen = localStorage.getItem(remembered);
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  } catch { /* as above */ }

  // --- octets as cells ---------------------------------------------------------------------------------------------

  const cellsOf = new WeakMap(); // message -> its cells, in order

  const span = (item) => {
    const at = Number(item.dataset.at);
    return { at, end: at + Number(item.dataset.len) };
  };

  function makeCells(text) {
    const message = text.closest(".message");
    const cells = text.textContent.trim().split(" ").map((octet, at) => {
      const cell = document.createElement("i");
      cell.textContent = octet;
      cell.dataset.at = at;
      return cell;
    });
    all("[role=tree] > li", message).forEach((payload, number) => {
      const { at, end } = span(payload);
      if (number % 2) cells.slice(at, end).forEach((cell) => cell.classList.add("band"));
    });
    const rows = [];
    for (let at = 0; at < cells.length; at += 8) {
      const row = document.createElement("span");
      const offset = document.createElement("b");
      row.className = "eight";
      offset.textContent = at.toString(16).padStart(4, "0");
      row.append(offset, ...cells.slice(at, at + 8));
      rows.push(row);
    }
    text.replaceChildren(...rows);
    text.classList.add("cells");
    cellsOf.set(message, cells);
    const lit = message.querySelector("li.lit"); // pointed at before the octets came into sight
    if (lit) light(message, lit);
  }

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      makeCells(entry.target);
    }
  });
  all(".octets").forEach((text) => seen.observe(text));

  // --- a field and its octets --------------------------------------------------------------------------------------

  const pinned = new WeakMap(); // message -> the field that stays lit
  const restingReadout = new WeakMap();

  function reveal(element, pane) {
    const top = element.getBoundingClientRect().top - pane.getBoundingClientRect().top;
    if (top < 0 || top > pane.clientHeight - 24) pane.scrollTop += top - pane.clientHeight / 3;
  }

  function light(message, item) {
    const cells = cellsOf.get(message) ?? [];
    const readout = message.querySelector(".readout");
    if (!restingReadout.has(message)) restingReadout.set(message, readout.textContent);
    all(".lit, .near", message).forEach((element) => element.classList.remove("lit", "near"));
    if (!item) {
      readout.textContent = restingReadout.get(message);
      return;
    }
    const { at, end } = span(item);
    const around = item.parentElement.closest("[role=treeitem]");
    for (let outer = around; outer; outer = outer.parentElement.closest("[role=treeitem]")) outer.classList.add("near");
    if (around) cells.slice(span(around).at, span(around).end).forEach((cell) => cell.classList.add("near"));
    item.classList.add("lit");
    cells.slice(at, end).forEach((cell) => cell.classList.add("lit"));
    const name = item.querySelector(".name").textContent;
    const octets = end - at === 1 ? `octet ${at}` : `octets ${at} to ${end - 1}`;
    const about = item.querySelector(":scope > .field .about")?.textContent ?? "";
    readout.replaceChildren(Object.assign(document.createElement("strong"), { textContent: name }),
      ` ${end > at ? octets : "no octets"}. ${about}`);
  }

  function fieldAround(message, offset) {
    let found = null;
    for (const item of all("[role=treeitem]", message)) {
      const { at, end } = span(item);
      if (at <= offset && offset < end && (!found || end - at <= span(found).end - span(found).at)) found = item;
    }
    return found;
  }

  function target(event) {
    const message = event.target.closest?.(".message");
    if (!message) return {};
    const field = event.target.closest(".field");
    if (field) return { message, item: field.closest("[role=treeitem]"), other: ".bytes" };
    const cell = event.target.closest(".eight i");
    if (cell) return { message, item: fieldAround(message, Number(cell.dataset.at)), other: ".fields" };
    return { message };
  }

  function point(event) {
    const { message, item, other } = target(event);
    if (!message) return;
    light(message, item ?? pinned.get(message));
    if (item) show(message, item, other);
  }

  function show(message, item, paneName) {
    const pane = message.querySelector(paneName);
    const element = paneName === ".bytes" ? (cellsOf.get(message) ?? [])[span(item).at] : item.querySelector(".field");
    if (element) reveal(element, pane);
  }

  function pin(message, item) {
    pinned.set(message, item);
    all("[role=treeitem][tabindex='0']", message).forEach((other) => { other.tabIndex = -1; });
    item.tabIndex = 0;
    light(message, item);
    show(message, item, ".bytes");
  }

  document.addEventListener("pointerover", point);
  document.addEventListener("click", (event) => {
    const { message, item } = target(event);
    if (!item) return;
    pin(message, item);
    item.focus({ preventScroll: true });
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("[role=treeitem]")) pin(event.target.closest(".message"), event.target);
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.matches?.("[role=treeitem]")) return;
    const items = all("[role=treeitem]", event.target.closest("[role=tree]"));
    const at = items.indexOf(event.target);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    items[next]?.focus();
  });
  all("[role=tree]").forEach((tree) => { tree.querySelector("[role=treeitem]").tabIndex = 0; });

  // --- the ladder and its messages ---------------------------------------------------------------------------------

  const arrowTo = (message) => document.querySelector(`.arrow[href="#${message.id}"]`);

  function openTarget(id) {
    const message = document.getElementById(id);
    if (!message?.matches("details.message")) return false;
    message.open = true;
    message.scrollIntoView({ block: "nearest" });
    message.querySelector("summary").focus({ preventScroll: true });
    return true;
  }

  document.addEventListener("click", (event) => {
    const arrow = event.target.closest(".arrow");
    if (!arrow) return;
    const id = arrow.getAttribute("href").slice(1);
    if (openTarget(id)) {
      event.preventDefault();
      history.replaceState(null, "", `#${id}`);
    }
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches("details.message")) {
      arrowTo(event.target)?.classList.toggle("is-open", event.target.open);
    }
  }, true);
  openTarget(location.hash.slice(1));

  // --- all at once, and paper --------------------------------------------------------------------------------------

  const messages = all("details.message");
  const openAll = document.querySelector("[data-do=open]");
  openAll.hidden = !messages.length;
  openAll.addEventListener("click", () => {
    const open = messages.some((message) => !message.open);
    messages.forEach((message) => { message.open = open; });
    openAll.textContent = open ? "Close all" : "Open all";
  });

  let openedForPaper = [];
  addEventListener("beforeprint", () => {
    openedForPaper = all("details:not([open])");
    openedForPaper.forEach((part) => { part.open = true; });
  });
  addEventListener("afterprint", () => openedForPaper.forEach((part) => { part.open = false; }));

  document.querySelector(".controls").hidden = false;
  document.querySelector("[data-do=theme]").addEventListener("click", changeTheme);
})();
