"use strict";
/* The list of the images that pass the filters of the trial browser, as a CSV file to save. It has one row for each image, and one
   column with the response of each observer. The file is made in the page, so it works without a server. */
report.image_list = (trials, images) => {
  const cues = Object.keys(trials.cues);
  const heads = ["dataset", "stimulus", "condition", "category", ...cues, "n_observers", "n_correct", "n_people", "n_people_correct", "disagreement",
    ...trials.names.map((name) => `response_${name}`)];
  const rows = images.map((i) => [trials.dataset, trials.stimulus[i], trials.conditions[trials.condition[i]], trials.category(i), ...cues.map((cue) => trials.cue(cue, i)),
    trials.n[i], trials.n_correct[i], trials.n_people[i], trials.n_people_correct[i], report.number(1 - trials.share[i]), ...trials.names.map((_, o) => trials.response(o, i) ?? "")]);
  const cell = (value) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  return [heads, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
};

/* Let the user save a text as a file. */
report.save = (name, text) => {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = report.element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
};
