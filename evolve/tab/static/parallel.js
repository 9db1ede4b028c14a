/**
 * Parallel coordinates: one axis for each trait, one line for each individual.
 *
 * @module
 */

import { isDark, pageColour } from "./colour.js";
import { DONE } from "./data.js";
import { canvas, checkbox, element, fill, onRatio, resize } from "./dom.js";
import { shown } from "./format.js";
import { numbers } from "./overview.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./data.js").SearchData} SearchData */
/** @typedef {import("./types.js").TraitsAnswer} TraitsAnswer */

/**
 * One axis.
 *
 * @typedef {object} Trait
 * @property {string} key
 * @property {string} title
 * @property {import("./format.js").Kind} kind
 * @property {boolean} isLog
 * @property {Float64Array} values
 * @property {number} low
 * @property {number} high
 */

const DEFAULTS = 9; // the number of axes that are shown at first
const MARGIN = { left: 70, right: 70, top: 54, bottom: 34 };
const RAMP = {
  light: ["#b7c4d6", "#8fb4dd", "#4d92d0", "#0b62b0", "#c2410c"],
  dark: ["#4a5364", "#4f6f95", "#5f9bd8", "#8fd0ff", "#ff9d5c"],
};

/**
 * Returns the chart of all traits. A drag along an axis selects the individuals with values in that range.
 *
 * @param {State} state
 * @returns {{ node: HTMLElement, draw: (data: SearchData | null) => void, mark: () => void, clear: () => void }}
 */
