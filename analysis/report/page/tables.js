"use strict";
/* Tables that are sorted by a click on the head of a column: numbers by their full value, undefined ones last. */
(() => {
  const value = (cell) => {
    const full = cell.getAttribute("data-sort") ?? cell.textContent.trim();
    if (full === "" || full === "–") return null;
    const number = Number(full);
    return Number.isNaN(number) ? full.toLowerCase() : number;
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));

  function sort(table, head, column) {
    const falling = head.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, place) => ({ row, place, value: value(row.cells[column]) }));
    rows.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.place - b.place;
      return (falling ? -1 : 1) * compare(a.value, b.value) || a.place - b.place;
    });
    body.append(...rows.map(({ row }) => row));
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = report.element("button", { type: "button", onclick: () => sort(table, head, column) });
      button.append(...head.childNodes);
      head.append(button);
    });
  }

  /* What is folded is printed as well. */
  const open = (force) => document.querySelectorAll("details.folded").forEach((one) => {
    if (force) one.dataset.was = one.open;
    one.open = force || one.dataset.was === "true";
  });
  window.addEventListener("beforeprint", () => open(true));
  window.addEventListener("afterprint", () => open(false));
})();
