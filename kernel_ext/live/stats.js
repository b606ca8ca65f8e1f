// stats: a row for each container with meters, and five charts over time.

const KEPT_MS = 15 * 60 * 1000;
const NAMES = ["id", "name", "cpu", "memory", "limit", "rx", "tx", "read", "write", "pids"];

function begin() {
  const moments = []; // { at, rows }
  const numbers = new Map(); // a container's line keeps its colour
  return {
    moments,
    numbers,
    keep(message) {
      if (message.whole) moments.length = 0;
      for (const [at, rows] of message.moments) {
        const named = rows.map((row) => Object.fromEntries(row.map((value, place) => [NAMES[place], value])));
        moments.push({ at, rows: named });
        for (const row of named) if (!numbers.has(row.id)) numbers.set(row.id, numbers.size);
      }
      const last = moments.at(-1)?.at ?? 0;
      while (moments.length && moments[0].at < last - KEPT_MS) moments.shift();
    },
    show,
  };
}

function show(body, { moments, numbers }) {
  let paused = false;
  let windowMs = 60_000;
  const hidden = new Set();

  const meter = (cell, share, text, label) => {
    if (!cell.firstChild) {
      const said = make("span", { class: text.includes("/") ? "pair" : "" });
      cell.append(make("meter", { min: "0", max: "1", high: "0.9", low: "0.5", optimum: "0" }), said);
    }
    const [bar, said] = cell.children;
    bar.value = Math.min(1, share);
    bar.setAttribute("aria-label", label);
    if (said.textContent !== text) said.textContent = text;
  };

  const grid = new Grid(
    "What containers use now",
    [
      {
        title: "container",
        value: (row) => row.name,
        draw(cell, row) {
          if (cell.firstChild) return;
          const box = make("input", { type: "checkbox" });
          box.checked = !hidden.has(row.id);
          box.addEventListener("change", () => {
            if (box.checked) hidden.delete(row.id);
            else hidden.add(row.id);
            drawCharts();
          });
          const mark = make("span", { "aria-hidden": "true", class: "mark" }, "■");
          mark.style.color = colour(numbers.get(row.id));
          cell.append(make("label", { title: "show in the charts" }, box, mark, make("bdi", {}, row.name)));
        },
      },
      {
        title: "cpu",
        number: true,
        value: (row) => row.cpu,
        draw: (cell, row) => meter(cell, row.cpu / 100, `${row.cpu.toFixed(2)}%`, `cpu of ${row.name}`),
      },
      {
        title: "memory / limit",
        number: true,
        value: (row) => row.memory,
        draw: (cell, row) =>
          meter(cell, row.limit ? row.memory / row.limit : 0, `${size(row.memory, 1024)} / ${size(row.limit, 1024)}`, `memory of ${row.name}`),
      },
      { title: "net in / out", number: true, value: (row) => row.rx + row.tx, text: (row) => `${size(row.rx)} / ${size(row.tx)}` },
      { title: "disk r / w", number: true, value: (row) => row.read + row.write, text: (row) => `${size(row.read)} / ${size(row.write)}` },
      { title: "pids", number: true, value: (row) => row.pids, text: (row) => String(row.pids) },
    ],
    (row) => row.id,
  );
  const speed = (value) => `${size(value)}/s`;
  const charts = [
    [new Chart("cpu", (value) => `${Number(value.toFixed(1))}%`), [["", (row) => row.cpu]]],
    [new Chart("memory", (value) => size(value, 1024)), [["", (row) => row.memory]]],
    [new Chart("network: in, and out (dashed)", speed), [[" in", (row) => row.rx, true], [" out", (row) => row.tx, true]]],
    [new Chart("disk: read, and written (dashed)", speed), [[" read", (row) => row.read, true], [" written", (row) => row.write, true]]],
    [new Chart("pids", (value) => String(Math.round(value))), [["", (row) => row.pids]]],
  ];

  function lines([suffix, value, isCounter], place, from) {
    const found = new Map();
    for (const { at, rows } of moments) {
      if (at < from - 2000) continue;
      for (const row of rows) {
        if (hidden.has(row.id)) continue;
        if (!found.has(row.id)) {
          found.set(row.id, { name: row.name + suffix, number: numbers.get(row.id), dashed: place > 0, points: [] });
        }
        found.get(row.id).points.push([at, value(row)]);
      }
    }
    if (isCounter) for (const line of found.values()) line.points = rates(line.points);
    return [...found.values()];
  }

  // What a counter gained each second; one that began anew leaves a gap.
  function rates(points) {
    return points.slice(1).map(([at, value], place) => {
      const [before, was] = points[place];
      return [at, value >= was && at > before ? ((value - was) * 1000) / (at - before) : null];
    });
  }

  function drawCharts() {
    const end = moments.at(-1)?.at ?? 0;
    const from = Math.max(end - windowMs, moments[0]?.at ?? 0);
    for (const [chart, values] of charts) {
      chart.draw(values.flatMap((each, place) => lines(each, place, from)), from, end);
    }
  }

  function draw() {
    if (paused || !moments.length) return;
    grid.draw(moments.at(-1).rows);
    drawCharts();
  }

  body.append(grid.element, make("div", { class: "charts" }, ...charts.map(([chart]) => chart.element)));
  const pause = toggle("Pause", false, (on) => {
    paused = on;
    draw();
  });
  const windows = [["60000", "1 minute"], ["300000", "5 minutes"], ["900000", "15 minutes"]];
  const select = choice("Window", windows, (value) => {
    windowMs = Number(value);
    drawCharts();
  });
  return { draw, tools: [pause, select] };
}

export default live(begin);
