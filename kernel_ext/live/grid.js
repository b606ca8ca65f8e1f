// A table whose rows stay while their values change, sorted by its heads' buttons; and a chart.

// columns: { title, value(row) to sort by, draw(cell, row) or text(row), number: bool }
class Grid {
  constructor(caption, columns, key, sort = -1, down = false) {
    Object.assign(this, { columns, key, sort, down });
    this.rows = new Map();
    this.data = [];
    this.body = make("tbody");
    this.heads = columns.map((column, place) => {
      const head = make("th", { scope: "col", class: column.number ? "number" : "" });
      if (column.value) head.append(button(column.title, () => this.sortBy(place)));
      else head.append(column.title);
      return head;
    });
    this.empty = make("p", {}, "nothing to show");
    const table = make("table", {}, make("caption", {}, caption));
    table.append(make("thead", {}, make("tr", {}, ...this.heads)), this.body);
    this.element = region("scroll", caption, table, this.empty);
    this.mark();
  }

  sortBy(place) {
    this.down = this.sort === place ? !this.down : Boolean(this.columns[place].number);
    this.sort = place;
    this.mark();
    this.draw(this.data);
  }

  mark() {
    this.heads.forEach((head, place) => {
      if (place !== this.sort) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
    });
  }

  sorted(data) {
    const column = this.columns[this.sort];
    if (!column) return data;
    const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    const found = [...data].sort((a, b) => order(column.value(a), column.value(b)));
    return this.down ? found.reverse() : found;
  }

  draw(data) {
    this.data = data;
    const here = new Set();
    this.sorted(data).forEach((row, place) => {
      const key = this.key(row);
      here.add(key);
      if (!this.rows.has(key)) this.rows.set(key, this.row());
      const cells = this.rows.get(key);
      this.columns.forEach((column, number) => {
        const cell = cells.children[number];
        if (column.draw) column.draw(cell, row);
        else this.write(cell, column.text(row));
      });
      if (this.body.children[place] !== cells) this.body.insertBefore(cells, this.body.children[place] ?? null);
    });
    for (const [key, cells] of this.rows) {
      if (here.has(key)) continue;
      cells.remove();
      this.rows.delete(key);
    }
    this.empty.style.display = data.length ? "none" : "";
  }

  row() {
    return make(
      "tr",
      {},
      ...this.columns.map((column, place) =>
        place
          ? make("td", { class: column.number ? "number" : "" })
          : make("th", { scope: "row" }),
      ),
    );
  }

  write(cell, text) {
    if (cell.textContent !== text) cell.textContent = text;
  }
}

// As kernel_ext/live/chart.py has them.
const COLOURS = "#3b7dd8 #c4661f #2f8f4e #b8478f #8a6fd1 #9a7a12 #1f8a91 #d0493f #6f7f8f #7a8f2a".split(" ");
const colour = (number) => COLOURS[number % COLOURS.length];

// Lines over time. `draw(series, begin, end)`: series of { name, number, dashed, points: [[ms, value]] };
// what stands under the mouse, or under the arrow keys, is said below in words.
class Chart {
  constructor(title, unit) {
    Object.assign(this, { title, unit, series: [], at: null });
    this.svg = drawn("svg", { viewBox: "0 0 300 120", role: "img", tabindex: "0", "aria-label": title });
    this.said = make("p", { class: "said", "aria-live": "polite" });
    this.table = region("scroll figures", `${title} as a table`);
    this.table.hidden = true;
    this.asTable = toggle("Table", false, (on) => {
      this.table.hidden = !on;
      this.svg.style.display = on ? "none" : "";
      this.draw(this.series, this.begin, this.end);
    });
    this.asTable.setAttribute("aria-label", `${title} as a table`);
    this.element = make("figure", {}, make("figcaption", {}, title, " ", this.asTable), this.svg, this.table, this.said);
    this.svg.addEventListener("pointermove", (event) => {
      const box = this.svg.getBoundingClientRect();
      this.pick(this.begin + (((event.clientX - box.left) / box.width) * 300 - 50) / 244 * (this.end - this.begin));
    });
    this.svg.addEventListener("pointerleave", () => this.pick(null));
    ownKeys(this.svg, (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const by = Math.max(1000, (this.end - this.begin) / 60);
      this.pick((this.at ?? this.end) + step * by);
    });
    this.svg.addEventListener("blur", () => this.pick(null));
  }

