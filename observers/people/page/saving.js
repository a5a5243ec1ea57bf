"use strict";
// Answers go out one by one, each before the next trial, and stay in the browser until they have arrived.

const RETRY_MS = [500, 15000]; // first wait, longest
const NOTICE_MS = 1000; // that saving takes before it is said
const REQUEST_MS = 30000;

const Store = {
  // A browser may refuse: then an answer that has not arrived is asked again after a reload.
  get(key) {
    try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
  },
  set(key, value) {
    try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* as said above */ }
  },
};

class Saving {
  constructor(told) {
    const { experiment, participant, session, order } = told.about;
    this.told = told;
    this.key = `observers ${experiment} ${participant} ${session} ${order}`;
    this.jatos = told.static && typeof jatos !== "undefined" ? jatos : null;
  }

  // The number of the first trial that has no answer; what was kept here goes out first.
  async next() {
    if (this.jatos) await new Promise((resolve) => this.jatos.onLoad(resolve));
    else if (this.told.static && !this.told.save) throw new Error("This page was made without an address to save to.");
    const here = Store.get(this.key) ?? {};
    let next = this.told.static ? Math.max(this.told.next, here.next ?? 1) : this.told.next;
    if (here.answer && here.answer.trial === next) {
      await this.save(here.answer);
      next += 1;
    }
    return next;
  }

  // Resolves with what the server says once the answer is there; tries as long as that takes.
  async save(answer) {
    Store.set(this.key, { next: answer.trial, answer });
    const slow = setTimeout(() => notice("Saving…"), NOTICE_MS);
    let said = null;
    for (let wait = RETRY_MS[0]; said === null; wait = Math.min(2 * wait, RETRY_MS[1])) {
      try {
        said = await this.attempt(answer);
      } catch (refused) { // it will never be taken: the trial is asked again
        clearTimeout(slow);
        Store.set(this.key, { next: answer.trial });
        throw refused;
      }
      if (said === null) {
        clearTimeout(slow);
        notice("No connection. Your answers are kept; trying again…");
        await pause(wait);
      }
    }
    clearTimeout(slow);
    notice("");
    Store.set(this.key, { next: answer.trial + 1 });
    return said;
  }

  // What the server says; null where it cannot be reached or is not ready.
  async attempt(answer) {
    const body = JSON.stringify(answer);
    let reply;
    try {
      if (this.jatos) {
        await this.jatos.appendResultData(body + "\n");
        return {};
      }
      reply = await fetch(this.told.save, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body,
        signal: AbortSignal.timeout(REQUEST_MS),
      });
    } catch {
      return null;
    }
    if (reply.ok) return reply.json().catch(() => ({}));
    if (reply.status >= 500 || reply.status === 408 || reply.status === 429) return null;
    throw new Error(refusal(reply.status));
  }
}

function refusal(status) {
  if (status === 409) return "This trial has an answer already, perhaps from another window. Reload this page to go on.";
  if (status === 404) return "This link is not valid any more: ask for a new one. Your answers are kept.";
  return `The answer was refused (${status}). Reload this page to go on; your answers are kept.`;
}

function pause(ms) {
  return new Promise((resolve) => {
    const wake = () => { clearTimeout(timer); removeEventListener("online", wake); resolve(); };
    const timer = setTimeout(wake, ms);
    addEventListener("online", wake);
  });
}

function notice(text) {
  let element = document.querySelector(".notice");
  if (!element) {
    element = document.createElement("div");
    element.className = "notice";
    element.setAttribute("role", "status");
    document.body.append(element);
  }
  element.textContent = text;
}
