/**
 * Two individuals side by side: pictures, numbers with the better one marked, and the difference in words.
 *
 * @module
 */

import { isDark } from "./colour.js";
import { DONE } from "./data.js";
import { element, fill } from "./dom.js";
import { shown } from "./format.js";
import { condition } from "./headline.js";
import { picture } from "./picture.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./data.js").SearchData} SearchData */
/** @typedef {import("./format.js").Kind} Kind */
/** @typedef {import("./types.js").IndividualAnswer} IndividualAnswer */
/** @typedef {import("./dom.js").Child} Child */

/**
 * A number of both individuals.
 *
 * @typedef {object} Row
 * @property {string} title
 * @property {Kind} kind
 * @property {-1 | 0 | 1} better 1: more is better, -1: less is better, 0: neither
 * @property {[number | string | null, number | string | null]} values
 */

/** Shows two individuals. */
export class Pair {
  /** @param {State} state */
  constructor(state) {
    this._state = state;
    this._now = "";
    this.node = element("div", { class: "pair" });
  }

  /**
   * @param {IndividualAnswer} first
   * @param {IndividualAnswer} second
   * @param {readonly string[] | string} difference lines, or words that say why there are none
   */
  show(first, second, difference) {
    const { data, key } = this._state;
    const rows = rowsOf(data, first, second);
    // A report has only the pictures that are marked against the parents.
    const isParent = second.parent === first.id || second.mate === first.id;
    const against = this._state.source.isLive || isParent ? first.id : null;
    const states = [first, second].map(({ id, error }) => [id, error, data && condition(data, data.place(id))]);
    const now = JSON.stringify([key, states, rows, difference, isDark()]);
    if (now === this._now) {
      return;
    }
    this._now = now;
    fill(
      this.node,
      this._bar(first.id, second.id),
      element(
        "div",
        { class: "pair-pictures" },
        this._side(first, null, "first"),
        this._side(second, against, "second"),
      ),
      element("h3", {}, `From ${first.id} to ${second.id}`),
      changes(difference),
      element("h3", {}, "Numbers"),
      table(first.id, second.id, rows),
    );
  }

  /**
   * @param {number} first
   * @param {number} second
   * @returns {HTMLElement}
   */
  _bar(first, second) {
    const swap = () => {
      this._state.choose(second);
      this._state.compareWith(first);
    };
    return element(
      "div",
      { class: "controls" },
      element("h2", {}, `Compared with individual ${second}`),
      element("span", { class: "space" }),
      element("button", { type: "button", onclick: swap }, "Swap"),
      element("button", { type: "button", onclick: () => this._state.compareWith(null) }, "End the comparison"),
    );
  }

  /**
   * @param {IndividualAnswer} answer
   * @param {number | null} against
   * @param {"first" | "second"} place
   * @returns {HTMLElement}
   */
  _side(answer, against, place) {
    const { data } = this._state;
    const [words, kind] = data ? condition(data, data.place(answer.id)) : ["", ""];
    return element(
      "figure",
      { class: place },
      element(
        "figcaption",
        {},
        element("b", {}, `Individual ${answer.id}`),
        element("span", { class: `chip ${kind}` }, words),
        against === null ? null : element("span", { class: "hint" }, `changes against ${against} marked`),
      ),
      answer.error ? element("div", { class: "failure" }, answer.error) : null,
      picture(this._state, answer.id, against),
    );
  }
}

/**
 * @param {readonly string[] | string} difference
 * @returns {HTMLElement}
 */
function changes(difference) {
  if (typeof difference === "string" || !difference.length) {
    return element("p", { class: "hint" }, difference.length ? String(difference) : "Their texts are the same.");
  }
  return element("ul", { class: "changes" }, ...difference.map((line) => element("li", {}, line)));
}

/**
 * Returns the numbers that at least one of two individuals has.
 *
 * @param {SearchData | null} data
 * @param {IndividualAnswer} first
 * @param {IndividualAnswer} second
 * @returns {Row[]}
 */
function rowsOf(data, first, second) {
  const places = data ? [data.place(first.id), data.place(second.id)] : [];
  const measures = data?.measures().filter(({ key }) => key !== "id") ?? [];
  /** @type {Row[]} */
  const rows = measures.map(({ key, title, kind, better }) => {
    const values = data?.values(key) ?? [];
    return { title, kind, better, values: [values[places[0] ?? -1] ?? null, values[places[1] ?? -1] ?? null] };
  });
  for (const name of new Set([...Object.keys(first.genes), ...Object.keys(second.genes)])) {
    rows.push({
      title: `gene ${name}`,
      kind: "number",
      better: 0,
      values: [first.genes[name] ?? null, second.genes[name] ?? null],
    });
  }
  if (data?.columns.status.every((status, place) => status === DONE || !places.includes(place)) === false) {
    rows.forEach((row) => (row.better = 0)); // what has no result is neither better nor worse
  }
  return rows.filter(({ values }) => values.some((value) => value !== null));
}

/**
 * @param {number} first
 * @param {number} second
 * @param {readonly Row[]} rows
 * @returns {HTMLTableElement}
 */
function table(first, second, rows) {
  const heads = ["", `Individual ${first}`, `Individual ${second}`, "Difference"];
  return element(
    "table",
    {},
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        ...heads.map((head, place) => element("th", { scope: "col", class: place ? "number" : null }, head)),
      ),
    ),
    element("tbody", {}, ...rows.map(tableRow)),
  );
}

/**
 * @param {Row} row
 * @returns {HTMLTableRowElement}
 */
function tableRow({ title, kind, better, values }) {
  const [a, b] = values;
  const gap = typeof a === "number" && typeof b === "number" ? b - a : null;
  const winner = gap === null || gap === 0 || better === 0 ? -1 : gap * better > 0 ? 1 : 0;
  const cells = values.map((value, place) =>
    element(
      "td",
      { class: place === winner ? "number better" : "number" },
      typeof value === "string" ? value : shown(value, kind),
      place === winner ? element("span", { title: "the better one" }, " ✓") : null,
    ),
  );
  const words =
    gap === null || kind === "id" ? "" : gap === 0 ? "equal" : `${gap < 0 ? "−" : "+"}${shown(Math.abs(gap), kind)}`;
  return element("tr", {}, element("th", { scope: "row" }, title), ...cells, element("td", { class: "number" }, words));
}
