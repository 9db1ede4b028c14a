/**
 * The family tree of a search, and the line from the first ancestor to an individual as a strip of pictures.
 *
 * @module
 */

import { BOX, Chart, CROSS, DIAMOND, DOT, RING } from "./chart.js";
import { colouring, pageColour } from "./colour.js";
import { DONE, FAILED } from "./data.js";
import { checkbox, chooser, element, fill, switcher } from "./dom.js";
import { Legend } from "./legend.js";
import { ancestorStrip } from "./line.js";
import { describe, marked } from "./overview.js";
import { descendants, kinship, parents, rows, visible } from "./tree.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./data.js").SearchData} SearchData */
/** @typedef {import("./types.js").View} View */
/** @typedef {import("./chart.js").Axis} Axis */
/** @typedef {import("./chart.js").Edges} Edges */
/** @typedef {import("./chart.js").Band} Band */
/** @typedef {import("./colour.js").ColourBy} ColourBy */

/**
 * What the user has set.
 *
 * @typedef {object} Settings
 * @property {"lineage" | "fitness"} up
 * @property {"finished" | "id"} across
 * @property {ColourBy} colourBy
 * @property {boolean} hidesExtinct
 * @property {Set<number>} folded ids of the individuals whose descendants are not shown
 */

/**
 * Where the individuals of a tree are.
 *
 * @typedef {object} Tree
 * @property {Int32Array} parentOf
 * @property {Uint8Array} shown
 * @property {number} extinct number of families that died out
 * @property {Float64Array} x
 * @property {Float64Array} y
 * @property {Axis} axisX
 * @property {Axis} axisY
 * @property {Band[]} bands
 */

const UP = /** @type {const} */ ([
  ["lineage", "Families"],
  ["fitness", "Fitness"],
]);
const ACROSS = /** @type {const} */ ([
  ["finished", "results"],
  ["id", "id"],
]);
const COLOURS = /** @type {const} */ ([
  ["rule", "rule"],
  ["state", "state"],
  ["age", "age"],
]);
const SHAPE_WORDS = /** @type {const} */ ([
  [DOT, "●", "member of the population"],
  [RING, "○", "removed"],
  [CROSS, "✕", "failed"],
  [DIAMOND, "◇", "pending"],
  [BOX, "■", "folded"],
]);
const FAR = 1e12; // beyond every result number, so that the bands of families go from edge to edge
const MOST_BANDS = 300;

/**
 * Returns the view.
 *
 * @param {State} state
 * @returns {View}
 */
