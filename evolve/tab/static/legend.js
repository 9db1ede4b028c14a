/**
 * The colours of a chart: the chooser of what they mean, and the legend, whose classes a click hides or shows.
 *
 * @module
 */

import { colouring, colourings } from "./colour.js";
import { chooser, element, fill } from "./dom.js";

/** @typedef {import("./colour.js").ColourBy} ColourBy */
/** @typedef {import("./colour.js").Colouring} Colouring */
/** @typedef {import("./data.js").SearchData} SearchData */

/** Shows what the colours mean, and a chooser of other ones. A class can be hidden by a click on its name. */
export class Legend {
  /**
   * @param {ColourBy} by the colouring at first
   * @param {() => void} onChange
   */
  constructor(by, onChange) {
    this.node = element("div", { class: "legend" });
    this.chooser = element("span", {});
    /** @type {Set<string>} */
    this.hidden = new Set();
    this._by = by;
    this._offered = "";
    /** @type {SearchData | null} */
    this._shown = null;
    this._onChange = onChange;
  }

  /**
   * Shows the colours of the individuals of a search, and returns them. The classes of another search are all shown.
   *
   * @param {SearchData} data
   * @returns {Colouring}
   */
  show(data) {
    if (this._shown !== data && !this._shown?.precedes(data)) {
      this.hidden.clear();
    }
    this._shown = data;
    this._offer(colourings(data));
    const colours = colouring(data, this._by);
    this._explain(colours);
    return colours;
  }

  /** @param {ColourBy[]} offered */
  _offer(offered) {
    if (this._offered === offered.join()) {
      return;
    }
    this._offered = offered.join();
    this._by = offered.includes(this._by) ? this._by : "rule"; // Another search may have no species.
    const options = offered.map((by) => /** @type {const} */ ([by, by]));
    fill(
      this.chooser,
      chooser("Colour by", options, this._by, (by) => {
        this._by = /** @type {ColourBy} */ (by);
        this._onChange();
      }),
    );
  }

  /** @param {Colouring} colours */
  _explain(colours) {
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
    this._explain(colours);
    this._onChange();
  }
}
