"use strict";
/* Error consistency of all pairs of many observers, drawn on a canvas that can be zoomed and moved. Names appear when there is space for
   them. data/consistency_<dataset>.js has the mean κ of every pair i < j, and data/pairs_<dataset>_<n>.js the details of the pairs of
   some observers i. Numbers are encoded as letters: κ, in steps of half a thousandth, as two letters, and counts as three letters. */
report.plots["large-matrix"] = (box, data, figure) => {
  const n = data.names.length;
  const MARGIN = 132, STRIP = 8, GAP = 4; // CSS pixels: names, the colors of the kinds, and the space between them and the matrix
  const MIN_NAMED = 9, MIN_NUMBERED = 26; // size of a cell from which names and numbers are shown
  const START = 40; // observers in the view after the search for a name
  const COUNTS = ["both_right", "only_1", "only_2", "both_wrong"];
  const number_of = (i, j) => (i * (2 * n - i - 1)) / 2 + j - i - 1; // position of the pair i < j among all pairs
  const kappas = new Float32Array((n * (n - 1)) / 2);
  for (let k = 0; k < kappas.length; k++) kappas[k] = to_kappa(data.kappa, 2 * k) ?? NaN;
  const titles = { cluster: "cluster", name: "name", kind: "kind", people: "agreement with people" };
  const view = { order: data.orders.cluster, by: "cluster", left: 0, top: 0, span: n, row: -1, column: -1 };
  const rgb = data.colors.map((color) => [1, 3, 5].map((k) => parseInt(color.slice(k, k + 2), 16)));
  const image = report.element("canvas", { width: n, height: n }); // one pixel for each pair
  const alt = figure.querySelector("img").alt;
  const canvas = report.element("canvas", { class: "matrix", tabindex: 0, role: "application",
    "aria-label": `${alt}. Use the arrow keys to move, plus and minus to zoom, 0 for the whole matrix, and Enter to select a pair.` });
  const status = report.element("p", { class: "small", role: "status" });
  const details = report.element("div", { class: "pair", "aria-live": "polite", hidden: true });
  let side = 0, tree = 0; // CSS pixels of the matrix and of the tree

  function to_kappa(text, position) {
    const value = report.decode(text, position, 2);
    return value === null ? null : (value - 2000.5) / 2000;
  }

  function kappa(o, p) {
    if (o === p) return 1;
    const value = kappas[o < p ? number_of(o, p) : number_of(p, o)];
    return Number.isNaN(value) ? null : value;
  }

  const order_select = report.element("select", { "aria-label": "Order of observers" }, ...Object.keys(titles).map((by) =>
    report.element("option", { value: by, disabled: !(by in data.orders) }, by in data.orders ? titles[by] : `${titles[by]} (no people)`)));
  order_select.addEventListener("change", () => {
    const pair = view.row < 0 ? null : [view.order[view.row], view.order[view.column]];
    Object.assign(view, { by: order_select.value, order: data.orders[order_select.value], left: 0, top: 0, span: n });
    if (pair) [view.row, view.column] = pair.map((o) => view.order.indexOf(o));
    paint();
    draw();
  });
  const zoom_button = (label, title, action) => report.element("button", { type: "button", "aria-label": title, title, onclick: action }, label);
  box.append(
    report.element("div", { class: "controls" }, report.element("label", {}, "Sort by ", order_select),
      report.chooser("Find an observer:", data.names, (o) => {
        const row = view.order.indexOf(o);
        Object.assign(view, { row, column: row, span: Math.min(n, START), left: row - START / 2, top: row - START / 2 });
        draw();
        describe();
        select(row, row);
      }),
      report.element("span", {}, zoom_button("+", "Zoom in", () => zoom(0.5)), " ", zoom_button("−", "Zoom out", () => zoom(2)), " ", zoom_button("Whole matrix", "Show the whole matrix", () => zoom(n)))),
    report.element("p", { class: "small" }, "Select a pair with the mouse, or with the arrow keys and Enter. Zoom with the buttons, with a double click, or with Ctrl and the mouse wheel, and drag the matrix to move it. Names appear when there is space for them."),
    canvas, status, details);

  /* Paint one pixel for each pair, in the current order. */
  function paint() {
    const context = image.getContext("2d");
    const pixels = context.createImageData(n, n);
    for (let row = 0, at = 0; row < n; row++) {
      for (let column = 0; column < n; column++, at += 4) {
        const value = kappa(view.order[row], view.order[column]);
        const [r, g, b] = value === null ? [208, 208, 208] : rgb[Math.round(((Math.max(-1, Math.min(1, value)) + 1) / 2) * (rgb.length - 1))];
        pixels.data[at] = r;
        pixels.data[at + 1] = g;
        pixels.data[at + 2] = b;
        pixels.data[at + 3] = 255;
      }
    }
    context.putImageData(pixels, 0, 0);
  }

  /* Draw the visible part of the matrix, with the kinds of its observers, names if there is space, and the tree. */
  function draw() {
    const width = Math.max(300, box.clientWidth || 900);
    tree = view.by === "cluster" && width > 600 ? 110 : 0;
    side = Math.min(720, width - MARGIN - tree - 4);
    view.span = Math.max(Math.min(8, n), Math.min(n, view.span));
    for (const end of ["left", "top"]) view[end] = Math.max(0, Math.min(n - view.span, view[end]));
    const ratio = window.devicePixelRatio || 1;
    const [total_width, total_height] = [MARGIN + side + tree, MARGIN + side];
    Object.assign(canvas, { width: total_width * ratio, height: total_height * ratio });
    Object.assign(canvas.style, { width: `${total_width}px`, height: `${total_height}px` });
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const cell = side / view.span;
    context.imageSmoothingEnabled = cell < 1;
    context.drawImage(image, view.left, view.top, view.span, view.span, MARGIN, MARGIN, side, side);
    if (tree) draw_tree(context, cell);
    draw_observers(context, cell);
    if (cell >= MIN_NUMBERED) draw_numbers(context, cell);
    if (view.row >= 0) {
      context.save();
      context.beginPath();
      context.rect(MARGIN, MARGIN, side, side);
      context.clip();
      context.strokeStyle = "#000";
      context.lineWidth = 2;
      const [x, y, size] = [MARGIN + (view.column - view.left) * cell, MARGIN + (view.row - view.top) * cell, Math.max(cell, 5)];
      context.strokeRect(x - (size - cell) / 2, y - (size - cell) / 2, size, size);
      context.restore();
    }
  }

  /* Draw the strips of the kinds, and the names of the observers or of groups of one kind. */
  function draw_observers(context, cell) {
    const last = (begin) => Math.min(n, Math.ceil(begin + view.span));
    const along = (begin, from, put) => { // calls put(observer, begin, length, middle) for every visible observer
      for (let at = Math.floor(begin); at < last(begin); at++) {
        const [start, end] = [Math.max(0, (at - begin) * cell), Math.min(side, (at + 1 - begin) * cell)];
        put(view.order[at], from + start, end - start, from + (at + 0.5 - begin) * cell);
      }
    };
    const paint_kind = (o) => { context.fillStyle = svg.color(data.kinds[o]); };
    along(view.top, MARGIN, (o, y, height) => { paint_kind(o); context.fillRect(MARGIN - STRIP - GAP, y, STRIP, height + 0.3); });
    along(view.left, MARGIN, (o, x, length) => { paint_kind(o); context.fillRect(x, MARGIN - STRIP - GAP, length + 0.3, STRIP); });
    context.fillStyle = "#1b1b1b";
    context.textBaseline = "middle";
    const edge = MARGIN - STRIP - GAP - 4;
    const write = (text, middle, is_column, size) => {
      context.save();
      context.font = `${size}px system-ui, sans-serif`;
      context.translate(is_column ? middle : edge, is_column ? edge : middle);
      if (is_column) context.rotate(-Math.PI / 2);
      context.textAlign = is_column ? "left" : "right";
      context.fillText(text, 0, 0, edge - 4);
      context.restore();
    };
    const size = Math.min(11, cell - 1);
    for (const is_column of [false, true]) {
      const begin = is_column ? view.left : view.top;
      if (cell >= MIN_NAMED) {
        along(begin, MARGIN, (o, _, length, middle) => { if (length > cell / 2) write(svg.short(data.names[o], 22), middle, is_column, size); });
      } else if (view.by === "kind") {
        for (const kind of Object.keys(report.index.looks)) {
          const positions = view.order.map((o, at) => (data.kinds[o] === kind ? at : -1)).filter((at) => at >= 0);
          const [start, end] = [Math.max(positions[0] ?? 0, begin), Math.min((positions.at(-1) ?? -1) + 1, begin + view.span)];
          if ((end - start) * cell > 10) write(`${report.index.looks[kind].label} (${positions.length})`, MARGIN + ((start + end) / 2 - begin) * cell, is_column, 11);
        }
      }
    }
  }

  function draw_numbers(context, cell) {
    context.font = "10px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let row = Math.ceil(view.top); row + 1 <= view.top + view.span + 1e-9; row++) {
      for (let column = Math.ceil(view.left); column + 1 <= view.left + view.span + 1e-9; column++) {
        const value = kappa(view.order[row], view.order[column]);
        context.fillStyle = value !== null && Math.abs(value) > 0.6 ? "#fff" : "#1b1b1b";
        context.fillText(report.kappa(value), MARGIN + (column + 0.5 - view.left) * cell, MARGIN + (row + 0.5 - view.top) * cell);
      }
    }
  }

  function draw_tree(context, cell) {
    const highest = Math.max(0.01, ...data.tree.map((bracket) => bracket[2]));
    const x = svg.scale(0, highest, MARGIN + side + 6, MARGIN + side + tree - 2);
    const y = (row) => MARGIN + (row + 0.5 - view.top) * cell;
    context.save();
    context.beginPath();
    context.rect(MARGIN + side, MARGIN, tree, side);
    context.clip();
    context.beginPath();
    for (const [x1, y1, x2, , , y3, x4] of data.tree) {
      if (y(Math.max(y1, y3)) < MARGIN || y(Math.min(y1, y3)) > MARGIN + side) continue;
      context.moveTo(x(x1), y(y1));
      context.lineTo(x(x2), y(y1));
      context.lineTo(x(x2), y(y3));
      context.lineTo(x(x4), y(y3));
    }
    context.strokeStyle = "#333";
    context.lineWidth = cell < 3 ? 0.4 : 1;
    context.stroke();
    context.restore();
    context.font = "10px system-ui, sans-serif";
    context.fillStyle = "#1b1b1b";
    context.textAlign = "left";
    context.fillText("distance 1 − κ", MARGIN + side + 8, MARGIN - 8);
  }

  /* Multiply the visible number of observers by a factor, around a cell: the given one, the selected one, or the middle. */
  function zoom(factor, at = null) {
    const around = at ?? (view.row >= 0 ? [view.row + 0.5, view.column + 0.5] : [view.top + view.span / 2, view.left + view.span / 2]);
    const span = Math.max(Math.min(8, n), Math.min(n, view.span * factor));
    const share = at ? [(at[0] - view.top) / view.span, (at[1] - view.left) / view.span] : [0.5, 0.5];
    Object.assign(view, { span, top: around[0] - share[0] * span, left: around[1] - share[1] * span });
    draw();
  }

  /* Return the row and the column at a position of the pointer, as numbers with fractions, or null outside the matrix. */
  function position_of(event) {
    const frame = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left - MARGIN, event.clientY - frame.top - MARGIN];
    if (x < 0 || y < 0 || x >= side || y >= side) return null;
    return [view.top + (y / side) * view.span, view.left + (x / side) * view.span];
  }

  function describe() {
    const [o, p] = [view.order[view.row], view.order[view.column]];
    status.textContent = `Row ${view.row + 1}, ${data.names[o]}; column ${view.column + 1}, ${data.names[p]}: κ = ${report.number(kappa(o, p))}`;
  }

  /* Move the view so that it contains the selected cell. */
  function follow() {
    for (const [end, at] of [["top", view.row], ["left", view.column]]) {
      if (at < view[end]) view[end] = at;
      if (at + 1 > view[end] + view.span) view[end] = at + 1 - view.span;
    }
  }

  async function select(row, column) {
    Object.assign(view, { row, column });
    draw();
    const [i, j] = [view.order[row], view.order[column]].sort((a, b) => a - b);
    if (i !== j) {
      details.dataset.pair = `${i} ${j}`;
      const pair = await pair_of(i, j);
      if (details.dataset.pair === `${i} ${j}`) report.show_pair(details, data, i, j, pair);
      return;
    }
    report.show_pair(details, data, i, i, null);
    const others = data.names.map((_, o) => o).filter((o) => o !== i && kappa(i, o) !== null).sort((o, p) => kappa(i, p) - kappa(i, o)).slice(0, 10);
    details.append(report.element("table", {}, report.element("caption", {}, "The observers with the highest κ"),
      report.element("tbody", {}, ...others.map((o) => report.element("tr", {}, report.element("th", { scope: "row", class: `mark kind-${data.kinds[o]}` }, data.names[o]), report.element("td", {}, report.number(kappa(i, o))))))));
  }

  /* Load κ, its interval and the counts of a pair i < j in every condition. */
  async function pair_of(i, j) {
    const file = data.first_observers.findLastIndex((first) => first <= i);
    const columns = await report.load(`${data.pairs}${file}`);
    const k = number_of(i, j) - number_of(data.first_observers[file], data.first_observers[file] + 1);
    const conditions = data.conditions.map((condition, c) => ({ condition,
      ...Object.fromEntries(["kappa", "low", "high"].map((name) => [name, to_kappa(columns[c][name], 2 * k)])),
      ...Object.fromEntries(COUNTS.map((name) => [name, report.decode(columns[c][name], 3 * k, 3)])) }));
    return { kappa: kappa(i, j), conditions };
  }

  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const clip = (value) => Math.max(0, Math.min(n - 1, value));
    if (step && view.row < 0) [view.row, view.column] = [0, 0];
    else if (step) [view.row, view.column] = [clip(view.row + step[0]), clip(view.column + step[1])];
    else if (event.key === "Enter" && view.row >= 0) select(view.row, view.column);
    else if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else if (event.key === "0") zoom(n);
    else return;
    event.preventDefault();
    if (step) {
      follow();
      draw();
      describe();
    }
  });
  let drag = null; // where the pointer went down, and the view at that time
  canvas.addEventListener("pointerdown", (event) => {
    if (!position_of(event)) return;
    drag = { x: event.clientX, y: event.clientY, left: view.left, top: view.top, has_moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.has_moved ||= Math.hypot(dx, dy) > 4;
    if (!drag.has_moved) return;
    Object.assign(view, { left: drag.left - (dx / side) * view.span, top: drag.top - (dy / side) * view.span });
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    const [at, was_click] = [position_of(event), drag && !drag.has_moved];
    drag = null;
    if (was_click && at) select(...at.map((value) => Math.min(n - 1, Math.floor(value))));
  });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("dblclick", (event) => {
    const at = position_of(event);
    if (at) zoom(0.5, at);
  });
  canvas.addEventListener("wheel", (event) => {
    const at = position_of(event);
    if (!event.ctrlKey || !at) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, at);
  }, { passive: false });
  svg.tip(box, (target, event) => {
    const at = target === canvas && !drag?.has_moved ? position_of(event) : null;
    if (!at) return "";
    const [o, p] = at.map((value) => view.order[Math.min(n - 1, Math.floor(value))]);
    return `${data.names[o]}\n${data.names[p]}\nκ = ${report.number(kappa(o, p))}`;
  });
  paint();
  draw();
  new ResizeObserver(() => { if (box.clientWidth) draw(); }).observe(box);
};
