"use strict";
/* Shape bias by category with one marker for each observer, as in the figure. Every marker has a tooltip, and one observer can be
   highlighted. */
report.plots["shape-bias"] = (box, data, figure) => {
  const rows = data.categories.length;
  const MAX_MARKERS = 150; // with more observers, short lines without tooltips replace the markers
  const has_lines = data.series.length > MAX_MARKERS;
  const highlight = report.element("select", { "aria-label": "Observer to highlight" }, report.element("option", { value: "" }, "none"),
    ...data.series.map((series, s) => report.element("option", { value: s }, svg.short(series.name, 44))));
  const area = report.element("div");
  box.append(report.element("div", { class: "controls" }, report.element("label", {}, "Highlight: ", highlight), report.element("span", { class: "small" }, has_lines ? "Here, each observer has its own short line in each row. Highlight an observer to see its numbers." : "Here, each observer has a marker of its own. Point at a marker to see its numbers.")), area);

  function draw() {
    const width = Math.max(300, Math.min(760, box.clientWidth || 700));
    const [left, right, top, step] = [92, width - 14, 46, 24];
    const bottom = top + rows * step;
    const x = svg.scale(0, 1, left, right);
    const drawing = svg.make("svg", { width, height: bottom + 44, viewBox: `0 0 ${width} ${bottom + 44}`, role: "img", "aria-label": figure.querySelector("img").alt });
    data.categories.forEach((category, row) => {
      const y = top + (row + 0.5) * step;
      drawing.append(svg.make("path", { d: `M${left} ${y}H${right}`, stroke: "#e4e4e4" }));
      drawing.append(svg.text(left - 8, y + 4, svg.short(category, 13), { "text-anchor": "end" }));
    });
    drawing.append(svg.make("path", { d: `M${left} ${top}H${right}M${left} ${bottom}H${right}M${left} ${bottom - step}H${right}`, stroke: "#333" }));
    for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
      drawing.append(svg.text(x(tick), bottom + 15, String(tick), { "text-anchor": "middle" }));
      drawing.append(svg.text(x(tick), top - 6, String(1 - tick), { "text-anchor": "middle" }));
    }
    drawing.append(svg.text((left + right) / 2, bottom + 34, "Fraction of “texture” decisions", { "text-anchor": "middle" }));
    drawing.append(svg.text((left + right) / 2, 16, "Fraction of “shape” decisions", { "text-anchor": "middle" }));
    const highlighted = highlight.value === "" ? -1 : Number(highlight.value);
    if (has_lines) draw_lines(drawing, (bias, row) => `M${x(1 - bias).toFixed(1)} ${top + (row + 0.2) * step}v${0.6 * step}`, highlighted);
    const order = has_lines ? [] : data.series.map((_, s) => s).reverse().filter((s) => s !== highlighted);
    if (highlighted >= 0) order.push(highlighted);
    for (const s of order) {
      const series = data.series[s];
      const opacity = highlighted >= 0 ? (s === highlighted ? 1 : 0.15) : data.series.length > 12 ? 0.55 : 0.9;
      const total = series.shape_bias[rows - 1];
      const line_width = s === highlighted ? 2.5 : 1;
      if (total !== null) drawing.append(svg.make("path", { d: `M${x(1 - total)} ${top}V${bottom}`, stroke: svg.color(series.kind), "stroke-opacity": opacity * 0.6, "stroke-width": line_width, "pointer-events": "none" }));
      series.shape_bias.forEach((bias, row) => {
        if (bias === null) return;
        const y = top + (row + 0.5) * step;
        if (s === highlighted && series.low[row] !== null) drawing.append(svg.make("path", { d: `M${x(1 - series.high[row])} ${y}H${x(1 - series.low[row])}`, stroke: svg.color(series.kind), "stroke-width": 2 }));
        drawing.append(svg.marker(series.kind, x(1 - bias), y, s === highlighted ? 6 : 4.5, { "fill-opacity": opacity, "data-series": s, "data-row": row }));
      });
    }
    area.replaceChildren(drawing);
  }

  /* Draw one short line for each observer and category, as one element for each kind. */
  function draw_lines(drawing, line, highlighted) {
    for (const kind of Object.keys(report.index.looks).reverse()) {
      const own = data.series.filter((series) => series.kind === kind);
      const d = own.flatMap((series) => series.shape_bias.map((bias, row) => (bias === null ? "" : line(bias, row)))).join("");
      if (d) drawing.append(svg.make("path", { class: "lines", d, fill: "none", stroke: svg.color(kind), "stroke-opacity": highlighted >= 0 ? 0.12 : 0.3, "pointer-events": "none" }));
    }
  }

  highlight.addEventListener("change", draw);
  svg.tip(box, (target) => {
    const series = data.series[target.dataset?.series];
    if (!series) return "";
    const row = target.dataset.row;
    return `${series.name}\n${data.categories[row]}: shape bias ${report.number(series.shape_bias[row])} [${report.number(series.low[row])}, ${report.number(series.high[row])}]\n${series.n_shape[row]} shape, ${series.n_texture[row]} texture`;
  });
  draw();
  new ResizeObserver(() => { if (box.clientWidth) draw(); }).observe(box);
};
