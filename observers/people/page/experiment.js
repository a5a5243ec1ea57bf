"use strict";
// The session: a card against the screen, the full screen, then block by block what trials.json asks.

const MISSED = 0.02; // of a block; more is said in the break

async function main() {
  const reply = await fetch("trials.json", { cache: "no-store" });
  if (!reply.ok) throw new Error(refusal(reply.status));
  const told = await reply.json();
  document.body.style.backgroundColor = gray(told);
  const saving = new Saving(told), next = await saving.next();
  const left = told.trials.filter((trial) => trial.number >= next);
  const jsPsych = initJsPsych({
    on_finish: (data) => {
      if (data.filter({ trial_type: "observers-trial" }).count() === left.length) saving.jatos?.endStudy();
    },
  });
  const device = {};
  TrialPlugin.save = (found) => saving.save({ about: told.about, ...found, device: { ...device, ...size() } }).catch(stop);
  const thanks = { type: jsPsychHtmlButtonResponse, stimulus: "<p>That was the last one. Thank you!</p>", choices: [] };
  const goodbye = saving.jatos ? [] : [thanks];
  if (!left.length) return jsPsych.run(goodbye.length ? goodbye : [{ type: RatePlugin }]); // JATOS says its own goodbye
  return jsPsych.run([...beginning(told, saving, next, device), ...blocks(told, left, jsPsych), ...goodbye]);
}

function beginning(told, saving, next, device) {
  let card = knownCard(saving.key), rate = null;
  return [
    {
      timeline: [{ type: CardPlugin, card_mm: told.card_mm, on_finish: (data) => { card = keepCard(saving.key, data); } }],
      conditional_function: () => card === null,
    },
    { type: jsPsychFullscreen, message: "<p>The experiment fills the screen.</p>", button_label: "Continue", delay_after: 500 },
    {
      type: jsPsychBrowserCheck,
      features: ["width", "height", "browser", "browser_version", "os"],
      minimum_width: () => Math.ceil(extent(told, told.image_mm * card.pixels_per_mm)),
      minimum_height: () => Math.ceil(extent(told, told.image_mm * card.pixels_per_mm)),
      exclusion_message: () => "<p>The choices do not fit into this window: take a larger screen, and open this page again.</p>",
      on_finish: (data) => {
        const version = String(data.browser_version ?? "").split(".")[0];
        Object.assign(device, { browser: plain(`${data.browser ?? "unknown"} ${version}`), system: plain(data.os ?? "unknown") });
      },
    },
    { type: RatePlugin, on_finish: (data) => { rate = data.frame_rate; } },
    preload(told, next),
    {
      type: jsPsychHtmlButtonResponse,
      stimulus: greeting(told, next),
      choices: ["Begin"],
      on_finish: async () => { TrialPlugin.look = await makeLook(told, card.pixels_per_mm, rate); },
    },
  ];
}

function greeting(told, next) {
  const again = next === 1 ? "" : `<p>Welcome back; on with trial ${next} of ${told.trials.length}.</p>`;
  return `${again}<p>An image appears briefly, then noise.</p><p>Then click what it showed: the last click counts.</p>
    <p>You have ${told.presentation.response} seconds each time. Please sit ${told.about.distance_cm} cm from the screen.</p>
    <p>If you have to stop, close this page: answers are kept, and the same link goes on.</p>`;
}

// The images of the block that trial `next` is in, from there on.
function preload(told, next) {
  const block = told.trials.find((trial) => trial.number === next).block;
  const ahead = told.trials.filter((trial) => trial.block === block && trial.number >= next);
  return {
    type: jsPsychPreload,
    images: ahead.flatMap((trial) => [trial.image, trial.mask]),
    message: "<p>Loading images…</p>",
    error_message: "<p>Some images could not be loaded. Check the connection, then reload this page; answers are kept.</p>",
  };
}

function blocks(told, left, jsPsych) {
  const n = Math.max(...told.trials.map((trial) => trial.block)), timeline = [];
  left.forEach((trial, i) => {
    if (i > 0 && trial.block !== left[i - 1].block) {
      timeline.push(preload(told, trial.number), {
        type: jsPsychHtmlButtonResponse,
        stimulus: () => pauseText(jsPsych.data.get().filter({ trial_type: "observers-trial", block: trial.block - 1 }), trial.block - 1, n),
        choices: ["Go on"],
      });
    }
    timeline.push({ type: TrialPlugin, asked: trial, data: { block: trial.block } });
  });
  return timeline;
}

function pauseText(answers, block, n) {
  const values = answers.values(), right = values[values.length - 1].right;
  const missed = values.filter((answer) => answer.choice === null).length;
  const share = right === null ? "" : `: ${Math.round(100 * right)} % correct`;
  const warning = missed > MISSED * values.length
    ? `<p>${missed} of ${values.length} images had no answer in time: please answer each.</p>` : "";
  return `<p>Block ${block} of ${n} is done${share}.</p>${warning}`;
}

function size() {
  return { width: innerWidth, height: innerHeight, pixel_ratio: devicePixelRatio };
}

function plain(text) {
  return String(text).replace(/[^A-Za-z0-9 ._-]/g, "-").trim().slice(0, 40) || "unknown";
}

// A card that was held against this screen before a reload; not if window or zoom have moved to other pixels.
function knownCard(key) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(`${key} card`));
    return kept && kept.where === where() ? kept : null;
  } catch {
    return null;
  }
}

function keepCard(key, { pixels_per_mm }) {
  const card = { pixels_per_mm, where: where() };
  try { sessionStorage.setItem(`${key} card`, JSON.stringify(card)); } catch { /* it is asked again */ }
  return card;
}

function where() {
  return `${screen.width} ${screen.height} ${devicePixelRatio}`;
}

// Nothing goes on after this.
function stop(error) {
  document.exitFullscreen?.().catch(() => {});
  const page = document.createElement("p");
  page.className = "notice";
  page.setAttribute("role", "alert");
  page.textContent = error.message;
  document.body.replaceChildren(page);
  return new Promise(() => {});
}

main().catch(stop);
