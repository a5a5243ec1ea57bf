"use strict";
// Show one trial frame by frame, as in observers/people/paradigm.py: fixation square, image, one blank frame, mask, one blank
// frame, then the choices for a fixed duration, during which the last click on a choice counts and marks the choice. After a
// practice trial, the correct choice is framed. Times are those of animation frames.

const FRAME_TOLERANCE = 0.1; // fraction of a frame by which a duration may exceed a whole number of frames
const LINE_WIDTH = 2; // CSS pixels
const FRAME_WIDTH = 1 / 16; // line width of the frame of a choice, as a fraction of the side of its cell
const CHOSEN_COLOR = "black", CORRECT_COLOR = "white", CROSS_COLOR = "#c62828";

class TrialPlugin {
  static layout = null; // the result of makeLayout; not a plugin parameter, because jsPsych copies parameters for every trial
  static save = null; // a function that saves an answer, given (answer, isPractice), and returns a promise of the reply
  static completion = null; // what the last reply says about the end of the session

  static info = {
    name: "observers-trial",
    version: "1.0.0",
    parameters: {
      trial_info: { type: jsPsychModule.ParameterType.OBJECT },
      is_practice: { type: jsPsychModule.ParameterType.BOOL, default: false },
    },
    data: {
      choice: { type: jsPsychModule.ParameterType.STRING },
      rt: { type: jsPsychModule.ParameterType.FLOAT }, // seconds from the frame on which the choices appeared
      measured: { type: jsPsychModule.ParameterType.OBJECT },
      right: { type: jsPsychModule.ParameterType.FLOAT }, // after the last trial of a block: proportion correct in the block
    },
  };

  async trial(display, { trial_info, is_practice: isPractice }, onLoad) {
    const layout = TrialPlugin.layout = await layoutForWindow(display, TrialPlugin.layout);
    const canvas = document.createElement("canvas");
    canvas.className = "screen";
    canvas.dataset[isPractice ? "practice" : "trial"] = trial_info.number;
    canvas.width = Math.round(innerWidth * devicePixelRatio);
    canvas.height = Math.round(innerHeight * devicePixelRatio);
    const image = await loadBitmap(trial_info.image, layout.side), mask = await loadBitmap(trial_info.mask, layout.side);
    display.replaceChildren(canvas);
    onLoad();
    const response = await showTrial(canvas, layout, image, mask, trial_info.correct ?? null);
    image.close();
    mask.close();
    const reply = await TrialPlugin.save({ trial: trial_info.number, ...response }, isPractice);
    TrialPlugin.completion = reply.completion ?? TrialPlugin.completion;
    return { ...response, right: reply.right ?? null };
  }
}

// Return the properties that all trials share. Sizes are in device pixels, except `extent`, which is in CSS pixels.
async function makeLayout(settings, pixelsPerMm, rate) {
  const ratio = devicePixelRatio, side = Math.round(settings.image_mm * pixelsPerMm * ratio);
  const cells = [];
  for (const cell of settings.cells) {
    const cellSide = Math.round(cell.side * side);
    cells.push({
      choice: cell.choice, label: cell.label, x: cell.x * side, y: cell.y * side, side: cellSide,
      icon: cell.icon && (await loadBitmap(cell.icon, cellSide)),
    });
  }
  return { settings, ratio, side, cells, rate, pixelsPerMm, extent: extent(settings, side) / ratio };
}

// Return the side of the smallest centered square that contains the image and all choices, in the unit of `side`.
function extent(settings, side) {
  return side * Math.max(1, ...settings.cells.map((c) => 2 * (Math.max(Math.abs(c.x), Math.abs(c.y)) + c.side / 2)));
}

function backgroundColor(settings) {
  const level = Math.round(255 * settings.presentation.background);
  return `rgb(${level} ${level} ${level})`;
}

// Load an image and scale its longer side to `side` pixels.
async function loadBitmap(url, side) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const scale = side / Math.max(image.naturalWidth, image.naturalHeight);
  return createImageBitmap(image, {
    resizeWidth: Math.max(1, Math.round(image.naturalWidth * scale)),
    resizeHeight: Math.max(1, Math.round(image.naturalHeight * scale)),
    resizeQuality: "high",
  });
}

