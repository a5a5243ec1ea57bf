"use strict";
// Measure the number of CSS pixels per millimeter with a bank card, and measure the frame rate.

const CARD_PIXELS = [100, 2000]; // smallest and largest width of the card, in CSS pixels
const RATES = [20, 500]; // lowest and highest plausible frame rate, in frames per second
const WARM_UP = 10, SAMPLE = 60; // number of frames that are skipped, and then number of frames that are measured

// The participant makes a box as large as a bank card. The trial data contain the number of CSS pixels per millimeter.
class CardPlugin {
  static info = {
    name: "observers-card",
    version: "1.0.0",
    parameters: { card_mm: { type: jsPsychModule.ParameterType.FLOAT, array: true } },
    data: { pixels_per_mm: { type: jsPsychModule.ParameterType.FLOAT } },
  };

  constructor(jsPsych) { this.jsPsych = jsPsych; }

  trial(display, { card_mm }) {
    const [cardWidth, cardHeight] = card_mm;
    display.innerHTML = `
      <div class="text" data-page="card">${Texts.html("browser.card")}</div>
      <div class="card" tabindex="0" role="slider" aria-label="${Texts.label("browser.card_width")}" aria-valuemin="${CARD_PIXELS[0]}"
        aria-valuemax="${CARD_PIXELS[1]}"><div class="corner"></div></div>
      <p><button class="jspsych-btn" id="fits">${Texts.label("browser.card_button")}</button></p>`;
    const card = display.querySelector(".card"), corner = card.querySelector(".corner");
    let width = (cardWidth / 25.4) * 96; // a CSS pixel is nominally 1/96 inch
    const resize = (newWidth) => {
      width = Math.min(Math.max(newWidth, CARD_PIXELS[0]), CARD_PIXELS[1]);
      card.style.width = `${width}px`;
      card.style.height = `${(width * cardHeight) / cardWidth}px`;
      card.setAttribute("aria-valuenow", Math.round(width));
    };
    const onKeyDown = (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      resize(width + step * (event.shiftKey ? 10 : 1));
    };
    corner.addEventListener("pointerdown", (event) => corner.setPointerCapture(event.pointerId));
    corner.addEventListener("pointermove", (event) => {
      if (!corner.hasPointerCapture(event.pointerId)) return;
      const box = card.getBoundingClientRect(); // the box is centered, so both of its sides move
      resize(2 * (event.clientX - (box.left + box.width / 2)));
    });
    document.addEventListener("keydown", onKeyDown);
    display.querySelector("#fits").addEventListener("click", () => {
      document.removeEventListener("keydown", onKeyDown);
      this.jsPsych.finishTrial({ pixels_per_mm: width / cardWidth });
    });
    resize(width);
    card.focus();
  }
}

// Measure the frame rate, in frames per second, as the inverse of the median interval between animation frames.
class FrameRatePlugin {
  static info = {
    name: "observers-rate",
    version: "1.0.0",
    parameters: {},
    data: { frame_rate: { type: jsPsychModule.ParameterType.FLOAT } },
  };

  constructor(jsPsych) { this.jsPsych = jsPsych; }

  // Repeat the measurement until the rate is plausible.
  async trial(display) {
    display.innerHTML = Texts.paragraph("browser.wait");
    for (;;) {
      const times = [];
      while (times.length <= WARM_UP + SAMPLE) times.push(await new Promise(requestAnimationFrame));
      const intervals = times.slice(1).map((time, i) => time - times[i]).slice(WARM_UP).sort((a, b) => a - b);
      const rate = 1000 / ((intervals[SAMPLE / 2 - 1] + intervals[SAMPLE / 2]) / 2);
      if (RATES[0] <= rate && rate <= RATES[1]) return { frame_rate: rate };
      display.innerHTML = Texts.paragraph("browser.rate", { rate: rate.toFixed(0) });
    }
  }
}