  pick(at) {
    this.at = at === null ? null : Math.min(this.end, Math.max(this.begin, at));
    this.draw(this.series, this.begin, this.end);
  }

  value(points, at) {
    let best = null;
    for (const point of points) {
      if (point[1] !== null && (!best || Math.abs(point[0] - at) < Math.abs(best[0] - at))) best = point;
    }
    return best;
  }

  draw(series, begin, end) {
    Object.assign(this, { series, begin, end });
    if (!this.table.hidden) return this.drawTable();
    const shown = series.map((each) => ({ ...each, points: each.points.filter(([at]) => at >= begin) }));
    const values = shown.flatMap((each) => each.points.map(([, value]) => value ?? 0));
    const top = Math.max(...values, 0) || 1;
    const x = (at) => 50 + ((at - begin) / (end - begin || 1)) * 244;
    const y = (value) => 100 - (value / top) * 90;
    const label = (text, attributes) => drawn("text", { "font-size": 9, fill: "currentColor", ...attributes }, text);
    const parts = [
      drawn("path", { d: "M50 10V100H294", fill: "none", stroke: "currentColor", "stroke-opacity": 0.5 }),
      label(this.unit(top), { x: 46, y: 16, "text-anchor": "end" }),
      label(this.unit(0), { x: 46, y: 100, "text-anchor": "end" }),
      label(`${ago((end - begin) / 1000)} ago`, { x: 50, y: 114 }),
      label("now", { x: 294, y: 114, "text-anchor": "end" }),
    ];
    for (const { number, dashed, points } of shown) {
      let run = [];
      const flush = () => {
        if (run.length === 1) run.push([run[0][0] + 500, run[0][1]]);
        if (run.length) {
          const line = { points: run.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" "), fill: "none", stroke: colour(number), "stroke-width": 1.5 };
          if (dashed || number >= COLOURS.length) line["stroke-dasharray"] = "4 2";
          parts.push(drawn("polyline", line));
        }
        run = [];
      };
      for (const point of points) {
        if (point[1] === null) flush();
        else run.push(point);
      }
      flush();
    }
    const at = this.at === null ? end : Math.max(begin, this.at);
    if (this.at !== null) parts.push(drawn("path", { d: `M${x(at)} 10V100`, stroke: "currentColor", "stroke-opacity": 0.6 }));
    this.svg.replaceChildren(...parts);
    const said = shown
      .map((each) => [each.name, this.value(each.points, at)])
      .filter(([, point]) => point)
      .map(([name, point]) => `${name} ${this.unit(point[1])}`)
      .join(", ");
    const when = this.at === null ? "" : `${ago((end - at) / 1000)} ago: `;
    this.said.textContent = this.at === null ? "" : when + (said || "nothing");
    this.svg.setAttribute("aria-label", `${this.title}: ${said || "nothing yet"}`);
  }

  drawTable() {
    const moments = [...new Set(this.series.flatMap((each) => each.points.map(([at]) => at)))];
    const last = moments.filter((at) => at >= this.begin).sort((a, b) => b - a).slice(0, 60);
    const table = make("table", {}, make("caption", {}, `${this.title}, newest first`));
    const heads = ["time", ...this.series.map((each) => each.name)];
    table.append(make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)))));
    const maps = this.series.map((each) => new Map(each.points));
    const body = make("tbody");
    for (const at of last) {
      const cells = maps.map((map) => {
        const value = map.get(at);
        return make("td", { class: "number" }, value === undefined || value === null ? "" : this.unit(value));
      });
      body.append(make("tr", {}, make("th", { scope: "row" }, new Date(at).toLocaleTimeString()), ...cells));
    }
    table.append(body);
    this.table.replaceChildren(table);
  }
}
