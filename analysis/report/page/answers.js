"use strict";
/* The trials of a dataset as data/trials_<dataset>.js has them: a letter an answer, images and observers by their place. */
class Answers {
  constructor(data) {
    Object.assign(this, data);
    this.word = new Map([...data.letters].map((letter, place) => [letter, place]));
    this.n_images = data.stimulus.length;
    this.place = new Map(data.stimulus.map((stimulus, i) => [`${data.conditions[data.condition[i]]}\n${stimulus}`, i]));
  }

  static async load(file) {
    Answers.known ??= new Map();
    if (!Answers.known.has(file)) Answers.known.set(file, report.load(file).then((data) => new Answers(data)));
    return Answers.known.get(file);
  }

  /* null where the observer was not shown the image, "" for no answer */
  answer(o, i) {
    const letter = this.answers[o][i];
    return letter === " " ? null : letter === "!" ? "" : this.words[this.word.get(letter)];
  }

  category(i) {
    return this.words[this.categories[i]];
  }

  cue(name, i) {
    const place = this.cues[name]?.[i] ?? -1;
    return place < 0 ? "" : this.words[place];
  }

  right(o, i) {
    const answer = this.answer(o, i);
    return answer === null ? null : answer !== "" && answer === this.category(i);
  }

  /* has no right answer */
  open(i) {
    return this.category(i) === "(ambiguous)";
  }

  /* "right", "texture", "other", "none", "open", or null where it was not shown */
  verdict(o, i) {
    const answer = this.answer(o, i);
    if (answer === null) return null;
    if (answer === "") return "none";
    if (this.open(i)) return "open";
    if (answer === this.category(i)) return "right";
    return answer === this.cue("texture", i) ? "texture" : "other";
  }

  label(i) {
    return this.labels[this.condition[i]];
  }

  find(stimulus, condition) {
    return this.place.get(`${condition}\n${stimulus}`) ?? -1;
  }

  source(i) {
    return this.picture[i] ? `thumbnails/${this.picture[i]}.jpg` : "";
  }

  alt(i) {
    const cues = this.cue("texture", i) ? `shape ${this.cue("shape", i)}, texture ${this.cue("texture", i)}` : this.category(i);
    return `${this.stimulus[i]}: ${cues}${this.label(i) ? `, condition ${this.label(i)}` : ""}`;
  }

  /* {rt, n_evaluations, evidence}: observer -> values of image i, as far as there are any */
  async details(i) {
    if (!this.more) return { evidence: new Map() };
    const { file, n_images, choices } = this.more;
    const part = await report.load(`${file}${Math.floor(i / n_images)}`);
    const at = i % n_images;
    const found = { choices, evidence: new Map() };
    for (const name of ["rt", "n_evaluations"]) {
      found[name] = new Map(Object.entries(part[name] ?? {}).map(([o, values]) => [Number(o), values[at]]));
    }
    for (const [o, { low, high, steps }] of Object.entries(part.evidence ?? {})) {
      if (low[at] === null) continue;
      const letters = steps.slice(at * choices.length, (at + 1) * choices.length);
      found.evidence.set(Number(o), { low: low[at], high: high[at], share: [...letters].map((letter) => Answers.step(letter)) });
    }
    return found;
  }

  /* A letter of evidence as 0..1 between lowest and highest, null for none. */
  static step(letter) {
    if (letter === " ") return null;
    Answers.steps ??= new Map([...report.index.letters].map((one, place) => [one, place / (report.index.letters.length - 1)]));
    return Answers.steps.get(letter);
  }
}
