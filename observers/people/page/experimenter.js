"use strict";
// Load the table of participants again every few seconds, and copy the links of sessions.

const INTERVAL_MS = 3000;
const token = new URLSearchParams(location.search).get("token");
const table = document.querySelector("#table"), updated = document.querySelector("#updated");

async function refresh() {
  try {
    const reply = await fetch(`experimenter/table.html?token=${encodeURIComponent(token)}`, { cache: "no-store" });
    if (!reply.ok) throw new Error(String(reply.status));
    const html = await reply.text();
    if (!table.contains(document.activeElement) || document.activeElement === document.body) table.innerHTML = html;
    updated.textContent = `Last updated at ${new Date().toLocaleTimeString()}.`;
    updated.className = "";
  } catch {
    updated.textContent = "The server does not reply. It may have ended because all sessions are complete.";
    updated.className = "stopped";
  }
  setTimeout(refresh, INTERVAL_MS);
}

// Copy the address of a session. Without a secure context, a page cannot use the clipboard, so a dialog shows the address.
table.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  const { href } = button.parentElement.querySelector("a");
  try {
    await navigator.clipboard.writeText(href);
    button.textContent = "copied";
  } catch {
    window.prompt("Copy this address:", href);
  }
  setTimeout(() => { button.textContent = "copy"; button.blur(); }, 1500);
});

setTimeout(refresh, INTERVAL_MS);
