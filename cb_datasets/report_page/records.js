// One record: its text, its facts, and links to the records of the same query.

// The index: set, number in the set, id, source, category, outcome, kind, tool, snippet,
// scenario, and the scenario that is its twin.
const SET = 0, NUMBER = 1, ID = 2, TOOL = 7, SNIPPET = 8, SCENARIO = 9, TWIN = 10;
const FIELDS = { set: 0, source: 3, category: 4, outcome: 5, kind: 6 };
const index = json("index");
const record = (n) => {
  const [why, messages, completion, prefill, injection, tools, promptTokens, completionTokens,
    controlTokens, facts, harmful, tokens] = held("bodies", n);
  return { why, messages, completion, prefill, injection, tools, promptTokens, completionTokens,
    controlTokens, facts, harmful, tokens };
};
const address = (n) => `#record=${encodeURIComponent(`${index[n][SET]}:${index[n][ID]}`)}`;
const link = (n) => {
  const node = make("a", "", `${titles[index[n][SET]]} ${plainly(index[n][ID])}`);
  node.href = address(n);
  return node;
};

// Records by scenario, and by the scenario that they name as their twin.
const ofScenario = new Map(), withTwin = new Map();
index.forEach((row, n) => {
  for (const [map, key] of [[ofScenario, row[SCENARIO]], [withTwin, row[TWIN]]]) {
    if (!key) continue;
    if (!map.has(key)) map.set(key, []);
    map.get(key).push(n);
  }
});
// What is left out has no messages to be compared with: it comes last.
const keptFirst = (found) => [...found.filter((n) => index[n][SET] !== "rejected"),
  ...found.filter((n) => index[n][SET] === "rejected")];
const twins = (n) => keptFirst(ofScenario.get(index[n][TWIN]) || []);
const attacks = (n) => (index[n][TWIN] ? [] : keptFirst(withTwin.get(index[n][SCENARIO]) || []));

const chips = (n) => {
  const row = index[n], r = record(n), box = make("div", "chips");
  box.append(make("span", `chip ${row[SET]}`, titles[row[SET]]));
  const lengths = [r.promptTokens === null ? "" : `prompt ${r.promptTokens} tokens`,
    r.completionTokens === null ? "" : `completion ${r.completionTokens} tokens`];
  for (const text of [row[FIELDS.outcome], row[FIELDS.kind], row[FIELDS.category],
    row[FIELDS.source], ...lengths]) {
    if (text) box.append(make("span", "chip", plainly(text)));
  }
  return box;
};
const reason = (n) => {
  const node = make("p", "why");
  write(node, record(n).why, true);
  return node;
};
const message = (r, [role, number, calls]) => {
  const box = make("div", "message"), body = make("div"), text = held("texts", number);
  const how = { plainTokens: !r.controlTokens, injection: r.injection };
  if (text) body.append(shown(text, how));
  if (calls) body.append(shown(`→ ${calls}`, { plainTokens: true }));
  box.append(make("div", "role", plainly(role)), body);
  return box;
};
const put = (into, title, node) => into.append(make("h4", "", title), node);

const LINKS = 5;
function putLinks(into, title, found, missing) {
  const list = make("ul", "links");
  const fill = (some) => list.replaceChildren(...some.map((n) => {
    const item = make("li");
    item.append(link(n), ` ${index[n][FIELDS.kind]}`);
    return item;
  }));
  fill(found.slice(0, LINKS));
  if (!found.length) list.append(make("li", "", missing));
  put(into, title, list);
  if (found.length > LINKS) {
    const more = button("more", `Show ${counted(found.length - LINKS)} more`, () => {
      fill(found);
      more.remove();
    });
    into.append(more);
  }
}

function showText(n, into) {
  const row = index[n], r = record(n);
  into.append(chips(n));
  put(into, { eval: "What is right", pairs: "Whose it is", rejected: "Why it is left out" }[row[SET]]
    || "Why it has its label", reason(n));
  if (row[TWIN]) {
    putLinks(into, "Benign twin", twins(n),
      `${plainly(row[TWIN])}: no record of it is in this page`);
  } else if (attacks(n).length) putLinks(into, "The same query under attack", attacks(n));
  if (r.messages.length) {
    const messages = make("div");
    messages.append(...r.messages.map((one) => message(r, one)));
    put(into, "Messages", messages);
  }
  if (r.prefill) {
    put(into, "Forced to begin with", shown(r.prefill, { className: "completion prefill" }));
  }
  if (row[SET] === "pairs") into.append(sides(r));
  else if (r.completion !== null) {
    put(into, "Completion", shown(r.completion, { className: "completion" }));
  }
  if (r.facts.length) put(into, "Facts", facts(r.facts));
  if (r.tools.length) put(into, "Tools on offer", tools(r.tools));
}

// The two sides of a pair beside each other.
function sides(r) {
  const grid = make("div", "pair");
  for (const [title, text] of [["Harmful", r.harmful], ["Right", r.completion]]) {
    const box = make("div", "side");
    put(box, title, text === null
      ? make("p", "note", "No harmful completion was sampled under this prompt.")
      : shown(text, { className: "completion" }));
    grid.append(box);
  }
  return grid;
}

function facts(found) {
  const table = make("table", "facts"), body = make("tbody");
  for (const [name, value] of found) {
    const line = make("tr"), head = make("th", "", name), cell = make("td");
    head.scope = "row";
    write(cell, value, true);
    line.append(head, cell);
    body.append(line);
  }
  table.append(body);
  return table;
}

function tools(found) {
  const box = make("div");
  for (const [name, number] of found) {
    const details = make("details");
    details.append(make("summary", "", plainly(name)));
    details.addEventListener("toggle", () => {
      if (details.children.length === 1) {
        details.append(shown(held("texts", number), { plainTokens: true }));
      }
    });
    box.append(details);
  }
  return box;
}
