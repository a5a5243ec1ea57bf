"use strict";
// One trial, frame by frame, as observers/people/paradigm.py has it: fixation, image, one blank frame, mask, one blank frame,
// the choices for a fixed time, in which the last click on one counts. Times are those of animation frames.

const SLACK = 0.1; // frames by which a measured rate may be too high before a time takes one frame more
const LINE = 2; // CSS pixels

class TrialPlugin {
  static look = null; // see makeLook; too large to be copied for every trial, as jsPsych does with parameters
  static save = null; // (answer to a trial) -> promise of what the server says

  static info = {
    name: "observers-trial",
    version: "1.0.0",
    parameters: { asked: { type: jsPsychModule.ParameterType.OBJECT } },
    data: {
      choice: { type: jsPsychModule.ParameterType.STRING },
      rt: { type: jsPsychModule.ParameterType.FLOAT }, // seconds from the frame with the choices
      measured: { type: jsPsychModule.ParameterType.OBJECT },
      right: { type: jsPsychModule.ParameterType.FLOAT }, // share of the block, at its end
    },
  };

  async trial(display, { asked }, onLoad) {
    const look = TrialPlugin.look = await withRoom(display, TrialPlugin.look);
    const canvas = document.createElement("canvas");
    canvas.className = "screen";
    canvas.dataset.trial = asked.number;
    canvas.width = Math.round(innerWidth * devicePixelRatio);
    canvas.height = Math.round(innerHeight * devicePixelRatio);
    const image = await bitmap(asked.image, look.side), mask = await bitmap(asked.mask, look.side);
    display.replaceChildren(canvas);
    onLoad();
    const found = await show(canvas, look, image, mask);
    image.close();
    mask.close();
    const said = await TrialPlugin.save({ trial: asked.number, ...found });
    return { ...found, right: said.right ?? null };
  }
}

// What does not change from trial to trial; sizes in pixels of the screen, grays as CSS has them.
async function makeLook(told, pixelsPerMm, rate) {
  const ratio = devicePixelRatio, side = Math.round(told.image_mm * pixelsPerMm * ratio);
  const cells = [];
  for (const cell of told.cells) {
    const edge = Math.round(cell.side * side);
    cells.push({
      choice: cell.choice, x: cell.x * side, y: cell.y * side, edge,
      icon: cell.icon && (await bitmap(cell.icon, edge)),
    });
  }
  return { told, ratio, side, cells, rate, pixelsPerMm, extent: extent(told, side) / ratio };
}

// Of the choices and the image: the longer side in the unit of `side`.
function extent(told, side) {
  return side * Math.max(1, ...told.cells.map((c) => 2 * (Math.max(Math.abs(c.x), Math.abs(c.y)) + c.side / 2)));
}

function gray(told) {
  const level = Math.round(255 * told.presentation.background);
  return `rgb(${level} ${level} ${level})`;
}

async function bitmap(url, side) {
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

// The look for the window as it is now; waits until there is room for it. Zoomed, a millimeter has other CSS pixels.
async function withRoom(display, look) {
  for (;;) {
    if (look.ratio !== devicePixelRatio) {
      look = await makeLook(look.told, (look.pixelsPerMm * look.ratio) / devicePixelRatio, look.rate);
    }
    if (innerWidth >= look.extent && innerHeight >= look.extent) return look;
    display.innerHTML = "<p>The window has become too small: make it larger to go on.</p>";
    await new Promise((resolve) => addEventListener("resize", resolve, { once: true }));
  }
}

function show(canvas, look, image, mask) {
  const { told, rate } = look, shown = told.presentation;
  const pen = canvas.getContext("2d", { alpha: false });
  const middle = [Math.round(canvas.width / 2), Math.round(canvas.height / 2)];
  const clear = () => { pen.fillStyle = gray(told); pen.fillRect(0, 0, canvas.width, canvas.height); };
  const put = (picture) => pen.drawImage(picture, middle[0] - (picture.width >> 1), middle[1] - (picture.height >> 1));
  const n = (seconds) => Math.ceil(seconds * rate - SLACK);
  const phases = [
    { n: n(shown.fixation), draw: () => outline(pen, ...middle, told.fixation * look.side, look.ratio) },
    { n: n(shown.stimulus), draw: () => put(image), begins: "onset" },
    { n: 1, draw: () => {}, begins: "offset" },
    { n: n(shown.mask), draw: () => put(mask) },
    { n: 1, draw: () => {} },
    { n: n(shown.response), draw: () => drawChoices(pen, middle, look), begins: "grid_onset" },
  ];
  const times = {}, last = phases.length - 1;
  let k = -1, begun = 0, before = null, frames = 0, dropped = 0, choice = null, rt = null;
  canvas.style.cursor = "none";
  canvas.addEventListener("pointerdown", (event) => {
    if (k !== last || event.timeStamp < begun) return;
    const x = event.clientX * look.ratio - middle[0], y = event.clientY * look.ratio - middle[1];
    const cell = look.cells.find((c) => Math.abs(x - c.x) <= c.edge / 2 && Math.abs(y - c.y) <= c.edge / 2);
    if (cell) [choice, rt] = [cell.choice, (event.timeStamp - begun) / 1000];
  });
  clear();
  return new Promise((resolve) => {
    const frame = (now) => {
      const passed = before === null ? 1 : ((now - before) * rate) / 1000;
      if (k < last && passed > told.late) dropped += Math.round(passed) - 1;
      before = now;
      // A frame that comes late does not make what is shown take longer than by that frame.
      if (k < 0 || (now - begun) * rate >= 1000 * (phases[k].n - 0.5)) {
        k += 1;
        begun = now;
        clear();
        if (k > last) return resolve(result());
        phases[k].draw();
        if (phases[k].begins) times[phases[k].begins] = now / 1000;
        if (k === last) canvas.style.cursor = "default";
      }
      frames += k === 1;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });

  function result() {
    canvas.style.cursor = "none";
    const measured = {
      ...times, n_frames: frames, n_dropped: dropped, frame_rate: rate, image_pixels: look.side / look.ratio,
      pixels_per_mm: look.pixelsPerMm,
    };
    for (const name of Object.keys(measured)) measured[name] = rounded(measured[name]);
    return { choice, rt: rt === null ? null : rounded(rt), measured };
  }
}

// To microseconds.
function rounded(number) {
  return Math.round(number * 1e6) / 1e6;
}

function outline(pen, x, y, side, ratio) {
  pen.strokeStyle = "black";
  pen.lineWidth = LINE * ratio;
  pen.strokeRect(Math.round(x - side / 2), Math.round(y - side / 2), Math.round(side), Math.round(side));
}

// Lines of a text, each as long as fits.
function wrapped(pen, text, width) {
  const lines = [];
  for (const word of text.split(/\s+/)) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && pen.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// Icons, words where there is none.
function drawChoices(pen, middle, look) {
  for (const cell of look.cells) {
    const x = Math.round(middle[0] + cell.x), y = Math.round(middle[1] + cell.y);
    if (cell.icon) {
      pen.drawImage(cell.icon, x - (cell.edge >> 1), y - (cell.edge >> 1));
    } else {
      outline(pen, x, y, cell.edge, look.ratio);
      pen.fillStyle = "black";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      const height = Math.max(cell.edge / 6, 11 * look.ratio);
      pen.font = `${height}px "Open Sans", Arial, sans-serif`;
      const lines = wrapped(pen, cell.choice, 0.94 * cell.edge);
      lines.forEach((line, i) => pen.fillText(line, x, y + (i - (lines.length - 1) / 2) * 1.2 * height, 0.94 * cell.edge));
    }
  }
}
