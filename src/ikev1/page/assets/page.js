"use strict";
(() => {
  const root = document.documentElement;
  const remembered = "ikev1-theme";

  function theme() {
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
  document.querySelector(".controls").hidden = false;
  document.querySelector("[data-do=theme]").addEventListener("click", theme);
})();
