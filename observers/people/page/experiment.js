"use strict";
// Run a session: welcome, consent and questions, the measurement of the screen, practice, then the trials of trials.json block
// by block, and the end with the completion code. `settings` is the content of trials.json; see observers/people/site.py.

async function main() {
  const reply = await fetch("trials.json", { cache: "no-store" });
  if (!reply.ok) throw new Error(`The experiment cannot be loaded (error ${reply.status}). Please ask for a new link.`);
  const settings = await reply.json();
  Texts.texts = settings.texts;
  document.body.style.backgroundColor = backgroundColor(settings);
  showBanner(settings.banner);
  const saver = new AnswerSaver(settings, settings.about), next = await saver.next(settings.next);
  const practice = settings.practice && new AnswerSaver(settings, settings.practice.about);
  const nextPractice = practice && (await practice.next(settings.practice.next));
  saver.restoreRecords(settings);
  if (settings.consent?.decision === "declined") return stopDeclined();
  const remaining = settings.trials.filter((trial) => trial.number >= next);
  const toPractice = next > 1 || !practice ? [] : settings.practice.trials.filter((trial) => trial.number >= nextPractice);
  const hasStarted = next > 1 || (practice && nextPractice > 1), device = {}, measured = {}, jsPsych = initJsPsych();
  TrialPlugin.save = (response, isPractice) =>
    (isPractice ? practice : saver).save({ ...response, device: { ...device, ...windowSize() } }).catch(stop);
  TrialPlugin.completion = settings.completion;
  QuestionsPlugin.saver = saver;
  if (!remaining.length) return jsPsych.run([ending(settings, saver)]);
  return jsPsych.run([
    ...welcome(settings, saver, hasStarted),
    ...measurement(settings, saver, device, measured),
    ...practiceTrials(settings, toPractice, measured),
    preload(remaining, remaining[0].block),
    instructions("trials", settings, measured, toPractice.length ? Texts.html("practice.end") : resumeText(next), !toPractice.length),
    ...blocks(settings, remaining, jsPsych),
    ending(settings, saver),
  ]);
}

// Return the text that welcomes a participant who continues with trial `next`, or "".
function resumeText(next) {
  return next > 1 ? Texts.paragraph("instructions.resume", { trial: next }) : "";
}

// Return the page before the practice or the experiment. After the text `before`, it explains the task if `isFull` is true.
function instructions(name, settings, measured, before, isFull) {
  const task = [
    Texts.html("instructions.text"), Texts.paragraph("instructions.distance"), Texts.paragraph("instructions.stop_browser"),
  ];
  return {
    ...textPage(`instructions-${name}`, [before, ...(isFull ? task : [])].join(""), Texts.label("buttons.start")),
    on_finish: async () => { TrialPlugin.layout = await makeLayout(settings, measured.card.pixels_per_mm, measured.rate); },
  };
}

// Return the timeline of the practice trials that remain, with the instructions before them.
function practiceTrials(settings, trials, measured) {
  if (!trials.length) return [];
  return [
    preload(trials, trials[0].block),
    instructions("practice", settings, measured, Texts.html("practice.text"), true),
    ...trials.map((trial) => ({ type: TrialPlugin, trial_info: trial, is_practice: true })),
  ];
}

// Load the images and masks of those trials that belong to a block.
function preload(trials, block) {
  return {
    type: jsPsychPreload,
    images: trials.filter((trial) => trial.block === block).flatMap((trial) => [trial.image, trial.mask]),
    message: Texts.paragraph("browser.loading"),
    error_message: Texts.paragraph("browser.not_loaded"),
  };
}

// Return the timeline of the remaining trials. Between two blocks it has a break and loads the images of the next block.
function blocks(settings, remaining, jsPsych) {
  const timeline = [];
  remaining.forEach((trial, i) => {
    if (i > 0 && trial.block !== remaining[i - 1].block) {
      const block = trial.block - 1;
      timeline.push(preload(remaining, trial.block), {
        ...textPage("break", ""),
        stimulus: () => breakText(settings, jsPsych.data.get().filter({ trial_type: "observers-trial", block }), block),
      });
    }
    timeline.push({ type: TrialPlugin, trial_info: trial, data: { block: trial.block } });
  });
  return timeline;
}

function breakText(settings, responses, block) {
  const values = responses.values(), correct = values[values.length - 1].right;
  const nMissed = values.filter((response) => response.choice === null).length, nTrials = values.length;
  const text = [Texts.paragraph(settings.n_blocks > 1 ? "break.block_of" : "break.block", { block, n_blocks: settings.n_blocks })];
  if (correct !== null && Texts.plain("break.accuracy")) {
    text.push(Texts.paragraph("break.accuracy", { percent: Math.round(100 * correct) }));
  }
  if (nMissed > settings.max_missed * nTrials) text.push(Texts.paragraph("break.missed", { n_missed: nMissed, n_trials: nTrials }));
  return `<div class="text" data-page="break">${text.join("")}</div>`;
}

// Return the last page: thanks, debriefing, and the completion code or the address to which the participant returns.
function ending(settings, saver) {
  return {
    type: jsPsychHtmlButtonResponse,
    stimulus: () => endText(TrialPlugin.completion),
    choices: () => (TrialPlugin.completion?.url || saver.jatos ? [endLabel(TrialPlugin.completion)] : []),
    on_start: () => { document.exitFullscreen?.().catch(() => {}); },
    on_load: () => { saver.finish(TrialPlugin.completion?.code ?? "").catch(stop); },
    on_finish: () => {
      const url = TrialPlugin.completion?.url;
      if (saver.jatos) return url ? saver.jatos.endStudyAndRedirect(url) : saver.jatos.endStudy();
      location.assign(url);
      return new Promise(() => {});
    },
  };
}

function endText(completion) {
  const close = completion?.url ? "" : Texts.paragraph("end.close");
  return `<div class="text" data-page="end">${Texts.html("end.text")}${completion?.html ?? ""}${Texts.html("debriefing.text")}${close}</div>`;
}

function endLabel(completion) {
  return Texts.label(completion?.url ? "end.redirect" : "buttons.continue");
}

function windowSize() {
  return { width: innerWidth, height: innerHeight, pixel_ratio: devicePixelRatio };
}

// Show an error and end the session. The returned promise never resolves, so that no further trial starts.
function stop(error) {
  document.exitFullscreen?.().catch(() => {});
  const message = document.createElement("p");
  message.className = "notice";
  message.setAttribute("role", "alert");
  message.textContent = error.message;
  document.body.replaceChildren(message);
  return new Promise(() => {});
}

main().catch(stop);
