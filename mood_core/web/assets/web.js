"use strict";
// Small comforts; the pages work without them.
(() => {
  const shown = () => document.documentElement.classList.contains("intervals");
  const button = document.getElementById("intervals");
  if (button) {
    button.setAttribute("aria-pressed", String(shown()));
    const toggle = (event) => {
      event.preventDefault();
      document.documentElement.classList.toggle("intervals");
      button.setAttribute("aria-pressed", String(shown()));
      try { localStorage.setItem("intervals", shown() ? "1" : "0"); } catch { /* no storage */ }
    };
    button.addEventListener("click", toggle);
    button.addEventListener("keydown", (event) => { if (event.key === " ") toggle(event); });
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, [role=application]");
    if (typing || event.altKey || event.ctrlKey || event.metaKey) return;
    const link = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (link) document.querySelector(`a[rel=${link}]`)?.click();
    const answers = { 1: "Calm", 2: "Energetic", 3: "Happy", 4: "Sad", 0: "none", u: "undone" };
    if (answers[event.key]) document.querySelector(`.answer button[value=${answers[event.key]}]`)?.click();
    if (event.key === "/") { const field = document.getElementById("q"); if (field) { event.preventDefault(); field.focus(); } }
  });
})();
