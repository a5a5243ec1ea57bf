"use strict";
/* Functions to draw with SVG: elements, a scale, the markers of kinds, and tooltips. */
const svg = {
  make(tag, attributes = {}, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  },

  text(x, y, content, attributes = {}) {
    return svg.make("text", { x, y, ...attributes }, content);
  },

  /* Return a function that maps from..to in the data to begin..end in the drawing. */
  scale(from, to, begin, end) {
    return (value) => begin + ((value - from) / (to - from)) * (end - begin);
  },

  color(kind) {
    return report.index.looks[kind].color;
  },

  /* The marker of a kind. The glyph of the kind in the index names the shape; ● is a circle. */
  marker(kind, x, y, r, attributes = {}) {
    const half = r * 0.42, arm = r * 0.68; // half the width of an arm of ✚, and the length of an arm
    const paths = {
      "◆": `M${x} ${y - r * 1.2}L${x + r * 1.2} ${y}L${x} ${y + r * 1.2}L${x - r * 1.2} ${y}Z`,
      "▲": `M${x} ${y - r * 1.1}L${x + r} ${y + r * 0.8}L${x - r} ${y + r * 0.8}Z`,
      "▼": `M${x} ${y + r * 1.1}L${x + r} ${y - r * 0.8}L${x - r} ${y - r * 0.8}Z`,
      "■": `M${x - r * 0.9} ${y - r * 0.9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}Z`,
      "✚": `M${x - half} ${y - half - arm}h${2 * half}v${arm}h${arm}v${2 * half}h${-arm}v${arm}h${-2 * half}v${-arm}h${-arm}v${-2 * half}h${arm}Z`,
    };
    const options = { fill: svg.color(kind), stroke: "#fff", "stroke-width": 0.7, ...attributes };
    const path = paths[report.index.looks[kind].glyph];
    return path ? svg.make("path", { d: path, ...options }) : svg.make("circle", { cx: x, cy: y, r, ...options });
  },

  /* Show a tooltip with the text that `describe(target, event)` returns for the element under the pointer, unless it is "". */
  tip(box, describe) {
    const tip = report.element("div", { class: "tip", hidden: true });
    box.append(tip);
    box.addEventListener("pointermove", (event) => {
      const text = describe(event.target, event);
      tip.hidden = !text;
      if (!text) return;
      const frame = box.getBoundingClientRect();
      tip.textContent = text;
      const left = Math.min(event.clientX - frame.left + 14, frame.width - tip.offsetWidth - 4);
      tip.style.left = `${Math.max(0, left)}px`;
      tip.style.top = `${event.clientY - frame.top + 16}px`;
    });
    box.addEventListener("pointerleave", () => { tip.hidden = true; });
  },

  /* Shorten a long name in the middle. */
  short(name, n = 34) {
    return name.length <= n ? name : `${name.slice(0, n / 2)}…${name.slice(-n / 2)}`;
  },
};