export function ancestryView(state) {
  /** @type {Settings} */
  const settings = { up: "lineage", across: "finished", colourBy: "rule", hidesExtinct: false, folded: new Set() };
  /** @type {Tree | null} */
  let tree = null;
  const legend = new Legend(draw);
  const chart = new Chart({
    label:
      "Family tree of the search: parents are joined to their children. The arrow keys up and down go to the parent and " +
      "to the child with the most descendants",
    drag: "pan",
    describe: (place) => (state.data ? [...describe(state.data, place), ...kin(state.data, place)] : []),
    onChoose: (place, isSecond) => {
      const id = state.data?.columns.id[place] ?? null;
      if (isSecond) {
        state.compareWith(id);
      } else {
        state.choose(id);
      }
    },
    step: (place, key) => (state.data && tree ? relative(state.data, tree, place, key) : -1),
  });
  const strip = ancestorStrip(state);
  const folding = element("span", { class: "folding" });
  const extinct = element("span", {});
  const keys = element("div", { class: "tree-keys" });
  const again = () => {
    tree = null;
    draw();
  };
  const controls = element(
    "div",
    { class: "controls" },
    element("h2", {}, "Family tree"),
    switcher("Upwards", UP, settings.up, (value) => {
      settings.up = value === "fitness" ? "fitness" : "lineage";
      again();
    }),
    chooser("Across", ACROSS, settings.across, (value) => {
      settings.across = value === "id" ? "id" : "finished";
      again();
    }),
    chooser("Colour by", COLOURS, settings.colourBy, (value) => {
      settings.colourBy = /** @type {ColourBy} */ (value);
      draw();
    }),
    extinct,
    folding,
    element("button", { type: "button", onclick: () => chart.reset() }, "Show all"),
  );
  const figure = element("section", { class: "figure" }, controls, keys, chart.node, legend.node);
  const node = element("div", { class: "ancestry" }, figure, strip.node);

  function draw() {
    const { data } = state;
    if (!data?.count) {
      const empty = data ? "No individual has been proposed yet." : "The search is being read.";
      chart.show({ x: axisX("finished"), y: { title: "", kind: "number" }, empty });
      fill(keys);
      return;
    }
    tree ??= treeOf(data, settings, state.selected);
    const colours = colouring(data, settings.colourBy);
    legend.show(colours);
    const related = relatives(data, state.selected, tree);
    const points = {
      x: tree.x,
      y: tree.y,
      classes: colours.of,
      colours: colours.classes.map(({ colour }) => colour),
      shapes: shapesOf(data, settings.folded),
      pale: paleOf(
        data,
        related,
        (place) =>
          legend.hidden.has(colours.classes[colours.of[place] ?? 0]?.label ?? "") ||
          (state.selected === null && state.brushed !== null && !state.brushed.has(data.columns.id[place] ?? 0)),
      ),
    };
    chart.show({
      x: tree.axisX,
      y: tree.axisY,
      points,
      bands: tree.bands,
      edges: edgesOf(data, tree, related, settings.up === "lineage"),
      marked: marked(data, state),
      notes: notesOf(data, settings.folded),
    });
    showFolding(data);
    showKeys(data, tree);
  }

  /** @param {SearchData} data */
  function showFolding(data) {
    const { selected } = state;
    const { folded } = settings;
    const items = [];
    if (selected !== null && data.place(selected) >= 0) {
      const count = descendants(data, selected).length;
      const isFolded = folded.has(selected);
      const words = `${isFolded ? "Unfold" : "Fold"} its ${count} descendant${count === 1 ? "" : "s"}`;
      const toggle = () => {
        if (!folded.delete(selected)) {
          folded.add(selected);
        }
        again();
      };
      items.push(
        count
          ? element("button", { type: "button", onclick: toggle }, words)
          : element("span", { class: "hint" }, `${selected} has no descendants`),
      );
    }
    if (folded.size) {
      const unfold = () => {
        folded.clear();
        again();
      };
      items.push(element("button", { type: "button", onclick: unfold }, `Unfold all (${folded.size})`));
    }
    fill(folding, ...items);
  }

  /**
   * @param {SearchData} data
   * @param {Tree} drawn
   */
  function showKeys(data, drawn) {
    const box = checkbox(`hide families that died out (${drawn.extinct})`, settings.hidesExtinct, (checked) => {
      settings.hidesExtinct = checked;
      again();
    });
    fill(extinct, drawn.extinct ? box : null);
    const used = new Set(shapesOf(data, settings.folded));
    const words = SHAPE_WORDS.filter(([shape]) => used.has(shape)).map(([shape, sign, meaning]) =>
      element(
        "span",
        {},
        element("b", { "aria-hidden": "true" }, sign),
        shape === DOT && data.columns.left.includes(-1) ? "finished" : meaning,
      ),
    );
    const lines = data.best < 0 ? [] : [lineKey("--best", "line of the best individual")];
    if (state.selected !== null) {
      lines.push(lineKey("--chosen", `line and descendants of ${state.selected}`));
    }
    const hint = drawn.parentOf.some((parent) => parent >= 0)
      ? "Drag to move, turn the wheel to zoom."
      : "No individual has a parent: each one is a family of its own.";
    fill(keys, ...lines, ...words, element("span", { class: "hint" }, hint));
  }

  /** Unfolds what hides the chosen individual. The tree is laid out anew only if the individual was hidden. */
  function reveal() {
    const place = state.data?.place(state.selected) ?? -1;
    // The family of the chosen individual is shown even if it died out.
    tree = settings.hidesExtinct ? null : tree;
    if (!state.data || state.selected === null || place < 0 || tree?.shown[place]) {
      return;
    }
    for (const id of state.data.line(state.selected).slice(0, -1)) {
      settings.folded.delete(id);
    }
    tree = null;
  }

  return {
    node,
    update(changed) {
      if (changed.has("search")) {
        settings.folded.clear();
        legend.hidden.clear();
        chart.reset();
      }
      if (changed.has("data")) {
        tree = null;
      }
      if (changed.has("selected")) {
        reveal();
      }
      if (["data", "selected", "theme", "brushed", "view"].some((name) => changed.has(/** @type {any} */ (name)))) {
        draw();
      } else if (changed.has("second") && state.data) {
        chart.mark(marked(state.data, state));
      }
      strip.update(changed);
    },
  };
}

/**
 * @param {"finished" | "id"} across
 * @returns {Axis}
 */
function axisX(across) {
  return { title: across === "id" ? "Id" : "Results, in the order in which they came", kind: "id" };
}

/**
 * Returns the tree as it is drawn.
 *
 * @param {SearchData} data
 * @param {Settings} settings
 * @param {number | null} selected
 * @returns {Tree}
 */
