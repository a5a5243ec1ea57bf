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

// Saves the answers of one part of a session, the practice or the experiment, which `about` describes.
class AnswerSaver {
  constructor(settings, about) {
    const { experiment, participant, session, order } = about;
    this.settings = settings;
    this.about = about;
    this.key = `observers ${experiment} ${participant} ${session} ${order}`;
    this.jatos = settings.static && typeof jatos !== "undefined" ? jatos : null;
    this.sendsNothing = settings.static && settings.preview;
  }

  // Send the answer that is still stored in the browser, if any, and return the number of the first trial without an answer,
  // which is at least that of the settings.
  async next(first) {
    if (this.jatos) await new Promise((resolve) => this.jatos.onLoad(resolve));
    else if (this.settings.static && !this.settings.save && !this.sendsNothing) throw new Error(Texts.plain("browser.no_address"));
    if (this.sendsNothing) return first;
    const stored = AnswerStorage.get(this.key) ?? {};
    let next = this.settings.static ? Math.max(first, stored.next ?? 1) : first;
    if (stored.answer && stored.answer.trial === next) {
      await this.save(stored.answer);
      next += 1;
    }
    return next;
  }

  // Change the settings to the records that this browser has sent. A server of ours knows them itself.
  restoreRecords(settings) {
    if (!settings.static || this.sendsNothing) return;
    const { consent, demographics } = AnswerStorage.get(`${this.key} records`) ?? {};
    if (consent && settings.consent?.version === consent.version) settings.consent.decision = consent.decision;
    if (demographics) settings.demographics = null;
  }

  // Send a record, such as the consent, until the server confirms it.
  async sendRecord(record, content) {
    await this.send({ about: this.about, record, content }, this.settings.save_record, true);
    if (this.sendsNothing) return;
    const key = `${this.key} records`;
    AnswerStorage.set(key, { ...AnswerStorage.get(key), [record]: record === "demographics" ? true : content });
  }

  // Send the completion code that the page has shown, once. A server of ours has recorded it itself.
  async finish(code) {
    if (!code || !this.settings.static || AnswerStorage.get(`${this.key} records`)?.completion) return;
    await this.sendRecord("completion", { code });
  }

  // Send the answer to a trial until the server confirms it, and return the reply. Throw an error if the server refuses it.
  async save(response) {
    const answer = { about: this.about, ...response }, { trial } = answer;
    const isStored = !this.sendsNothing && AnswerStorage.set(this.key, { next: trial, answer });
    let reply;
    try {
      reply = await this.send(answer, this.settings.save, isStored);
    } catch (refusal) {
      if (refusal.isFinal) AnswerStorage.set(this.key, { next: trial }); // its trial is repeated after a reload
      throw refusal;
    }
    if (!this.sendsNothing) AnswerStorage.set(this.key, { next: trial + 1 });
    return reply;
  }

  // Send a message until the server confirms it, and return the reply. Throw an error if the server refuses it.
  async send(message, address, isStored) {
    const timer = setTimeout(() => showNotice(Texts.plain("browser.saving")), NOTICE_MS);
    let reply = null;
    try {
      for (let wait = RETRY_MS[0]; reply === null; wait = Math.min(2 * wait, RETRY_MS[1])) {
        reply = await this.attempt(message, address);
        if (reply === null) {
          clearTimeout(timer);
          showNotice(Texts.plain("browser.no_connection"));
          await pause(wait);
        }
      }
    } catch (refusal) {
      if (refusal.status === 404) refusal.message = Texts.plain(`browser.invalid_link_${isStored ? "stored" : "lost"}`);
      throw refusal;
    } finally {
      clearTimeout(timer);
    }
    showNotice("");
    return reply;
  }

  // Send a message once. Return the reply, or null if the server cannot be reached or asks to try again.
  async attempt(message, address) {
    if (this.sendsNothing) return {};
    const body = JSON.stringify(message);
    let reply;
    try {
      if (this.jatos) {
        await this.jatos.appendResultData(body + "\n");
        return {};
      }
      reply = await fetch(address, {
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

// Return the message to the participant after the server refused a request with an HTTP status of 400 to 499.
function errorMessage(status) {
  if (status === 409) return Texts.plain("browser.already_answered");
  if (status === 404) return Texts.plain("browser.invalid_link");
  return Texts.plain("browser.not_accepted", { status });
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
