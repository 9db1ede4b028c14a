/**
 * The table of the mutation rules: how many children each rule has made, and what they have gained.
 *
 * @module
 */

import { classColour } from "./colour.js";
import { PENDING } from "./data.js";
import { element, fill } from "./dom.js";
import { shown, signed } from "./format.js";

/** @typedef {import("./data.js").SearchData} SearchData */

/**
 * What a mutation rule has done so far.
 *
 * @typedef {object} RuleResult
 * @property {string} rule
 * @property {number} place
 * @property {number} tried number of its children that have a result
 * @property {number} improved number of its children that are fitter than their parent
 * @property {number} rejected
 * @property {number | null} gain mean of fitness less that of the parent
 * @property {number} error standard error of that mean
 */

/**
 * Returns what each rule has done, the most used rule first.
 *
 * @param {SearchData} data
 * @returns {RuleResult[]}
 */
function ruleResults(data) {
  const gains = data.rules.map(() => /** @type {number[]} */ ([]));
  const tried = data.rules.map(() => 0);
  for (let place = 0; place < data.count; place += 1) {
    const rule = data.columns.rule[place] ?? 0;
    if (data.columns.parent[place] && data.columns.status[place] !== PENDING) {
      tried[rule] = (tried[rule] ?? 0) + 1;
      const gain = data.gain(place);
      if (gain !== null) {
        gains[rule]?.push(gain);
      }
    }
  }
  return data.rules
    .map((rule, place) => {
      const own = gains[place] ?? [];
      const mean = own.length ? own.reduce((sum, gain) => sum + gain, 0) / own.length : null;
      const squares = own.reduce((sum, gain) => sum + (gain - (mean ?? 0)) ** 2, 0);
      return {
        rule,
        place,
        tried: tried[place] ?? 0,
        improved: own.filter((gain) => gain > 0).length,
        rejected: data.answer.rejected[rule] ?? 0,
        gain: mean,
        error: own.length > 1 ? Math.sqrt(squares / (own.length - 1) / own.length) : 0,
      };
    })
    .filter(({ tried: children, rejected }) => children || rejected)
    .sort((a, b) => b.tried - a.tried);
}

/**
 * Shows the results of the rules.
 *
 * @param {HTMLElement} node
 * @param {SearchData} data
 */
export function showRules(node, data) {
  const results = ruleResults(data);
  if (!results.length) {
    fill(node, element("h2", {}, "Mutation rules"), element("p", { class: "hint" }, "No rule has made a child yet."));
    return;
  }
  const { kind, better } = data.metric;
  const reach = Math.max(...results.map(({ gain, error }) => Math.abs(gain ?? 0) + error), 1e-9);
  const head = ["Rule", "Children", "Fitter", "Rejected", "Mean gain ± error"];
  const table = element(
    "table",
    {},
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        ...head.map((title, column) => element("th", { class: column ? "number" : null, scope: "col" }, title)),
      ),
    ),
    element("tbody", {}, ...results.map((result) => ruleRow(result, reach, kind))),
  );
  fill(
    node,
    element("h2", {}, "Mutation rules"),
    element(
      "p",
      { class: "hint" },
      (better > 0
        ? "The gain is the fitness of a child less that of its parent"
        : `The gain is the ${data.search.metric} of a parent less that of its child`) +
        ", with the standard error of the mean." +
        (results.some(({ rule }) => rule.includes(", "))
          ? " A child of two mutations counts under both together."
          : ""),
    ),
    table,
  );
}

/**
 * @param {RuleResult} result
 * @param {number} reach the largest gain that is drawn
 * @param {import("./format.js").Kind} kind of the metric
 * @returns {HTMLTableRowElement}
 */
function ruleRow(result, reach, kind) {
  const share = result.tried ? ` (${shown(result.improved / result.tried, "share")})` : "";
  return element(
    "tr",
    {},
    element(
      "th",
      { scope: "row" },
      element("i", { class: "swatch", style: `background:${classColour(result.place)}` }),
      result.rule,
    ),
    element("td", { class: "number" }, result.tried),
    element("td", { class: "number" }, `${result.improved}${share}`),
    element("td", { class: "number" }, result.rejected),
    element("td", { class: "number gain" }, gainBar(result, reach), gainText(result, kind)),
  );
}

/**
 * @param {RuleResult} result
 * @param {import("./format.js").Kind} kind
 * @returns {string}
 */
function gainText({ gain, error }, kind) {
  return gain === null ? "–" : `${signed(gain, kind)}${error ? ` ± ${shown(error, kind)}` : ""}`;
}

/**
 * Returns a mark at the mean gain with its error, beside a line at zero.
 *
 * @param {RuleResult} result
 * @param {number} reach
 * @returns {HTMLElement | null}
 */
function gainBar({ gain, error }, reach) {
  if (gain === null) {
    return null;
  }
  const at = (/** @type {number} */ value) => 50 + (50 * value) / reach;
  const span = `left:${at(gain - error)}%;width:${at(gain + error) - at(gain - error)}%`;
  return element(
    "span",
    { class: "gain-bar", "aria-hidden": "true" },
    element("b", { style: span }),
    element("i", { class: gain < 0 ? "below" : "above", style: `left:${at(gain)}%` }),
  );
}
