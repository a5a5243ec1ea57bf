"use strict";
// The words of the page. The server has escaped the texts whose key ends in "_html"; all others are plain text.

const Texts = {
  texts: {},

  // Return a plain text in which {name} is replaced by values.name, and {name:one|several} by the first word if the value is 1
  // and else by the second; {{ and }} stand for braces.
  plain(key, values = {}) {
    const replace = (token, name, singular, plural) => {
      if (name === undefined) return token[0];
      const value = String(values[name] ?? token);
      return plural === undefined ? value : value === "1" ? singular : plural;
    };
    return (this.texts[key] ?? key).replace(/\{\{|\}\}|\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g, replace);
  },

  // Return a plain text as HTML in a paragraph.
  paragraph(key, values) {
    return `<p dir="auto">${escapeHtml(this.plain(key, values))}</p>`;
  },

  // Return a plain text as HTML, for the label of a button.
  label(key) {
    return escapeHtml(this.plain(key));
  },

  // Return a long text as HTML, which is empty if the lab has removed the text.
  html(key) {
    return this.texts[`${key}_html`] ?? "";
  },
};

function escapeHtml(text) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return String(text).replace(/[&<>"']/g, (character) => entities[character]);
}

// Show a text at the top of the window during the whole session, such as that nothing is saved.
function showBanner(text) {
  if (!text) return;
  const banner = document.createElement("div");
  banner.className = "banner";
  banner.textContent = text;
  document.body.append(banner);
}
