/**
 * What is known about an individual without a question to the server, in a few words.
 *
 * @module
 */

import { DONE, FAILED, metricChange, metricText } from "./data.js";
import { element } from "./dom.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./data.js").SearchData} SearchData */
/** @typedef {import("./dom.js").Child} Child */

/**
 * Returns the headline of an individual: its id, fitness, state, rule, parents and gain.
 *
 * @param {State} state
 * @param {number} id
 * @returns {Child[]}
 */
export function headline(state, id) {
  const { data } = state;
  const place = data?.place(id) ?? -1;
  const title = element("h2", {}, `Individual ${id}`);
  if (!data || place < 0) {
    return [title];
  }
  const { parent, mate, rule, fitness, status } = data.columns;
  const gain = data.gain(place);
  const [words, kind] = condition(data, place);
  const own = parent[place];
  const other = mate[place];
  const origin = own
    ? [
        element("b", {}, data.rules[rule[place] ?? 0] ?? ""),
        " from ",
        chooseLink(state, own),
        ...(other ? [" and its mate ", chooseLink(state, other)] : []),
      ]
    : ["first ancestor, sampled without a parent"];
  return [
    element(
      "div",
      { class: "headline" },
      title,
      status[place] === DONE
        ? element("span", { class: "fitness", title: data.search.metric }, metricText(data.search, fitness[place]))
        : null,
      gain === null
        ? null
        : element("span", { class: gainClass(gain), title: "against its parent" }, metricChange(data.search, gain)),
      place === data.best ? element("span", { class: "chip best" }, "best") : null,
      element("span", { class: `chip ${kind}` }, words),
    ),
    element("p", { class: "origin" }, ...origin),
  ];
}

/**
 * Returns the state of an individual in words, and the class that colours it.
 *
 * @param {SearchData} data
 * @param {number} place
 * @returns {[string, string]}
 */
export function condition(data, place) {
  const status = data.columns.status[place];
  if (status !== DONE) {
    return status === FAILED ? ["failed", "bad"] : ["pending", "pending"];
  }
  const isMember = data.isMember(place);
  if (!data.columns.finished[place]) {
    return ["finished, waits for earlier results", "pending"];
  }
  if (isMember === null) {
    return ["finished", ""];
  }
  return isMember ? ["in the population", "good"] : [`removed after result ${data.columns.left[place]}`, ""];
}

/**
 * Returns a link that chooses an individual.
 *
 * @param {State} state
 * @param {number} id
 * @returns {HTMLButtonElement}
 */
export function chooseLink(state, id) {
  return element(
    "button",
    { class: "link", type: "button", title: `Choose individual ${id}`, onclick: () => state.choose(id) },
    id,
  );
}

/**
 * Returns the class that colours a gain.
 *
 * @param {number} gain
 * @returns {string}
 */
export function gainClass(gain) {
  return gain > 0 ? "good" : gain < 0 ? "bad" : "";
}
