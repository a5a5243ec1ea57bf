"use strict";
/* The trial browser: which images, one of them, and who answered what. All that is chosen is in the address, so it can be kept. */
if (document.body.classList.contains("trials")) (() => {
  const PAGE = 60;
  const get = (id) => document.getElementById(id);
  const FIELDS = ["c", "k", "p", "o1", "i1", "o2", "i2", "q", "by"];
  const DID = [["", "did anything"], ["right", "was right"], ["wrong", "was wrong"], ["texture", "chose the texture"], ["none", "gave no answer"]];
  const VERDICTS = { right: "right", texture: "texture", other: "wrong", none: "no answer", open: "–" };
  let answers, found = [], at = 0, asked = 0;

  const options = (select, pairs, chosen) => {
    select.replaceChildren(...pairs.map(([value, text]) => report.element("option", { value }, text)));
    select.value = pairs.some(([value]) => value === chosen) ? chosen : pairs[0][0];
  };

  async function read() {
    const words = new URLSearchParams(location.hash.slice(1));
    const known = report.index.datasets;
    const dataset = known.find((one) => one.name === words.get("d")) ?? known.find((one) => one.n_pictures) ?? known[0];
    const mine = ++asked;
    options(get("d"), known.map((one) => [one.name, `${one.name} (${one.n_images} image${one.n_images === 1 ? "" : "s"})`]), dataset.name);
    let loaded;
    try {
      loaded = await Answers.load(dataset.file);
    } catch (error) {
      get("said").textContent = error.message;
      throw error;
    }
    if (mine !== asked) return;
    answers = loaded;
    fill(words);
    choose(words.get("s"), words.get("sc") ?? "");
  }

  /* The filters as this dataset has them, set to what the address says. */
  function fill(words) {
    const said = (name) => words.get(name) ?? "";
    const conditions = answers.conditions.map((name, i) => [name, `${answers.labels[i] || "the only one"}${answers.left_out[i] ? "*" : ""}`]);
    options(get("c"), conditions.length > 1 ? [["", "all"], ...conditions] : [["", "there are none"]], said("c"));
    const categories = [...new Set(answers.categories)].map((place) => answers.words[place]);
    options(get("k"), [["", "all"], ...categories.map((name) => [name, name])], said("k"));
    get("p").disabled = !answers.kinds.includes("human");
    get("p").value = get("p").disabled ? "" : said("p");
    if (get("p").selectedIndex < 0) get("p").value = "";
    for (const which of ["1", "2"]) {
      options(get(`o${which}`), [["", "any observer"], ...answers.names.map((name, o) => [name, `${report.index.looks[answers.kinds[o]].glyph} ${svg.short(name, 44)}`])], said(`o${which}`));
      options(get(`i${which}`), DID.filter(([value]) => value !== "texture" || answers.cues.texture), said(`i${which}`));
    }
    get("q").value = said("q");
    options(get("by"), [...get("by").options].map((one) => [one.value, one.textContent]), said("by"));
  }

  /* Images that pass, in the order that is asked for. */
  function filter() {
    const [c, k, p, q, by] = ["c", "k", "p", "q", "by"].map((id) => get(id).value);
    const condition = answers.conditions.indexOf(c);
    const all_conditions = answers.conditions.length < 2 || get("c").selectedIndex === 0;
    const words = q.toLowerCase();
    const did = ["1", "2"].map((which) => [answers.names.indexOf(get(`o${which}`).value), get(`i${which}`).value]).filter(([o, what]) => o >= 0 && what);
    const passes = (i) =>
      (all_conditions || answers.condition[i] === condition) &&
      (!k || answers.category(i) === k) &&
      (!words || answers.stimulus[i].toLowerCase().includes(words)) &&
      (!p || (answers.n_people[i] > 0 && (2 * answers.n_people_correct[i] > answers.n_people[i]) === (p === "right"))) &&
      did.every(([o, what]) => {
        const verdict = answers.verdict(o, i);
        return verdict !== null && (what === "wrong" ? verdict !== "right" && verdict !== "open" : verdict === what);
      });
    found = [];
    for (let i = 0; i < answers.n_images; i++) if (passes(i)) found.push(i);
    const key = {
      disagreement: (i) => answers.share[i], agreement: (i) => -answers.share[i], hard: (i) => answers.n_correct[i] / answers.n[i],
    }[by];
    if (key) found.sort((a, b) => key(a) - key(b) || a - b);
  }

  /* Go to an image, or to the first that passes where it does not. */
  function choose(stimulus, condition) {
    filter();
    const i = stimulus === null || stimulus === undefined ? -1 : answers.find(stimulus, condition);
    at = Math.max(0, found.indexOf(i));
    if (i >= 0 && found[at] !== i) { // a link to an image holds, whatever is chosen
      found.unshift(i);
      at = 0;
    }
    show();
  }

  function show() {
    const i = found[at];
    const n = found.length;
    get("said").textContent = n
      ? `Image ${at + 1} of ${n}${n < answers.n_images ? ` that are chosen, of ${answers.n_images} in all` : ""}.`
      : `No image of ${answers.dataset} is like that: choose less.`;
    keep(i);
    grid();
    if (n) one(i);
    else get("one").replaceChildren();
  }

  function keep(i) {
    const words = new URLSearchParams({ d: answers.dataset });
    for (const name of FIELDS) if (get(name).value && !(name === "c" && get("c").selectedIndex === 0)) words.set(name, get(name).value);
    if (i !== undefined) {
      words.set("s", answers.stimulus[i]);
      if (answers.conditions[answers.condition[i]]) words.set("sc", answers.conditions[answers.condition[i]]);
    }
    history.replaceState(null, "", `#${words}`);
  }

  function grid() {
    const begin = Math.floor(at / PAGE) * PAGE;
    const end = Math.min(begin + PAGE, found.length);
    get("grid").replaceChildren(...found.slice(begin, end).map((i, k) => {
      const source = answers.source(i);
      const picture = source ? report.element("img", { src: source, alt: "" }) : report.element("span", { class: "tile" }, answers.category(i));
      return report.element("button", { type: "button", "aria-pressed": String(begin + k === at), "aria-label": answers.alt(i), title: answers.alt(i), onclick: () => { at = begin + k; show(); } },
        picture, report.element("span", { class: "name" }, answers.stimulus[i]),
        report.element("span", { class: "share" }, answers.open(i) ? `${answers.n[i]} answers` : `${answers.n_correct[i]} of ${answers.n[i]} right`));
    }));
    get("page").textContent = found.length ? `${begin + 1}–${end} of ${found.length}` : "";
    get("previous").disabled = at === 0;
    get("next").disabled = at >= found.length - 1;
    get("before").disabled = begin === 0;
    get("after").disabled = end === found.length;
  }

  async function one(i) {
    const facts = [["category", answers.category(i)]];
    for (const cue of ["shape", "texture"]) if (answers.cues[cue]) facts.push([cue, answers.cue(cue, i) || "–"]);
    if (answers.conditions.length > 1) facts.push(["condition", answers.label(i) + (answers.left_out[answers.condition[i]] ? "* (does not count in the benchmark)" : "")]);
    if (!answers.open(i)) facts.push(["right", `${answers.n_correct[i]} of ${answers.n[i]} observers` + (answers.n_people[i] ? `, ${answers.n_people_correct[i]} of ${answers.n_people[i]} people` : "")]);
    facts.push(["disagreement", report.number(1 - answers.share[i], 2)]);
    const source = answers.source(i);
    const list = report.element("dl", {}, ...facts.flatMap(([name, value]) => [report.element("dt", {}, name), report.element("dd", {}, value)]));
    const said = report.element("div");
    get("one").replaceChildren(
      report.element("h2", {}, answers.stimulus[i]),
      report.element("div", { class: "facts" }, source ? report.element("img", { src: source, alt: answers.alt(i), width: 224 }) : "", list, tally(i)), said);
    const rows = table(i, { evidence: new Map() });
    said.replaceChildren(rows);
    if (!answers.more) return;
    const details = await answers.details(i);
    if (found[at] === i && said.isConnected) said.replaceChildren(table(i, details));
  }

  /* How often each answer was given, by kind. */
  function tally(i) {
    const given = new Map();
    answers.names.forEach((_, o) => {
      const answer = answers.answer(o, i);
      if (answer === null) return;
      const kinds = given.get(answer) ?? given.set(answer, new Map()).get(answer);
      kinds.set(answers.kinds[o], (kinds.get(answers.kinds[o]) ?? 0) + 1);
    });
    const sum = (kinds) => [...kinds.values()].reduce((a, b) => a + b, 0);
    const rows = [...given].sort((a, b) => sum(b[1]) - sum(a[1])).map(([answer, kinds]) => report.element("tr", {},
      report.element("th", { scope: "row" }, answer || "no answer"), report.element("td", {}, String(sum(kinds))),
      report.element("td", { class: "text" }, ...[...kinds].flatMap(([kind, n]) => [report.element("span", { class: `mark kind-${kind}`, title: report.index.looks[kind].label }, String(n)), " "]))));
    return report.element("table", { class: "tally" }, report.element("caption", {}, "Answers"), report.element("tbody", {}, ...rows));
  }

  function table(i, details) {
    const has = (name) => details[name] && answers.names.some((_, o) => typeof details[name].get(o) === "number");
    const [times, evaluations, evidence] = [has("rt"), has("n_evaluations"), details.evidence.size > 0];
    const heads = ["observer", "answer", "which is", ...(times ? ["seconds"] : []), ...(evaluations ? ["evaluations"] : []), ...(evidence ? ["evidence"] : [])];
    const rows = [];
    let n_without = 0;
    answers.names.forEach((name, o) => {
      const verdict = answers.verdict(o, i);
      if (verdict === null) { n_without++; return; }
      const cells = [report.element("td", { class: "text" }, answers.answer(o, i) || "–"), report.element("td", { class: `text ${{ right: "right", none: "none", open: "none" }[verdict] ?? "wrong"}` }, VERDICTS[verdict])];
      if (times) cells.push(report.element("td", {}, report.number(details.rt.get(o), 2)));
      if (evaluations) cells.push(report.element("td", {}, report.number(details.n_evaluations.get(o), 0)));
      if (evidence) cells.push(report.element("td", { class: "text" }, details.evidence.has(o) ? bars(details.choices, details.evidence.get(o), answers.answer(o, i)) : ""));
      rows.push(report.element("tr", {}, report.element("th", { scope: "row", class: `mark kind-${answers.kinds[o]}`, title: report.index.looks[answers.kinds[o]].label }, name), ...cells));
    });
    const whole = report.element("table", { class: "who" }, report.element("thead", {}, report.element("tr", {}, ...heads.map((head) => report.element("th", { scope: "col", class: ["seconds", "evaluations"].includes(head) ? "" : "text" }, head)))), report.element("tbody", {}, ...rows));
    const notes = [];
    if (n_without) notes.push(`${n_without} observer${n_without === 1 ? " was" : "s were"} not shown this image.`);
    if (evidence) notes.push("Evidence: a bar a choice, from the lowest to the highest of an observer's own values for this image, in its own unit; dark is the answer. Point at a bar for its value.");
    return report.element("div", {}, report.element("div", { class: "scroll" }, whole), report.element("p", { class: "small" }, notes.join(" ")));
  }

  function bars(choices, { low, high, share }, answer) {
    const [wide, tall] = [9, 26];
    const place = (part) => low + part * (high - low);
    const drawing = svg.make("svg", { class: "evidence", width: choices.length * wide, height: tall, role: "img",
      "aria-label": `evidence from ${low} to ${high}, most for ${choices[share.indexOf(Math.max(...share))]}` });
    share.forEach((part, k) => {
      if (part === null) return;
      const height = high > low ? 2 + part * (tall - 2) : 2;
      drawing.append(svg.make("rect", { x: k * wide, y: tall - height, width: wide - 1.5, height, class: choices[k] === answer ? "given" : "" },
        svg.make("title", {}, `${choices[k]}: about ${Number(place(part).toPrecision(5))}`)));
    });
    return drawing;
  }

  const go = (place) => {
    if (!found.length) return;
    at = Math.max(0, Math.min(found.length - 1, place));
    show();
  };
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey || !answers) return;
    const place = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: found.length - 1 }[event.key];
    if (place === undefined) return;
    event.preventDefault();
    go(place);
  });
  get("previous").addEventListener("click", () => go(at - 1));
  get("next").addEventListener("click", () => go(at + 1));
  get("before").addEventListener("click", () => go((Math.floor(at / PAGE) - 1) * PAGE));
  get("after").addEventListener("click", () => go((Math.floor(at / PAGE) + 1) * PAGE));
  get("d").addEventListener("change", () => { location.hash = new URLSearchParams({ d: get("d").value }); });
  get("filters").addEventListener("submit", (event) => event.preventDefault());
  get("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    fill(new URLSearchParams());
    choose();
  });
  for (const name of FIELDS) {
    get(name).addEventListener(name === "q" ? "input" : "change", () => {
      const which = /^[oi](\d)$/.exec(name)?.[1];
      if (which && name[0] === "o" && get(name).value && !get(`i${which}`).value) get(`i${which}`).value = "wrong";
      const i = found[at];
      filter();
      at = Math.max(0, found.indexOf(i));
      show();
    });
  }
  if (window.matchMedia("(max-width: 50rem)").matches) document.querySelector("details.filters").open = false;
  window.addEventListener("hashchange", read);
  read();
})();
