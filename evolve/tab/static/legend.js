/**
 * The legend of a chart, whose classes a click hides or shows.
 *
 * @module
 */

import { element, fill } from "./dom.js";

/** @typedef {import("./colour.js").Colouring} Colouring */

/** Shows what the colours mean. A class can be hidden by a click on its name. */
export class Legend {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.node = element("div", { class: "legend" });
    /** @type {Set<string>} */
    this.hidden = new Set();
    this._onChange = onChange;
  }

  /** @param {Colouring} colours */
  show(colours) {
    if (colours.isRamp) {
      const swatches = colours.classes.map(({ colour }) => element("i", { style: `background:${colour}` }));
      const [first, last] = [colours.classes[0]?.label, colours.classes[colours.classes.length - 1]?.label];
      fill(this.node, element("span", { class: "ramp" }, first ?? "", ...swatches, last ?? ""));
      return;
    }
    const buttons = colours.classes
      .filter(({ count }) => count > 0)
      .map(({ label, colour, count }) =>
        element(
          "button",
          {
            type: "button",
            "aria-pressed": String(!this.hidden.has(label)),
            title: `${label}: ${count} individuals. Click to hide or show these.`,
            onclick: () => this._toggle(label, colours),
          },
          element("i", { style: `background:${colour}` }),
          label,
          element("small", {}, String(count)),
        ),
      );
    fill(this.node, ...buttons);
  }

  /**
   * @param {string} label
   * @param {Colouring} colours
   */
  _toggle(label, colours) {
    if (!this.hidden.delete(label)) {
      this.hidden.add(label);
    }
    this.show(colours);
    this._onChange();
  }
}
