"use strict";
/* A click on the heading of a column sorts its table: numbers by their value in full precision, undefined values last. */
(() => {
  const value = (cell) => {
    const full = cell.getAttribute("data-sort") ?? cell.textContent.trim();
    if (full === "" || full === "–") return null;
    const number = Number(full);
    return Number.isNaN(number) ? full.toLowerCase() : number;
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));

  function sort(table, head, column) {
    const is_descending = head.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, position) => ({ row, position, value: value(row.cells[column]) }));
    rows.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.position - b.position;
      return (is_descending ? -1 : 1) * compare(a.value, b.value) || a.position - b.position;
    });
    body.append(...rows.map(({ row }) => row));
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", is_descending ? "descending" : "ascending");
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = report.element("button", { type: "button", onclick: () => sort(table, head, column) });
      button.append(...head.childNodes);
      head.append(button);
    });
  }

  /* Printed pages show collapsed tables, too. */
  const open = (force) => document.querySelectorAll("details.folded").forEach((details) => {
    if (force) details.dataset.was = details.open;
    details.open = force || details.dataset.was === "true";
  });
  window.addEventListener("beforeprint", () => open(true));
  window.addEventListener("afterprint", () => open(false));
})();