export function parallelChart(state) {
  const base = canvas({ "aria-hidden": "true" });
  const top = canvas({
    tabindex: 0,
    role: "img",
    "aria-label": "Parallel coordinates: one axis for each trait, one line for each individual",
  });
  const box = element("div", { class: "chart" }, base, top);
  const picker = element("details", { class: "trait-picker" });
  const note = element("p", { class: "hint" });
  const node = element(
    "div",
    { class: "parallel", hidden: true },
    element("div", { class: "controls" }, note, picker),
    box,
  );
  /** @type {Trait[]} */
  let all = [];
  /** @type {Set<string> | null} keys of the axes that are shown */
  let chosen = null;
  /** @type {Map<string, [number, number]>} the selected part of each axis, from 0 to 1 */
  const ranges = new Map();
  /** @type {ReadonlySet<number> | null} the individuals in these parts */
  let own = null;
  /** @type {{ key: string, from: number, to: number } | null} */
  let drag = null;
  /** @type {SearchData | null} */
  let drawn = null;
  let width = 0;
  let height = 0;
  let ratio = 1; // pixels of the canvases in one pixel of the page
  let isListed = false; // whether the picker has the axes of this search

  const shownTraits = () => all.filter(({ key }) => chosen?.has(key));
  /** @param {number} order */
  const acrossOf = (order) => {
    const count = Math.max(1, shownTraits().length - 1);
    return MARGIN.left + (order * (width - MARGIN.left - MARGIN.right)) / count;
  };
  /** @param {number} part */
  const downOf = (part) => MARGIN.top + (1 - part) * (height - MARGIN.top - MARGIN.bottom);

  /** @param {SearchData | null} data */
  async function draw(data) {
    drawn = data;
    if (!data) {
      return;
    }
    let traits;
    try {
      traits = await state.traits();
    } catch (error) {
      fill(note, error instanceof Error ? error.message : String(error));
      return;
    }
    if (data !== state.data) {
      return;
    }
    all = traitsOf(data, traits);
    chosen ??= new Set(all.slice(0, DEFAULTS).map(({ key }) => key));
    if (!picker.open || !isListed) {
      showPicker(); // else the user is choosing
    }
    isListed = true;
    paint();
  }

  function showPicker() {
    const boxes = all.map(({ key, title }) =>
      checkbox(title, chosen?.has(key) ?? false, (isOn) => {
        if (isOn) {
          chosen?.add(key);
        } else {
          chosen?.delete(key);
          if (ranges.delete(key)) {
            select();
          }
        }
        paint();
      }),
    );
    fill(picker, element("summary", {}, "Choose axes"), element("div", { class: "choices" }, ...boxes));
    fill(
      note,
      "Each line is an individual, the fittest in orange. Click a line to choose it. Drag along an axis to select a range.",
    );
  }

  function paint() {
    width = box.clientWidth;
    height = box.clientHeight;
    if (!width || !height || !drawn) {
      return;
    }
    ratio = resize([base, top], width, height);
    const brush = /** @type {CanvasRenderingContext2D} */ (base.getContext("2d"));
    brush.scale(ratio, ratio);
    const traits = shownTraits();
    paintLines(brush, drawn, traits);
    traits.forEach((trait, order) => paintAxis(brush, trait, acrossOf(order)));
    mark();
  }

  /**
   * @param {CanvasRenderingContext2D} brush
   * @param {SearchData} data
   * @param {readonly Trait[]} traits
   */
  function paintLines(brush, data, traits) {
    const ramp = isDark() ? RAMP.dark : RAMP.light;
    const order = [...data.columns.id.keys()]
      .filter((place) => data.columns.status[place] === DONE)
      .sort((a, b) => (data.columns.fitness[a] ?? 0) - (data.columns.fitness[b] ?? 0));
    brush.lineWidth = 1;
    for (const isPale of state.brushed ? [true, false] : [false]) {
      ramp.forEach((colour, step) => {
        // The last colour is that of the best twentieth.
        const bounds = [0, 0.25, 0.5, 0.75, 0.95, 1].map((part) => Math.floor(part * order.length));
        brush.globalAlpha =
          (isPale ? 0.06 : 1) *
          Math.min(0.85, Math.max(0.08, 120 / Math.max(1, order.length / 5)) + (step === 4 ? 0.2 : 0));
        brush.strokeStyle = colour;
        brush.beginPath();
        for (const place of order.slice(bounds[step], bounds[step + 1])) {
          if (!state.brushed || state.brushed.has(data.columns.id[place] ?? 0) !== isPale) {
            traceLine(brush, traits, place);
          }
        }
        brush.stroke();
      });
    }
    brush.globalAlpha = 1;
  }

  /**
   * @param {CanvasRenderingContext2D} brush
   * @param {readonly Trait[]} traits
   * @param {number} place
   */
  function traceLine(brush, traits, place) {
    let isOpen = false;
    for (const [order, trait] of traits.entries()) {
      const part = partOf(trait, place);
      if (Number.isFinite(part)) {
        brush[isOpen ? "lineTo" : "moveTo"](acrossOf(order), downOf(part));
        isOpen = true;
      } else {
        isOpen = false;
      }
    }
  }

  /**
   * @param {CanvasRenderingContext2D} brush
   * @param {Trait} trait
   * @param {number} x
   */
  function paintAxis(brush, trait, x) {
    brush.strokeStyle = pageColour("--ink-soft");
    brush.lineWidth = 1.5;
    brush.beginPath();
    brush.moveTo(x, downOf(0));
    brush.lineTo(x, downOf(1));
    brush.stroke();
    brush.fillStyle = pageColour("--ink");
    brush.textAlign = "center";
    brush.font = "600 12px system-ui, sans-serif";
    const room = (width - MARGIN.left - MARGIN.right) / Math.max(1, shownTraits().length - 1) - 6;
    brush.fillText(fitted(brush, trait.title, Math.max(40, room)), x, MARGIN.top - 30);
    brush.font = "12px system-ui, sans-serif";
    brush.fillStyle = pageColour("--ink-soft");
    brush.fillText(shown(trait.high, trait.kind), x, MARGIN.top - 10);
    brush.fillText(shown(trait.low, trait.kind), x, height - MARGIN.bottom + 18);
    const range = ranges.get(trait.key);
    if (range) {
      brush.fillStyle = pageColour("--accent");
      brush.globalAlpha = 0.35;
      brush.fillRect(x - 8, downOf(range[1]), 16, downOf(range[0]) - downOf(range[1]));
      brush.globalAlpha = 1;
    }
  }

  function mark() {
    const paintTop = /** @type {CanvasRenderingContext2D} */ (top.getContext("2d"));
    paintTop.setTransform(ratio, 0, 0, ratio, 0, 0);
    paintTop.clearRect(0, 0, width, height);
    for (const [id, colour] of /** @type {const} */ ([
      [state.second, "--second"],
      [state.selected, "--chosen"],
    ])) {
      const place = drawn?.place(id) ?? -1;
      if (place >= 0) {
        paintTop.strokeStyle = pageColour(colour);
        paintTop.lineWidth = 3;
        paintTop.beginPath();
        traceLine(paintTop, shownTraits(), place);
        paintTop.stroke();
      }
    }
    if (drag) {
      const order = shownTraits().findIndex(({ key }) => key === drag?.key);
      paintTop.fillStyle = pageColour("--brush");
      paintTop.fillRect(acrossOf(order) - 10, Math.min(drag.from, drag.to), 20, Math.abs(drag.to - drag.from));
    }
  }

  /**
   * Returns the place of the individual whose line passes a pixel; -1 if no line is near.
   *
   * @param {number} x
   * @param {number} y
   * @returns {number}
   */
  function nearest(x, y) {
    const traits = shownTraits();
    const order = traits.findIndex((_, place) => acrossOf(place) <= x && x < acrossOf(place + 1));
    const [left, right] = [traits[order], traits[order + 1]];
    let found = -1;
    let least = 10;
    if (left && right) {
      const share = (x - acrossOf(order)) / (acrossOf(order + 1) - acrossOf(order));
      for (let place = 0; place < (drawn?.count ?? 0); place += 1) {
        if (drawn?.columns.status[place] !== DONE) {
          continue; // it has no line
        }
        const id = drawn.columns.id[place] ?? 0;
        const down = downOf(partOf(left, place) * (1 - share) + partOf(right, place) * share);
        if (Math.abs(down - y) < least && (!state.brushed || state.brushed.has(id))) {
          least = Math.abs(down - y);
          found = place;
        }
      }
    }
    return found;
  }

  /** Selects the individuals that lie in the range of every axis. */
  function select() {
    const data = drawn;
    if (!data || (!ranges.size && !state.brushed)) {
      return;
    }
    const limits = all.flatMap((trait) => {
      const range = ranges.get(trait.key);
      return range ? [{ trait, range }] : [];
    });
    const ids = data.columns.id.filter(
      (_, place) =>
        data.columns.status[place] === DONE &&
        limits.every(({ trait, range }) => {
          const part = partOf(trait, place);
          return part >= range[0] && part <= range[1];
        }),
    );
    own = limits.length ? new Set(ids) : null;
    state.brush(own);
  }

  top.addEventListener("pointerdown", (event) => {
    const traits = shownTraits();
    const order = traits.findIndex((_, place) => Math.abs(acrossOf(place) - event.offsetX) < 16);
    const trait = traits[order];
    if (!trait) {
      const place = nearest(event.offsetX, event.offsetY);
      if (place >= 0) {
        const id = drawn?.columns.id[place] ?? null;
        if (event.shiftKey) {
          state.compareWith(id);
        } else {
          state.choose(id);
        }
      }
    } else {
      drag = { key: trait.key, from: event.offsetY, to: event.offsetY };
      top.setPointerCapture(event.pointerId);
    }
  });
  top.addEventListener("pointermove", (event) => {
    if (drag) {
      drag.to = event.offsetY;
      mark();
    }
  });
  top.addEventListener("pointerup", () => {
    if (drag) {
      const part = (/** @type {number} */ down) => 1 - (down - MARGIN.top) / (height - MARGIN.top - MARGIN.bottom);
      const [low, high] = [part(Math.max(drag.from, drag.to)), part(Math.min(drag.from, drag.to))];
      if (Math.abs(drag.from - drag.to) < 4) {
        ranges.delete(drag.key);
      } else {
        ranges.set(drag.key, [low, high]);
      }
      drag = null;
      select();
      paint();
    }
  });
  state.listen((changed) => {
    if (changed.has("search")) {
      chosen = null;
      all = [];
      isListed = false;
      showPicker();
    }
    if (changed.has("search") || (changed.has("brushed") && state.brushed !== own)) {
      ranges.clear(); // the selection was made in another chart
    }
  });
  new ResizeObserver(paint).observe(box);
  onRatio(paint);
  return { node, draw: (data) => void draw(data), mark, clear: () => ranges.clear() };
}

