// An attacked record beside its benign twin: what both have is shown once, across.

function showPair(n, into, chosen) {
  const others = index[n][TWIN] ? twins(n) : attacks(n);
  if (!others.length) {
    into.append(make("p", "note", index[n][TWIN]
      ? `No record of its twin, ${plainly(index[n][TWIN])}, is in this page.`
      : "No record of this page has the same query, once under attack and once without."));
    return;
  }
  const other = others.includes(chosen) ? chosen : others[0];
  const [attacked, benign] = index[n][TWIN] ? [n, other] : [other, n];
  if (others.length > 1) into.append(choice(n, into, others, other));
  const grid = make("div", "pair");
  grid.append(side(attacked, "Attacked"), side(benign, "Benign twin"));
  for (const [left, right] of aligned(record(attacked), record(benign))) grid.append(left, right);
  into.append(grid);
}

function choice(n, into, others, other) {
  const label = make("label", "beside", index[n][TWIN] ? "Twin " : "Attack ");
  const select = make("select");
  for (const one of others) {
    const option = make("option", "", `${titles[index[one][SET]]} ${plainly(index[one][ID])}`);
    option.value = String(one);
    option.selected = one === other;
    select.append(option);
  }
  select.onchange = () => {
    into.replaceChildren();
    showPair(n, into, Number(select.value));
    into.querySelector("select").focus();
  };
  label.append(select);
  return label;
}

function side(n, title) {
  const box = make("div", "side"), name = make("p", "name");
  name.append(link(n));
  box.append(make("h4", "", title), name, chips(n), reason(n));
  return box;
}

// Two cells for each place in the conversation, or one and nothing where both are the same.
function aligned(left, right) {
  const cells = [];
  const same = (a, b) => a && b && a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
  // On a narrow screen the two stand one below the other: each says whose it is.
  const cell = (r, whose, one) => (one
    ? message(r, [`${one[0]}, ${whose}`, ...one.slice(1)])
    : make("p", "note", `${whose === "twin" ? "The twin" : "The attacked row"} has no such message.`));
  for (let at = 0; at < Math.max(left.messages.length, right.messages.length); at++) {
    const [a, b] = [left.messages[at], right.messages[at]];
    if (same(a, b)) {
      const both = make("div", "both");
      both.append(make("p", "note", "in both"), message(left, a));
      cells.push([both, ""]);
    } else cells.push([cell(left, "attacked", a), cell(right, "twin", b)]);
  }
  const said = (r, whose) => {
    const box = make("div");
    if (r.prefill) {
      put(box, `Forced to begin with, ${whose}`, shown(r.prefill, { className: "completion prefill" }));
    }
    if (r.completion !== null) {
      put(box, `Completion, ${whose}`, shown(r.completion, { className: "completion" }));
    }
    return box;
  };
  cells.push([said(left, "attacked"), said(right, "twin")]);
  return cells;
}