function treeOf(data, settings, selected) {
  const parentOf = parents(data);
  const { families, of } = kinship(data, parentOf);
  const chosenFamily = selected === null ? -1 : (of[data.place(selected)] ?? -1);
  const isHidden = (/** @type {number} */ place) =>
    settings.hidesExtinct && of[place] !== chosenFamily && !families[of[place] ?? 0]?.isAlive;
  const shown = visible(data, parentOf, settings.folded, isHidden);
  const across = born(data, settings.across);
  const x = across.map((value, place) => (shown[place] ? value : NaN));
  const extinct = families.filter(({ isAlive }) => !isAlive).length;
  const low = across.reduce((least, value) => Math.min(least, value), Infinity);
  const high = across.reduce((most, value) => Math.max(most, value), 1);
  const room = Math.max(0.5, (high - low) * 0.02);
  /** @type {Axis} */
  const time = { ...axisX(settings.across), range: [low - room, high + room] };
  const base = { parentOf, shown, extinct, x, axisX: time };
  return settings.up === "fitness"
    ? { ...base, ...byFitness(data, shown) }
    : { ...base, ...byFamily(data, parentOf, across, shown) };
}

/**
 * Returns when each individual was born. Pending ones come after all results.
 *
 * @param {SearchData} data
 * @param {"finished" | "id"} across
 * @returns {Float64Array}
 */
function born(data, across) {
  if (across === "id") {
    return Float64Array.from(data.columns.id);
  }
  let last = data.columns.finished.reduce((most, value) => Math.max(most, value), 0);
  return Float64Array.from(data.columns.finished, (value) => value || ++last);
}

/**
 * Returns the places upwards by fitness. Failed and pending individuals have rows of their own below the others.
 *
 * @param {SearchData} data
 * @param {Uint8Array} shown
 * @returns {{ y: Float64Array, axisY: Axis, bands: Band[] }}
 */
function byFitness(data, shown) {
  const fitness = data.values("fitness");
  let low = Infinity;
  let high = -Infinity;
  for (const value of fitness) {
    low = value === null ? low : Math.min(low, value);
    high = value === null ? high : Math.max(high, value);
  }
  [low, high] = low > high ? [0, 1] : low === high ? [low - 0.01, high + 0.01] : [low, high];
  const step = (high - low) * 0.09;
  const without = /** @type {{ value: number, label: string }[]} */ ([]);
  const statuses = new Set(data.columns.status.filter((_, place) => fitness[place] === null && shown[place]));
  const levels = /** @type {Record<number, number>} */ ({});
  for (const status of statuses) {
    levels[status] = low - step * (without.length + 1);
    without.push({
      value: levels[status] ?? 0,
      label: status === FAILED ? "failed" : status === DONE ? "none" : "pending",
    });
  }
  const y = Float64Array.from(fitness, (value, place) =>
    shown[place] ? (value ?? levels[data.columns.status[place] ?? 0] ?? NaN) : NaN,
  );
  const axisY = /** @type {Axis} */ ({
    title: data.search.metric,
    kind: "fitness",
    labels: without,
    from: low,
    range: [low - step * (without.length + 0.7), high + step],
  });
  return { y, axisY, bands: [] };
}

/**
 * Returns the places upwards by family. The first family is at the top.
 *
 * @param {SearchData} data
 * @param {Int32Array} parentOf
 * @param {Float64Array} across
 * @param {Uint8Array} shown
 * @returns {{ y: Float64Array, axisY: Axis, bands: Band[] }}
 */
function byFamily(data, parentOf, across, shown) {
  const { of, bands, height } = rows(parentOf, across, shown);
  const y = of.map((row) => -row);
  const labels = [...bands]
    .sort((a, b) => b.count - a.count || a.place - b.place)
    .slice(0, MOST_BANDS)
    .map(({ place, top, bottom }) => ({ value: -(top + bottom) / 2, label: String(data.columns.id[place]) }));
  const room = Math.max(0.7, height * 0.015);
  const axisY = /** @type {Axis} */ ({
    title: "Family, by its first ancestor",
    kind: "id",
    isBare: true,
    labels,
    range: [-Math.max(1, height - 1 + room), room],
  });
  const tint = pageColour("--family");
  const striped = bands.length > MOST_BANDS ? [] : bands.filter((_, order) => order % 2);
  const drawn = striped.map(({ top, bottom }) => ({
    x: [-FAR, FAR],
    low: [-bottom - 0.5, -bottom - 0.5],
    high: [-top + 0.5, -top + 0.5],
    colour: tint,
  }));
  return { y, axisY, bands: drawn };
}

/**
 * The individuals that belong to the chosen one and to the best one, as places.
 *
 * @typedef {object} Related
 * @property {ReadonlySet<number>} line of the chosen individual
 * @property {ReadonlySet<number>} below its descendants
 * @property {ReadonlySet<number>} best line of the best individual
 */

/**
 * @param {SearchData} data
 * @param {number | null} selected
 * @param {Tree} tree
 * @returns {Related}
 */
