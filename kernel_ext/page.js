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
