"use strict";
// Sorting and filtering of tables that are complete without it.

const valueOf = (row, column) => {
  const cell = row.cells[column];
  if ("value" in cell.dataset) return Number(cell.dataset.value);
  return cell.classList.contains("number") ? NaN : cell.textContent.trim().toLowerCase();
};

function compare(a, b, sign) {
  const missing = value => value === "" || Number.isNaN(value);
  if (missing(a) || missing(b)) return missing(a) - missing(b); // last in both directions
  return sign * (typeof a === "string" ? a.localeCompare(b) : a - b);
}

function sortTable(table, head, direction) {
  const column = head.cellIndex, sign = direction === "ascending" ? 1 : -1, body = table.tBodies[0];
  const rows = [...body.rows].map(row => [valueOf(row, column), row]);
  rows.sort((a, b) => compare(a[0], b[0], sign));
  body.append(...rows.map(pair => pair[1]));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction);
  showRanks(table, head);
}

function showRanks(table, head) {
  const by = table.querySelector("thead .by");
  if (!by || !table.querySelector(`tbody td:nth-child(${head.cellIndex + 1})[data-rank]`)) return;
  by.textContent = "by " + head.querySelector("button").dataset.name;
  for (const row of table.tBodies[0].rows) row.cells[0].textContent = row.cells[head.cellIndex].dataset.rank ?? "–";
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const button of table.tHead.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th"), now = head.getAttribute("aria-sort"), best = head.dataset.best;
      const turned = best === "ascending" ? "descending" : "ascending";
      sortTable(table, head, now === best ? turned : best);
    });
  }
}

// of a very long table only the first rows are laid out, until somebody asks for all or looks for some
const unfold = () => {
  for (const table of document.querySelectorAll("table.long")) table.classList.remove("long");
  for (const line of document.querySelectorAll(".more")) line.hidden = true;
};
for (const line of document.querySelectorAll(".more")) {
  line.hidden = false;
  line.querySelector("button").addEventListener("click", unfold);
}

const form = document.querySelector("form.filters");
if (form) {
  const rows = [...document.querySelectorAll("tr[data-model]")];
  const fits = (row, wanted) =>
    row.dataset.model.toLowerCase().includes(wanted.find.trim().toLowerCase()) &&
    (!wanted.training || row.dataset.training.split("\n").includes(wanted.training)) &&
    ["backbone", "year", "source"].every(name => !wanted[name] || row.dataset[name] === wanted[name]);

  function filter() {
    const wanted = Object.fromEntries(new FormData(form));
    let shown = 0;
    for (const row of rows) shown += !(row.hidden = !fits(row, wanted));
    form.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
    if (shown < rows.length) unfold();
    const kept = new URLSearchParams(Object.entries(wanted).filter(pair => pair[1]));
    history.replaceState(null, "", kept.size ? "#" + kept : location.pathname + location.search);
  }

  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  filter();
}
