// @ts-check
/** The chat page: what its controls do. */

import { Conversation } from "./conversation.js";
import { Site, SiteError, readPage } from "./site.js";
import { TurnView, greetingView } from "./view.js";

/**
 * @typedef {import("./conversation.js").Turn} Turn
 * @typedef {import("./site.js").Shortcut} Shortcut
 */

const log = element("log", HTMLElement);
const form = element("form", HTMLFormElement);
const prompt = element("prompt", HTMLTextAreaElement);
const send = element("send", HTMLButtonElement);
const stop = element("stop", HTMLButtonElement);
const counter = element("counter", HTMLOutputElement);

const { system, params } = readPage(document);
const site = new Site(system);
const greeting = params.startSentence ?? "";
const limit = params.textInputMaxLength ?? Infinity;
const handlers = { onRetry: retry, onShortcut: press };
const touch = matchMedia("(pointer: coarse)");

let conversation = Conversation.load(greeting);
/** @type {TurnView[]} */
let views = [];
/** @type {?AbortController} Stops the reply that is arriving. */
let running = null;
let frame = 0;

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`The page has no ${id}.`);
  return found;
}

function showConversation() {
  views = [];
  log.replaceChildren(...(greeting ? [greetingView(greeting)] : []));
  conversation.turns.forEach(addView);
  views.forEach(update);
  scrollToEnd();
  showControls();
}

/** @param {Turn} turn */
function addView(turn) {
  const view = new TurnView(turn, handlers);
  views.push(view);
  log.append(...view.elements);
  return view;
}

/** @param {TurnView} view */
function update(view) {
  const last = view === views.at(-1);
  view.update({ running: last && running !== null, last });
}

function showControls() {
  const length = [...prompt.value.trim()].length; // as the site counts, not in UTF-16
  counter.textContent = length > limit * 0.8 ? `${length} of ${limit} characters` : "";
  counter.classList.toggle("over", length > limit);
  send.disabled = !length || length > limit;
  if (document.activeElement === stop) moveFocus();
  send.hidden = running !== null;
  stop.hidden = running === null;
  prompt.style.height = "auto";
  prompt.style.height = `${prompt.scrollHeight + prompt.offsetHeight - prompt.clientHeight}px`;
}

/** Focus the message, but do not open the keyboard of a phone. */
function moveFocus() {
  (touch.matches ? log : prompt).focus();
}

function scrollToEnd() {
  log.scrollTop = log.scrollHeight;
}

/**
 * Show a turn as it is now, and follow its end unless the reader has scrolled up.
 * @param {TurnView} view
 */
function follow(view) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  update(view);
  if (atEnd) scrollToEnd();
}

/**
 * Show a turn when the browser draws the next time, however many pieces arrive until then.
 * @param {TurnView} view
 */
function followSoon(view) {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    follow(view);
  });
}

/**
 * Send a message and show the reply while it arrives.
 * @param {string} text
 * @param {string} [shortcutId]
 */
async function ask(text, shortcutId) {
  const own = new AbortController();
  running = own;
  const before = views.at(-1);
  const turn = conversation.add(text, shortcutId);
  const view = addView(turn);
  if (before) update(before);
  update(view);
  scrollToEnd();
  showControls();
  moveFocus();
  conversation.save();
  try {
    await receive(turn, view, own.signal);
  } finally {
    if (running === own) finish(view);
  }
}

/** @param {TurnView} view */
function finish(view) {
  running = null;
  follow(view);
  showControls();
  conversation.save();
}

/**
 * Read the reply to the last turn into the turn.
 * @param {Turn} turn
 * @param {TurnView} view
 * @param {AbortSignal} signal
 */
async function receive(turn, view, signal) {
  const { prompt: text, shortcutId } = turn;
  const newMessage = shortcutId ? "" : text;
  const { chatId } = conversation;
  const messages = conversation.history();
  try {
    for await (const piece of site.submit({ chatId, messages, newMessage, shortcutId }, signal)) {
      take(turn, piece);
      followSoon(view);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof SiteError)) throw error;
    const { message, overLimit } = error;
    Object.assign(turn, { state: "failed", error: message, overLimit });
  }
}

/**
 * @param {Turn} turn
 * @param {import("./site.js").Piece} piece
 */
function take(turn, piece) {
  if (piece.kind === "text") {
    turn.reply += piece.text;
  } else if (piece.kind === "activity") {
    turn.activity.push(piece);
  } else {
    Object.assign(turn, { state: "done", shortcuts: piece.shortcuts });
    turn.reply = piece.text ?? turn.reply;
  }
}

function submit() {
  const text = prompt.value.trim();
  if (send.disabled || running) return;
  prompt.value = "";
  ask(text);
}

function retry() {
  const turn = conversation.takeBack();
  views.pop()?.elements.forEach((part) => part.remove());
  if (turn) ask(turn.prompt, turn.shortcutId);
}

/** @param {Shortcut} shortcut */
function press({ label, message, shortcutId }) {
  ask(message ?? label, shortcutId);
}

function startAnew() {
  running?.abort();
  running = null;
  conversation = new Conversation(greeting);
  conversation.save();
  showConversation();
  prompt.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
prompt.addEventListener("input", showControls);
prompt.addEventListener("keydown", (event) => {
  // While an input method composes a word, Enter accepts it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
});
stop.addEventListener("click", () => running?.abort());
element("new", HTMLButtonElement).addEventListener("click", startAnew);
addEventListener("pagehide", () => {
  running?.abort(); // or the reply would fail, for it cannot outlive the page
  conversation.save();
});
showConversation();
