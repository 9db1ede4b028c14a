/**
 * The family trees of a search: who descends from whom, and where a tree has its rows.
 *
 * A parent has a smaller id than its children, so that each pass below goes once through the columns.
 *
 * @module
 */

import { PENDING } from "./data.js";

/** @typedef {import("./data.js").SearchData} SearchData */

/**
 * The descendants of one first ancestor.
 *
 * @typedef {object} Family
 * @property {number} place of the first ancestor
 * @property {number} count number of individuals, the first ancestor included
 * @property {boolean} isAlive whether a member of the population, or a pending individual, is of this family
 */

/**
 * The rows of a tree. The first row is 0, and rows count downwards.
 *
 * @typedef {object} Rows
 * @property {Float64Array} of the row of each individual; NaN if it is not shown
 * @property {{ place: number, count: number, top: number, bottom: number }[]} bands the rows of each family
 * @property {number} height number of rows
 */

/**
 * The outline of a subtree, from its first column to its last one, relative to the row of its root.
 *
 * @typedef {object} Hull
 * @property {number} start
 * @property {number} end
 * @property {Int32Array} top
 * @property {Int32Array} bottom
 */

const COLUMNS = 1500; // Finer than the pixels of a chart, so that neighbours in time do not overlap.

/**
 * Returns the place of each individual's parent; -1 for a first ancestor.
 *
 * @param {SearchData} data
 * @returns {Int32Array}
 */
export function parents(data) {
  return Int32Array.from(data.columns.parent, (id) => data.place(id || null));
}

/**
 * Returns the place of each individual's mate, its second parent; -1 for none.
 *
 * @param {SearchData} data
 * @returns {Int32Array}
 */
export function mates(data) {
  return Int32Array.from(data.columns.mate, (id) => data.place(id || null));
}

/**
 * Returns the places of all descendants of an individual.
 *
 * @param {SearchData} data
 * @param {number} id
 * @returns {number[]}
 */
export function descendants(data, id) {
  const found = /** @type {number[]} */ ([]);
  const open = [...data.children(id)];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    found.push(data.place(next));
    open.push(...data.children(next));
  }
  return found;
}

/**
 * Returns the families of a search, and the family of each individual.
 *
 * @param {SearchData} data
 * @param {Int32Array} parentOf
 * @returns {{ families: Family[], of: Int32Array }}
 */
export function kinship(data, parentOf) {
  const families = /** @type {Family[]} */ ([]);
  const of = new Int32Array(data.count);
  for (let place = 0; place < data.count; place += 1) {
    const parent = parentOf[place] ?? -1;
    if (parent < 0) {
      of[place] = families.length;
      families.push({ place, count: 0, isAlive: false });
    } else {
      of[place] = of[parent] ?? 0;
    }
    const family = /** @type {Family} */ (families[of[place] ?? 0]);
    family.count += 1;
    family.isAlive ||= data.isMember(place) !== false || data.columns.status[place] === PENDING;
  }
  return { families, of };
}

/**
 * Returns which individuals are shown: not those below a folded one, and not those for which `isHidden` holds.
 *
 * @param {SearchData} data
 * @param {Int32Array} parentOf
 * @param {ReadonlySet<number>} folded ids
 * @param {(place: number) => boolean} isHidden
 * @returns {Uint8Array}
 */
export function visible(data, parentOf, folded, isHidden) {
  const isBelow = new Uint8Array(data.count);
  const shown = new Uint8Array(data.count);
  for (let place = 0; place < data.count; place += 1) {
    const parent = parentOf[place] ?? -1;
    if (parent >= 0 && (isBelow[parent] || folded.has(data.columns.id[parent] ?? 0))) {
      isBelow[place] = 1;
    }
    shown[place] = isBelow[place] || isHidden(place) ? 0 : 1;
  }
  return shown;
}

/**
 * Returns rows in which every family has a band of its own, and in which no two subtrees overlap.
 *
 * The child whose descendants last longest goes on in the row of its parent. The other children are put above or below
 * it, as near as their outlines allow.
 *
 * @param {Int32Array} parentOf
 * @param {Float64Array} x when each individual was born
 * @param {Uint8Array} shown
 * @returns {Rows}
 */
