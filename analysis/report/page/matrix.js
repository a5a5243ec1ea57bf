"use strict";
/* Error consistency of everyone with everyone. A cell that is chosen says n, kappa and interval, the 2 × 2 table, and which images
   both got wrong. Numbers come from data/consistency_<dataset>.js; kappa is not computed here. */
report.plots.matrix = (box, data, figure) => {
  const n = data.names.length;
  const large = n <= 20;
  const size = large ? 30 : n <= 45 ? 15 : 11;
  const names = data.names.map((name) => svg.short(name, (box.clientWidth || 900) < 600 ? 16 : 30));
  const margin = Math.min(210, 14 + 6.3 * Math.max(...names.map((name) => name.length)));
  const pairs = Array.from({ length: n }, () => new Array(n).fill(-1));
  for (let i = 0, k = 0; i < n; i++) for (let j = i + 1; j < n; j++, k++) pairs[i][j] = pairs[j][i] = k;
  const kappa = (i, j) => (i === j ? 1 : data.kappa[pairs[i][j]]);
  const color = (value) => (value === null ? "#d0d0d0" : data.colors[Math.round(((Math.max(-1, Math.min(1, value)) + 1) / 2) * (data.colors.length - 1))]);
  const titles = { cluster: "cluster", name: "name", kind: "kind", people: "agreement with people" };
  const state = { order: data.orders.cluster, by: "cluster", row: -1, column: -1 };

  const choose = report.element("select", { "aria-label": "Order of observers" }, ...Object.keys(titles).map((by) =>
    report.element("option", { value: by, disabled: !(by in data.orders) }, by in data.orders ? titles[by] : `${titles[by]} (there are none)`)));
  choose.addEventListener("change", () => {
    const asked = state.row < 0 ? null : [state.order[state.row], state.order[state.column]];
    state.by = choose.value;
    state.order = data.orders[state.by];
    if (asked) [state.row, state.column] = asked.map((o) => state.order.indexOf(o));
    draw();
  });
  const hint = "Choose a cell, by mouse or by arrow keys and Enter, to see the pair.";
  const scroll = report.element("div", { class: "scroll" });
  const asked = report.element("div", { class: "asked", "aria-live": "polite", hidden: true });
  box.append(report.element("div", { class: "controls" }, report.element("label", {}, "Order by ", choose), report.element("span", { class: "small" }, hint)), scroll, asked);
  let drawing, cursor;

  function draw() {
    const branches = state.by === "cluster" && data.tree.length;
    const tree = branches ? 130 : 0;
    const width = margin + n * size + tree + 10;
    const height = margin + n * size + 4;
    drawing = svg.make("svg", { width, height, viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: "application",
      "aria-label": `${figure.querySelector("img").alt}. Arrow keys move, Enter chooses a pair.` });
    state.order.forEach((o, row) => {
      const middle = margin + (row + 0.5) * size;
      const look = { class: `kind-${data.kinds[o]}`, "font-size": large ? 11 : Math.min(11, size - 1), "data-name": o };
      drawing.append(svg.text(margin - 5, middle + 4, names[o], { ...look, "text-anchor": "end" }));
      drawing.append(svg.text(0, 0, names[o], { ...look, transform: `translate(${middle + 4} ${margin - 5}) rotate(-90)` }));
      state.order.forEach((p, column) => {
        const value = kappa(o, p);
        const [x, y] = [margin + column * size, margin + row * size];
        drawing.append(svg.make("rect", { x, y, width: size - 0.6, height: size - 0.6, fill: color(value), "data-row": row, "data-column": column }));
        if (large || value === null || value < 0) {
          const said = value === null ? "–" : large ? value.toFixed(2).replace("0.", ".").replace("-", "−") : "−";
          const text = svg.text(x + size / 2 - 0.3, y + size / 2 + 3.5, said, { "text-anchor": "middle", "font-size": large ? 10 : 8, "pointer-events": "none" });
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
      if (row !== undefined) ask(Number(row), Number(column));
    });
    drawing.addEventListener("keydown", move);
    scroll.replaceChildren(drawing);
    place();
  }

  function place() {
    if (state.row < 0) return;
    cursor.setAttribute("x", margin + state.column * size - 0.3);
    cursor.setAttribute("y", margin + state.row * size - 0.3);
    cursor.setAttribute("visibility", "visible");
  }

  function move(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const clip = (value) => Math.max(0, Math.min(n - 1, value));
    if (step && state.row < 0) [state.row, state.column] = [0, 0];
    else if (step) [state.row, state.column] = [clip(state.row + step[0]), clip(state.column + step[1])];
    else if (event.key === "Enter" && state.row >= 0) ask(state.row, state.column);
    else return;
    event.preventDefault();
    place();
  }

  function ask(row, column) {
    Object.assign(state, { row, column });
    place();
    const [i, j] = [state.order[row], state.order[column]].sort((a, b) => a - b);
    asked.hidden = false;
    asked.dataset.pair = `${i} ${j}`;
    const title = (o) => report.element("span", { class: `mark kind-${data.kinds[o]}` }, data.names[o]);
    if (i === j) {
      asked.replaceChildren(report.element("h4", {}, title(i)), "Everyone agrees with themselves: κ = 1 by definition.");
      return;
    }
    const pair = pairs[i][j];
    const several = data.conditions.length > 1;
    const at = (c, name) => c[name][pair];
    const shared = data.conditions.filter((c) => at(c, "both_right") !== null);
    const total = (name) => shared.reduce((sum, c) => sum + at(c, name), 0);
    const counts = ["both_right", "only_1", "only_2", "both_wrong"].map(total);
    const n_images = counts.reduce((sum, count) => sum + count, 0);
    const span = (c) => (at(c, "low") === null ? "" : ` [${report.number(at(c, "low"))}, ${report.number(at(c, "high"))}]`);
    const said = n_images === 0 ? "These two answered no image in common."
      : `n = ${n_images} images, κ = ${report.number(data.kappa[pair])}` +
        (several ? `, the mean over ${shared.length} conditions.` : `${shared.length ? span(shared[0]) : ""}.`) +
        (data.kappa[pair] === null ? " Undefined: both are always right, or both always wrong." : "");
    const two = report.element("table", { class: "two" },
      report.element("caption", {}, several ? "Images, over all these conditions" : "Images"),
      report.element("tr", {}, report.element("td"), report.element("td", {}, `${svg.short(data.names[j])} right`), report.element("td", {}, `${svg.short(data.names[j])} wrong`)),
      report.element("tr", {}, report.element("td", {}, `${svg.short(data.names[i])} right`), report.element("td", {}, String(counts[0])), report.element("td", {}, String(counts[1]))),
      report.element("tr", {}, report.element("td", {}, `${svg.short(data.names[i])} wrong`), report.element("td", {}, String(counts[2])), report.element("td", {}, String(counts[3]))));
    const parts = [report.element("h4", {}, title(i), " and ", title(j)), report.element("p", { class: "kappa" }, said)];
    if (n_images) parts.push(two);
    if (several && n_images) {
      const heads = ["condition", "n", "κ", "both right", "only the first", "only the second", "both wrong"];
      const rows = shared.map((c) => {
        const four = ["both_right", "only_1", "only_2", "both_wrong"].map((name) => at(c, name));
        const cells = [c.condition, four.reduce((a, b) => a + b, 0), report.number(at(c, "kappa")) + span(c), ...four];
        return report.element("tr", {}, ...cells.map((cell) => report.element("td", {}, String(cell))));
      });
      parts.push(report.element("div", { class: "scroll" }, report.element("table", {},
        report.element("tr", {}, ...heads.map((head) => report.element("th", {}, head))), ...rows)));
    }
    const wrong = report.element("div", { class: "wrong-both" });
    asked.replaceChildren(...parts, wrong);
    if (counts[3]) show(wrong, data.names[i], data.names[j], `${i} ${j}`);
  }

  /* The images that both got wrong, those first that both gave the same answer to. */
  async function show(where, one, other, pair) {
    const MOST = 24;
    const answers = await Answers.load(data.trials);
    if (asked.dataset.pair !== pair) return;
    const [o, p] = [answers.names.indexOf(one), answers.names.indexOf(other)];
    const found = [];
    for (let i = 0; i < answers.n_images; i++) {
      if (!answers.left_out[answers.condition[i]] && answers.right(o, i) === false && answers.right(p, i) === false) found.push(i);
    }
    const same = (i) => answers.answer(o, i) === answers.answer(p, i);
    found.sort((a, b) => same(b) - same(a) || a - b);
    const all = report.address(data.dataset, undefined, "", { o1: one, i1: "wrong", o2: other, i2: "wrong" });
    const strip = report.element("div", { class: "strip" }, ...found.slice(0, MOST).map((i) => {
      const source = answers.source(i);
      const said = `${answers.category(i)} → ${answers.answer(o, i) || "none"} / ${answers.answer(p, i) || "none"}`;
      const link = report.element("a", { href: report.address(data.dataset, answers.stimulus[i], answers.conditions[answers.condition[i]]), title: answers.alt(i) });
      if (source) link.append(report.element("img", { src: source, alt: answers.alt(i), loading: "lazy" }));
      link.append(source ? said : `${answers.stimulus[i]}: ${said}`);
      return link;
    }));
    where.replaceChildren(
      report.element("p", {}, `Both were wrong on ${found.length} images, with the same answer on ${found.filter(same).length}. `,
        report.element("a", { href: all }, found.length > MOST ? `See all ${found.length}` : "See them among the trials"), "."), strip);
  }

  svg.tip(box, (target) => {
    if (target.dataset?.name !== undefined) return data.names[target.dataset.name];
    if (target.dataset?.row === undefined) return "";
    const [o, p] = [state.order[target.dataset.row], state.order[target.dataset.column]];
    return `${data.names[o]}\n${data.names[p]}\nκ = ${report.number(kappa(o, p))}`;
  });
  draw();
};
