"use strict";
// How large things are here: a box is made as large as a bank card. And how many frames a second there are.

const CARD_PIXELS = [100, 2000]; // that a card can be wide
const RATES = [20, 500]; // frames a second that a screen can have
const WARM_UP = 10, SAMPLE = 60; // frames

class CardPlugin {
  static info = {
    name: "observers-card",
    version: "1.0.0",
    parameters: { card_mm: { type: jsPsychModule.ParameterType.FLOAT, array: true } },
    data: { pixels_per_mm: { type: jsPsychModule.ParameterType.FLOAT } },
  };

  constructor(jsPsych) { this.jsPsych = jsPsych; }

  trial(display, { card_mm }) {
    const [long, short] = card_mm;
    display.innerHTML = `
      <p>Hold a bank card (or any card of that size) against the screen, and make this box exactly as large:
      pull its corner, or press <kbd>←</kbd> and <kbd>→</kbd>.</p>
      <div class="card" tabindex="0" role="slider" aria-label="Width of the card" aria-valuemin="${CARD_PIXELS[0]}"
        aria-valuemax="${CARD_PIXELS[1]}"><div class="corner"></div></div>
      <p><button class="jspsych-btn" id="fits">It fits</button></p>`;
    const card = display.querySelector(".card"), corner = card.querySelector(".corner");
    let width = (long / 25.4) * 96; // as a browser believes
    const show = (wanted) => {
      width = Math.min(Math.max(wanted, CARD_PIXELS[0]), CARD_PIXELS[1]);
      card.style.width = `${width}px`;
      card.style.height = `${(width * short) / long}px`;
      card.setAttribute("aria-valuenow", Math.round(width));
    };
    const keys = (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      show(width + step * (event.shiftKey ? 10 : 1));
    };
    corner.addEventListener("pointerdown", (event) => corner.setPointerCapture(event.pointerId));
    corner.addEventListener("pointermove", (event) => {
      if (!corner.hasPointerCapture(event.pointerId)) return;
      const box = card.getBoundingClientRect(); // it grows to both sides
      show(2 * (event.clientX - (box.left + box.width / 2)));
    });
    document.addEventListener("keydown", keys);
    display.querySelector("#fits").addEventListener("click", () => {
      document.removeEventListener("keydown", keys);
      this.jsPsych.finishTrial({ pixels_per_mm: width / long });
    });
    show(width);
    card.focus();
  }
}

class RatePlugin {
  static info = {
    name: "observers-rate",
    version: "1.0.0",
    parameters: {},
    data: { frame_rate: { type: jsPsychModule.ParameterType.FLOAT } },
  };

  constructor(jsPsych) { this.jsPsych = jsPsych; }

  // By the median interval. A screen that shows too few frames is measured again until it does not.
  async trial(display) {
    display.innerHTML = "<p>One moment…</p>";
    for (;;) {
      const times = [];
      while (times.length <= WARM_UP + SAMPLE) times.push(await new Promise(requestAnimationFrame));
      const steps = times.slice(1).map((time, i) => time - times[i]).slice(WARM_UP).sort((a, b) => a - b);
      const rate = 1000 / ((steps[SAMPLE / 2 - 1] + steps[SAMPLE / 2]) / 2);
      if (RATES[0] <= rate && rate <= RATES[1]) return { frame_rate: rate };
      display.innerHTML = `<p>This browser shows ${rate.toFixed(0)} frames a second, too few or too many for images that
        appear briefly. Close other windows and programs; it is measured again.</p>`;
    }
  }
}
