// @ts-check
/** What was said, kept in the tab's own storage. */

/**
 * @typedef {import("./site.js").Shortcut} Shortcut
 * @typedef {import("./site.js").Message} Message
 *
 * One message of the user and the reply to it. A turn is stopped until it is done or has failed, so
 * a reply that the page was closed on is found as stopped.
 * @typedef {{prompt: string, shortcutId?: string, reply: string, state: "done"|"stopped"|"failed",
 *   error: string, overLimit: boolean, activity: {name: string, text: string}[],
 *   shortcuts: Shortcut[]}} Turn
 */

const KEY = "chatgpt4online.conversation";

/** A conversation, which begins with what the chatbot says first. */
export class Conversation {
  /** @type {Turn[]} */ turns = [];
  chatId = newId();

  /** @param {string} greeting */
  constructor(greeting) {
    this.greeting = greeting;
  }

  /**
   * Return the conversation that the tab has kept, or a new one.
   * @param {string} greeting
   */
  static load(greeting) {
    const conversation = new Conversation(greeting);
    try {
      const { chatId, turns } = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
      if (chatId && Array.isArray(turns)) Object.assign(conversation, { chatId, turns });
    } catch {
      // It was kept by something else.
    }
    return conversation;
  }

  save() {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ chatId: this.chatId, turns: this.turns }));
    } catch {
      // The storage is full or switched off: the conversation lasts as long as the page.
    }
  }

  /**
   * Add a turn.
   * @param {string} prompt
   * @param {string} [shortcutId]
   * @returns {Turn}
   */
  add(prompt, shortcutId) {
    // The site may have kept a whole reply where this page has a part of it or none. Under another
    // id it goes by what this page sends.
    const last = this.turns.at(-1);
    if (last && last.state !== "done") this.chatId = newId();
    /** @type {Turn} */
    const turn = {
      prompt, shortcutId, reply: "", state: "stopped", error: "", overLimit: false, activity: [],
      shortcuts: [],
    };
    this.turns.push(turn);
    return turn;
  }

  /** Take back the last turn, to send it again. */
  takeBack() {
    this.chatId = newId();
    return this.turns.pop();
  }

  /**
   * Return the messages before the last turn, without the turns that had no reply.
   * @returns {Message[]}
   */
  history() {
    const messages = this.greeting ? [message("assistant", this.greeting)] : [];
    for (const turn of this.turns.slice(0, -1)) {
      if (turn.reply && turn.state !== "failed") {
        messages.push(message("user", turn.prompt), message("assistant", turn.reply));
      }
    }
    return messages;
  }
}

/**
 * @param {"user"|"assistant"} role
 * @param {string} content
 * @returns {Message}
 */
function message(role, content) {
  const who = role === "user" ? "User: " : "AI: ";
  return { id: newId(), role, content, who, timestamp: Date.now() };
}

function newId() {
  // Not randomUUID, which pages on plain HTTP do not have.
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
