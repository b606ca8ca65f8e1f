// The page's half of all live views: greeting, hiding the still picture, stopping, and small tools.
//
// A view's module exports `live(make)`; make(context) returns { element, draw(message) } for a view,
// and `keep(message)` is called once for each message before the views draw it.

const SVG = "http://www.w3.org/2000/svg";
const WIDGET = "application/vnd.jupyter.widget-view+json";

// Make an element; children are elements, or texts, which stay text.
function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function button(label, act, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", () => act(made));
  return made;
}

// A button that is on or off, and says so.
function toggle(label, on, act) {
  return button(
    label,
    (made) => {
      const next = made.getAttribute("aria-pressed") !== "true";
      made.setAttribute("aria-pressed", String(next));
      act(next);
    },
    { "aria-pressed": String(on) },
  );
}

function press(made, on) {
  made.setAttribute("aria-pressed", String(on));
}

// Give an element the keys that move and scroll, while it has the focus; JupyterLab and Notebook 7 take
// them for moving between cells, so they are heard at the window, before those. `act` is told of each.
const MOVES = new Set("ArrowLeft ArrowRight ArrowUp ArrowDown PageUp PageDown Home End".split(" "));
function ownKeys(element, act = () => {}) {
  const hear = (event) => {
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (document.activeElement !== element || !plain || !MOVES.has(event.key)) return;
    event.stopImmediatePropagation();
    act(event);
  };
  element.addEventListener("focus", () => window.addEventListener("keydown", hear, true));
  element.addEventListener("blur", () => window.removeEventListener("keydown", hear, true));
  return element;
}

// A part that scrolls, by mouse or when Tab has come to it.
function region(kind, name, ...children) {
  return ownKeys(make("div", { class: kind, tabindex: "0", role: "region", "aria-label": name }, ...children));
}

let choices = 0;
function choice(label, options, act) {
  const id = `ipycontainer-choice-${(choices += 1)}`;
  const select = ownKeys(make("select", { id }));
  for (const [value, text] of options) select.append(make("option", { value }, text));
  select.addEventListener("change", () => act(select.value));
  return make("span", {}, make("label", { for: id }, `${label} `), select);
}

// Docker's sizes: powers of 1000, or of 1024 for memory.
function size(bytes, base = 1000) {
  const names = base === 1000 ? ["B", "kB", "MB", "GB", "TB"] : ["B", "KiB", "MiB", "GiB", "TiB"];
  let place = 0;
  while (bytes >= base && place < names.length - 1) {
    bytes /= base;
    place += 1;
  }
  return `${Number(bytes.toPrecision(bytes >= 1000 ? 4 : 3))}${names[place]}`;
}

function ago(seconds) {
  if (seconds < 1) return "now";
  const steps = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [length, name] = steps.find(([each]) => seconds >= each);
  const count = Math.floor(seconds / length);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

// Is the cell's output already in the notebook? Then this page was loaded after the view began.
function isAnew(model) {
  const key = `ipycontainer-still-${model.get("key")}`;
  const cells = model.widget_manager?.context?.model?.sharedModel?.cells ?? [];
  return cells.some((cell) => (cell.getOutputs?.() ?? []).some((each) => shows(each, key)));
}

function shows(output, key) {
  const html = output.data?.["text/html"] ?? "";
  return (Array.isArray(html) ? html.join("") : html).includes(key);
}

// Hide the still picture, also when it is drawn anew; returns what shows it again.
function hideStill(key) {
  const still = `.ipycontainer-still-${key}`;
  const style = make("style");
  style.textContent =
    `${still}{display:none} .jp-OutputArea-child:has(${still}){display:none!important}`;
  document.head.append(style);
  return () => style.remove();
}

function live(begin) {
  return () => {
    let views = [];
    let known = false;
    let whole = false; // has it been told what there was before?
    let showStill = null;
    let over = "";
    let kept = null;

    const hide = () => {
      if (known && !over && views.length && !showStill) showStill = hideStill(kept.key);
      if ((!views.length || over) && showStill) {
        showStill();
        showStill = null;
      }
    };

    const end = (told) => {
      over = told;
      hide();
      for (const view of views) {
        view.close?.();
        view.frame.replaceChildren(make("em", {}, told));
      }
    };

    function initialize({ model }) {
      const key = model.get("key");
      kept = { key, model, ...begin() };
      const take = (message) => {
        if (message.still) {
          const name = `ipycontainer-still-${key}`;
          place(model, (output) => shows(output, name), message.still);
        }
        if (message.left) {
          const isIt = (output) => output.data?.[WIDGET]?.model_id === message.id;
          if (place(model, isIt, message.left)) model.send({ placed: true });
          end("This view has ended.");
          return;
        }
        known = true;
        whole = whole || Boolean(message.whole);
        kept.keep?.(message);
        for (const view of views) view.draw(message);
        hide();
        model.send({ seen: message.number });
      };
      model.on("msg:custom", take);
      // A kernel that dies or begins anew says nothing more: what is left is the still picture.
      const session = model.widget_manager?.context?.sessionContext;
      const status = (_, said) => {
        if (["dead", "restarting", "autorestarting", "terminating"].includes(said)) {
          end("The kernel has ended. The last picture stands below.");
        }
      };
      session?.statusChanged?.connect(status);
      const anew = isAnew(model);
      const quiet = insist(() => model.send({ ready: true, anew }), () => whole || over);
      return () => {
        quiet();
        session?.statusChanged?.disconnect(status);
        model.off("msg:custom", take);
        showStill?.();
        showStill = null;
      };
    }

    function render({ model, el }) {
      const frame = make("section", {
        class: "ipycontainer-live",
        "aria-label": model.get("title"),
      });
      let quiet = () => {};
      const stopping = () => {
        quiet();
        quiet = insist(() => model.send({ stop: true }), () => over);
      };
      const stop = button("Stop", stopping, {
        title: "End this view; its last picture stays in the notebook",
      });
      const bar = make("div", { class: "bar" });
      const body = make("div");
      const view = { frame, draw: () => {} };
      if (over) {
        frame.append(make("em", {}, over));
      } else {
        const { draw, tools = [], close } = kept.show(body, kept);
        Object.assign(view, { draw, close });
        bar.append(make("strong", {}, model.get("title")), ...tools, stop);
        frame.append(bar, body);
      }
      el.replaceChildren(frame);
      views.push(view);
      if (known && !over) view.draw({ whole: true });
      hide();
      return () => {
        quiet();
        view.close?.();
        views = views.filter((each) => each !== view);
        hide();
      };
    }

    return { initialize, render };
  };
}