// Wait until the window is large enough, and return the layout for its zoom, which changes the CSS pixels per millimeter.
async function layoutForWindow(display, layout) {
  for (;;) {
    if (layout.ratio !== devicePixelRatio) {
      layout = await makeLayout(layout.settings, (layout.pixelsPerMm * layout.ratio) / devicePixelRatio, layout.rate);
    }
    if (innerWidth >= layout.extent && innerHeight >= layout.extent) return layout;
    display.innerHTML = Texts.paragraph("browser.resize");
    await new Promise((resolve) => addEventListener("resize", resolve, { once: true }));
  }
}

// Run the phases of a trial on the canvas and return the choice, the rt and the measures. With `correct`, the correct choice of a
// practice trial, the feedback follows.
function showTrial(canvas, layout, image, mask, correct) {
  const { settings, rate } = layout, durations = settings.presentation;
  const context = canvas.getContext("2d", { alpha: false });
  const center = [Math.round(canvas.width / 2), Math.round(canvas.height / 2)];
  const clear = () => { context.fillStyle = backgroundColor(settings); context.fillRect(0, 0, canvas.width, canvas.height); };
  const drawCentered = (bitmap) =>
    context.drawImage(bitmap, center[0] - (bitmap.width >> 1), center[1] - (bitmap.height >> 1));
  const nFrames = (seconds) => Math.ceil(seconds * rate - FRAME_TOLERANCE);
  // The feedback is longer after an error, so that its words can be read.
  const nFramesOf = (phase) => phases[phase].nFrames ?? nFrames(settings.feedback[choice === correct ? "correct" : "error"]);
  const phases = [
    {
      nFrames: nFrames(durations.fixation),
      draw: () => drawOutline(context, ...center, settings.fixation * layout.side, layout.ratio),
    },
    { nFrames: nFrames(durations.stimulus), draw: () => drawCentered(image), startName: "onset" },
    { nFrames: 1, draw: () => {}, startName: "offset" },
    { nFrames: nFrames(durations.mask), draw: () => drawCentered(mask) },
    { nFrames: 1, draw: () => {} },
    { nFrames: nFrames(durations.response), draw: () => drawChoices(context, center, layout), startName: "grid_onset" },
  ];
  const times = {}, IMAGE = 1, GRID = phases.length - 1;
  const correctCell = layout.cells.find((c) => c.choice === correct);
  if (correctCell) {
    phases.push({ draw: () => drawFeedback(context, center, layout, choice, correctCell) });
  }
  let phase = -1, phaseStart = 0, previous = null, nImageFrames = 0, nDropped = 0, choice = null, rt = null;
  canvas.style.cursor = "none";
  canvas.addEventListener("pointerdown", (event) => {
    if (phase !== GRID || event.timeStamp < phaseStart) return;
    const x = event.clientX * layout.ratio - center[0], y = event.clientY * layout.ratio - center[1];
    const cell = layout.cells.find((c) => Math.abs(x - c.x) <= c.side / 2 && Math.abs(y - c.y) <= c.side / 2);
    if (!cell) return;
    [choice, rt] = [cell.choice, (event.timeStamp - phaseStart) / 1000];
    clear();
    drawChoices(context, center, layout);
    drawFrame(context, center, cell, CHOSEN_COLOR);
  });
  clear();
  return new Promise((resolve) => {
    const onFrame = (now) => {
      const interval = previous === null ? 1 : ((now - previous) * rate) / 1000; // in frames
      if (phase < GRID && interval > settings.late) nDropped += Math.round(interval) - 1;
      previous = now;
      // The end of a phase depends on time and not on a count of frames, so that a late frame prolongs it by at most a frame.
      if (phase < 0 || (now - phaseStart) * rate >= 1000 * (nFramesOf(phase) - 0.5)) {
        phase += 1;
        phaseStart = now;
        clear();
        if (phase === phases.length) return resolve(result());
        phases[phase].draw();
        if (phases[phase].startName) times[phases[phase].startName] = now / 1000;
        canvas.style.cursor = phase === GRID ? "default" : "none";
      }
      nImageFrames += phase === IMAGE;
      requestAnimationFrame(onFrame);
    };
    requestAnimationFrame(onFrame);
  });

  function result() {
    const measured = {
      ...times, n_frames: nImageFrames, n_dropped: nDropped, frame_rate: rate, image_pixels: layout.side / layout.ratio,
      pixels_per_mm: layout.pixelsPerMm,
    };
    for (const name of Object.keys(measured)) measured[name] = roundMicro(measured[name]);
    return { choice, rt: rt === null ? null : roundMicro(rt), measured };
  }
}

