"use strict";
/* Data come as scripts, since a page that is opened from a disk may fetch nothing: data/<name>.js calls report.take(name, data). */
const report = {
  index: { datasets: [], looks: {} },
  plots: {}, // name of a plot -> (box, data, figure) that draws it
  loading: new Map(),
  taken: new Map(),

  take(name, data) {
    report.taken.set(name, data);
  },

  /* The data of that name, loaded once. */
  load(name) {
    if (!report.loading.has(name)) {
      report.loading.set(name, new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = `data/${name}.js`;
        script.onload = () => {
          const data = report.taken.get(name);
          report.taken.delete(name);
          if (data === undefined) failed(new Error(`data/${name}.js holds nothing`));
          else done(data);
        };
        script.onerror = () => failed(new Error(`data/${name}.js is missing: keep the files of the report together`));
        document.head.append(script);
      }));
    }
    return report.loading.get(name);
  },

  /* An element with attributes and children; text stays text. */
  element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  },

  number(value, digits = 3) {
    return value === null || value === undefined ? "–" : value.toFixed(digits);
  },

  /* The address of an image in the trial browser; `more` chooses others beside it. */
  address(dataset, stimulus, condition, more = {}) {
    const words = new URLSearchParams({ d: dataset, ...more });
    if (stimulus !== undefined) words.set("s", stimulus);
    if (condition) words.set("sc", condition);
    return `trials.html#${words}`;
  },
};
document.documentElement.classList.add("js");
