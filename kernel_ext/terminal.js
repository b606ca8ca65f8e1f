// A terminal's page: draws rows that the kernel sends, sends keys, pastes and the window's size.
//
// Text goes in by textContent only. Every key belongs to the terminal while it has the focus:
// JupyterLab's shortcuts are told so by data-lm-suppress-shortcuts, other pages by stopping the
// event. Shift+Escape leaves it by the keyboard.

const COLOURS = { front: "#d4d4d4", back: "#1e1e1e" };
const KEPT_LINES = 1000;
const PLAIN = {
  Enter: "\r",
  Backspace: "\x7f",
  Tab: "\t",
  Escape: "\x1b",
  Insert: "\x1b[2~",
  Delete: "\x1b[3~",
  PageUp: "\x1b[5~",
  PageDown: "\x1b[6~",
  F1: "\x1bOP",
  F2: "\x1bOQ",
  F3: "\x1bOR",
  F4: "\x1bOS",
  F5: "\x1b[15~",
  F6: "\x1b[17~",
  F7: "\x1b[18~",
  F8: "\x1b[19~",
  F9: "\x1b[20~",
  F10: "\x1b[21~",
  F11: "\x1b[23~",
  F12: "\x1b[24~",
};
const MOVES = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", Home: "H", End: "F" };

// What a key press sends, as xterm does; "" for one that is the page's or that types text.
export function sequence(event, applicationKeys) {
  const { key, ctrlKey, altKey, shiftKey, metaKey } = event;
  if (metaKey) return "";
  const move = MOVES[key];
  if (move) {
    const modifiers = 1 + (shiftKey ? 1 : 0) + (altKey ? 2 : 0) + (ctrlKey ? 4 : 0);
    if (modifiers > 1) return `\x1b[1;${modifiers}${move}`;
    return (applicationKeys ? "\x1bO" : "\x1b[") + move;
  }
  if (key === "Tab" && shiftKey) return "\x1b[Z";
  const escape = altKey ? "\x1b" : "";
  if (PLAIN[key]) return escape + PLAIN[key];
  if (ctrlKey && key.length === 1) {
    const code = key.toUpperCase().charCodeAt(0);
    if (code >= 64 && code <= 95) return escape + String.fromCharCode(code & 31);
    if (key === " ") return escape + "\x00";
    if (key === "/") return escape + "\x1f";
    return "";
  }
  return altKey && key.length === 1 ? escape + key : "";
}

function drawRow(element, runs) {
  element.replaceChildren(
    ...runs.map(([text, style]) => {
      const span = document.createElement("span");
      span.textContent = text;
      if (style) span.style.cssText = style;
      return span;
    }),
  );
}

function line(runs) {
  const element = document.createElement("div");
  element.style.minHeight = "1.2em";
  drawRow(element, runs);
  return element;
}

