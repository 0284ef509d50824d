"use strict";
// Sorting of tables that are complete without it: numbers as numbers, what is missing last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending", sign = up ? 1 : -1;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const words = !column || head.classList.contains("text");
    const value = row => words ? row.cells[column].textContent : parseFloat(row.cells[column].textContent);
    const compare = (a, b) => {
      const missing = Number.isNaN(a) - Number.isNaN(b);
      return missing || sign * (typeof a === "string" ? a.localeCompare(b, undefined, {numeric: true}) : a - b);
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => compare(value(a), value(b))));
  }));
}
