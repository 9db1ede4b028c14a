/**
 * The colours of the tab. Those of the page are variables of `style.css`; those of points are here.
 *
 * @module
 */

import { DONE, FAILED } from "./data.js";

/** @typedef {import("./data.js").SearchData} SearchData */
/** @typedef {"rule" | "age" | "state" | "species"} ColourBy */

/**
 * The colour of every point, and what the colours mean.
 *
 * @typedef {object} Colouring
 * @property {{ label: string, colour: string, count: number }[]} classes
 * @property {Uint8Array} of the class of each individual
 * @property {string} title
 * @property {boolean} isRamp whether the classes are steps of one scale, which a legend shows as a bar
 */

// People who do not see red or green can tell these apart: the palette of Okabe and Ito, and darker or lighter mixtures.
const LIGHT = [
  "#6b7280", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#7b3f98", "#8c510a", "#1b7837", "#e7298a",
  "#4d4d4d", "#3f51b5", "#a6761d",
]; // prettier-ignore
const DARK = [
  "#9aa0aa", "#4da3e0", "#ff8c42", "#2fcf9f", "#e8a0c8", "#f0d442", "#8fd3ff", "#c08fdf", "#d9a066", "#7fd48a", "#ff7ab8",
  "#c8c8c8", "#8f9ff5", "#e0b65c",
]; // prettier-ignore
const RAMP = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#a5cc20", "#e0b400"];
const RAMP_DARK = ["#6a4fb5", "#5f6fc4", "#4d8fce", "#3fabc9", "#3fc4b0", "#5fd68c", "#93e366", "#c9ec4d", "#fdf04a"];

const MOST_SPECIES = LIGHT.length - 2; // those that have a colour of their own

/**
 * Returns the colourings that a search has.
 *
 * @param {SearchData} data
 * @returns {ColourBy[]}
 */
export function colourings(data) {
  return ["rule", "state", "age", ...(data.values("species").some(Boolean) ? /** @type {const} */ (["species"]) : [])];
}

/**
 * Whether the page is dark now.
 *
 * @returns {boolean}
 */
export function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

/**
 * Returns a colour of the page, such as `--ink`.
 *
 * @param {string} name
 * @returns {string}
 */
export function pageColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * Returns the colour of a class, such as a rule or a search.
 *
 * @param {number} place
 * @returns {string}
 */
export function classColour(place) {
  const palette = isDark() ? DARK : LIGHT;
  return /** @type {string} */ (palette[place % palette.length]);
}

/**
 * Returns the colours of the individuals of a search.
 *
 * @param {SearchData} data
 * @param {ColourBy} by
 * @returns {Colouring}
 */
export function colouring(data, by) {
  if (by === "rule") {
    const classes = data.rules.map((label, place) => ({ label, colour: classColour(place), count: 0 }));
    return counted(data, "Rule", classes, (place) => data.columns.rule[place] ?? 0);
  }
  if (by === "state") {
    const states = [
      ["member of the population", "--good"],
      ["finished", "--accent"],
      ["removed", "--soft"],
      ["failed", "--bad"],
      ["pending", "--pending"],
    ].map(([label, name]) => ({ label: label ?? "", colour: pageColour(name ?? ""), count: 0 }));
    return counted(data, "State", states, (place) => stateOf(data, place));
  }
  if (by === "species") {
    return speciesColouring(data);
  }
  const ramp = isDark() ? RAMP_DARK : RAMP;
  const last = Math.max(1, data.count - 1);
  const classes = ramp.map((colour) => ({ label: "", colour, count: 0 }));
  const first = classes[0];
  const latest = classes[classes.length - 1];
  if (first && latest) {
    first.label = "oldest";
    latest.label = "youngest";
  }
  const of = (/** @type {number} */ place) => Math.min(ramp.length - 1, Math.floor((place / last) * ramp.length));
  return { ...counted(data, "Age", classes, of), isRamp: true };
}

/**
 * Returns a colour for each of the largest species. The others share one, since only a few colours can be told apart.
 *
 * @param {SearchData} data
 * @returns {Colouring}
 */
function speciesColouring(data) {
  const species = data.values("species");
  /** @type {Map<number, number>} */
  const sizes = new Map();
  for (const one of species) {
    if (one) {
      sizes.set(one, (sizes.get(one) ?? 0) + 1);
    }
  }
  const largest = [...sizes.keys()]
    .sort((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0) || a - b)
    .slice(0, MOST_SPECIES)
    .sort((a, b) => a - b);
  const labels = ["no species", ...largest.map((one) => `species ${one}`), "other species"];
  const classes = labels.map((label, place) => ({ label, colour: classColour(place), count: 0 }));
  const places = new Map(largest.map((one, order) => [one, order + 1]));
  return counted(data, "Species", classes, (place) => {
    const own = species[place];
    return own ? (places.get(own) ?? labels.length - 1) : 0;
  });
}

/**
 * @param {SearchData} data
 * @param {number} place
 * @returns {number}
 */
function stateOf(data, place) {
  const status = data.columns.status[place];
  if (status !== DONE) {
    return status === FAILED ? 3 : 4;
  }
  const isMember = data.isMember(place);
  return isMember === null ? 1 : isMember ? 0 : 2;
}

/**
 * @param {SearchData} data
 * @param {string} title
 * @param {{ label: string, colour: string, count: number }[]} classes
 * @param {(place: number) => number} classOf
 * @returns {Colouring}
 */
function counted(data, title, classes, classOf) {
  const of = new Uint8Array(data.count);
  for (let place = 0; place < data.count; place += 1) {
    const found = classOf(place);
    of[place] = found;
    const one = classes[found];
    if (one) {
      one.count += 1;
    }
  }
  return { title, classes, of, isRamp: false };
}