function element(name, style, attributes = {}) {
  const made = document.createElement(name);
  made.style.cssText = style;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function build(title) {
  const frame = element(
    "div",
    `position:relative;background:${COLOURS.back};color:${COLOURS.front};padding:6px;` +
      "height:30em;min-height:4em;resize:vertical;overflow:hidden;border:2px solid transparent",
    { role: "group", "aria-label": title, "data-lm-suppress-shortcuts": "true" },
  );
  frame.className = "ipycontainer-terminal";
  const scroll = element(
    "div",
    "height:100%;overflow-y:auto;overflow-x:hidden;font-family:monospace;font-size:13px;" +
      "line-height:1.2;white-space:pre;direction:ltr;unicode-bidi:bidi-override",
  );
  const above = element("div", "", { "aria-label": "earlier lines" });
  const screen = element("div", "position:relative", {
    role: "log",
    "aria-live": "polite",
    "aria-label": "terminal screen",
  });
  const cursor = element("div", "position:absolute;background:#aeafad;opacity:.6;width:1ch;height:1.2em", {
    "aria-hidden": "true",
  });
  const keys = element(
    "textarea",
    "position:absolute;width:1px;height:1px;opacity:0;left:0;top:0;padding:0;border:0;resize:none",
    {
      "aria-label": `${title}: keyboard input. Shift Escape leaves it.`,
      autocapitalize: "off",
      autocomplete: "off",
      autocorrect: "off",
      spellcheck: "false",
    },
  );
  const probe = element("span", "position:absolute;left:0;top:0;visibility:hidden", { "aria-hidden": "true" });
  probe.textContent = "M".repeat(50);
  const rows = element("div", "");
  screen.append(rows, cursor, probe, keys);
  scroll.append(above, screen);
  frame.append(scroll);
  return { frame, scroll, above, screen, rows, cursor, keys, probe };
}

function render({ model, el }) {
  const parts = build(model.get("title"));
  const { frame, scroll, above, rows, cursor, keys, probe } = parts;
  let applicationKeys = false;
  let alternate = false;
  let size = [0, 0];
  el.replaceChildren(frame);

  const send = (message) => model.send(message);

  let isKnown = false;

  function draw(message) {
    if (message.left) {
      leave(message);
      return;
    }
    if (message.whole) {
      isKnown = true;
      above.replaceChildren();
      rows.replaceChildren();
    }
    const atEnd = scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - 30;
    for (const runs of message.above) above.append(line(runs));
    while (above.childElementCount > KEPT_LINES) above.firstElementChild.remove();
    while (rows.childElementCount < message.size[0]) rows.append(line([]));
    while (rows.childElementCount > message.size[0]) rows.lastElementChild.remove();
    for (const [number, runs] of message.rows) drawRow(rows.children[number], runs);
    ({ applicationKeys, alternate } = message);
    above.style.display = alternate ? "none" : "";
    const [row, column, visible] = message.cursor;
    cursor.style.display = visible ? "" : "none";
    cursor.style.top = `${row * 1.2}em`;
    cursor.style.left = `${Math.min(column, message.size[1] - 1)}ch`;
    keys.style.top = cursor.style.top;
    if (message.title) frame.setAttribute("aria-label", `${model.get("title")}: ${message.title}`);
    if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  }

  function leave({ left, told, id }) {
    const view = "application/vnd.jupyter.widget-view+json";
    if (place(model, (output) => output.data?.[view]?.model_id === id, left)) {
      send({ placed: true });
      return;
    }
    cursor.style.display = "none";
    keys.disabled = true;
    rows.append(line([[told, "font-style:italic"]]));
    scroll.scrollTop = scroll.scrollHeight;
  }

  function measure() {
    const width = probe.getBoundingClientRect().width / 50;
    const height = parseFloat(getComputedStyle(scroll).fontSize) * 1.2;
    if (!width || !scroll.clientHeight) return;
    const next = [
      Math.max(2, Math.min(200, Math.floor(scroll.clientHeight / height))),
      Math.max(10, Math.min(500, Math.floor(scroll.clientWidth / width))),
    ];
    if (next[0] === size[0] && next[1] === size[1]) return;
    size = next;
    send({ size });
  }

  function keydown(event) {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "Escape" && event.shiftKey) {
      event.preventDefault();
      keys.blur();
      return;
    }
    const selected = String(document.getSelection());
    if (event.ctrlKey && event.key === "c" && selected) return; // the page copies
    if (event.ctrlKey && event.key === "v") return; // the page pastes
    const typed = sequence(event, applicationKeys);
    if (!typed) return;
    event.preventDefault();
    send({ keys: typed });
    scroll.scrollTop = scroll.scrollHeight;
  }

  function input(event) {
    event.stopPropagation();
    if (event.isComposing) return;
    if (keys.value) send({ keys: keys.value.replace(/\n/g, "\r") });
    keys.value = "";
  }

  function paste(event) {
    event.stopPropagation();
    event.preventDefault();
    const text = event.clipboardData?.getData("text/plain");
    if (text) send({ paste: text });
  }

  const stop = (event) => event.stopPropagation();
  keys.addEventListener("keydown", keydown);
  keys.addEventListener("keyup", stop);
  keys.addEventListener("keypress", stop);
  keys.addEventListener("input", input);
  keys.addEventListener("compositionend", input);
  keys.addEventListener("paste", paste);
  keys.addEventListener("focus", () => (frame.style.borderColor = "#2472c8"));
  keys.addEventListener("blur", () => (frame.style.borderColor = "transparent"));
  frame.addEventListener("mouseup", () => {
    if (!String(document.getSelection())) keys.focus({ preventScroll: true });
  });
  scroll.addEventListener(
    "wheel",
    (event) => {
      if (!alternate) return; // the page scrolls what is above
      event.preventDefault();
      const move = event.deltaY < 0 ? "A" : "B";
      send({ keys: ((applicationKeys ? "\x1bO" : "\x1b[") + move).repeat(3) });
    },
    { passive: false },
  );

  model.on("msg:custom", draw);
  const observer = new ResizeObserver(() => requestAnimationFrame(measure));
  observer.observe(frame);
  const quiet = insist(() => send({ ready: true }), () => isKnown);
  return () => {
    quiet();
    observer.disconnect();
    model.off("msg:custom", draw);
  };
}

export default { render };
