// @ts-check
/** The site, in the dialect of the AI Engine plugin. */

/**
 * @typedef {{botId: ?string, customId: ?string, contextId: unknown, sessionId: ?string,
 *   restNonce: ?string, restUrl: string}} System
 * @typedef {{startSentence?: string, textInputMaxLength?: number}} Params
 * @typedef {{label: string, message?: string, shortcutId?: string}} Shortcut
 * @typedef {{id: string, role: string, content: string, who: string, timestamp: number}} Message
 * @typedef {{chatId: string, messages: Message[], newMessage: string, shortcutId?: string}} Turn
 * @typedef {{kind: "text", text: string} | {kind: "activity", name: string, text: string}
 *   | {kind: "end", text: ?string, shortcuts: Shortcut[]}} Piece
 */

const NONCE_CODES = ["rest_cookie_invalid_nonce", "rest_forbidden"];
const LOST = "The connection was lost. Is the server still running?";

/** What the site refuses or fails to do, in words for the reader. */
export class SiteError extends Error {
  /**
   * @param {string} message
   * @param {{code?: string, overLimit?: boolean}} [details]
   */
  constructor(message, { code = "", overLimit = false } = {}) {
    super(message);
    this.code = code;
    this.overLimit = overLimit;
  }
}

/**
 * Return what a page says about its chatbot.
 * @param {Document} page
 * @returns {{system: System, params: Params}}
 */
export function readPage(page) {
  const { system, params } = /** @type {HTMLElement} */ (page.querySelector("[data-system]")).dataset;
  return { system: JSON.parse(system ?? "{}"), params: JSON.parse(params ?? "{}") };
}

/** Sends messages with a nonce, and renews a nonce that is refused once. */
export class Site {
  /** @type {System} */ #system;
  /** @type {?string} Null before a session is opened; empty if the site needs none. */ #nonce;

  /** @param {System} system */
  constructor(system) {
    this.#system = system;
    this.#nonce = system.restNonce;
  }

  /**
   * Send a message and yield what the site answers while it arrives.
   * @param {Turn} turn
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Piece>}
   */
  async *submit(turn, signal) {
    const response = await this.#submit(turn, signal);
    this.#nonce = response.headers.get("X-WP-Nonce") ?? this.#nonce;
    for await (const event of readEvents(response)) {
      const piece = readEvent(event);
      if (piece) yield piece;
      if (piece?.kind === "end") {
        this.#nonce = event.newNonce ?? this.#nonce;
        return;
      }
    }
    throw new SiteError("The reply broke off before its end.");
  }

