"use strict";
// Send each answer before the next trial starts. It is stored in the browser until the server has confirmed it.

const RETRY_MS = [500, 15000]; // first and longest pause between two attempts, in ms
const NOTICE_MS = 1000; // time without a reply, in ms, after which the page shows "Saving…"
const REQUEST_MS = 30000; // time in ms after which a request is aborted

const AnswerStorage = {
  // Without localStorage, an unconfirmed answer is lost if the page is reloaded, and its trial is repeated.
  get(key) {
    try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
  },
  // Return whether the value is stored.
  set(key, value) {
    try { localStorage.setItem(key, JSON.stringify(value)); return true; } catch { return false; }
  },
};

class AnswerSaver {
  constructor(settings) {
    const { experiment, participant, session, order } = settings.about;
    this.settings = settings;
    this.key = `observers ${experiment} ${participant} ${session} ${order}`;
    this.jatos = settings.static && typeof jatos !== "undefined" ? jatos : null;
  }

  // Send the answer that is still stored in the browser, if any, and return the number of the first trial without an answer.
  async next() {
    if (this.jatos) await new Promise((resolve) => this.jatos.onLoad(resolve));
    else if (this.settings.static && !this.settings.save) {
      throw new Error("This page has no address for saving answers. Please tell the experimenter.");
    }
    const stored = AnswerStorage.get(this.key) ?? {};
    let next = this.settings.static ? Math.max(this.settings.next, stored.next ?? 1) : this.settings.next;
    if (stored.answer && stored.answer.trial === next) {
      await this.save(stored.answer);
      next += 1;
    }
    return next;
  }

  // Send an answer until the server confirms it, and return the reply. Throw an error if the server refuses the answer.
  async save(answer) {
    const isStored = AnswerStorage.set(this.key, { next: answer.trial, answer });
    const timer = setTimeout(() => showNotice("Saving…"), NOTICE_MS);
    let reply = null;
    for (let wait = RETRY_MS[0]; reply === null; wait = Math.min(2 * wait, RETRY_MS[1])) {
      try {
        reply = await this.attempt(answer);
      } catch (refusal) {
        clearTimeout(timer);
        if (refusal.isFinal) AnswerStorage.set(this.key, { next: answer.trial }); // its trial is repeated after a reload
        else if (refusal.status === 404) refusal.message = invalidLinkMessage(isStored);
        throw refusal;
      }
      if (reply === null) {
        clearTimeout(timer);
        showNotice("No connection. Your last answer is kept on this page; please leave the page open. Trying again…");
        await pause(wait);
      }
    }
    clearTimeout(timer);
    showNotice("");
    AnswerStorage.set(this.key, { next: answer.trial + 1 });
    return reply;
  }

  // Send an answer once. Return the reply, or null if the server cannot be reached or asks to try again.
  async attempt(answer) {
    const body = JSON.stringify(answer);
    let reply;
    try {
      if (this.jatos) {
        await this.jatos.appendResultData(body + "\n");
        return {};
      }
      reply = await fetch(this.settings.save, {
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
    const refusal = new Error(errorMessage(reply.status));
    // After a restart of the server, this link is unknown (404), but the session continues with a new link, and an answer
    // that another window has given (409) is not needed. The server would refuse any other answer again.
    throw Object.assign(refusal, { status: reply.status, isFinal: ![404, 409].includes(reply.status) });
  }
}

// Return the message to the participant if the server does not know the link to which an answer was sent.
function invalidLinkMessage(isStored) {
  const link = "This link is no longer valid. Please ask for a new link";
  return isStored
    ? `${link}, and open it in this browser. Your last answer is stored in this browser and will be sent when you open the new link.`
    : `${link}. Your last answer could not be saved, and its picture will be shown again. Earlier answers are saved.`;
}

// Return the message to the participant after the server refused a request with an HTTP status of 400 to 499.
function errorMessage(status) {
  if (status === 409) {
    return "This picture was already answered, perhaps in another window. Please reload this page to continue.";
  }
  if (status === 404) return "This link is no longer valid. Please ask for a new link.";
  return `The answer was not accepted (error ${status}). Please reload this page to continue. Earlier answers are saved.`;
}

// Wait for `ms` milliseconds, or until the computer is online again.
function pause(ms) {
  return new Promise((resolve) => {
    const wake = () => { clearTimeout(timer); removeEventListener("online", wake); resolve(); };
    const timer = setTimeout(wake, ms);
    addEventListener("online", wake);
  });
}

// Show a short message at the bottom of the window; an empty text removes it.
function showNotice(text) {
  let element = document.querySelector(".notice");
  if (!element) {
    element = document.createElement("div");
    element.className = "notice";
    element.setAttribute("role", "status");
    document.body.append(element);
  }
  element.textContent = text;
}
