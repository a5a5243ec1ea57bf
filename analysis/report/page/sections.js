"use strict";
/* Sections can be collapsed. Without JavaScript and in print all of them are open: in the HTML they are open, and this script closes those
   that are marked with data-closed when the page is loaded. A link to a place in a closed section opens the section. */
(() => {
  const folds = [...document.querySelectorAll("details.fold")];
  for (const fold of folds) if ("closed" in fold.dataset) fold.open = false;

  /* Open the sections around an element, and show the element. */
  function reveal(id) {
    const target = id && document.getElementById(id);
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  }
  const id_in = (hash) => {
    try {
      return decodeURIComponent(hash.slice(1));
    } catch {
      return hash.slice(1);
    }
  };
  if (document.body.classList.contains("index")) {
    window.addEventListener("hashchange", () => reveal(id_in(location.hash)));
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#']");
      if (link) setTimeout(() => reveal(id_in(link.hash))); // a second click on the same link does not change the address
    });
    reveal(id_in(location.hash));
  }

  const main = folds.filter((fold) => fold.parentElement.closest("main"));
  if (main.length > 1) {
    const button = report.element("button", { type: "button", class: "fold-all", onclick: () => {
      const open = main.some((fold) => !fold.open);
      for (const fold of main) fold.open = open;
    } });
    const label = () => { button.textContent = main.some((fold) => !fold.open) ? "Expand all" : "Collapse all"; };
    for (const fold of main) fold.addEventListener("toggle", label);
    label();
    document.querySelector("nav.top").append(button);
  }

  /* Printed pages show all sections. A table is printed if it is short enough; otherwise a line names its CSV file. In a report on many
     datasets, the tables of a dataset are printed only if its section was open (data-was), see report.css. */
  const printed = [...folds, ...document.querySelectorAll("details.folded.printed")];
  window.addEventListener("beforeprint", () => printed.forEach((fold) => {
    fold.dataset.was = fold.open;
    fold.open = true;
  }));
  window.addEventListener("afterprint", () => printed.forEach((fold) => { fold.open = fold.dataset.was === "true"; }));

  /* Show a hint above each table that is wider than the page. */
  const hints = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const scrolls = target.clientWidth > 0 && target.scrollWidth > target.clientWidth + 1;
      const before = target.previousElementSibling;
      if (scrolls && !before?.classList.contains("hint")) target.before(report.element("p", { class: "hint" }, "More columns: scroll the table sideways →"));
      else if (!scrolls && target.clientWidth > 0 && before?.classList.contains("hint")) before.remove();
    }
  });
  document.querySelectorAll(".scroll").forEach((box) => hints.observe(box));
})();