// Round to six decimal places, which are microseconds for a time in seconds.
function roundMicro(number) {
  return Math.round(number * 1e6) / 1e6;
}

function drawOutline(context, x, y, side, ratio) {
  context.strokeStyle = "black";
  context.lineWidth = LINE_WIDTH * ratio;
  context.strokeRect(Math.round(x - side / 2), Math.round(y - side / 2), Math.round(side), Math.round(side));
}

// Split a text into lines that fit into a width. A word that is too long gets a line of its own.
function wrapText(context, text, width) {
  const lines = [];
  for (const word of text.split(/\s+/)) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// Draw a frame on the edge of a cell. A white frame has a thin dark line inside, because icons have a light background.
function drawFrame(context, center, cell, color) {
  const width = cell.side * FRAME_WIDTH, corner = [center[0] + cell.x - cell.side / 2, center[1] + cell.y - cell.side / 2];
  const stroke = (strokeColor, lineWidth, inset) => {
    context.strokeStyle = strokeColor;
    context.lineWidth = lineWidth;
    context.strokeRect(corner[0] + inset, corner[1] + inset, cell.side - 2 * inset, cell.side - 2 * inset);
  };
  if (color === CORRECT_COLOR) stroke(CHOSEN_COLOR, width / 2, 0.75 * width);
  stroke(color, width, 0);
}

// Draw the feedback of a practice trial: the correct choice in a white frame, a wrong choice crossed out, and a sentence.
function drawFeedback(context, center, layout, choice, correctCell) {
  drawChoices(context, center, layout);
  const chosen = layout.cells.find((cell) => cell.choice === choice);
  if (chosen && chosen !== correctCell) {
    drawFrame(context, center, chosen, CHOSEN_COLOR);
    drawCross(context, center, chosen);
  }
  drawFrame(context, center, correctCell, CORRECT_COLOR);
  const key = !chosen ? "missed" : chosen === correctCell ? "correct" : "wrong", height = 20 * layout.ratio;
  context.fillStyle = "black";
  context.textAlign = "center";
  context.textBaseline = "top";
  context.font = `bold ${height}px "Open Sans", Arial, sans-serif`;
  const bottom = center[1] + Math.max(...layout.cells.map((cell) => cell.y + cell.side / 2));
  context.fillText(Texts.plain(`feedback.${key}`), center[0], Math.min(bottom + height / 2, 2 * center[1] - 1.5 * height));
}

// Draw a cross on a cell.
function drawCross(context, center, cell) {
  const x = center[0] + cell.x, y = center[1] + cell.y, arm = 0.3 * cell.side;
  context.beginPath();
  for (const sign of [-1, 1]) {
    context.moveTo(x - arm, y - sign * arm);
    context.lineTo(x + arm, y + sign * arm);
  }
  for (const [color, width] of [["white", 1.6], [CROSS_COLOR, 1]]) {
    context.strokeStyle = color;
    context.lineWidth = width * cell.side * FRAME_WIDTH;
    context.stroke();
  }
}

// Draw the icon of each choice, or the name of a choice without an icon as text.
function drawChoices(context, center, layout) {
  for (const cell of layout.cells) {
    const x = Math.round(center[0] + cell.x), y = Math.round(center[1] + cell.y);
    if (cell.icon) {
      context.drawImage(cell.icon, x - (cell.side >> 1), y - (cell.side >> 1));
    } else {
      drawOutline(context, x, y, cell.side, layout.ratio);
      context.fillStyle = "black";
      context.textAlign = "center";
      context.textBaseline = "middle";
      const height = Math.max(cell.side / 6, 11 * layout.ratio);
      context.font = `${height}px "Open Sans", Arial, sans-serif`;
      const width = 0.94 * cell.side, lines = wrapText(context, cell.label, width);
      lines.forEach((line, i) => context.fillText(line, x, y + (i - (lines.length - 1) / 2) * 1.2 * height, width));
    }
  }
}
