// What the page holds, and texts shown: special tokens, characters that hide, the injection.
// Every text of a record reaches the page as a text node, and never as markup.
const $ = (id) => document.getElementById(id);
const parsed = new Map();
const json = (id) => {
  if (!parsed.has(id)) parsed.set(id, JSON.parse($(id).textContent));
  return parsed.get(id);
};
const { piece, titles } = json("settings");
const held = (name, n) => json(`${name}-${Math.floor(n / piece)}`)[n % piece];

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const button = (className, text, onclick) => {
  const node = make("button", className, text);
  node.type = "button";
  node.onclick = onclick;
  return node;
};
const counted = (n) => n.toLocaleString("en");

const SPECIAL = /<\|[A-Za-z0-9_]+\|>/;
// Controls but tab and line feed, soft hyphen, zero-width, direction marks, separators, tags,
// lone surrogates.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}\ud800-\udfff]/u;
const PARTS = new RegExp(`(${SPECIAL.source})|(${HIDDEN.source})`, "gu");
const code = (c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
const plainly = (text) => text.replace(new RegExp(HIDDEN.source, "gu"), (c) => code(c));

function write(into, text, plainTokens) {
  let at = 0;
  for (const found of text.matchAll(PARTS)) {
    if (found.index > at) into.append(text.slice(at, found.index));
    at = found.index + found[0].length;
    if (found[1]) {
      const token = make("span", plainTokens ? "token plain" : "token", found[1]);
      if (plainTokens) token.title = "Plain text here: it was not encoded as a special token";
      into.append(token);
    } else {
      const char = make("span", "hidden-char", code(found[0]));
      char.title = "A character that does not show";
      into.append(char);
    }
  }
  if (at < text.length) into.append(text.slice(at));
}

const LONG = 6000;
function shown(text, { plainTokens = false, injection = "", className = "" } = {}) {
  const box = make("div");
  const pre = make("pre", `text ${className}`.trim());
  box.append(pre);
  const fill = (part) => {
    pre.replaceChildren();
    const start = injection ? part.indexOf(injection) : -1;
    if (start < 0) return write(pre, part, plainTokens);
    write(pre, part.slice(0, start), plainTokens);
    const mark = make("mark");
    mark.title = "The injected text";
    write(mark, injection, plainTokens);
    pre.append(mark);
    write(pre, part.slice(start + injection.length), plainTokens);
  };
  if (text.length <= LONG) {
    fill(text);
    return box;
  }
  // The injection is what a reader looks for: it is not cut off.
  const end = injection ? text.indexOf(injection) + injection.length : 0;
  const cut = Math.max(LONG, end + 400);
  fill(text.slice(0, cut));
  if (cut < text.length) {
    const more = button("more", `Show ${counted(text.length - cut)} more characters`, () => {
      fill(text);
      more.remove();
    });
    box.append(more);
  }
  return box;
}
