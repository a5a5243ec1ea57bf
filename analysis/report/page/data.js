"use strict";
/* The data of the pages are scripts, because a browser does not let a page that is opened from disk fetch files. Each script
   data/<name>.js calls report.take(name, data). */
const report = {
  index: { datasets: [], looks: {} },
  plots: {}, // maps the name of an interactive figure to the function (box, data, figure) that draws it
  loading: new Map(),
  taken: new Map(),

  take(name, data) {
    report.taken.set(name, data);
  },

  /* Load data by name; each script is loaded once. */
  load(name) {
    if (!report.loading.has(name)) {
      report.loading.set(name, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = `data/${name}.js`;
        script.onload = () => {
          const data = report.taken.get(name);
          report.taken.delete(name);
          if (data === undefined) reject(new Error(`data/${name}.js contains no data: write the report again`));
          else resolve(data);
        };
        script.onerror = () => reject(new Error(`data/${name}.js is missing: keep all files of the report in one folder`));
        document.head.append(script);
      }));
    }
    return report.loading.get(name);
  },

  /* Create an element with attributes and children; strings become text, never markup. */
  element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children);
    return node;
  },

  /* Decode the whole number that n letters from a position of a text encode; it is null if it is missing. */
  decode(text, position, n) {
    const { letters } = report.index;
    report.values ??= new Map([...letters].map((letter, value) => [letter, value]));
    let number = 0;
    for (let k = position; k < position + n; k++) {
      if (text[k] === " ") return null;
      number = number * letters.length + report.values.get(text[k]);
    }
    return number;
  },

  /* A field in which a user types or chooses the name of an observer; `choose` receives the index of the name. */
  chooser(label, names, choose) {
    report.n_choosers = (report.n_choosers ?? 0) + 1;
    const id = `names-${report.n_choosers}`;
    const field = report.element("input", { type: "search", list: id, size: 24 });
    field.addEventListener("change", () => {
      const o = names.indexOf(field.value);
      if (o >= 0) choose(o);
    });
    return report.element("label", {}, `${label} `, field, report.element("datalist", { id }, ...names.map((value) => report.element("option", { value }))));
  },

  /* Return a number as text, rounded half away from zero. analysis/io/number_format.py implements the same rule in Python and gives the reasons. */
  number(value, decimals = 3) {
    if (value === null || value === undefined) return "–";
    const text = (value * (1 + 1e-12)).toFixed(decimals);
    return /[1-9]/.test(text) ? text : text.replace("-", "");
  },

  /* Return κ as text with two decimals, without the zero before the point. */
  kappa(value) {
    return report.number(value, 2).replace("0.", ".").replace("-", "−");
  },

  /* The address of an image in the trial browser; `filters` sets the filters. */
  address(dataset, stimulus, condition, filters = {}) {
    const fields = new URLSearchParams({ d: dataset, ...filters });
    if (stimulus !== undefined) fields.set("s", stimulus);
    if (condition) fields.set("sc", condition);
    return `trials.html#${fields}`;
  },
};
document.documentElement.classList.add("js");