  /**
   * @param {Turn} turn
   * @param {AbortSignal} signal
   */
  async #submit(turn, signal) {
    for (let renewed = false; ; renewed = true) {
      this.#nonce ??= await this.#openSession(signal);
      const response = await this.#post("mwai-ui/v1/chats/submit", signal, {
        botId: this.#system.botId,
        customId: this.#system.customId,
        contextId: this.#system.contextId,
        session: this.#system.sessionId,
        ...turn,
        stream: true,
      });
      if (response.ok) return response;
      const error = await readFailure(response);
      if (renewed || !NONCE_CODES.includes(error.code)) throw error;
      this.#nonce = null;
    }
  }

  /**
   * Return a new nonce: from the page if it has one, else from `start_session`, which plugins before
   * version 2.0 do not have; they need no nonce.
   * @param {AbortSignal} signal
   * @returns {Promise<string>}
   */
  async #openSession(signal) {
    if (this.#system.restNonce) {
      const response = await reach(location.pathname, { cache: "no-store", signal });
      const page = new DOMParser().parseFromString(await readText(response), "text/html");
      return readPage(page).system.restNonce ?? "";
    }
    const response = await this.#post("mwai/v1/start_session", signal);
    if (response.status === 404) return "";
    if (!response.ok) throw await readFailure(response);
    const session = parse(await readText(response));
    if (!session) throw new SiteError("The site did not open a session.");
    this.#system.sessionId = session.sessionId;
    return session.restNonce;
  }

  /**
   * @param {string} route
   * @param {AbortSignal} signal
   * @param {object} [body]
   */
  #post(route, signal, body) {
    const root = new URL(this.#system.restUrl).pathname.replace(/\/$/, "");
    const headers = new Headers({ Accept: "text/event-stream", "Content-Type": "application/json" });
    if (this.#nonce) headers.set("X-WP-Nonce", this.#nonce);
    return reach(`${root}/${route}`, {
      method: "POST", headers, signal, body: body && JSON.stringify(body),
    });
  }
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function reach(path, options) {
  try {
    return await fetch(location.origin + path, options);
  } catch {
    throw new SiteError(LOST);
  }
}

/** @param {Response} response */
async function readText(response) {
  try {
    return await response.text();
  } catch {
    throw new SiteError(LOST);
  }
}

/**
 * Return the error that a response means.
 * @param {Response} response
 */
async function readFailure(response) {
  const answer = parse(await readText(response));
  const message = answer?.message ?? `The site answered with HTTP status ${response.status}.`;
  return new SiteError(String(message), answer ?? {});
}

/**
 * Yield the events of an answer; one that is JSON becomes an end event.
 * @param {Response} response
 * @returns {AsyncGenerator<any>}
 */
async function* readEvents(response) {
  const other = [];
  for await (const line of readLines(response)) {
    const event = line.startsWith("data:") ? parse(line.slice(5)) : null;
    if (event?.type === "end") {
      const answer = typeof event.data === "string" ? parse(event.data) : event.data;
      yield { ...event, data: answer, newNonce: answer?.new_token };
    } else if (event) {
      yield event;
    } else if (!line.startsWith("data:")) {
      other.push(line);
    }
  }
  const answer = parse(other.join("\n"));
  if (answer) yield { type: "end", data: answer, newNonce: answer.new_token };
}

/**
 * @param {Response} response
 * @returns {AsyncGenerator<string>}
 */
async function* readLines(response) {
  const body = response.body ?? new Blob([]).stream();
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  try {
    for (let next = await readNext(reader); !next.done; next = await readNext(reader)) {
      const lines = next.value.split("\n");
      lines[0] = line + lines[0];
      line = lines.pop() ?? "";
      yield* lines;
    }
    yield line;
  } finally {
    reader.cancel().catch(() => {}); // it has failed already if the connection has
  }
}

/** @param {ReadableStreamDefaultReader<string>} reader */
async function readNext(reader) {
  try {
    return await reader.read();
  } catch {
    throw new SiteError(LOST);
  }
}

/**
 * Return what an event means; null if there is nothing to show.
 * @param {any} event
 * @returns {?Piece}
 */
function readEvent(event) {
  const { type, data, subtype, visibility } = event;
  const text = typeof data === "string" ? data : "";
  if (type === "end") return readEnd(data);
  if (type === "error") throw new SiteError(text || data?.message || "The site failed.", event);
  if (type === "live" && (!subtype || subtype === "content")) return { kind: "text", text };
  if (!text || visibility === "hidden") return null;
  return { kind: "activity", name: String(subtype ?? type), text };
}

/**
 * @param {any} answer
 * @returns {Piece}
 */
function readEnd(answer) {
  if (answer?.approval) {
    throw new SiteError(`The chatbot needs an approval to use the tool ${answer.approval.tool}.`);
  }
  if (!answer?.success) throw new SiteError(answer?.message ?? "The site failed.", answer ?? {});
  const shortcuts = (answer.shortcuts ?? []).map((/** @type {any} */ item) => item?.data);
  return {
    kind: "end",
    text: typeof answer.reply === "string" ? answer.reply : null,
    shortcuts: shortcuts.filter((/** @type {any} */ item) => typeof item?.label === "string"),
  };
}

/**
 * Return the object that a JSON text has, or null.
 * @param {string} text
 * @returns {any}
 */
function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
