"use strict";
/* Replaces figures with interactive versions when they come near the visible part of the page. Printed pages and pages without scripts
   show the images. */
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
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      observer.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll("figure[data-plot]").forEach((figure) => observer.observe(figure));
})();
