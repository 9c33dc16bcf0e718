// @ts-check
/** What the page shows of a turn: the message, the reply, its activity and its error. */

import { make, showMarkdown } from "./markdown.js";

/**
 * @typedef {import("./conversation.js").Turn} Turn
 * @typedef {import("./site.js").Shortcut} Shortcut
 * @typedef {{onRetry: () => void, onShortcut: (shortcut: Shortcut) => void}} Handlers
 */

/**
 * Return the element of something that the chatbot says first.
 * @param {string} text
 */
export function greetingView(text) {
  const body = make("div", [], "text");
  showMarkdown(body, text);
  return article("assistant", "Chatbot", body);
}

/** The elements of a turn. */
export class TurnView {
  /**
   * @param {Turn} turn
   * @param {Handlers} handlers
   */
  constructor(turn, handlers) {
    this.turn = turn;
    this.handlers = handlers;
    this.text = make("div", [], "text");
    this.summary = make("summary");
    this.steps = make("ul");
    this.activity = make("details", [this.summary, this.steps], "activity");
    this.end = make("div", [], "end");
    this.user = article("user", "You", make("p", [turn.prompt], "text"));
    this.reply = article("assistant", "Chatbot", this.activity, this.text, this.end);
    this.elements = [this.user, this.reply];
  }

  /**
   * Show what the turn has come to.
   * @param {{running: boolean, last: boolean}} state
   */
  update({ running, last }) {
    this.reply.ariaBusy = String(running); // screen readers wait for the whole reply
    this.reply.classList.toggle("running", running && !this.turn.reply);
    showMarkdown(this.text, this.turn.reply);
    this.#showActivity(running);
    this.end.replaceChildren(...(running ? [] : this.#ending(last)));
  }

  /** @param {boolean} running */
  #showActivity(running) {
    const { activity } = this.turn;
    const steps = activity.slice(this.steps.children.length);
    this.steps.append(...steps.map((step) => make("li", [step.text])));
    this.summary.textContent = running ? activity.at(-1)?.text ?? "" : "Activity";
    // What every reply goes through is of interest only while waiting for it.
    const unusual = activity.some((step) => step.name !== "status");
    this.activity.hidden = !(running ? activity.length : unusual);
  }

  /**
   * Return what is shown below the reply.
   * @param {boolean} last Whether this is the last turn, which can be sent again and gone on from.
   */
  *#ending(last) {
    const { state, error, overLimit, shortcuts } = this.turn;
    if (state === "failed") yield alertBox(error, overLimit);
    if (state === "stopped") yield make("p", ["Stopped."], "note");
    if (!last) return;
    const buttons = shortcuts.map((shortcut) => (
      button(shortcut.label, "shortcut", () => this.handlers.onShortcut(shortcut))));
    yield make("div", [...buttons, button("Retry", "quiet", this.handlers.onRetry)], "buttons");
  }
}

/**
 * @param {string} error
 * @param {boolean} overLimit
 */
function alertBox(error, overLimit) {
  const title = overLimit ? "The usage limit is reached" : "No complete reply";
  const box = make("div", [make("strong", [title]), make("p", [error])], "error");
  box.role = "alert";
  return box;
}

/**
 * @param {string} className
 * @param {string} label
 * @param {HTMLElement[]} content
 */
function article(className, label, ...content) {
  const element = make("article", content, `message ${className}`);
  element.ariaLabel = label;
  for (const part of content) if (part.className === "text") part.dir = "auto";
  return element;
}

/**
 * @param {string} label
 * @param {string} className
 * @param {() => void} onClick
 */
function button(label, className, onClick) {
  const element = make("button", [label], className);
  element.setAttribute("type", "button");
  element.addEventListener("click", onClick);
  return element;
}
