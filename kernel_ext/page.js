// What all our widgets share; each widget's module follows it in one text (kernel_ext.page).
//
// Names, labels, lines and whatever else comes from containers goes into the page by textContent.

// Draw the static form of an output into the notebook's own document, as a saved notebook keeps it.
//
// Only for a page that was loaded anew: it has forgotten where the kernel's updates of a display
// belong. `isIt` finds the output. Tells whether it was found; other pages have no document.
function place(model, isIt, data) {
  for (const cell of model.widget_manager?.context?.model?.sharedModel?.cells ?? []) {
    const outputs = cell.getOutputs?.() ?? [];
    const index = outputs.findIndex(isIt);
    if (index >= 0) {
      cell.updateOutputs(index, index + 1, [{ ...outputs[index], data }]);
      return true;
    }
  }
  return false;
}

// Say something until it has been heard, ten times at most; returns what ends it. Just after a page was
// loaded JupyterLab begins and ends subshells of the kernel, and what a widget says to one of those
// may stay there unread, though it has left the page (seen with JupyterLab 4.6 and ipykernel 7.4).
function insist(say, isHeard) {
  let left = 10;
  const again = () => {
    if (isHeard() || !left) clearInterval(timer);
    else say();
    left -= 1;
  };
  const timer = setInterval(again, 1000);
  again();
  return () => clearInterval(timer);
}
