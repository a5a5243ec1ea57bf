"use strict";
/* Figures are drawn anew, so that they can be asked, once they come near the window; in print and without scripts they stay pictures. */
(() => {
  async function draw(figure) {
    const box = report.element("div", { class: "plot" });
    try {
      const data = await report.load(figure.id);
      figure.prepend(box);
      report.plots[figure.dataset.plot](box, data, figure);
      figure.classList.add("drawn");
    } catch (error) {
      box.remove();
      figure.append(report.element("p", { class: "small" }, String(error.message)));
      throw error;
    }
  }
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll("figure[data-plot]").forEach((figure) => seen.observe(figure));
})();
