// logs -f: lines as they come; searched, chosen by stream and container, followed until one scrolls up.

function begin() {
  const state = { lines: [], names: [], ended: [], timestamps: false, kept: 5000 };
  return {
    state,
    keep(message) {
      if (message.whole) Object.assign(state, message, { lines: [] });
      state.lines.push(...(message.lines ?? []));
      if (state.lines.length > state.kept) state.lines.splice(0, state.lines.length - state.kept);
      if (message.ended) state.ended = message.ended;
    },
    show,
  };
}

function show(body, { state }) {
  let follow = true;
  let wanted = "";
  let shown = 0;
  const without = new Set(); // streams that are not shown: 0 stdout, 1 stderr
  const list = ownKeys(make("div", { class: "log", role: "log", "aria-live": "off", tabindex: "0", "aria-label": "lines of the log" }));
  const count = make("span", { class: "count", role: "status" });
  const search = make("input", { type: "search", placeholder: "Search", "aria-label": "Search in the lines" });

  // The runs of a line, with what is searched for marked.
  function* marked(text) {
    if (!wanted) return yield text;
    const low = text.toLowerCase();
    let from = 0;
    for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
      yield text.slice(from, at);
      yield make("mark", {}, text.slice(at, at + wanted.length));
      from = at + wanted.length;
    }
    yield text.slice(from);
  }

  const fits = ([, , stream, , runs]) =>
    !without.has(stream) && (!wanted || runs.map(([text]) => text).join("").toLowerCase().includes(wanted));

  function element([, number, stream, at, runs]) {
    const line = make("div", { class: stream === 1 ? "line err" : "line" });
    line.append(make("span", { class: "time" }, `${new Date(at).toISOString()} `));
    if (state.names.length > 1) {
      const name = make("bdi", { class: "name" }, state.names[number]);
      name.style.borderColor = colour(number);
      line.append(name, " ");
    }
    if (stream === 1) line.append(make("span", { class: "stream" }, "err"), " ");
    const text = make("bdi");
    for (const [piece, style] of runs) {
      const span = make("span", {}, ...marked(piece));
      if (style) span.style.cssText = style;
      text.append(span);
    }
    line.append(text);
    return line;
  }

  function end() {
    if (follow) list.scrollTop = list.scrollHeight;
    const total = state.lines.length;
    const ended = state.ended.length === state.names.length && total ? ", ended" : "";
    count.textContent = `${shown === total ? total : `${shown} of ${total}`} lines${ended}`;
  }

  function drawAll() {
    const chosen = state.lines.filter(fits);
    shown = chosen.length;
    list.replaceChildren(...chosen.map(element));
    end();
  }

  function draw(message) {
    if (message.whole) {
      list.classList.toggle("times", state.timestamps);
      press(times, state.timestamps);
      drawAll();
      return;
    }
    const chosen = (message.lines ?? []).filter(fits);
    list.append(...chosen.map(element));
    shown += chosen.length;
    while (shown > state.kept) {
      list.firstElementChild.remove();
      shown -= 1;
    }
    end();
  }

  const setFollow = (on) => {
    follow = on;
    press(following, on);
    if (on) list.scrollTop = list.scrollHeight;
  };
  const following = toggle("Follow", true, (on) => setFollow(on));
  const times = toggle("Times", false, (on) => list.classList.toggle("times", on));
  const wrap = toggle("Wrap", true, (on) => list.classList.toggle("long", !on));
  const stream = (label, number) =>
    toggle(label, true, (on) => {
      if (on) without.delete(number);
      else without.add(number);
      drawAll();
    });
  let before = 0;
  list.addEventListener("scroll", () => {
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
    if (list.scrollTop < before && !atEnd) setFollow(false);
    else if (atEnd && !follow) setFollow(true);
    before = list.scrollTop;
  });
  search.addEventListener("input", () => {
    wanted = search.value.toLowerCase();
    drawAll();
  });
  body.append(list);
  return { draw, tools: [search, following, times, wrap, stream("stdout", 0), stream("stderr", 1), count] };
}

export default live(begin);
