"use strict";
// The look of the system, before the first paint.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const look = () => { document.documentElement.dataset.look = dark.matches ? "dark" : "light"; };
  look();
  dark.addEventListener("change", look);
  addEventListener("beforeprint", () => { document.documentElement.dataset.look = "light"; }); // paper is white
  addEventListener("afterprint", look);
  try { if (localStorage.getItem("intervals") === "1") document.documentElement.classList.add("intervals"); } catch { /* no storage */ }
})();
