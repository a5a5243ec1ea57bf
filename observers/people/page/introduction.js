"use strict";
// The pages before the first trial, except the instructions: welcome, consent, demographic questions, and the measurement of
// the screen. A question that was answered is not asked again after a reload.

// Return the timeline of the welcome, the consent and the demographic questions.
function welcome(settings, saver, hasStarted) {
  const { consent, demographics } = settings, timeline = [];
  const isNew = !hasStarted && consent?.decision !== "accepted";
  if (isNew && Texts.html("welcome.text")) timeline.push(textPage("welcome", Texts.html("welcome.text")));
  if (consent && consent.decision !== "accepted") timeline.push(consentPage(settings, saver));
  if (demographics && !hasStarted) timeline.push({ type: QuestionsPlugin, questions: demographics });
  return timeline;
}

// Return a page with a text and a button. `name` identifies the page.
function textPage(name, html, label = Texts.label("buttons.continue")) {
  return { type: jsPsychHtmlButtonResponse, stimulus: `<div class="text" data-page="${name}">${html}</div>`, choices: [label] };
}

// Return the page that asks for consent. If the participant declines, only this is saved and the session ends.
function consentPage(settings, saver) {
  return {
    ...textPage("consent", Texts.html("consent.text")),
    choices: [Texts.label("consent.agree"), Texts.label("consent.decline")],
    on_finish: async ({ response }) => {
      const decision = response === 0 ? "accepted" : "declined";
      await saver.sendRecord("consent", { decision, version: settings.consent.version, language: settings.language }).catch(stop);
      if (decision === "declined") await stopDeclined();
    },
  };
}

// Show that the participant did not consent. The returned promise never resolves, so that nothing follows.
function stopDeclined() {
  document.exitFullscreen?.().catch(() => {});
  const page = document.createElement("main");
  page.className = "text declined";
  page.dataset.page = "declined";
  page.innerHTML = Texts.html("consent.declined");
  document.body.replaceChildren(page, ...document.querySelectorAll(".banner"));
  return new Promise(() => {});
}

// The optional demographic questions. A question that is not answered counts as "I prefer not to say".
class QuestionsPlugin {
  static saver = null; // the AnswerSaver that sends the answers

  static info = {
    name: "observers-questions",
    version: "1.0.0",
    parameters: { questions: { type: jsPsychModule.ParameterType.OBJECT } },
    data: {},
  };

  constructor(jsPsych) { this.jsPsych = jsPsych; }

  trial(display, { questions: { html, questions, no_answer: noAnswer } }) {
    const answer = (question, { value, label }) => `<label><input type="radio" name="${escapeHtml(question.name)}"
      value="${escapeHtml(value)}"${value === noAnswer ? " checked" : ""}> ${escapeHtml(label)}</label>`;
    const fieldset = (question) => `<fieldset><legend>${escapeHtml(question.label)}</legend>
      ${question.answers.map((entry) => answer(question, entry)).join("")}</fieldset>`;
    display.innerHTML = `<div class="text" data-page="demographics">${html}<form>${questions.map(fieldset).join("")}</form></div>
      <p><button class="jspsych-btn" id="answers">${Texts.label("buttons.continue")}</button></p>`;
    display.querySelector("#answers").addEventListener("click", async (event) => {
      event.target.disabled = true;
      const form = new FormData(display.querySelector("form"));
      const content = Object.fromEntries(questions.map(({ name }) => [name, form.get(name) ?? noAnswer]));
      await QuestionsPlugin.saver.sendRecord("demographics", content).catch(stop);
      this.jsPsych.finishTrial({}); // the answers are not part of the data of jsPsych
    });
  }
}

// Return the timeline that measures the screen and enters full screen. It fills `device` with the names of the browser and the
// operating system, and `screen` with the pixels per millimeter and the frame rate.
function measurement(settings, saver, device, measured) {
  measured.card = loadCard(saver.key);
  const minimum = () => Math.ceil(extent(settings, settings.image_mm * measured.card.pixels_per_mm));
  return [
    {
      timeline: [
        {
          type: CardPlugin, card_mm: settings.card_mm,
          on_finish: (data) => { measured.card = saveCard(saver.key, data); },
        },
      ],
      conditional_function: () => measured.card === null,
    },
    {
      type: jsPsychFullscreen,
      message: Texts.paragraph("browser.fullscreen"),
      button_label: Texts.label("buttons.continue"),
      delay_after: 500,
    },
    {
      type: jsPsychBrowserCheck,
      features: ["width", "height", "browser", "browser_version", "os"],
      minimum_width: minimum,
      minimum_height: minimum,
      allow_window_resize: false,
      exclusion_message: () => Texts.paragraph("browser.too_small"),
      on_finish: (data) => {
        const version = String(data.browser_version ?? "").split(".")[0];
        Object.assign(device, {
          browser: simpleText(`${data.browser ?? "unknown"} ${version}`), system: simpleText(data.os ?? "unknown"),
        });
      },
    },
    { type: FrameRatePlugin, on_finish: (data) => { measured.rate = data.frame_rate; } },
  ];
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
