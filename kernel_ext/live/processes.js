// top --watch: a container's processes as a tree, with the pid here and the one inside.

function begin() {
  let rows = [];
  let more = 0;
  return {
    rows: () => rows,
    more: () => more,
    keep(message) {
      if (!message.rows) return;
      more = message.more;
      const names = ["pid", "inside", "user", "cpu", "memory", "threads", "state", "depth", "command"];
      rows = message.rows.map((row, place) => ({
        place,
        ...Object.fromEntries(row.map((value, number) => [names[number], value])),
      }));
    },
    show,
  };
}

function show(body, { rows, more }) {
  let paused = false;
  const number = (title, name, text = (row) => String(row[name])) => ({ title, number: true, value: (row) => row[name], text });
  const grid = new Grid(
    "Processes; by command is the tree",
    [
      {
        title: "command",
        value: (row) => row.place,
        draw(cell, row) {
          if (!cell.firstChild) cell.append(make("span", { class: "branch", "aria-hidden": "true" }), make("bdi"), make("span", { class: "aside" }));
          const [branch, command, said] = cell.children;
          branch.textContent = row.depth ? `${"  ".repeat(row.depth - 1)}└ ` : "";
          command.textContent = row.command;
          said.textContent = row.depth ? ` (level ${row.depth + 1})` : "";
        },
      },
      number("pid", "pid"),
      number("pid inside", "inside"),
      number("user", "user"),
      number("cpu", "cpu", (row) => `${row.cpu.toFixed(1)}%`),
      number("memory", "memory", (row) => size(row.memory, 1024)),
      number("threads", "threads"),
      { title: "state", value: (row) => row.state, text: (row) => row.state },
    ],
    (row) => row.pid,
    0,
  );
  const rest = make("p");
  const draw = () => {
    if (paused) return;
    grid.draw(rows());
    rest.textContent = more() ? `and ${more()} more processes` : "";
  };
  body.append(grid.element, rest);
  const pause = toggle("Pause", false, (on) => {
    paused = on;
    draw();
  });
  return { draw, tools: [pause] };
}

export default live(begin);
