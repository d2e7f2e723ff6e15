"use strict";
(() => {
  const get = (id) => document.getElementById(id);
  const rows = [...document.querySelectorAll(".row")];
  const texts = new Map();
  const text = (row) => {
    if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
    return texts.get(row);
  };
  const query = get("q"), hits = get("hits");
  const chosen = () => document.querySelector("input[name=show]:checked").value;
  const filter = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = chosen();
    let count = 0, all = 0;
    for (const row of rows) {
      const off = words.some((word) => !text(row).includes(word));
      row.hidden = off;
      if (kind === "all" || row.closest(".kind").classList.contains(kind)) { all += 1; if (!off) count += 1; }
    }
    hits.textContent = words.length ? `${count} of ${all}` : "";
    const state = new URLSearchParams();
    if (query.value) state.set("q", query.value);
    if (kind !== "all") state.set("show", kind);
    if (state.size || /^#(q|show)=/.test(location.hash)) history.replaceState(null, "", `#${state}`);
  };
  const recall = () => {
    if (/^#(q|show)=/.test(location.hash)) {
      const state = new URLSearchParams(location.hash.slice(1));
      query.value = state.get("q") || "";
      (get(`f-${state.get("show")}`) || get("f-all")).checked = true;
      filter();
      return;
    }
    const target = location.hash && get(decodeURIComponent(location.hash.slice(1)));
    const folded = target && (target.closest("details") || (target.classList.contains("row") && target.querySelector("details")));
    if (folded) { folded.open = true; target.scrollIntoView(); }
  };
  get("search").hidden = false;
  get("controls").addEventListener("submit", (event) => event.preventDefault());
  get("controls").addEventListener("change", filter);
  query.addEventListener("input", filter);
  addEventListener("hashchange", recall);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== query && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); query.focus(); }
    if (event.key === "Escape" && event.target === query) { query.value = ""; filter(); }
  });
  for (const code of navigator.clipboard ? document.querySelectorAll(".next code, .cmd code") : []) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "copy";
    button.setAttribute("aria-label", `copy: ${code.textContent}`);
    button.addEventListener("click", () => {
      navigator.clipboard.writeText(code.textContent).then(
        () => { button.textContent = "copied"; }, () => { button.textContent = "not copied"; });
    });
    code.after(" ", button);
  }
  const age = get("age"), days = Math.floor((Date.now() - Date.parse(age.dataset.finished)) / 864e5);
  if (days >= 1) { age.textContent = ` · ${days} ${days === 1 ? "day" : "days"} old`; age.className = days > 2 ? "old" : ""; }
  recall();
})();