export function rows(parentOf, x, shown) {
  const toColumn = columnsOf(x);
  const children = childrenOf(parentOf, shown);
  const hulls = /** @type {(Hull | undefined)[]} */ (new Array(x.length));
  const shift = new Int32Array(x.length);
  for (let place = x.length - 1; place >= 0; place -= 1) {
    if (shown[place]) {
      hulls[place] = joined(toColumn(place), children.get(place) ?? [], hulls, shift);
    }
  }
  const of = new Float64Array(x.length).fill(NaN);
  const bands = [];
  const bandOf = new Int32Array(x.length);
  let height = 0;
  for (let place = 0; place < x.length; place += 1) {
    const parent = parentOf[place] ?? -1;
    const hull = hulls[place];
    if (!shown[place]) {
      continue;
    }
    if (parent >= 0) {
      of[place] = (of[parent] ?? 0) + (shift[place] ?? 0);
      bandOf[place] = bandOf[parent] ?? 0;
      /** @type {{ count: number }} */ (bands[bandOf[place] ?? 0]).count += 1;
    } else if (hull) {
      const top = hull.top.reduce((least, row) => Math.min(least, row), 0);
      const bottom = hull.bottom.reduce((most, row) => Math.max(most, row), 0);
      of[place] = height - top;
      bandOf[place] = bands.length;
      bands.push({ place, count: 1, top: height, bottom: height + bottom - top });
      height += bottom - top + 1;
    }
  }
  return { of, bands, height };
}

/**
 * @param {Float64Array} x
 * @returns {(place: number) => number}
 */
function columnsOf(x) {
  const low = x.reduce((least, value) => Math.min(least, value), Infinity);
  const high = x.reduce((most, value) => Math.max(most, value), -Infinity);
  const count = Math.min(x.length, COLUMNS);
  return (place) => Math.min(count - 1, Math.floor((((x[place] ?? 0) - low) / (high - low || 1)) * count));
}

/**
 * @param {Int32Array} parentOf
 * @param {Uint8Array} shown
 * @returns {Map<number, number[]>}
 */
function childrenOf(parentOf, shown) {
  const found = /** @type {Map<number, number[]>} */ (new Map());
  for (const [place, parent] of parentOf.entries()) {
    if (parent >= 0 && shown[place]) {
      const siblings = found.get(parent);
      if (siblings) {
        siblings.push(place);
      } else {
        found.set(parent, [place]);
      }
    }
  }
  return found;
}

/**
 * Returns the outline of a subtree, and notes by how many rows each child is shifted.
 *
 * @param {number} column of the root
 * @param {readonly number[]} children
 * @param {(Hull | undefined)[]} hulls of the children, which are given up
 * @param {Int32Array} shift
 * @returns {Hull}
 */
function joined(column, children, hulls, shift) {
  const parts = children.map((place) => ({ place, hull: /** @type {Hull} */ (hulls[place]) }));
  parts.sort((a, b) => a.hull.end - b.hull.end || b.place - a.place);
  const heir = parts.pop();
  const own = extended(heir?.hull ?? null, column);
  for (const { place, hull } of parts) {
    const part = extended(hull, column);
    let below = 0;
    let above = 0;
    for (let at = 0; at < part.top.length; at += 1) {
      below = Math.max(below, (own.bottom[at] ?? 0) - (part.top[at] ?? 0) + 1);
      above = Math.min(above, (own.top[at] ?? 0) - (part.bottom[at] ?? 0) - 1);
    }
    const rows = below <= -above ? below : above;
    shift[place] = rows;
    for (let at = 0; at < part.top.length; at += 1) {
      own.top[at] = Math.min(own.top[at] ?? 0, (part.top[at] ?? 0) + rows);
      own.bottom[at] = Math.max(own.bottom[at] ?? 0, (part.bottom[at] ?? 0) + rows);
    }
  }
  children.forEach((place) => (hulls[place] = undefined));
  return own;
}

/**
 * Returns the outline with the line that joins it to its parent.
 *
 * @param {Hull | null} hull
 * @param {number} start the column of the parent
 * @returns {Hull}
 */
function extended(hull, start) {
  const end = Math.max(start, hull?.end ?? start);
  const top = new Int32Array(end - start + 1);
  const bottom = new Int32Array(end - start + 1);
  if (hull) {
    // In the order of results, a pending child may lie in the column of its parent.
    top.set(hull.top.subarray(Math.max(0, start - hull.start)), Math.max(0, hull.start - start));
    bottom.set(hull.bottom.subarray(Math.max(0, start - hull.start)), Math.max(0, hull.start - start));
  }
  return { start, end, top, bottom };
}
