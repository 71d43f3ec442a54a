// The tokens of a record, one by one, and what each is: sampled, tool name, injection.

const KINDS = {
  sampled: "sampled by the model", name: "tool name", injection: "injection",
  prefill: "forced beginning", header: "header",
};
const MANY = 600;

function showTokens(n, into) {
  const { tokens } = record(n);
  into.append(chips(n));
  if (typeof tokens === "number") {
    const why = plainly(held("texts", tokens));
    into.append(make("p", "note", `${why[0].toUpperCase()}${why.slice(1)}.`));
    return;
  }
  into.append(legend(tokens, into));
  let turn = null;
  for (const [role, first, marks, number] of tokens) {
    if (first || turn === null) {
      const box = make("div", "message");
      turn = make("div", "text tokens");
      box.append(make("div", "role", plainly(role)), turn);
      into.append(box);
    }
    turn.append(run(held("runs", number), marks));
  }
}

// How many tokens are what; each is a button that goes to the first.
function legend(tokens, into) {
  const counts = new Map();
  for (const [, , marks, number] of tokens) {
    for (const mark of marks ? marks.split(" ") : [""]) {
      counts.set(mark, (counts.get(mark) || 0) + held("runs", number).length);
    }
  }
  const list = make("ul", "legend");
  for (const [mark, words] of [...Object.entries(KINDS), ["", "prompt"]]) {
    if (!counts.has(mark)) continue;
    const item = make("li");
    const goes = () => into.querySelector(`.tokens .${mark}`).scrollIntoView({ block: "center" });
    item.append(mark ? button(`run ${mark}`, words, goes) : make("span", "", words),
      ` ${counted(counts.get(mark))}`);
    list.append(item);
  }
  return list;
}

function run(places, marks) {
  const box = make("span", `run ${marks}`.trim());
  if (marks) {
    // Who hears the page is told, too.
    box.title = marks.split(" ").map((mark) => KINDS[mark]).join(", ");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", box.title);
  }
  if (marks || places.length <= MANY) {
    box.append(...places.map(token));
    return box;
  }
  // Tools stand first in a turn, and the user's words last.
  const rest = places.slice(MANY / 2, -MANY / 2);
  const more = button("more", `Show ${counted(rest.length)} more tokens`, () => {
    more.replaceWith(...rest.map(token));
  });
  box.append(...places.slice(0, MANY / 2).map(token), more, ...places.slice(-MANY / 2).map(token));
  return box;
}

function token(place) {
  const [id, text] = json("vocabulary")[place];
  const node = make("span", "t");
  node.title = `token ${id}`;
  // A byte that is no character by itself; and a line break, which would not be seen.
  const seen = text.replace(/[\udc80-\udcff]/g, (c) => `\\x${(c.charCodeAt(0) - 0xdc00).toString(16)}`)
    .replaceAll("\n", "↵\n");
  write(node, seen, false);
  return node;
}
