"use strict";
/* The trials of one dataset from data/trials_<dataset>.js. Each response is stored as a letter; images (i) and observers (o) are
   indices into the arrays of the data. */
class Trials {
  constructor(data) {
    Object.assign(this, data);
    this.word_index = new Map([...data.letters].map((letter, index) => [letter, index]));
    this.n_images = data.stimulus.length;
    this.image_index = new Map(data.stimulus.map((stimulus, i) => [`${data.conditions[data.condition[i]]}\n${stimulus}`, i]));
  }

  static async load(file) {
    Trials.loaded ??= new Map();
    if (!Trials.loaded.has(file)) Trials.loaded.set(file, report.load(file).then((data) => new Trials(data)));
    return Trials.loaded.get(file);
  }

  /* Return the response, "" for no response, or null if the observer was not shown the image. */
  response(o, i) {
    const letter = this.answers[o][i];
    return letter === " " ? null : letter === "!" ? "" : this.words[this.word_index.get(letter)];
  }

  /* Return the name of the style of an observer: its kind, or its kind and its own color. */
  style_name(o) {
    return (this.looks ?? this.kinds)[o];
  }

  category(i) {
    return this.words[this.categories[i]];
  }

  cue(name, i) {
    const index = this.cues[name]?.[i] ?? -1;
    return index < 0 ? "" : this.words[index];
  }

  is_correct(o, i) {
    const response = this.response(o, i);
    return response === null ? null : response !== "" && response === this.category(i);
  }

  /* Return whether the image lacks a correct response. */
  is_ambiguous(i) {
    return this.category(i) === "(ambiguous)";
  }

  /* Return "right", "texture", "other", "none", or "open" (no correct response exists); null if the observer did not see the image. */
  outcome(o, i) {
    const response = this.response(o, i);
    if (response === null) return null;
    if (response === "") return "none";
    if (this.is_ambiguous(i)) return "open";
    if (response === this.category(i)) return "right";
    return response === this.cue("texture", i) ? "texture" : "other";
  }

  /* Return the keys that sort the images by interest: one list for each image, compared element by element. First are the images on which
     one kind of observer is mostly right and another is mostly wrong, then those on which most observers give the same wrong response. Images of
     conditions in which observers hardly exceed chance come last, because differences between observers are then mostly chance. */
  interest() {
    if (this.interests) return this.interests;
    const kinds = new Set(this.kinds.length > 1 && this.kinds.some((kind) => kind !== "simulated") ? this.kinds.filter((kind) => kind !== "simulated") : this.kinds);
    const totals = this.conditions.map(() => [0, 0]);
    for (let i = 0; i < this.n_images; i++) {
      totals[this.condition[i]][0] += this.n_correct[i];
      totals[this.condition[i]][1] += this.n[i];
    }
    const accuracies = totals.map(([n_correct, n]) => (n ? n_correct / n : 0));
    const chance = 1 / Math.max(2, new Set(this.categories).size);
    const is_near_chance = accuracies.map((accuracy) => accuracy < (chance + Math.max(...accuracies)) / 2);
    this.interests = Array.from({ length: this.n_images }, (_, i) => {
      const by_kind = new Map([...kinds].map((kind) => [kind, [0, 0]]));
      const wrong = new Map();
      for (let o = 0; o < this.names.length; o++) {
        const outcome = kinds.has(this.kinds[o]) ? this.outcome(o, i) : null;
        if (outcome === null) continue;
        const counts = by_kind.get(this.kinds[o]);
        counts[1] += 1;
        if (outcome === "right") counts[0] += 1;
        else if (outcome !== "none") wrong.set(this.response(o, i), (wrong.get(this.response(o, i)) ?? 0) + 1);
      }
      const shares = [...by_kind.values()].filter(([, n]) => n).map(([n_right, n]) => n_right / n);
      const difference = shares.length > 1 ? Math.max(...shares) - Math.min(...shares) : 0;
      return [is_near_chance[this.condition[i]] ? 1 : 0, -difference, -Math.max(0, ...wrong.values()), i];
    });
    return this.interests;
  }

  label(i) {
    return this.labels[this.condition[i]];
  }

  /* Return the index of an image, or -1 if the dataset does not contain it. */
  find(stimulus, condition) {
    return this.image_index.get(`${condition}\n${stimulus}`) ?? -1;
  }

  source(i) {
    return this.picture[i] ? `thumbnails/${this.picture[i]}.jpg` : "";
  }

  alt(i) {
    const cues = this.cue("texture", i) ? `shape ${this.cue("shape", i)}, texture ${this.cue("texture", i)}` : this.category(i);
    return `${this.stimulus[i]}: ${cues}${this.label(i) ? `, condition ${this.label(i)}` : ""}`;
  }

  /* Return {rt, n_evaluations, evidence} of image i. Each maps the observers that have a value to that value. */
  async details(i) {
    if (!this.more) return { evidence: new Map() };
    const { file, n_images, choices } = this.more;
    const part = await report.load(`${file}${Math.floor(i / n_images)}`);
    const index = i % n_images;
    const details = { choices, evidence: new Map() };
    for (const name of ["rt", "n_evaluations"]) {
      details[name] = new Map(Object.entries(part[name] ?? {}).map(([o, values]) => [Number(o), values[index]]));
    }
    for (const [o, { low, high, steps }] of Object.entries(part.evidence ?? {})) {
      if (low[index] === null) continue;
      const letters = steps.slice(index * choices.length, (index + 1) * choices.length);
      details.evidence.set(Number(o), { low: low[index], high: high[index], share: [...letters].map((letter) => Trials.step(letter)) });
    }
    return details;
  }

  /* Decode a letter of evidence as a number from 0 (lowest evidence) to 1 (highest evidence), or null for no evidence. */
  static step(letter) {
    if (letter === " ") return null;
    const letters = [...report.index.letters];
    Trials.steps ??= new Map(letters.map((each, index) => [each, index / (letters.length - 1)]));
    return Trials.steps.get(letter);
  }
}
