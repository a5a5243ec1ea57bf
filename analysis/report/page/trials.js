"use strict";
/* The trial browser: filters, a grid of images, and the responses to the selected image. The address of the page contains the filters
   and the selected image, so that this view can be saved as a bookmark. */
if (document.body.classList.contains("trials")) (() => {
  const PAGE_SIZE = 60; // images in the grid
  const [MAX_ROWS, ROWS_PER_PAGE] = [200, 50]; // a table of more than MAX_ROWS responses is divided into pages
  const observer_search = { value: "" }; // the text that the user looks for in these tables, kept from image to image
  const get = (id) => document.getElementById(id);
  const FIELDS = ["c", "k", "p", "o1", "i1", "o2", "i2", "q", "by"];
  const OUTCOME_FILTERS = [["", "any response"], ["right", "correct"], ["wrong", "wrong"], ["texture", "chose the texture"], ["none", "no response"]];
  const OUTCOME_LABELS = { right: "correct", texture: "texture", other: "wrong", none: "no response", open: "–" };
  let trials, images = [], position = 0, n_requests = 0; // `images` pass the filters; `position` is the index of the selected image

  const set_options = (select, pairs, chosen) => {
    select.replaceChildren(...pairs.map(([value, text]) => report.element("option", { value }, text)));
    select.value = pairs.some(([value]) => value === chosen) ? chosen : pairs[0][0];
  };

  /* Read the address of the page, and show the dataset, the filters and the image that it names. */
  async function read_address() {
    const fields = new URLSearchParams(location.hash.slice(1));
    const datasets = report.index.datasets;
    const dataset = datasets.find((each) => each.name === fields.get("d")) ?? datasets.find((each) => each.n_pictures) ?? datasets[0];
    const request = ++n_requests;
    set_options(get("d"), datasets.map((each) => [each.name, `${each.name} (${each.n_images} image${each.n_images === 1 ? "" : "s"})`]), dataset.name);
    let loaded;
    try {
      loaded = await Trials.load(dataset.file);
    } catch (error) {
      get("status").textContent = error.message;
      throw error;
    }
    if (request !== n_requests) return; // another dataset was selected in the meantime
    trials = loaded;
    trials.file_name = dataset.file.replace("trials_", "");
    fill_filters(fields);
    select(fields.get("s"), fields.get("sc") ?? "");
  }

  /* Fill the filters with the options of the dataset, and set them to the values in the address. */
  function fill_filters(fields) {
    const field = (name) => fields.get(name) ?? "";
    const conditions = trials.conditions.map((name, i) => [name, `${trials.labels[i] || "unnamed condition"}${trials.left_out[i] ? "*" : ""}`]);
    set_options(get("c"), conditions.length > 1 ? [["", "all"], ...conditions] : [["", "only one"]], field("c"));
    const categories = [...new Set(trials.categories)].map((index) => trials.words[index]);
    set_options(get("k"), [["", "all"], ...categories.map((name) => [name, name])], field("k"));
    get("p").disabled = !trials.kinds.includes("human");
    get("p").value = get("p").disabled ? "" : field("p");
    if (get("p").selectedIndex < 0) get("p").value = "";
    for (const number of ["1", "2"]) {
      set_options(get(`o${number}`), [["", "any observer"], ...trials.names.map((name, o) => [name, `${report.index.looks[trials.style_name(o)].glyph} ${svg.short(name, 44)}`])], field(`o${number}`));
      set_options(get(`i${number}`), OUTCOME_FILTERS.filter(([value]) => value !== "texture" || trials.cues.texture), field(`i${number}`));
    }
    get("q").value = field("q");
    set_options(get("by"), [...get("by").options].map((option) => [option.value, option.textContent]), field("by"));
  }

  /* Find the images that pass the filters, in the selected order. */
  function apply_filters() {
    const [c, k, p, q, by] = ["c", "k", "p", "q", "by"].map((id) => get(id).value);
    const condition = trials.conditions.indexOf(c);
    const all_conditions = trials.conditions.length < 2 || get("c").selectedIndex === 0;
    const name_part = q.toLowerCase();
    const outcomes = ["1", "2"].map((number) => [trials.names.indexOf(get(`o${number}`).value), get(`i${number}`).value]).filter(([o, wanted]) => o >= 0 && wanted);
    const passes = (i) =>
      (all_conditions || trials.condition[i] === condition) &&
      (!k || trials.category(i) === k) &&
      (!name_part || trials.stimulus[i].toLowerCase().includes(name_part)) &&
      (!p || (trials.n_people[i] > 0 && (2 * trials.n_people_correct[i] > trials.n_people[i]) === (p === "right"))) &&
      outcomes.every(([o, wanted]) => {
        const outcome = trials.outcome(o, i);
        return outcome !== null && (wanted === "wrong" ? outcome !== "right" && outcome !== "open" : outcome === wanted);
      });
    images = [];
    for (let i = 0; i < trials.n_images; i++) if (passes(i)) images.push(i);
    const rank = { "": trials.interest() }[by];
    if (rank) images.sort((a, b) => rank[a].map((value, k) => value - rank[b][k]).find((difference) => difference) ?? 0);
    const key = {
      disagreement: (i) => trials.share[i], agreement: (i) => -trials.share[i], hard: (i) => trials.n_correct[i] / trials.n[i],
    }[by];
    if (key) images.sort((a, b) => key(a) - key(b) || a - b);
  }

  /* Select an image by its name, or the first image that passes the filters. */
  function select(stimulus, condition) {
    apply_filters();
    const i = stimulus === null || stimulus === undefined ? -1 : trials.find(stimulus, condition);
    position = Math.max(0, images.indexOf(i));
    if (i >= 0 && images[position] !== i) { // the image that the address names is shown even if the filters exclude it
      images.unshift(i);
      position = 0;
    }
    show();
  }

  function show() {
    const i = images[position];
    const n = images.length;
    get("status").textContent = n
      ? `Image ${position + 1} of ${n}${n < trials.n_images ? ` that pass${n === 1 ? "es" : ""} the filters (${trials.n_images} in total)` : ""}.`
      : `No image of ${trials.dataset} passes these filters. Remove a filter to see images.`;
    get("save").textContent = `Save the list of ${n === 1 ? "this image" : `these ${n} images`} (CSV)`;
    get("save").disabled = !n;
    write_address(i);
    show_grid();
    if (n) show_image(i);
    else get("image").replaceChildren();
  }

  function write_address(i) {
    const fields = new URLSearchParams({ d: trials.dataset });
    for (const name of FIELDS) if (get(name).value && !(name === "c" && get("c").selectedIndex === 0)) fields.set(name, get(name).value);
    if (i !== undefined) {
      fields.set("s", trials.stimulus[i]);
      if (trials.conditions[trials.condition[i]]) fields.set("sc", trials.conditions[trials.condition[i]]);
    }
    history.replaceState(null, "", `#${fields}`);
  }

  function show_grid() {
    const begin = Math.floor(position / PAGE_SIZE) * PAGE_SIZE;
    const end = Math.min(begin + PAGE_SIZE, images.length);
    get("grid").replaceChildren(...images.slice(begin, end).map((i, k) => {
      const source = trials.source(i);
      const thumbnail = source ? report.element("img", { src: source, alt: "" }) : report.element("span", { class: "tile" }, trials.category(i));
      return report.element("button", { type: "button", "aria-pressed": String(begin + k === position), "aria-label": trials.alt(i), title: trials.alt(i), onclick: () => { position = begin + k; show(); } },
        thumbnail, report.element("span", { class: "name" }, trials.stimulus[i]),
        report.element("span", { class: "share" }, trials.is_ambiguous(i) ? `${trials.n[i]} response${trials.n[i] === 1 ? "" : "s"}` : `${trials.n_correct[i]} of ${trials.n[i]} correct`));
    }));
    get("page").textContent = images.length ? `${begin + 1}–${end} of ${images.length}` : "";
    get("previous").disabled = position === 0;
    get("next").disabled = position >= images.length - 1;
    get("before").disabled = begin === 0;
    get("after").disabled = end === images.length;
  }

  async function show_image(i) {
    const facts = [["category", trials.category(i)]];
    for (const cue of ["shape", "texture"]) if (trials.cues[cue]) facts.push([cue, trials.cue(cue, i) || "–"]);
    if (trials.conditions.length > 1) facts.push(["condition", trials.label(i) + (trials.left_out[trials.condition[i]] ? "* (excluded from the benchmark)" : "")]);
    if (!trials.is_ambiguous(i)) facts.push(["correct", `${trials.n_correct[i]} of ${trials.n[i]} observers` + (trials.n_people[i] ? `, ${trials.n_people_correct[i]} of ${trials.n_people[i]} people` : "")]);
    facts.push(["disagreement", report.number(1 - trials.share[i], 2)]);
    const source = trials.source(i);
    const list = report.element("dl", {}, ...facts.flatMap(([name, value]) => [report.element("dt", {}, name), report.element("dd", {}, value)]));
    const responses = report.element("div");
    get("image").replaceChildren(
      report.element("h2", {}, trials.stimulus[i]),
      report.element("div", { class: "facts" }, source ? report.element("img", { src: source, alt: trials.alt(i), width: 224 }) : "", list, response_counts(i)), responses);
    responses.replaceChildren(response_table(i, { evidence: new Map() }));
    if (!trials.more) return;
    const details = await trials.details(i);
    if (images[position] === i && responses.isConnected) responses.replaceChildren(response_table(i, details));
  }

  /* A table with the number of observers of each kind that gave each response. */
  function response_counts(i) {
    const counts = new Map();
    trials.names.forEach((_, o) => {
      const response = trials.response(o, i);
      if (response === null) return;
      const kinds = counts.get(response) ?? counts.set(response, new Map()).get(response);
      kinds.set(trials.kinds[o], (kinds.get(trials.kinds[o]) ?? 0) + 1);
    });
    const sum = (kinds) => [...kinds.values()].reduce((a, b) => a + b, 0);
    const rows = [...counts].sort((a, b) => sum(b[1]) - sum(a[1])).map(([response, kinds]) => report.element("tr", {},
      report.element("th", { scope: "row" }, response || "no response"), report.element("td", {}, String(sum(kinds))),
      report.element("td", { class: "text" }, ...[...kinds].flatMap(([kind, n]) => [report.element("span", { class: `mark kind-${kind}`, title: report.index.looks[kind].label }, String(n)), " "]))));
    return report.element("table", { class: "counts" }, report.element("caption", {}, "Responses"), report.element("tbody", {}, ...rows));
  }

  /* A table with the response of every observer. */
  function response_table(i, details) {
    const has = (name) => details[name] && trials.names.some((_, o) => typeof details[name].get(o) === "number");
    const [times, evaluations, evidence] = [has("rt"), has("n_evaluations"), details.evidence.size > 0];
    const heads = ["observer", "response", "result", ...(times ? ["seconds"] : []), ...(evaluations ? ["evaluations"] : []), ...(evidence ? ["evidence"] : [])];
    const observers = trials.names.map((_, o) => o).filter((o) => trials.response(o, i) !== null);
    const n_not_shown = trials.names.length - observers.length;
    const make_row = (o) => {
      const [name, outcome] = [trials.names[o], trials.outcome(o, i)];
      const cells = [report.element("td", { class: "text" }, trials.response(o, i) || "–"), report.element("td", { class: `text ${{ right: "right", none: "none", open: "none" }[outcome] ?? "wrong"}` }, OUTCOME_LABELS[outcome])];
      if (times) cells.push(report.element("td", {}, report.number(details.rt.get(o), 2)));
      if (evaluations) cells.push(report.element("td", {}, report.number(details.n_evaluations.get(o), 0)));
      if (evidence) cells.push(report.element("td", { class: "text" }, details.evidence.has(o) ? evidence_bars(details.choices, details.evidence.get(o), trials.response(o, i)) : ""));
      return report.element("tr", {}, report.element("th", { scope: "row", class: `mark kind-${trials.style_name(o)}`, title: report.index.looks[trials.style_name(o)].label }, name), ...cells);
    };
    const is_long = observers.length > MAX_ROWS;
    const body = report.element("tbody", {}, ...(is_long ? observers.slice(0, ROWS_PER_PAGE) : observers).map(make_row));
    const pager = is_long && report.pager(body, {
      n: observers.length, load: async () => observers, make: make_row, size: ROWS_PER_PAGE, search: observer_search,
      text: (o) => `${trials.names[o]}\n${trials.kinds[o]}\n${trials.response(o, i)}\n${OUTCOME_LABELS[trials.outcome(o, i)]}`,
    });
    if (is_long) pager.show(); // applies the text that the user looks for
    const table = report.element("table", { class: "observers" }, report.element("thead", {}, report.element("tr", {}, ...heads.map((head) => report.element("th", { scope: "col", class: ["seconds", "evaluations"].includes(head) ? "" : "text" }, head)))), body);
    const notes = [];
    if (n_not_shown) notes.push(`${n_not_shown} observer${n_not_shown === 1 ? " was" : "s were"} not shown this image.`);
    if (evidence) notes.push("Evidence has one bar for each choice, scaled from the lowest to the highest evidence of the observer for this image, in the unit of the observer. The dark bar is the response. Point at a bar to see its value.");
    return report.element("div", {}, is_long ? pager.form : "", report.element("div", { class: "scroll" }, table), report.element("p", { class: "small" }, notes.join(" ")));
  }

  function evidence_bars(choices, { low, high, share }, response) {
    const [bar_width, total_height] = [9, 26];
    const value = (part) => low + part * (high - low);
    const drawing = svg.make("svg", { class: "evidence", width: choices.length * bar_width, height: total_height, role: "img",
      "aria-label": `Evidence from ${low} to ${high}, highest for ${choices[share.indexOf(Math.max(...share))]}` });
    share.forEach((part, k) => {
      if (part === null) return;
      const height = high > low ? 2 + part * (total_height - 2) : 2;
      drawing.append(svg.make("rect", { x: k * bar_width, y: total_height - height, width: bar_width - 1.5, height, class: choices[k] === response ? "response" : "" },
        svg.make("title", {}, `${choices[k]}: about ${Number(value(part).toPrecision(5))}`)));
    });
    return drawing;
  }

  const go_to = (index) => {
    if (!images.length) return;
    position = Math.max(0, Math.min(images.length - 1, index));
    show();
  };
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey || !trials) return;
    const index = { ArrowLeft: position - 1, ArrowRight: position + 1, Home: 0, End: images.length - 1 }[event.key];
    if (index === undefined) return;
    event.preventDefault();
    go_to(index);
  });
  get("previous").addEventListener("click", () => go_to(position - 1));
  get("next").addEventListener("click", () => go_to(position + 1));
  get("before").addEventListener("click", () => go_to((Math.floor(position / PAGE_SIZE) - 1) * PAGE_SIZE));
  get("after").addEventListener("click", () => go_to((Math.floor(position / PAGE_SIZE) + 1) * PAGE_SIZE));
  get("d").addEventListener("change", () => { location.hash = new URLSearchParams({ d: get("d").value }); });
  get("save").addEventListener("click", () => report.save(`images_${trials.file_name}.csv`, report.image_list(trials, images)));
  get("filters").addEventListener("submit", (event) => event.preventDefault());
  get("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    fill_filters(new URLSearchParams());
    select();
  });
  for (const name of FIELDS) {
    get(name).addEventListener(name === "q" ? "input" : "change", () => {
      const number = /^[oi](\d)$/.exec(name)?.[1];
      if (number && name[0] === "o" && get(name).value && !get(`i${number}`).value) get(`i${number}`).value = "wrong";
      const i = images[position];
      apply_filters();
      position = Math.max(0, images.indexOf(i));
      show();
    });
  }
  if (window.matchMedia("(max-width: 50rem)").matches) document.querySelector("details.filters").open = false;
  window.addEventListener("hashchange", read_address);
  read_address();
})();
