"use strict";
// Every text of a record reaches the page as a text node, and never as markup.
(() => {
  const $ = (id) => document.getElementById(id);
  const parsed = new Map();
  const json = (id) => {
    if (!parsed.has(id)) parsed.set(id, JSON.parse($(id).textContent));
    return parsed.get(id);
  };
  const { piece, titles } = json("settings");
  const held = (name, n) => json(`${name}-${Math.floor(n / piece)}`)[n % piece];

  // The index: set, number in the set, id, source, category, outcome, kind, tool, snippet.
  const SET = 0, NUMBER = 1, ID = 2, TOOL = 7, SNIPPET = 8;
  const FIELDS = { set: 0, source: 3, category: 4, outcome: 5, kind: 6 };
  const index = json("index");
  const record = (n) => {
    const [why, messages, completion, prefill, injection, tools, promptTokens, completionTokens,
      controlTokens, facts] = held("bodies", n);
    return { why, messages, completion, prefill, injection, tools, promptTokens, completionTokens,
      controlTokens, facts };
  };

  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  // ---- texts: special tokens, characters that hide, the injection ----
  const SPECIAL = /<\|[A-Za-z0-9_]+\|>/;
  // Controls but tab and line feed, soft hyphen, zero-width, direction marks, separators, tags,
  // lone surrogates.
  const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}\ud800-\udfff]/u;
  const PARTS = new RegExp(`(${SPECIAL.source})|(${HIDDEN.source})`, "gu");
  // Ids of one source begin alike: what tells them apart is nearer to the end.
  const short = (id, source) => {
    const own = (id.startsWith(`${source}/`) ? id.slice(source.length + 1) : id)
      .replace(/#sample(\d+)$/, "#$1");
    return own.length > 68 ? `${own.slice(0, 22)}…${own.slice(-45)}` : own;
  };
  const plainly = (text) => text.replace(new RegExp(HIDDEN.source, "gu"), (c) => code(c));
  const code = (c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

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
    if (text.length <= LONG) fill(text);
    else {
      // The injection is what a reader looks for: it is not cut off.
      const end = injection ? text.indexOf(injection) + injection.length : 0;
      const cut = Math.max(LONG, end + 400);
      fill(text.slice(0, cut));
      if (cut < text.length) {
        const rest = (text.length - cut).toLocaleString("en");
        const more = make("button", "more", `Show ${rest} more characters`);
        more.type = "button";
        more.onclick = () => { fill(text); more.remove(); };
        box.append(more);
      }
    }
    return box;
  }

  // ---- the record ----
  const article = $("record");
  const put = (title, node) => { article.append(make("h4", "", title), node); };

  function open(n) {
    const row = index[n], r = record(n);
    article.replaceChildren();
    const back = make("a", "back", "Back to the list");
    back.href = "#list";
    back.onclick = (event) => { event.preventDefault(); list.focus(); list.scrollIntoView(); };
    article.append(back, make("h3", "", plainly(row[ID])));
    const chips = make("div", "chips");
    chips.append(make("span", `chip ${row[SET]}`, titles[row[SET]]));
    const lengths = [r.promptTokens === null ? "" : `prompt ${r.promptTokens} tokens`,
      r.completionTokens === null ? "" : `completion ${r.completionTokens} tokens`];
    for (const text of [row[FIELDS.outcome], row[FIELDS.kind], row[FIELDS.category],
      row[FIELDS.source], ...lengths]) {
      if (text) chips.append(make("span", "chip", plainly(text)));
    }
    article.append(chips);
    const why = make("p", "why");
    write(why, r.why, true);
    put({ eval: "What is right", rejected: "Why it is left out" }[row[SET]] || "Why it has its label", why);
    if (r.messages.length) {
      const messages = make("div");
      for (const [role, number, calls] of r.messages) {
        const message = make("div", "message");
        const body = make("div");
        const text = held("texts", number);
        const how = { plainTokens: !r.controlTokens, injection: r.injection };
        if (text) body.append(shown(text, how));
        if (calls) body.append(shown(`→ ${calls}`, { plainTokens: true }));
        message.append(make("div", "role", plainly(role)), body);
        messages.append(message);
      }
      put("Messages", messages);
    }
    if (r.prefill) put("Forced to begin with", shown(r.prefill, { className: "completion prefill" }));
    if (r.completion !== null) put("Completion", shown(r.completion, { className: "completion" }));
    if (r.facts.length) {
      const table = make("table", "facts"), body = make("tbody");
      for (const [name, value] of r.facts) {
        const line = make("tr"), head = make("th", "", name), cell = make("td");
        head.scope = "row";
        write(cell, value, true);
        line.append(head, cell);
        body.append(line);
      }
      table.append(body);
      put("Facts", table);
    }
    if (r.tools.length) {
      const tools = make("div");
      for (const [name, number] of r.tools) {
        const details = make("details");
        details.append(make("summary", "", plainly(name)));
        details.addEventListener("toggle", () => {
          if (details.children.length === 1) {
            details.append(shown(held("texts", number), { plainTokens: true }));
          }
        });
        tools.append(details);
      }
      put("Tools on offer", tools);
    }
  }

  // ---- the list: only the rows in view are in the page ----
  const ROW = 84;
  const list = $("list"), rows = $("rows");
  let found = index.map((_, n) => n), current = -1;

  function draw() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4);
    const last = Math.min(found.length, first + Math.ceil(list.clientHeight / ROW) + 8);
    const nodes = [];
    for (let place = first; place < last; place++) {
      const n = found[place], row = index[n];
      const node = make("div", `row ${row[SET]}`);
      node.id = `row-${n}`;
      node.setAttribute("role", "option");
      node.setAttribute("aria-selected", String(n === current));
      node.setAttribute("aria-setsize", String(found.length));
      node.setAttribute("aria-posinset", String(place + 1));
      node.style.top = `${place * ROW}px`;
      const words = [titles[row[SET]], row[FIELDS.outcome] || "", row[FIELDS.kind],
        row[FIELDS.category], row[TOOL]].filter(Boolean).join(" · ");
      node.append(make("div", "id", plainly(short(row[ID], row[FIELDS.source]))), make("div", "what", plainly(words)),
        make("div", "said", row[SNIPPET]));
      node.onclick = () => select(n, { intoView: true });
      nodes.push(node);
    }
    rows.style.height = `${found.length * ROW}px`;
    rows.replaceChildren(...nodes);
    if ($(`row-${current}`)) list.setAttribute("aria-activedescendant", `row-${current}`);
    else list.removeAttribute("aria-activedescendant");
  }

  function select(n, { intoView = false, keepAddress = false } = {}) {
    current = n;
    if (n === undefined || n < 0) {
      current = -1;
      article.replaceChildren(make("p", "note", "No record matches."));
      return draw();
    }
    const top = found.indexOf(n) * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) {
      list.scrollTop = top + ROW - list.clientHeight;
    }
    open(n);
    draw();
    if (!keepAddress) {
      const address = `#record=${encodeURIComponent(`${index[n][SET]}:${index[n][ID]}`)}`;
      try { history.replaceState(null, "", address); } catch { /* a file the browser isolates */ }
    }
    if (intoView && article.getBoundingClientRect().top > window.innerHeight * 0.8) {
      article.scrollIntoView();
    }
  }

  function step(by) {
    if (!found.length) return;
    const place = found.indexOf(current) + by;
    select(found[Math.min(Math.max(place, 0), found.length - 1)]);
  }

  // ---- filters ----
  const selects = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, $(`f-${name}`)]));
  const asked = () => Object.entries(selects).filter(([, s]) => s.value !== "");

  function options() {
    for (const [name, choice] of Object.entries(selects)) {
      const counts = new Map();
      for (const row of index) counts.set(row[FIELDS[name]], (counts.get(row[FIELDS[name]]) || 0) + 1);
      const all = make("option", "", "all");
      all.value = "";
      choice.replaceChildren(all);
      for (const [value, count] of [...counts].sort((a, b) => b[1] - a[1])) {
        if (!value) continue;
        const label = name === "set" ? titles[value] : plainly(value);
        const option = make("option", "", `${label} (${count.toLocaleString("en")})`);
        option.value = value;
        choice.append(option);
      }
    }
  }

  let lowered = null;
  function matches(query) {
    // Each text is searched once, in however many records it stands.
    if (lowered === null) {
      lowered = [];
      for (let p = 0; $(`texts-${p}`); p++) {
        for (const text of json(`texts-${p}`)) lowered.push(text.toLowerCase());
      }
    }
    const texts = new Set();
    lowered.forEach((text, number) => { if (text.includes(query)) texts.add(number); });
    return (n) => {
      if (index[n].some((own) => String(own).toLowerCase().includes(query))) return true;
      const r = record(n);
      return [r.why, r.completion || "", r.prefill].some((own) => own.toLowerCase().includes(query))
        || r.messages.some(([, number, calls]) => texts.has(number) || calls.toLowerCase().includes(query))
        || r.facts.some(([, value]) => value.toLowerCase().includes(query))
        || r.tools.some(([, number]) => texts.has(number));
    };
  }

  function filter(keep) {
    const query = $("q").value.trim().toLowerCase();
    const wanted = asked();
    found = index.map((_, n) => n)
      .filter((n) => wanted.every(([name, s]) => index[n][FIELDS[name]] === s.value));
    if (query) found = found.filter(matches(query));
    $("status").textContent = found.length === index.length
      ? `${index.length.toLocaleString("en")} records`
      : `${found.length.toLocaleString("en")} of ${index.length.toLocaleString("en")} records`;
    list.scrollTop = 0;
    const stays = keep !== undefined && found.includes(keep);
    select(stays ? keep : found[0], { keepAddress: true });
  }

  function fromAddress() {
    if (!location.hash.startsWith("#record=")) return false;
    let wanted;
    try { wanted = decodeURIComponent(location.hash.slice(8)); } catch { return false; }
    const n = index.findIndex((row) => `${row[SET]}:${row[ID]}` === wanted);
    if (n < 0) return false;
    if (!found.includes(n)) { form.reset(); filter(n); }
    select(n, { keepAddress: true });
    $("browser").scrollIntoView();
    return true;
  }

  // ---- what people do ----
  const form = document.querySelector(".filters");
  let waiting = 0;
  $("q").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => filter(current), 120);
  });
  for (const choice of Object.values(selects)) choice.addEventListener("change", () => filter(current));
  form.addEventListener("submit", (event) => { event.preventDefault(); filter(current); });
  form.addEventListener("reset", () => setTimeout(() => filter(current)));
  list.addEventListener("scroll", draw, { passive: true });
  window.addEventListener("resize", draw);
  window.addEventListener("hashchange", fromAddress);
  for (const link of document.querySelectorAll("[data-filter]")) {
    link.addEventListener("click", () => {
      form.reset();
      selects[link.dataset.filter].value = JSON.parse(link.dataset.value);
      setTimeout(() => { filter(); $("browser").scrollIntoView(); list.focus({ preventScroll: true }); });
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (typing) {
      if (event.key === "Escape" && event.target.id === "q") list.focus();
      return;
    }
    const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
    const steps = { j: 1, k: -1 };
    if (event.target === list) {
      Object.assign(steps, { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page,
        Home: -Infinity, End: Infinity });
    }
    if (event.key in steps) {
      event.preventDefault();
      const by = steps[event.key];
      if (Number.isFinite(by)) step(by);
      else if (found.length) select(by < 0 ? found[0] : found[found.length - 1]);
    } else if (event.key === "/") {
      event.preventDefault();
      $("q").focus();
    } else if (event.key === "Enter" && event.target === list) {
      article.focus();
      article.scrollIntoView({ block: "nearest" });
    }
  });

  $("browser").hidden = false;
  options();
  filter();
  fromAddress();
})();
