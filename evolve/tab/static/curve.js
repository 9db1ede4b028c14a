/**
 * The training curve of an individual.
 *
 * @module
 */

import { Chart } from "./chart.js";
import { pageColour } from "./colour.js";
import { element, fill, switcher } from "./dom.js";
import { shown } from "./format.js";

/** @typedef {import("./types.js").Epoch} Epoch */
/** @typedef {"accuracy" | "loss"} Quantity */

const SERIES = /** @type {const} */ ([
  ["", "training", "--mean"],
  ["validation_", "validation", "--best"],
]);

/** Shows the training curve. What it shows, accuracy or loss, stays from one individual to the next. */
export class TrainingCurve {
  constructor() {
    /** @type {Quantity} */
    this._quantity = "accuracy";
    /** @type {readonly Epoch[]} */
    this._epochs = [];
    /** @type {{ epoch: number, value: number, words: string }[]} */
    this._points = [];
    this._chart = new Chart({
      label: "Training curve",
      describe: (place) => {
        const point = this._points[place];
        return point ? [`Epoch ${point.epoch}`, `${point.words} ${shown(point.value, "fitness")}`] : [];
      },
    });
    this._keys = element("span", { class: "line-keys" });
    const options = /** @type {const} */ ([
      ["accuracy", "Accuracy"],
      ["loss", "Loss"],
    ]);
    const choice = switcher("Training curve of", options, this._quantity, (value) => {
      this._quantity = value === "loss" ? "loss" : "accuracy";
      this._chart.reset();
      this._draw();
    });
    this.node = element(
      "div",
      { class: "curve" },
      element("div", { class: "controls" }, choice, this._keys),
      this._chart.node,
    );
  }

  /**
   * Shows the curve of an individual.
   *
   * @param {readonly Epoch[]} epochs
   * @param {boolean} isNew whether it is another individual than before
   */
  show(epochs, isNew) {
    this._epochs = epochs;
    if (isNew) {
      this._chart.reset();
    }
    this._draw();
  }

  _draw() {
    /** @type {import("./chart.js").Line[]} */
    const lines = [];
    const keys = [];
    this._points = [];
    /** @type {number[]} */
    const classes = [];
    for (const [number, [prefix, words, colour]] of SERIES.entries()) {
      const measured = this._epochs
        .map((epoch) => ({
          epoch: epoch.epoch,
          value: epoch[`${prefix}${this._quantity}`],
          words: `${words} ${this._quantity}`,
        }))
        .filter(({ value }) => value !== null);
      const points = measured.map(({ epoch, value, words: name }) => ({ epoch, value: Number(value), words: name }));
      this._points.push(...points);
      classes.push(...points.map(() => number));
      if (points.length) {
        const style = `border-top: 2.5px solid var(${colour})`;
        keys.push(element("span", { class: "line-key" }, element("i", { style }), words));
        lines.push({
          x: points.map(({ epoch }) => epoch),
          y: points.map(({ value }) => value),
          colour: pageColour(colour),
          width: 2,
        });
      }
    }
    fill(this._keys, ...keys);
    const last = this._epochs.reduce((most, { epoch }) => Math.max(most, epoch), 1);
    this._chart.show({
      x: { title: "Epoch", kind: "id", range: [0.7, last + 0.3] },
      y: { title: this._quantity === "loss" ? "Loss" : "Accuracy", kind: "fitness" },
      points: {
        x: Float64Array.from(this._points, ({ epoch }) => epoch),
        y: Float64Array.from(this._points, ({ value }) => value),
        classes: Uint8Array.from(classes),
        colours: SERIES.map(([, , colour]) => pageColour(colour)),
        size: 6,
      },
      lines,
      empty: `No ${this._quantity} was measured.`,
    });
  }
}
