// @ts-check
/**
 * Shows Markdown: paragraphs, headings, lists, quotes, code, tables, emphasis and links.
 *
 * Everything is built from DOM nodes and texts, so no text is ever read as HTML.
 */

import { inline } from "./inline.js";

/** @typedef {{kind: string, lines: string[]}} Block */

const MAX_DEPTH = 6;
const FENCE = /^ {0,3}(`{3,}|~{3,}(?!~))([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*)$/s;
const RULE = /^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(\s+|$)/;
const DELIMITERS = /^\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?$/;
const INDENTED = /^(?: {2,}|\t)/;

/** @type {WeakMap<Element, string>} */
const sources = new WeakMap();

/**
 * Show a text in an element. Blocks that have not changed since the last time stay as they are, with
 * what is selected or focused in them.
 * @param {Element} element
 * @param {string} text
 */
export function showMarkdown(element, text) {
  const blocks = split(text.split(/\r\n|\n|\r/));
  blocks.forEach((block, index) => {
    const source = JSON.stringify(block);
    const shown = element.children[index];
    if (shown && sources.get(shown) === source) return;
    const node = build(block, 0);
    sources.set(node, source);
    if (shown) shown.replaceWith(node);
    else element.append(node);
  });
  while (element.children.length > blocks.length) element.lastElementChild?.remove();
}

/**
 * @param {string[]} lines
 * @returns {Block[]}
 */
function split(lines) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const kind = kindOf(lines, at);
    const end = ENDS[kind](lines, at);
    blocks.push({ kind, lines: lines.slice(at, end) });
    at = end;
  }
  return blocks;
}

/**
 * @param {string[]} lines
 * @param {number} at
 */
function kindOf(lines, at) {
  const line = lines[at];
  if (FENCE.test(line)) return "code";
  if (HEADING.test(line)) return "heading";
  if (RULE.test(line)) return "rule";
  if (QUOTE.test(line)) return "quote";
  if (ITEM.test(line)) return "list";
  const next = lines[at + 1] ?? "";
  return line.includes("|") && next.includes("|") && DELIMITERS.test(next.trim()) ? "table" : "paragraph";
}

/**
 * Where the block that starts at a line ends, by its kind.
 * @type {Record<string, (lines: string[], at: number) => number>}
 */
const ENDS = {
  code(lines, at) {
    const mark = FENCE.exec(lines[at])?.[1] ?? "";
    const closes = (/** @type {string} */ line) => line.trim().startsWith(mark)
      && !line.trim().replaceAll(mark[0], "");
    const end = lines.findIndex((line, index) => index > at && closes(line));
    return end < 0 ? lines.length : end + 1;
  },
  heading: (_, at) => at + 1,
  rule: (_, at) => at + 1,
  quote: (lines, at) => endOfRun(lines, at, (line) => QUOTE.test(line)),
  table: (lines, at) => endOfRun(lines, at, (line) => line.includes("|")),
  paragraph: (lines, at) => endOfRun(
    lines, at, (line, index) => Boolean(line.trim()) && kindOf(lines, index) === "paragraph"),
  list(lines, at) {
    const ordered = isOrdered(lines[at]);
    const belongs = (/** @type {string} */ line) => INDENTED.test(line)
      || (ITEM.test(line) && !RULE.test(line) && isOrdered(line) === ordered);
    return endOfRun(lines, at, (line, index) => (
      line.trim() ? belongs(line) || goesOn(lines, index) : belongs(lines[index + 1] ?? "")));
  },
};

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {(line: string, index: number) => boolean} belongs
 */
function endOfRun(lines, at, belongs) {
  let end = at + 1;
  while (end < lines.length && belongs(lines[end], end)) end += 1;
  return end;
}

/**
 * Return whether a line continues the paragraph above it.
 * @param {string[]} lines
 * @param {number} at
 */
function goesOn(lines, at) {
  return Boolean(lines[at - 1].trim()) && kindOf(lines, at) === "paragraph";
}

/** @param {string} line */
function isOrdered(line) {
  return /^\s*\d/.test(line);
}

/**
 * @param {Block} block
 * @param {number} depth How many lists and quotes the block is in.
 * @returns {HTMLElement}
 */
function build(block, depth) {
  const { kind, lines } = block;
  if (kind === "code") return codeBlock(lines);
  if (kind === "rule") return make("hr");
  if (kind === "table") return table(lines);
  if (kind === "quote") return make("blockquote", children(lines.map(unquote), depth + 1));
  if (kind === "list") return list(lines, depth);
  if (kind === "heading") {
    const [, marks, text] = HEADING.exec(lines[0]) ?? ["", "", ""];
    // The page has the first level, and each message could have the second.
    return make(`h${Math.min(marks.length + 2, 6)}`, inline(text.trim().replace(/\s#+$/, "")));
  }
  return make("p", inline(lines.map((line) => line.trim()).join("\n")));
}

/**
 * @param {string[]} lines
 * @param {number} depth
 */
function children(lines, depth) {
  if (depth > MAX_DEPTH) return [document.createTextNode(lines.join("\n"))];
  return split(lines).map((block) => build(block, depth));
}

/** @param {string} line */
function unquote(line) {
  return line.replace(QUOTE, "");
}

/**
 * @param {string[]} lines
 * @param {number} depth
 */
function list(lines, depth) {
  const element = make(isOrdered(lines[0]) ? "ol" : "ul");
  if (element instanceof HTMLOListElement) element.start = parseInt(lines[0], 10);
  const loose = lines.some((line) => !line.trim());
  for (const item of items(lines)) {
    const nodes = children(item, depth + 1);
    const tight = nodes.flatMap((node) => (
      node instanceof HTMLParagraphElement && !loose ? [...node.childNodes] : [node]));
    element.append(make("li", tight));
  }
  return element;
}

/**
 * Return the lines of each item of a list, without its mark and its indentation.
 * @param {string[]} lines
 */
function items(lines) {
  /** @type {string[][]} */
  const found = [];
  const indentation = indentationOf(lines[0]);
  let width = 0;
  for (const line of lines) {
    const mark = ITEM.exec(line);
    if (mark && (!found.length || mark[1].length < indentation + 2)) {
      width = Math.min(mark[0].length, mark[1].length + mark[2].length + 1);
      found.push([line.slice(mark[0].length)]);
    } else {
      found.at(-1)?.push(line.slice(Math.min(width, indentationOf(line))));
    }
  }
  return found;
}

/** @param {string} line */
function indentationOf(line) {
  return line.length - line.trimStart().length;
}

/** @param {string[]} lines */
function table(lines) {
  const [head, , ...rows] = lines.map(cells);
  const body = rows.map((row) => make("tr", head.map((_, column) => (
    make("td", inline(row[column] ?? ""))))));
  const titles = head.map((cell) => make("th", inline(cell)));
  return make("div", [make("table", [
    make("thead", [make("tr", titles)]), make("tbody", body),
  ])], "table");
}

/** @param {string} line */
function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** @param {string[]} lines */
function codeBlock(lines) {
  const [, mark, info] = FENCE.exec(lines[0]) ?? ["", "", ""];
  const closed = lines.length > 1 && (lines.at(-1) ?? "").trim().startsWith(mark);
  const code = lines.slice(1, closed ? -1 : undefined).join("\n");
  const bar = make("div", [make("span", [info.trim().split(/\s/)[0]])], "bar");
  if (navigator.clipboard) bar.append(copyButton(code));
  const pre = make("pre", [make("code", [code])]);
  pre.tabIndex = 0; // scrolls by the keyboard
  return make("div", [bar, pre], "code");
}

/** @param {string} code */
function copyButton(code) {
  const button = make("button", ["Copy"], "quiet");
  button.setAttribute("type", "button");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
  });
  return button;
}

/**
 * @param {string} name
 * @param {Iterable<Node | string>} [content]
 * @param {string} [className]
 */
export function make(name, content = [], className = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  for (const node of content) element.append(node);
  return element;
}
