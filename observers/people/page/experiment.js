"use strict";
// Run a session: measure the screen with a card, enter full screen, then run the trials of trials.json block by block.
// `settings` is the content of trials.json; see observers/people/site.py.

const MAX_MISSED = 0.02; // proportion of missed trials in a block above which the break asks to answer every trial

async function main() {
  const reply = await fetch("trials.json", { cache: "no-store" });
  if (!reply.ok) throw new Error(errorMessage(reply.status));
  const settings = await reply.json();
  document.body.style.backgroundColor = backgroundColor(settings);
  const saver = new AnswerSaver(settings), next = await saver.next();
  const remaining = settings.trials.filter((trial) => trial.number >= next);
  const jsPsych = initJsPsych({
    on_finish: (data) => {
      if (data.filter({ trial_type: "observers-trial" }).count() === remaining.length) saver.jatos?.endStudy();
    },
  });
  const device = {};
  TrialPlugin.save = (response) =>
    saver.save({ about: settings.about, ...response, device: { ...device, ...windowSize() } }).catch(stop);
  const thanks = {
    type: jsPsychHtmlButtonResponse,
    stimulus: "<p>This was the last picture. Thank you! You can close this page.</p>",
    choices: [],
  };
  const ending = saver.jatos ? [] : [thanks]; // JATOS shows its own page at the end
  if (!remaining.length) return jsPsych.run(ending.length ? ending : [{ type: FrameRatePlugin }]);
  return jsPsych.run([...introduction(settings, saver, next, device), ...blocks(settings, remaining, jsPsych), ...ending]);
}

// Return the timeline before the first trial. It fills `device` with the names of the browser and the operating system.
function introduction(settings, saver, next, device) {
  let card = loadCard(saver.key), rate = null;
  return [
    {
      timeline: [
        { type: CardPlugin, card_mm: settings.card_mm, on_finish: (data) => { card = saveCard(saver.key, data); } },
      ],
      conditional_function: () => card === null,
    },
    {
      type: jsPsychFullscreen,
      message: "<p>The experiment uses the full screen.</p>",
      button_label: "Continue",
      delay_after: 500,
    },
    {
      type: jsPsychBrowserCheck,
      features: ["width", "height", "browser", "browser_version", "os"],
      minimum_width: () => Math.ceil(extent(settings, settings.image_mm * card.pixels_per_mm)),
      minimum_height: () => Math.ceil(extent(settings, settings.image_mm * card.pixels_per_mm)),
      exclusion_message: () =>
        "<p>This window is too small for the experiment. Please use a larger screen and open this page again.</p>",
      on_finish: (data) => {
        const version = String(data.browser_version ?? "").split(".")[0];
        Object.assign(device, {
          browser: simpleText(`${data.browser ?? "unknown"} ${version}`), system: simpleText(data.os ?? "unknown"),
        });
      },
    },
    { type: FrameRatePlugin, on_finish: (data) => { rate = data.frame_rate; } },
    preload(settings, next),
    {
      type: jsPsychHtmlButtonResponse,
      stimulus: instructions(settings, next),
      choices: ["Start"],
      on_finish: async () => { TrialPlugin.layout = await makeLayout(settings, card.pixels_per_mm, rate); },
    },
  ];
}

function instructions(settings, next) {
  const welcome = next === 1 ? ""
    : `<p>Welcome back! You continue with picture ${next} of ${settings.trials.length}.</p>`;
  const question = document.createElement("strong");
  question.textContent = settings.instruction;
  question.dir = "auto"; // Arabic and Hebrew are written from right to left
  return `${welcome}<p>You will briefly see a picture, then a gray pattern. Then several choices appear.</p>
    <p>${question.outerHTML}</p>
    <p>Click your answer. You have ${settings.presentation.response} seconds for each picture. Your last click counts.</p>
    <p>Please sit ${settings.about.distance_cm} cm from the screen.</p>
    <p>If you need to stop, close this page. Your answers are saved, and you can continue later with the same link.</p>`;
}

// Load the images and masks of the block of trial `next`, starting with that trial.
function preload(settings, next) {
  const block = settings.trials.find((trial) => trial.number === next).block;
  const trials = settings.trials.filter((trial) => trial.block === block && trial.number >= next);
  return {
    type: jsPsychPreload,
    images: trials.flatMap((trial) => [trial.image, trial.mask]),
    message: "<p>Loading the pictures…</p>",
    error_message: `<p>Some pictures could not be loaded. Please check your internet connection, then reload this page.
      Your answers are saved.</p>`,
  };
}

// Return the timeline of the remaining trials. Between two blocks it has a break and loads the images of the next block.
function blocks(settings, remaining, jsPsych) {
  const nBlocks = Math.max(...settings.trials.map((trial) => trial.block)), timeline = [];
  remaining.forEach((trial, i) => {
    if (i > 0 && trial.block !== remaining[i - 1].block) {
      const block = trial.block - 1;
      timeline.push(preload(settings, trial.number), {
        type: jsPsychHtmlButtonResponse,
        stimulus: () => breakText(jsPsych.data.get().filter({ trial_type: "observers-trial", block }), block, nBlocks),
        choices: ["Continue"],
      });
    }
    timeline.push({ type: TrialPlugin, trial_info: trial, data: { block: trial.block } });
  });
  return timeline;
}

function breakText(responses, block, nBlocks) {
  const values = responses.values(), correct = values[values.length - 1].right;
  const nMissed = values.filter((response) => response.choice === null).length;
  const accuracy = correct === null ? "" : `: ${Math.round(100 * correct)} % correct`;
  const request = nMissed > MAX_MISSED * values.length
    ? `<p>You did not answer ${nMissed} of ${values.length} pictures in time. Please answer every picture.</p>` : "";
  return `<p>Block ${block} of ${nBlocks} is done${accuracy}.</p>${request}`;
}

function windowSize() {
  return { width: innerWidth, height: innerHeight, pixel_ratio: devicePixelRatio };
}

// Replace characters that the server does not accept in the name of a browser or an operating system.
function simpleText(text) {
  return String(text).replace(/[^A-Za-z0-9 ._-]/g, "-").trim().slice(0, 40) || "unknown";
}

// Return the card measurement from before the page was reloaded, or null if the screen or the zoom has changed since.
function loadCard(key) {
  try {
    const card = JSON.parse(sessionStorage.getItem(`${key} card`));
    return card && card.screen === screenState() ? card : null;
  } catch {
    return null;
  }
}

function saveCard(key, { pixels_per_mm }) {
  const card = { pixels_per_mm, screen: screenState() };
  try { sessionStorage.setItem(`${key} card`, JSON.stringify(card)); } catch { /* the card is measured again after a reload */ }
  return card;
}

function screenState() {
  return `${screen.width} ${screen.height} ${devicePixelRatio}`;
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