/**
 * Returns where a value lies on its axis, from 0 to 1; NaN if it is unknown.
 *
 * @param {Trait} trait
 * @param {number} place
 * @returns {number}
 */
function partOf(trait, place) {
  const value = trait.values[place] ?? NaN;
  if (trait.isLog) {
    return Math.log(value / trait.low) / Math.log(trait.high / trait.low);
  }
  return (value - trait.low) / (trait.high - trait.low);
}

/**
 * Returns the axes of a search: fitness and costs, metrics, genes, counts of operations. An axis has at least two values.
 *
 * @param {SearchData} data
 * @param {TraitsAnswer} traits
 * @returns {Trait[]}
 */
function traitsOf(data, traits) {
  const places = traits.id.map((id) => data.place(id));
  /** @param {import("./types.js").Values} values */
  const spread = (values) => {
    const found = new Float64Array(data.count).fill(NaN);
    values.forEach((value, order) => (found[places[order] ?? 0] = value ?? NaN));
    return found;
  };
  const skipped = new Set(["id", "finished"]);
  const found = [
    ...data
      .measures()
      .filter(({ key }) => !skipped.has(key))
      .map(({ key, title, kind, isLog }) => ({ key, title, kind, isLog, values: numbers(data.values(key)) })),
    ...Object.entries(traits.genes).map(([name, values]) => {
      const own = spread(values);
      const isLog = own.every((value) => Number.isNaN(value) || value > 0) && isWide(own);
      return { key: `gene:${name}`, title: name, kind: /** @type {const} */ ("number"), isLog, values: own };
    }),
    ...Object.entries(traits.operations).map(([name, counts]) => ({
      key: `operation:${name}`,
      title: `${name} (count)`,
      kind: /** @type {const} */ ("number"),
      isLog: false,
      values: spread(counts),
    })),
  ];
  return found.flatMap((trait) => {
    const values = trait.values.filter((value) => Number.isFinite(value) && (!trait.isLog || value > 0));
    const low = values.reduce((a, b) => Math.min(a, b), Infinity);
    const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    return low < high ? [{ ...trait, low, high }] : [];
  });
}

/**
 * Whether the largest value is more than twenty times the least.
 *
 * @param {Float64Array} values
 * @returns {boolean}
 */
function isWide(values) {
  const known = values.filter((value) => Number.isFinite(value));
  const low = known.reduce((a, b) => Math.min(a, b), Infinity);
  return known.reduce((a, b) => Math.max(a, b), -Infinity) > 20 * low;
}

/**
 * Returns as much of a text as fits.
 *
 * @param {CanvasRenderingContext2D} brush
 * @param {string} text
 * @param {number} width
 * @returns {string}
 */
function fitted(brush, text, width) {
  let kept = text;
  while (kept.length > 3 && brush.measureText(kept).width > width) {
    kept = `${kept.slice(0, -2)}…`;
  }
  return kept;
}
