// The list of records, filters, keys, and which view of a record is open.

// ---- the record, in one of three views ----
const VIEWS = { text: showText, pair: showPair, tokens: showTokens };
const article = $("record"), content = $("content");
const views = [...document.querySelectorAll("[data-view]")];
const VIEWS_BY_KEY = { x: "text", p: "pair", t: "tokens" };
let view = "text";

function open(n) {
  const back = make("a", "back", "Back to the list");
  back.href = "#list";
  back.onclick = (event) => { event.preventDefault(); list.focus(); list.scrollIntoView(); };
  content.replaceChildren(back, make("h3", "", plainly(index[n][ID])));
  const box = make("div");
  content.append(box);
  VIEWS[view](n, box);
}

function look(name) {
  view = name;
  for (const one of views) one.setAttribute("aria-pressed", String(one.dataset.view === name));
  if (current >= 0) open(current);
}

// ---- the list: only the rows in view are in the page ----
// Ids are shown whole: a row is as high as its id needs, in letters of one width. Beside an id
// are the row's edges, below it the two lines that say what the row is; in pixels.
const EDGES = 26, BELOW = 47;
const list = $("list"), rows = $("rows");
let found = index.map((_, n) => n), current = -1, tops = [0];

function measure() {
  const letters = make("div", "id");
  letters.append(make("span", "", "0".repeat(100)));
  rows.replaceChildren(letters);
  const written = [...letters.firstChild.getClientRects()];
  const letter = written.reduce((sum, one) => sum + one.width, 0) / 100;
  const line = letters.getBoundingClientRect().height / written.length;
  const room = Math.max(8, Math.floor((list.clientWidth - EDGES) / letter));
  tops = [0];
  for (const n of found) {
    const id = plainly(index[n][ID]);
    // Letters of other scripts may be twice as wide.
    const wide = id.replace(/[ -~]/g, "").length;
    const lines = Math.ceil((id.length + wide) / (wide ? room - 1 : room));
    tops.push(tops.at(-1) + Math.max(1, lines) * line + BELOW);
  }
  rows.style.height = `${tops.at(-1)}px`;
}

function placeAt(top) {
  let low = 0, high = found.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tops[middle + 1] <= top) low = middle + 1;
    else high = middle;
  }
  return low;
}

function draw() {
  const first = Math.max(0, placeAt(list.scrollTop) - 3);
  const last = Math.min(found.length, placeAt(list.scrollTop + list.clientHeight) + 4);
  const nodes = [];
  for (let place = first; place < last; place++) {
    const n = found[place], row = index[n];
    const node = make("div", `row ${row[SET]}`);
    node.id = `row-${n}`;
    node.setAttribute("role", "option");
    node.setAttribute("aria-selected", String(n === current));
    node.setAttribute("aria-setsize", String(found.length));
    node.setAttribute("aria-posinset", String(place + 1));
    node.style.top = `${tops[place]}px`;
    node.style.height = `${tops[place + 1] - tops[place]}px`;
    const words = [titles[row[SET]], row[FIELDS.outcome] || "", row[FIELDS.kind],
      row[FIELDS.category], row[TOOL]].filter(Boolean).join(" · ");
    node.append(make("div", "id", plainly(row[ID])), make("div", "what", plainly(words)),
      make("div", "said", row[SNIPPET]));
    node.onclick = () => select(n, { intoView: true });
    nodes.push(node);
  }
  rows.replaceChildren(...nodes);
  if ($(`row-${current}`)) list.setAttribute("aria-activedescendant", `row-${current}`);
  else list.removeAttribute("aria-activedescendant");
}

// Once a reader stays with a record: browsers refuse hundreds of addresses a minute.
let telling = 0;
function tellAddress() {
  if (current < 0) return;
  try { history.replaceState(null, "", address(current)); } catch { /* a file the browser isolates */ }
}

function select(n, { intoView = false, keepAddress = false } = {}) {
  current = n;
  if (n === undefined || n < 0) {
    current = -1;
    content.replaceChildren(make("p", "note", "No record matches."));
    return draw();
  }
  const [top, bottom] = tops.slice(found.indexOf(n), found.indexOf(n) + 2);
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) {
    list.scrollTop = bottom - list.clientHeight;
  }
  open(n);
  draw();
  clearTimeout(telling);
  if (!keepAddress) telling = setTimeout(tellAddress, 150);
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
  measure();
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
window.addEventListener("resize", () => { measure(); draw(); });
window.addEventListener("hashchange", () => {
  if (fromAddress()) article.focus({ preventScroll: true });
});
for (const one of views) one.addEventListener("click", () => look(one.dataset.view));
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
  const page = Math.max(1, placeAt(list.scrollTop + list.clientHeight) - placeAt(list.scrollTop) - 1);
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
  } else if (event.key in VIEWS_BY_KEY) {
    look(VIEWS_BY_KEY[event.key]);
  } else if (event.key === "Enter" && event.target === list) {
    article.focus();
    article.scrollIntoView({ block: "nearest" });
  }
});

$("browser").hidden = false;
options();
filter();
fromAddress();
