/**
 * How the family tree of a search is drawn: where its individuals are, which ones are pale, and which lines join them.
 *
 * @module
 */

import { BOX, CROSS, DIAMOND, DOT, RING } from "./shapes.js";
import { pageColour } from "./colour.js";
import { DONE, FAILED } from "./data.js";
import { isSingle } from "./scales.js";
import { descendants, kinship, mates, parents, rows, visible } from "./tree.js";

/** @typedef {import("./data.js").SearchData} SearchData */
/** @typedef {import("./chart.js").Axis} Axis */
/** @typedef {import("./chart.js").Edges} Edges */
/** @typedef {import("./chart.js").Band} Band */

/**
 * What the user has set.
 *
 * @typedef {object} Settings
 * @property {"lineage" | "fitness"} up
 * @property {"finished" | "id"} across
 * @property {boolean} hidesExtinct
 * @property {Set<number>} folded ids of the individuals whose descendants are not shown
 */

/**
 * Where the individuals of a tree are.
 *
 * @typedef {object} Tree
 * @property {Int32Array} parentOf
 * @property {Int32Array} mateOf the place of each individual's second parent; -1 for none
 * @property {Uint8Array} shown
 * @property {number} extinct number of families that died out
 * @property {Float64Array} x
 * @property {Float64Array} y
 * @property {Axis} axisX
 * @property {Axis} axisY
 * @property {Band[]} bands
 */

const FAR = 1e12; // beyond every result number, so that the bands of families go from edge to edge
const MOST_BANDS = 300;

/**
 * @param {"finished" | "id"} across
 * @returns {Axis}
 */
export function axisX(across) {
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
export function treeOf(data, settings, selected) {
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
  const base = { parentOf, mateOf: mates(data), shown, extinct, x, axisX: time };
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
  [low, high] = low > high ? [0, 1] : isSingle(low, high) ? [low - 0.01, high + 0.01] : [low, high];
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
    kind: data.metric.kind,
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
 * @property {ReadonlySet<number>} mates the mates in the line of the chosen individual
 */

/**
 * @param {SearchData} data
 * @param {number | null} selected
 * @param {Tree} tree
 * @returns {Related}
 */
export function relatives(data, selected, tree) {
  const upwards = (/** @type {number} */ from) => {
    const found = new Set(/** @type {number[]} */ ([]));
    for (let place = from; place >= 0; place = tree.parentOf[place] ?? -1) {
      found.add(place);
    }
    return found;
  };
  const place = data.place(selected);
  const line = upwards(place);
  return {
    line,
    mates: new Set([...line].map((one) => tree.mateOf[one] ?? -1)),
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
export function paleOf(data, { line, mates: others, below, best }, isOut) {
  const pale = new Uint8Array(data.count);
  for (let place = 0; place < data.count; place += 1) {
    const isRelated = !line.size || [line, others, below, best].some((some) => some.has(place));
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
export function edgesOf(data, tree, { line, below, best }, isElbow) {
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
 * Returns the dashed lines from mates to the children of which they are the second parent. Those in the line of the
 * chosen individual are drawn last and stronger.
 *
 * @param {SearchData} data
 * @param {Tree} tree
 * @param {Related} related
 * @param {boolean} isElbow whether failed individuals have no row of their own
 * @returns {Edges[]}
 */
export function mateEdges(data, tree, { line }, isElbow) {
  const groups = [
    { colour: line.size ? "--edge-pale" : "--mate", width: 1, dash: [2, 4] },
    { colour: "--mate", width: 2, dash: [5, 4] },
  ].map((group) => ({ ...group, from: [], to: [], colour: pageColour(group.colour) }));
  for (const [place, mate] of tree.mateOf.entries()) {
    const isDrawn = isElbow || data.columns.status[place] === DONE || line.has(place);
    if (mate >= 0 && isDrawn && tree.shown[place] && tree.shown[mate]) {
      const { from, to } = /** @type {{ from: number[], to: number[] }} */ (groups[line.has(place) ? 1 : 0]);
      from.push(mate);
      to.push(place);
    }
  }
  return groups;
}

/**
 * @param {SearchData} data
 * @param {ReadonlySet<number>} folded
 * @returns {Uint8Array}
 */
export function shapesOf(data, folded) {
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
export function notesOf(data, folded) {
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
 * Returns the place of the parent, or of the child with the most descendants; -1 if there is none.
 *
 * @param {SearchData} data
 * @param {Tree} tree
 * @param {number} place
 * @param {"ArrowUp" | "ArrowDown"} key
 * @returns {number}
 */
export function relative(data, tree, place, key) {
  if (key === "ArrowUp") {
    return tree.parentOf[place] ?? -1;
  }
  const children = data.children(data.columns.id[place] ?? 0).filter((id) => tree.shown[data.place(id)]);
  const sizes = children.map((id) => descendants(data, id).length);
  return data.place(children[sizes.indexOf(Math.max(...sizes))] ?? null);
}
