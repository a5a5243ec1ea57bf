"use strict";
/* Accuracy over conditions, with a line and a band for each series. The band of a kind is the range of its observers,
   and the band of an observer shows its intervals. Checkboxes below the figure select the series. */
report.plots.curves = (box, data, figure) => {
  const area = report.element("div");
  const legend = report.element("div", { class: "legend", role: "group", "aria-label": "Curves to show" });
  box.append(area, report.element("div", { class: "small" }, "Point at a curve or at its name to see its band and its numbers, and click a marker to keep the band visible. Bands show the range over the observers of a kind, or the 95 % intervals of one observer. If there are at most three curves, all bands are visible."), legend);
  const n = data.conditions.length;
  const DASHES = ["", "6 3", "2 3", "8 3 2 3", "1 2", "10 2"]; // distinguish observers of one kind
  const n_drawn = {}; // observers of each kind so far
  const MAX_BANDS = 3; // with more curves, only those that are pointed at or were clicked have bands
  let pointed = null; // the series that is pointed at
  const MAX_LISTED = 150; // with more observers, the legend lists kinds, and observers that were chosen by name
  const n_observers = data.series.filter((series) => !series.of).length;
  if (n_observers > MAX_LISTED) {
    legend.before(report.element("div", { class: "controls" }, report.chooser("Add the curve of an observer:", data.series.map((series) => series.name), (s) => {
      data.series[s].on = true;
      list(data.series[s]);
      draw();
    })));
  }

  /* Add a checkbox for a series to the legend. */
  function list(series) {
    if (series.checkbox) {
      series.checkbox.checked = series.on;
      return;
    }
    series.checkbox = report.element("input", { type: "checkbox" });
    series.checkbox.checked = series.on;
    series.checkbox.addEventListener("change", () => { series.on = series.checkbox.checked; draw(); });
    legend.append(report.element("label", { title: series.name, onpointerenter: () => point(series), onpointerleave: () => point(null) }, series.checkbox, " ", report.element("span", { class: `mark kind-${series.kind}` }, svg.short(series.name, 40))));
  }

  for (const series of data.series) {
    n_drawn[series.kind] ??= 0;
    series.dash = series.of ? "" : DASHES[n_drawn[series.kind]++ % DASHES.length];
    if (n_observers <= MAX_LISTED || series.on) list(series);
  }

  function draw() {
    const width = Math.max(300, Math.min(760, box.clientWidth || 700));
    const height = 330;
    const rotated = data.conditions.some((label) => svg.short(label, 12).length * 6.5 > (width - 56) / n);
    const [left, right, top, bottom] = [44, width - 12, 10, height - (rotated ? 72 : 44)];
    const x = svg.scale(-0.3, n - 0.7, left, right);
    const y = svg.scale(0, 1, bottom, top);
    const drawing = svg.make("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": figure.querySelector("img").alt });
    for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
      drawing.append(svg.make("path", { d: `M${left} ${y(tick)}H${right}`, stroke: tick ? "#e4e4e4" : "#333" }));
      drawing.append(svg.text(left - 6, y(tick) + 4, String(tick), { "text-anchor": "end" }));
    }
    data.conditions.forEach((label, i) => {
      const position = rotated ? { transform: `translate(${x(i) + 3} ${bottom + 8}) rotate(35)` } : { transform: `translate(${x(i)} ${bottom + 16})`, "text-anchor": "middle" };
      drawing.append(svg.text(0, 0, svg.short(label, 12), position));
    });
    drawing.append(svg.text((left + right) / 2, height - 8, data.axis, { "text-anchor": "middle" }));
    drawing.append(svg.text(0, 0, "Accuracy", { transform: `translate(11 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }));
    if (data.chance !== null) drawing.append(svg.make("path", { d: `M${left} ${y(data.chance)}H${right}`, stroke: "#666", "stroke-dasharray": "1 3" }));
    const shown = data.series.filter((series) => series.on);
    const banded = shown.filter((series) => shown.length <= MAX_BANDS || series === pointed || series.kept);
    for (const series of [...banded].reverse()) {
      for (const run of runs(series)) {
        const edge = (values, order) => order.map((i) => `${x(i).toFixed(1)} ${y(values[i]).toFixed(1)}`).join("L");
        const band = `M${edge(series.high, run)}L${edge(series.low, [...run].reverse())}Z`;
        drawing.append(svg.make("path", { class: "band", d: band, fill: svg.color(series.kind), "fill-opacity": 0.16, "pointer-events": "none" }));
      }
    }
    for (const series of [...shown].reverse()) {
      for (const run of runs(series)) {
        const d = `M${run.map((i) => `${x(i).toFixed(1)} ${y(series.accuracy[i]).toFixed(1)}`).join("L")}`;
        drawing.append(svg.make("path", { class: "line", d, fill: "none", stroke: svg.color(series.kind), "stroke-width": series === pointed || series.kept ? 3 : series.of ? 2.4 : 1.4, "stroke-dasharray": series.dash, "pointer-events": "none" }));
        for (const i of run) drawing.append(svg.marker(series.kind, x(i), y(series.accuracy[i]), 4, { "data-series": data.series.indexOf(series), "data-at": i }));
      }
    }
    if (!shown.length) drawing.append(svg.text((left + right) / 2, (top + bottom) / 2, "Select curves below.", { "text-anchor": "middle" }));
    area.replaceChildren(drawing);
  }

  function point(series) {
    if (series === pointed) return;
    pointed = series;
    draw();
  }

  area.addEventListener("pointerover", (event) => {
    const series = data.series[event.target.dataset?.series];
    if (series) point(series);
    else if (event.target.tagName === "svg") point(null);
  });
  area.addEventListener("pointerleave", () => point(null));
  area.addEventListener("click", (event) => {
    const series = data.series[event.target.dataset?.series];
    if (!series) return;
    series.kept = !series.kept;
    draw();
  });

  /* Return the runs of consecutive conditions in which the series has a value. */
  function runs(series) {
    const runs = [[]];
    series.accuracy.forEach((value, i) => (value === null ? runs.push([]) : runs.at(-1).push(i)));
    return runs.filter((run) => run.length);
  }

  svg.tip(box, (target) => {
    const series = data.series[target.dataset?.series];
    if (!series) return "";
    const i = target.dataset.at;
    return `${series.name}\n${data.axis} ${data.conditions[i]}: ${report.number(series.accuracy[i])} [${report.number(series.low[i])}, ${report.number(series.high[i])}]`;
  });
  draw();
  new ResizeObserver(() => { if (box.clientWidth) draw(); }).observe(box);
};
