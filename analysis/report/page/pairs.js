"use strict";
/* The details of a pair of observers that was selected in a matrix: n, κ with its interval, the 2 × 2 table, and the images that both
   observers got wrong. */
(() => {
  /* Show the pair i < j of the observers in `data.names`. `pair` has the mean κ and, for every condition, its κ, interval and counts,
     which are null if the two observers have no images in common. */
  report.show_pair = (details, data, i, j, pair) => {
    details.hidden = false;
    details.dataset.pair = `${i} ${j}`;
    const title = (o) => report.element("span", { class: `mark kind-${data.kinds[o]}` }, data.names[o]);
    if (i === j) {
      details.replaceChildren(report.element("h4", {}, title(i)), "κ of an observer with itself is 1 by definition.");
      return;
    }
    const has_conditions = pair.conditions.length > 1;
    const shared = pair.conditions.filter((c) => c.both_right !== null);
    const total = (name) => shared.reduce((sum, c) => sum + c[name], 0);
    const counts = ["both_right", "only_1", "only_2", "both_wrong"].map(total);
    const n_images = counts.reduce((sum, count) => sum + count, 0);
    const span = (c) => (c.low === null ? "" : ` [${report.number(c.low)}, ${report.number(c.high)}]`);
    const summary = n_images === 0 ? "These two observers have no images in common."
      : `n = ${n_images} images, κ = ${report.number(pair.kappa)}` +
        (has_conditions ? `, the mean over ${shared.length} conditions.` : `${shared.length ? span(shared[0]) : ""}.`) +
        (pair.kappa === null ? " κ is undefined, because both observers are always correct or always wrong." : "");
    const contingency = report.element("table", { class: "contingency" },
      report.element("caption", {}, has_conditions ? "Number of images over all of these conditions" : "Number of images"),
      report.element("tr", {}, report.element("td"), report.element("td", {}, `${svg.short(data.names[j])} correct`), report.element("td", {}, `${svg.short(data.names[j])} wrong`)),
      report.element("tr", {}, report.element("td", {}, `${svg.short(data.names[i])} correct`), report.element("td", {}, String(counts[0])), report.element("td", {}, String(counts[1]))),
      report.element("tr", {}, report.element("td", {}, `${svg.short(data.names[i])} wrong`), report.element("td", {}, String(counts[2])), report.element("td", {}, String(counts[3]))));
    const parts = [report.element("h4", {}, title(i), " and ", title(j)), report.element("p", { class: "kappa" }, summary)];
    if (n_images) parts.push(contingency);
    if (has_conditions && n_images) {
      const heads = ["condition", "n", "κ", "both correct", "only the first correct", "only the second correct", "both wrong"];
      const rows = shared.map((c) => {
        const row_counts = ["both_right", "only_1", "only_2", "both_wrong"].map((name) => c[name]);
        const cells = [c.condition, row_counts.reduce((a, b) => a + b, 0), report.number(c.kappa) + span(c), ...row_counts];
        return report.element("tr", {}, ...cells.map((cell) => report.element("td", {}, String(cell))));
      });
      parts.push(report.element("div", { class: "scroll" }, report.element("table", {},
        report.element("tr", {}, ...heads.map((head) => report.element("th", {}, head))), ...rows)));
    }
    const wrong = report.element("div", { class: "wrong-both" });
    details.replaceChildren(...parts, wrong);
    if (counts[3]) show_wrong(wrong, details, data, i, j);
  };

  /* Show the images that both observers got wrong, beginning with those with the same wrong response. */
  async function show_wrong(box, details, data, i, j) {
    const MAX_IMAGES = 24;
    const trials = await Trials.load(data.trials);
    if (details.dataset.pair !== `${i} ${j}`) return;
    const [name, other_name] = [data.names[i], data.names[j]];
    const [o, p] = [trials.names.indexOf(name), trials.names.indexOf(other_name)];
    const images = [];
    for (let i = 0; i < trials.n_images; i++) {
      if (!trials.left_out[trials.condition[i]] && trials.is_correct(o, i) === false && trials.is_correct(p, i) === false) images.push(i);
    }
    const same = (i) => trials.response(o, i) === trials.response(p, i);
    images.sort((a, b) => same(b) - same(a) || a - b);
    const all = report.address(data.dataset, undefined, "", { o1: name, i1: "wrong", o2: other_name, i2: "wrong" });
    const strip = report.element("div", { class: "strip" }, ...images.slice(0, MAX_IMAGES).map((i) => {
      const source = trials.source(i);
      const label = `${trials.category(i)} → ${trials.response(o, i) || "none"} / ${trials.response(p, i) || "none"}`;
      const link = report.element("a", { href: report.address(data.dataset, trials.stimulus[i], trials.conditions[trials.condition[i]]), title: trials.alt(i) });
      if (source) link.append(report.element("img", { src: source, alt: trials.alt(i), loading: "lazy" }));
      link.append(source ? label : `${trials.stimulus[i]}: ${label}`);
      return link;
    }));
    box.replaceChildren(
      report.element("p", {}, `Both observers were wrong on ${images.length} image${images.length === 1 ? "" : "s"}, with the same response on ${images.filter(same).length}. `,
        report.element("a", { href: all }, images.length > MAX_IMAGES ? `See all ${images.length} images in the trial browser` : "See these images in the trial browser"), "."), strip);
  }
})();
