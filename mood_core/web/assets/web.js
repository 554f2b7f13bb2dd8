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
  // The key t, then the keys of two moods, the leading one first.
  const two = document.querySelector("details.two");
  let chosen = null;
  const say = (words) => { document.getElementById("live").textContent = words; };
  const both = (key) => {
    if (!two) return false;
    if (key === "t") { two.open = true; chosen = []; say("Two moods: press the key of the leading one, then of the other."); return true; }
    if (chosen === null) return false;
    const mood = document.querySelector(`.answer button[data-keys~="${CSS.escape(key)}"]`)?.value;
    const fields = [...two.querySelectorAll("select")];
    if (![...fields[0].options].some((option) => option.value === mood) || chosen.includes(mood)) {
      const leaves = key === "escape" || key === "u";
      if (leaves) { chosen = null; two.open = false; say("One mood again."); }
      return leaves;
    }
    chosen.push(mood);
    fields[chosen.length - 1].value = mood;
    if (chosen.length === 2) two.querySelector("button").click();
    return true;
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, [role=application]");
    if (typing || event.altKey || event.ctrlKey || event.metaKey) return;
    const link = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (link) document.querySelector(`a[rel=${link}]`)?.click();
    if (event.key === " " && event.target.closest("a, button, summary, [role=region]")) return;
    const key = event.key === " " ? "Space" : event.key.toLowerCase();
    if (both(key)) return;
    const wanted = document.querySelector(`[data-keys~="${CSS.escape(key)}"]`);
    if (wanted) { event.preventDefault(); wanted.click(); }
    if (event.key === "/") { const field = document.getElementById("q"); if (field) { event.preventDefault(); field.focus(); } }
  });
})();
