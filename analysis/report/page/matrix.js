"use strict";
/* Error consistency of all pairs of observers. A selected cell shows n, κ with its interval, the 2 × 2 table, and the images that
   both observers got wrong. All numbers come from data/consistency_<dataset>.js. */
report.plots.matrix = (box, data, figure) => {
  const n = data.names.length;
  const has_numbers = n <= 20;
  const size = has_numbers ? 30 : n <= 45 ? 15 : 11;
  const names = data.names.map((name) => svg.short(name, (box.clientWidth || 900) < 600 ? 16 : 30));
  const margin = Math.min(210, 14 + 6.3 * Math.max(...names.map((name) => name.length)));
  const pairs = Array.from({ length: n }, () => new Array(n).fill(-1));
  for (let i = 0, k = 0; i < n; i++) for (let j = i + 1; j < n; j++, k++) pairs[i][j] = pairs[j][i] = k;
  const kappa = (i, j) => (i === j ? 1 : data.kappa[pairs[i][j]]);
  const color = (value) => (value === null ? "#d0d0d0" : data.colors[Math.round(((Math.max(-1, Math.min(1, value)) + 1) / 2) * (data.colors.length - 1))]);
  const titles = { cluster: "cluster", name: "name", kind: "kind", people: "agreement with people" };
  const selection = { order: data.orders.cluster, by: "cluster", row: -1, column: -1 };

  const order_select = report.element("select", { "aria-label": "Order of observers" }, ...Object.keys(titles).map((by) =>
    report.element("option", { value: by, disabled: !(by in data.orders) }, by in data.orders ? titles[by] : `${titles[by]} (no people)`)));
  order_select.addEventListener("change", () => {
    const pair = selection.row < 0 ? null : [selection.order[selection.row], selection.order[selection.column]];
    selection.by = order_select.value;
    selection.order = data.orders[selection.by];
    if (pair) [selection.row, selection.column] = pair.map((o) => selection.order.indexOf(o));
    draw();
  });
  const hint = "Select a cell with the mouse, or with the arrow keys and Enter, to see the pair.";
  const scroll = report.element("div", { class: "scroll" });
  const details = report.element("div", { class: "pair", "aria-live": "polite", hidden: true });
  box.append(report.element("div", { class: "controls" }, report.element("label", {}, "Sort by ", order_select), report.element("span", { class: "small" }, hint)), scroll, details);
  let drawing, cursor;

  function draw() {
    const branches = selection.by === "cluster" && data.tree.length;
    const tree = branches ? 130 : 0;
    const width = margin + n * size + tree + 10;
    const height = margin + n * size + 4;
    drawing = svg.make("svg", { width, height, viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: "application",
      "aria-label": `${figure.querySelector("img").alt}. Use the arrow keys to move and Enter to select a pair.` });
    selection.order.forEach((o, row) => {
      const middle = margin + (row + 0.5) * size;
      const options = { class: `kind-${data.kinds[o]}`, "font-size": has_numbers ? 11 : Math.min(11, size - 1), "data-name": o };
      drawing.append(svg.text(margin - 5, middle + 4, names[o], { ...options, "text-anchor": "end" }));
      drawing.append(svg.text(0, 0, names[o], { ...options, transform: `translate(${middle + 4} ${margin - 5}) rotate(-90)` }));
      selection.order.forEach((p, column) => {
        const value = kappa(o, p);
        const [x, y] = [margin + column * size, margin + row * size];
        drawing.append(svg.make("rect", { x, y, width: size - 0.6, height: size - 0.6, fill: color(value), "data-row": row, "data-column": column }));
        if (has_numbers || value === null || report.kappa(value).startsWith("−")) {
          const label = value === null || has_numbers ? report.kappa(value) : "−";
          const text = svg.text(x + size / 2 - 0.3, y + size / 2 + 3.5, label, { "text-anchor": "middle", "font-size": has_numbers ? 10 : 8, "pointer-events": "none" });
          if (value !== null && Math.abs(value) > 0.6) text.style.fill = "white";
          drawing.append(text);
        }
      });
    });
    if (branches) {
      const top = Math.max(0.01, ...data.tree.map((bracket) => bracket[2]));
      const x = svg.scale(0, top, margin + n * size + 4, margin + n * size + tree);
      const y = (row) => margin + (row + 0.5) * size;
      for (const [x1, y1, x2, y2, x3, y3, x4, y4] of data.tree) {
        const d = `M${x(x1)} ${y(y1)}H${x(x2)}V${y(y3)}H${x(x4)}`;
        drawing.append(svg.make("path", { d, fill: "none", stroke: "#333", "data-height": x2, "data-rows": `${y2} ${x3} ${y4}` }));
      }
      drawing.append(svg.text(x(0) + 4, margin - 8, "distance 1 − κ", { "font-size": 10 }));
    }
    cursor = svg.make("rect", { width: size, height: size, fill: "none", stroke: "#000", "stroke-width": 2, visibility: "hidden", "pointer-events": "none" });
    drawing.append(cursor);
    drawing.addEventListener("click", (event) => {
      const { row, column } = event.target.dataset;
      if (row !== undefined) select(Number(row), Number(column));
    });
    drawing.addEventListener("keydown", handle_key);
    scroll.replaceChildren(drawing);
    move_cursor();
  }

  function move_cursor() {
    if (selection.row < 0) return;
    cursor.setAttribute("x", margin + selection.column * size - 0.3);
    cursor.setAttribute("y", margin + selection.row * size - 0.3);
    cursor.setAttribute("visibility", "visible");
  }

  function handle_key(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const clip = (value) => Math.max(0, Math.min(n - 1, value));
    if (step && selection.row < 0) [selection.row, selection.column] = [0, 0];
    else if (step) [selection.row, selection.column] = [clip(selection.row + step[0]), clip(selection.column + step[1])];
    else if (event.key === "Enter" && selection.row >= 0) select(selection.row, selection.column);
    else return;
    event.preventDefault();
    move_cursor();
  }

  function select(row, column) {
    Object.assign(selection, { row, column });
    move_cursor();
    const [i, j] = [selection.order[row], selection.order[column]].sort((a, b) => a - b);
    report.show_pair(details, data, i, j, i === j ? null : values_of(pairs[i][j]));
  }

  /* Return κ of a pair, and its values in every condition. */
  function values_of(pair) {
    const conditions = data.conditions.map(({ condition, ...columns }) =>
      ({ condition, ...Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[pair]])) }));
    return { kappa: data.kappa[pair], conditions };
  }

  svg.tip(box, (target) => {
    if (target.dataset?.name !== undefined) return data.names[target.dataset.name];
    if (target.dataset?.row === undefined) return "";
    const [o, p] = [selection.order[target.dataset.row], selection.order[target.dataset.column]];
    return `${data.names[o]}\n${data.names[p]}\nκ = ${report.number(kappa(o, p))}`;
  });
  draw();
};