function relatives(data, selected, tree) {
  const upwards = (/** @type {number} */ from) => {
    const found = new Set(/** @type {number[]} */ ([]));
    for (let place = from; place >= 0; place = tree.parentOf[place] ?? -1) {
      found.add(place);
    }
    return found;
  };
  const place = data.place(selected);
  return {
    line: upwards(place),
    below: new Set(selected !== null && place >= 0 ? descendants(data, selected) : []),
    best: upwards(data.best),
  };
}

/**
 * @param {SearchData} data
 * @param {Related} related
 * @param {(place: number) => boolean} isOut
 * @returns {Uint8Array}
 */
function paleOf(data, { line, below, best }, isOut) {
  const pale = new Uint8Array(data.count);
  for (let place = 0; place < data.count; place += 1) {
    const isRelated = !line.size || line.has(place) || below.has(place) || best.has(place);
    pale[place] = isOut(place) || !isRelated ? 1 : 0;
  }
  return pale;
}

/**
 * Returns the lines from parents to children, the important ones last. Lines down to the row of failed individuals would
 * cover the others, so that only those of the chosen individual are drawn.
 *
 * @param {SearchData} data
 * @param {Tree} tree
 * @param {Related} related
 * @param {boolean} isElbow
 * @returns {Edges[]}
 */
function edgesOf(data, tree, { line, below, best }, isElbow) {
  const groups = [
    { colour: line.size ? "--edge-pale" : "--edge", width: 1 },
    { colour: "--best", width: line.size ? 6 : 3.5 },
    { colour: "--chosen", width: 1.2 },
    { colour: "--chosen", width: 2.5 },
  ].map(({ colour, width }) => ({ from: [], to: [], colour: pageColour(colour), width, isElbow }));
  for (const [place, parent] of tree.parentOf.entries()) {
    if (parent >= 0 && tree.shown[place]) {
      const isBest = best.has(place);
      const isLoose = isBest || (!isElbow && data.columns.status[place] !== DONE);
      const own = line.has(place) ? 3 : below.has(place) ? 2 : isLoose ? -1 : 0;
      for (const group of [isBest ? 1 : -1, own]) {
        /** @type {number[] | undefined} */ (groups[group]?.from)?.push(parent);
        /** @type {number[] | undefined} */ (groups[group]?.to)?.push(place);
      }
    }
  }
  return groups;
}

/**
 * @param {SearchData} data
 * @param {ReadonlySet<number>} folded
 * @returns {Uint8Array}
 */
function shapesOf(data, folded) {
  const { id, status } = data.columns;
  return Uint8Array.from(status, (own, place) => {
    if (folded.has(id[place] ?? 0)) {
      return BOX;
    }
    if (own !== DONE) {
      return own === FAILED ? CROSS : DIAMOND;
    }
    return data.isMember(place) === false ? RING : DOT;
  });
}

/**
 * @param {SearchData} data
 * @param {ReadonlySet<number>} folded
 * @returns {{ place: number, text: string }[]}
 */
function notesOf(data, folded) {
  const best = data.columns.id[data.best] ?? 0;
  const notes = [{ place: data.best, text: `best: ${best}` }];
  for (const id of folded) {
    const below = descendants(data, id);
    const words = below.includes(data.best) ? `, with the best, ${best}` : "";
    notes.push({ place: data.place(id), text: `+${below.length}${words}` });
  }
  return notes;
}

/**
 * Returns the lines of the tooltip on an individual's place in the tree.
 *
 * @param {SearchData} data
 * @param {number} place
 * @returns {string[]}
 */
function kin(data, place) {
  const id = data.columns.id[place] ?? 0;
  const children = data.children(id).length;
  const isMember = data.isMember(place);
  const state =
    isMember === null || data.columns.status[place] !== DONE ? [] : [isMember ? "member of the population" : "removed"];
  return children ? [...state, `children: ${children}, descendants: ${descendants(data, id).length}`] : state;
}

/**
 * Returns the place of the parent, or of the child with the most descendants; -1 if there is none.
 *
 * @param {SearchData} data
 * @param {Tree} tree
 * @param {number} place
 * @param {"ArrowUp" | "ArrowDown"} key
 * @returns {number}
 */
function relative(data, tree, place, key) {
  if (key === "ArrowUp") {
    return tree.parentOf[place] ?? -1;
  }
  const children = data.children(data.columns.id[place] ?? 0).filter((id) => tree.shown[data.place(id)]);
  const sizes = children.map((id) => descendants(data, id).length);
  return data.place(children[sizes.indexOf(Math.max(...sizes))] ?? null);
}

/**
 * @param {string} colour
 * @param {string} words
 * @returns {HTMLElement}
 */
function lineKey(colour, words) {
  return element("span", {}, element("i", { style: `background:var(${colour})` }), words);
}
