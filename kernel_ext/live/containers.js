// ps --watch: the containers, drawn anew when the kernel sends them; only the times go on by themselves.

function begin() {
  let rows = [];
  return {
    rows: () => rows,
    keep(message) {
      if (message.rows) rows = message.rows;
    },
    show,
  };
}

const TONES = { running: "green", created: "cyan", paused: "yellow", restarting: "blue", dead: "red" };
const tone = (row) => (row.state === "exited" ? (row.code ? "red" : "yellow") : (TONES[row.state] ?? "grey"));

function status(row) {
  const health = row.health && row.health !== "none" ? ` (${row.health})` : "";
  if (["running", "paused"].includes(row.state)) return `for ${ago((Date.now() - row.started) / 1000)}${health}`;
  if (row.code !== null) return `with ${row.code}, ${ago((Date.now() - row.finished) / 1000)} ago`;
  return "";
}

function show(body, { rows }) {
  let paused = false;
  const text = (title, name, value = (row) => row[name]) => ({
    title,
    value,
    draw(cell, row) {
      if (!cell.firstChild) cell.append(make("bdi"));
      if (cell.firstChild.textContent !== row[name]) cell.firstChild.textContent = row[name];
    },
  });
  const grid = new Grid(
    "Containers",
    [
      text("name", "name"),
      text("image", "image"),
      text("command", "command"),
      {
        title: "state",
        value: (row) => row.state,
        draw(cell, row) {
          if (!cell.firstChild) cell.append(make("span"), make("span"));
          const [badge, more] = cell.children;
          badge.className = `badge ${tone(row)}`;
          badge.textContent = row.state;
          more.textContent = ` ${status(row)}`;
        },
      },
      { title: "created", value: (row) => -row.created, text: (row) => `${ago((Date.now() - row.created) / 1000)} ago` },
      text("ports", "ports"),
      text("id", "id"),
    ],
    (row) => row.id,
  );
  const draw = () => {
    if (!paused) grid.draw(rows());
  };
  const clock = setInterval(draw, 1000);
  body.append(grid.element);
  const pause = toggle("Pause", false, (on) => {
    paused = on;
    draw();
  });
  return { draw, tools: [pause], close: () => clearInterval(clock) };
}

export default live(begin);
