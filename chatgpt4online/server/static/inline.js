// @ts-check
/** The part of Markdown that is within a line: emphasis, code, links and line breaks. */

const TOKEN = new RegExp(
  [
    /\\([!-/:-@[-`{-~])/, // 1: an escaped character
    /(`+)/, // 2: the beginning of code
    /!?\[([^[\]\n]{1,500})\]\((?:<([^<>\s]{1,2000})>|((?:[^\s()]|\([^\s()]{0,500}\)){1,2000}))\)/, // 3: label, 4, 5: address
    /(?<!\w)(https?:\/\/[^\s<>"`]{1,2000})/, // 6: an address
    /(\*\*\*|\*\*|\*|~~|___|__|_)/, // 7: emphasis
    /(\n)/, // 8
  ].map((part) => part.source).join("|"),
  "g",
);
const MAX_LENGTH = 20_000;
/** @type {Record<string, string[]>} */
const ELEMENTS = {
  "*": ["em"], _: ["em"], "**": ["strong"], __: ["strong"], "~~": ["del"],
  "***": ["strong", "em"], ___: ["strong", "em"],
};

/** @typedef {{mark: string, nodes: (Node | string)[]}} Level */

/**
 * Return the nodes that show a text. One that is longer than any paragraph is shown as it is.
 * @param {string} text
 * @param {boolean} [links] Whether links are clickable.
 * @returns {(Node | string)[]}
 */
export function inline(text, links = true) {
  if (text.length > MAX_LENGTH) return [text];
  /** @type {Level[]} */
  const levels = [{ mark: "", nodes: [] }];
  const add = (/** @type {(Node | string)[]} */ ...nodes) => levels.at(-1)?.nodes.push(...nodes);
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text);
    if (!token) break;
    add(text.slice(at, token.index));
    const [whole, escaped, ticks, label, first, second, address, mark] = token;
    at = token.index + whole.length;
    if (escaped) add(escaped);
    else if (ticks) at = addCode(text, ticks, at, add);
    else if (label) add(link(label, first ?? second, whole, links));
    else if (address) at -= addAddress(address, links, add);
    else if (mark) emphasize(levels, mark, text[token.index - 1] ?? " ", text[at] ?? " ");
    else add(document.createElement("br"));
  }
  add(text.slice(at));
  while (levels.length > 1) takeBack(levels);
  return levels[0].nodes;
}

/**
 * Add the code between two runs of as many backticks; return where it ends.
 * @param {string} text
 * @param {string} ticks
 * @param {number} start
 * @param {(...nodes: (Node | string)[]) => void} add
 */
function addCode(text, ticks, start, add) {
  const run = new RegExp(`(?<!\`)${ticks}(?!\`)`, "g");
  run.lastIndex = start;
  const end = run.exec(text);
  if (!end) {
    add(ticks);
    return start;
  }
  const code = document.createElement("code");
  code.textContent = text.slice(start, end.index).trim();
  add(code);
  return end.index + ticks.length;
}

/**
 * Add a link that is its own label; return how many characters at its end are not part of it.
 * @param {string} address
 * @param {boolean} links
 * @param {(...nodes: (Node | string)[]) => void} add
 */
function addAddress(address, links, add) {
  const balanced = address.includes("(") ? address : address.replace(/\).*$/, "");
  const trimmed = balanced.replace(/[.,:;!?'*_~]+$/, "");
  add(link(trimmed, trimmed, trimmed, links, true));
  return address.length - trimmed.length;
}

/**
 * Return a link, or what was written if it leads anywhere but to a web page.
 * @param {string} label
 * @param {string} address
 * @param {string} written
 * @param {boolean} links
 * @param {boolean} [plain] Whether the label is not Markdown.
 * @returns {Node | string}
 */
function link(label, address, written, links, plain = false) {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!links || !url || !["http:", "https:"].includes(url.protocol)) return written;
  const anchor = document.createElement("a");
  anchor.href = url.href;
  anchor.title = url.href;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer";
  anchor.append(...(plain ? [label] : inline(label, false)));
  return anchor;
}

/**
 * Begin or end an emphasis, or add its mark as text.
 * @param {Level[]} levels
 * @param {string} mark
 * @param {string} before
 * @param {string} after
 */
function emphasize(levels, mark, before, after) {
  const insideWord = mark.startsWith("_") && /\w/.test(before) && /\w/.test(after);
  const open = levels.findLastIndex((level) => level.mark === mark);
  if (open > 0 && /\S/.test(before) && !insideWord) {
    while (levels.length > open + 1) takeBack(levels);
    const { nodes } = /** @type {Level} */ (levels.pop());
    levels[open - 1].nodes.push(wrap(ELEMENTS[mark], nodes));
  } else if (open < 0 && /\S/.test(after) && !insideWord) {
    levels.push({ mark, nodes: [] });
  } else {
    levels.at(-1)?.nodes.push(mark);
  }
}

/**
 * Turn an emphasis that does not end into its mark and its text.
 * @param {Level[]} levels
 */
function takeBack(levels) {
  const { mark, nodes } = /** @type {Level} */ (levels.pop());
  levels.at(-1)?.nodes.push(mark, ...nodes);
}

/**
 * @param {string[]} names
 * @param {(Node | string)[]} nodes
 * @returns {Node}
 */
function wrap([name, ...inner], nodes) {
  const element = document.createElement(name);
  element.append(...(inner.length ? [wrap(inner, nodes)] : nodes));
  return element;
}
