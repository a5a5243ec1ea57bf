"use strict";
/* A click on the heading of a column sorts its table: numbers by their value in full precision, undefined values last. A table with
   data-rows has only its first rows in the page; the script data/<data-rows>.js has all of them, and the page shows some at a time. */
report.sort_value = (text) => {
  if (text === "" || text === "–") return null;
  const number = Number(text);
  return Number.isNaN(number) ? text.toLowerCase() : number;
};

/* Compare two values in the given direction (1 or -1); null comes last in both directions. */
report.compare = (a, b, direction) => {
  if (a === null || b === null) return (a === null) - (b === null);
  return direction * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
};

/* Show rows in the body of a table, `size` at a time. `load` returns the promise of an array of rows, `make` the element of a row, and
   `text` the text of a row in which the search field searches. `search` keeps the text in the field. Return the form fields, and
   functions that show the rows and sort them. */
report.pager = (body, { n, load, make, text, size = 100, search = { value: "" } }) => {
  let rows = null, begin = 0;
  const status = report.element("span", { role: "status" });
  const field = report.element("input", { type: "search", size: 16 });
  const turn = (label, step) => report.element("button", { type: "button", onclick: () => { begin += step * size; show(); } }, label);
  const [before, after] = [turn("Previous rows", -1), turn("Next rows", 1)];
  field.value = search.value;
  field.addEventListener("input", () => { search.value = field.value; begin = 0; show(); });

  function describe(n_found) {
    const end = Math.min(begin + size, n_found);
    status.textContent = n_found ? `Rows ${begin + 1}–${end} of ${n_found}${n_found < n ? ` that contain this text (${n} in total)` : ""}` : "No row contains this text.";
    before.disabled = begin === 0;
    after.disabled = end >= n_found;
  }

  async function show() {
    try {
      rows ??= await load();
    } catch (error) {
      status.textContent = error.message;
      throw error;
    }
    const wanted = search.value.toLowerCase();
    const passing = wanted ? rows.filter((row) => text(row).toLowerCase().includes(wanted)) : rows;
    begin = Math.max(0, Math.min(begin, Math.floor((passing.length - 1) / size) * size));
    body.replaceChildren(...passing.slice(begin, begin + size).map(make));
    describe(passing.length);
  }

  async function sort(value, direction) {
    rows ??= await load();
    const sorted = rows.map((row, position) => ({ row, position, value: value(row) }));
    sorted.sort((a, b) => report.compare(a.value, b.value, direction) || a.position - b.position);
    rows = sorted.map(({ row }) => row);
    begin = 0;
    await show();
  }
  describe(n);
  const form = report.element("div", { class: "controls" }, report.element("label", {}, "Find rows with the text ", field), before, after, status);
  return { form, show, sort };
};

(() => {
  /* Make a row from the cells in the data: a text, or a list of the number to sort by, the text and perhaps the interval. */
  function make_row(cells, heads) {
    return report.element("tr", {}, ...cells.map((cell, column) => {
      const is_text = typeof cell === "string";
      const is_kind = is_text && heads[column].classList.contains("kind") && cell in report.index.looks;
      const name = is_kind ? `kind${heads[column].classList.contains("brief") ? " brief" : ""} kind-${cell}` : is_text && column ? "text" : null;
      const content = is_text ? [cell] : [cell[1], ...(cell.length > 2 ? [report.element("span", { class: "interval" }, cell[2])] : [])];
      const own = column ? undefined : report.index.own?.[cell];
      if (own) return report.element("th", { scope: "row", class: `mark kind-${own}` }, ...content);
      return column ? report.element("td", { class: name }, ...content) : report.element("th", { scope: "row", class: name }, ...content);
    }));
  }

  function sort(table, head, column, pager) {
    const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    if (pager) {
      pager.sort((cells) => (typeof cells[column] === "string" ? report.sort_value(cells[column].trim()) : cells[column][0]), direction);
    } else {
      const value = (cell) => report.sort_value(cell.getAttribute("data-sort") ?? cell.textContent.trim());
      const rows = [...table.tBodies[0].rows].map((row, position) => ({ row, position, value: value(row.cells[column]) }));
      rows.sort((a, b) => report.compare(a.value, b.value, direction) || a.position - b.position);
      table.tBodies[0].append(...rows.map(({ row }) => row));
    }
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction < 0 ? "descending" : "ascending");
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    let pager = null;
    if (table.dataset.rows) {
      pager = report.pager(table.tBodies[0], {
        n: Number(table.dataset.n), load: () => report.load(table.dataset.rows), make: (cells) => make_row(cells, heads),
        text: (cells) => cells.filter((cell) => typeof cell === "string").join("\n"),
      });
      table.parentElement.before(pager.form);
    }
    heads.forEach((head, column) => {
      const button = report.element("button", { type: "button", onclick: () => sort(table, head, column, pager) });
      button.append(...head.childNodes);
      head.append(button);
    });
  }
})();
