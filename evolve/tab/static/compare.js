/**
 * Several searches: the curves of those that can be compared, with mean and band over their random seeds, and a list.
 *
 * @module
 */

import { Chart } from "./chart.js";
import { classColour } from "./colour.js";
import { metricText, metricValue } from "./data.js";
import { element, fill } from "./dom.js";
import { numbers } from "./overview.js";
import { isSingle, withRoom } from "./scales.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").SearchSummary} SearchSummary */
/** @typedef {import("./types.js").CurveAnswer} CurveAnswer */

/**
 * Searches that differ only in their random seed.
 *
 * @typedef {object} Group
 * @property {string} label
 * @property {string} colour
 * @property {SearchSummary[]} searches
 */

/** @typedef {{ x: number[], mean: number[], low: number[], high: number[] }} Band */

const POINTS = 400; // of a drawn curve
const AT_ONCE = 6; // requests

/**
 * Returns the view.
 *
 * @param {State} state
 * @returns {View}
 */
export function compareView(state) {
  /** @type {Map<string, { stamp: string, curve: CurveAnswer }>} curves by the key of their search */
  const curves = new Map();
  let isReading = false;
  let fault = "";
  const best = new Chart({ label: "Best fitness so far of each group of searches" });
  const mean = new Chart({ label: "Mean of the population of each group of searches" });
  const legend = element("div", { class: "line-keys" });
  const note = element("p", { class: "hint" });
  const list = element("section", { class: "search-list" });
  const node = element(
    "div",
    { class: "compare" },
    element("div", { class: "controls" }, element("h2", {}, "Searches of one space"), legend),
    note,
    element("div", { class: "compare-charts" }, best.node, mean.node),
    list,
  );

  function draw() {
    const groups = groupsOf(state);
    const bands = groups.map((group) => {
      const found = group.searches.flatMap(({ key }) => curves.get(key)?.curve ?? []);
      return { best: bandOf(found, "best"), mean: bandOf(found, "mean"), colour: group.colour, curves: found };
    });
    const metric = state.data?.search.metric ?? "fitness";
    for (const [chart, name, title] of /** @type {const} */ ([
      [best, "best", "Best so far"],
      [mean, "mean", "Mean of the population"],
    ])) {
      const drawn = bands.map((one) => ({ ...one[name], colour: one.colour, each: eachOf(one.curves, name) }));
      chart.show(contentOf(`${title}, ${metric}`, drawn));
    }
    fill(
      legend,
      ...groups.map(({ label, colour, searches }) =>
        element(
          "span",
          { class: "line-key" },
          element("i", { style: `border-top: 3px solid ${colour}` }),
          `${label}${countOf(searches)}`,
        ),
      ),
    );
    const count = groups.reduce((sum, { searches }) => sum + searches.length, 0);
    const several = groups.some(({ searches }) => searches.length > 1);
    fill(
      note,
      fault ||
        (count > 1
          ? `The ${count} searches that have the space, the data and the training of the open one. ` +
            (several
              ? "Thick lines are means over random seeds up to the end of the shortest search, and bands are two standard errors."
              : "")
          : "No other search in the log directory has the space, the data and the training of the open one."),
    );
    showList();
  }

  function showList() {
    const own = state.searches.find(({ key }) => key === state.key);
    const groups = groupsOf(state);
    const colours = new Map(groups.flatMap(({ searches, colour }) => searches.map(({ key }) => [key, colour])));
    const titles = ["Search", "Algorithm", "Random seed", "State", "Finished", "Failed", "Best"];
    const rows = state.searches.map((search) =>
      element(
        "tr",
        { "aria-selected": String(search.key === own?.key) },
        element(
          "td",
          {},
          element("i", { class: "swatch", style: `background:${colours.get(search.key) ?? "transparent"}` }),
          element("button", { class: "link", type: "button", onclick: () => open(search.key) }, search.name),
        ),
        element("td", {}, search.algorithm.replaceAll("_", " ")),
        element("td", { class: "number" }, search.seed),
        element("td", {}, search.reason ? `${search.state}: ${search.reason}` : search.state),
        element("td", { class: "number" }, `${search.finished} of ${search.individuals}`),
        element("td", { class: "number" }, search.failed),
        element("td", { class: "number" }, metricText(search, search.best)),
      ),
    );
    fill(
      list,
      element("h2", {}, "All searches of the log directory"),
      element(
        "table",
        {},
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            ...titles.map((title, place) =>
              element("th", { scope: "col", class: place > 3 || place === 2 ? "number" : null }, title),
            ),
          ),
        ),
        element("tbody", {}, ...rows),
      ),
    );
  }

  /** @param {string} key */
  function open(key) {
    if (key !== state.key) {
      void state.openSearch(key);
    }
    state.open("overview");
  }

  async function read() {
    if (isReading) {
      return;
    }
    isReading = true;
    try {
      const wanted = groupsOf(state)
        .flatMap(({ searches }) => searches)
        .filter(({ key, stamp }) => curves.get(key)?.stamp !== stamp);
      for (let first = 0; first < wanted.length; first += AT_ONCE) {
        await Promise.all(
          wanted.slice(first, first + AT_ONCE).map(async (search) => {
            const { finished, ...curve } = await state.source.curve(search.key);
            const [best, mean] = [curve.best, curve.mean].map((values) =>
              values.map((one) => metricValue(search, one)),
            );
            curves.set(search.key, { stamp: search.stamp, curve: { finished, best: best ?? [], mean: mean ?? [] } });
          }),
        );
        draw();
      }
      fault = "";
    } catch (error) {
      fault = error instanceof Error ? error.message : String(error);
    } finally {
      isReading = false;
    }
    draw();
  }

  return {
    node,
    update(changed) {
      if (changed.has("search")) {
        best.reset();
        mean.reset();
      }
      if (changed.has("searches") || changed.has("search")) {
        void read();
      } else if (changed.has("theme")) {
        draw();
      }
    },
  };
}

/**
 * Returns the groups of searches that can be compared with the open one.
 *
 * @param {State} state
 * @returns {Group[]}
 */
function groupsOf(state) {
  const own = state.searches.find(({ key }) => key === state.key);
  const comparable = state.searches.filter(({ space }) => space === own?.space);
  const names = [...new Set(comparable.map(({ group }) => group))];
  const groups = names.map((name) => comparable.filter(({ group }) => group === name));
  const algorithms = groups.map(([first]) => first?.algorithm ?? "");
  return groups.map((searches, place) => {
    const algorithm = algorithms[place] ?? "";
    const isSole = algorithms.filter((other) => other === algorithm).length === 1;
    const words = algorithm.replaceAll("_", " ");
    return {
      label: isSole ? words : `${words}, as ${searches[0]?.name ?? ""}`,
      colour: classColour(place + 1),
      searches,
    };
  });
}

/**
 * Returns the number of searches of a group in words, and that of their random seeds; "" for a single search.
 *
 * @param {readonly SearchSummary[]} searches
 * @returns {string}
 */
function countOf(searches) {
  const seeds = new Set(searches.map(({ seed }) => seed)).size;
  const words = `${seeds} random seed${seeds === 1 ? "" : "s"}`;
  return searches.length < 2 ? "" : ` (${seeds < searches.length ? `${searches.length} searches, ` : ""}${words})`;
}

/**
 * Returns the mean of curves and two standard errors of it, up to the end of the shortest curve.
 *
 * @param {readonly CurveAnswer[]} curves
 * @param {"best" | "mean"} name
 * @returns {Band}
 */
function bandOf(curves, name) {
  const known = curves.filter((curve) => curve.finished.length);
  const end = Math.min(...known.map((curve) => curve.finished[curve.finished.length - 1] ?? 0));
  /** @type {Band} */
  const band = { x: [], mean: [], low: [], high: [] };
  if (!known.length || !Number.isFinite(end)) {
    return band;
  }
  const count = Math.min(POINTS, end);
  const at = known.map(() => 0);
  for (let step = 1; step <= count; step += 1) {
    const x = Math.round((step * end) / count);
    const values = known.map((curve, order) => {
      let place = at[order] ?? 0;
      while ((curve.finished[place + 1] ?? Infinity) <= x) {
        place += 1;
      }
      at[order] = place;
      return (curve.finished[place] ?? Infinity) <= x ? (curve[name][place] ?? NaN) : NaN;
    });
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const reach = values.length > 1 ? 2 * Math.sqrt(squares / (values.length - 1) / values.length) : 0;
    band.x.push(x);
    band.mean.push(mean);
    band.low.push(mean - reach);
    band.high.push(mean + reach);
  }
  return band;
}

/**
 * Returns the curves of single searches, if there are several.
 *
 * @param {readonly CurveAnswer[]} curves
 * @param {"best" | "mean"} name
 * @returns {{ x: number[], y: Float64Array }[]}
 */
function eachOf(curves, name) {
  return curves.length > 1 ? curves.map((curve) => ({ x: curve.finished, y: numbers(curve[name]) })) : [];
}

/**
 * Returns what a chart shows of groups of searches.
 *
 * @param {string} title that of the axis upwards
 * @param {readonly (Band & { colour: string, each: { x: number[], y: Float64Array }[] })[]} bands
 * @returns {import("./chart.js").Content}
 */
export function contentOf(title, bands) {
  const known = bands.filter(({ x }) => x.length);
  const late = known.flatMap(({ low, high, each }) => [low, high, ...each.map(({ y }) => y)].flatMap(lateOf));
  const [low, high] = late.reduce(([a, b], one) => [Math.min(a, one), Math.max(b, one)], [Infinity, -Infinity]);
  const lines = [
    ...known.flatMap(({ each, colour }) => each.map((line) => ({ ...line, colour: `${colour}80`, width: 1 }))),
    ...known.map((band) => ({ x: band.x, y: band.mean, colour: band.colour, width: 2.4 })),
  ];
  return {
    x: { title: "Results", kind: "id" },
    y: { title, kind: "fitness", ...(isSingle(low, high) ? {} : { range: withRoom([low, high], 0.05, false) }) },
    bands: known.map((band) => ({ x: band.x, low: band.low, high: band.high, colour: `${band.colour}2e` })),
    lines,
    points: dotsOf(lines),
    empty: bands.length ? "The curves are being read." : "There is no search yet.",
  };
}

/**
 * Returns the values that the axis upwards must have. The first tenth of a search may lie below the picture, since it would
 * flatten the rest.
 *
 * @param {ArrayLike<number>} values
 * @returns {number[]}
 */
function lateOf(values) {
  return Array.from(values)
    .slice(Math.floor(values.length / 10))
    .filter((value) => Number.isFinite(value));
}

/**
 * Returns the lines of a single value as dots, since a line needs two.
 *
 * @param {readonly { x: number[], y: ArrayLike<number>, colour: string }[]} lines
 * @returns {import("./chart.js").Points}
 */
function dotsOf(lines) {
  const dots = lines.flatMap(({ x, y, colour }) => {
    const [place, other] = [...x.keys()].filter((one) => Number.isFinite(y[one] ?? NaN));
    return place === undefined || other !== undefined ? [] : [{ x: x[place] ?? NaN, y: y[place] ?? NaN, colour }];
  });
  const colours = [...new Set(dots.map(({ colour }) => colour))];
  return {
    x: Float64Array.from(dots, ({ x }) => x),
    y: Float64Array.from(dots, ({ y }) => y),
    classes: Uint8Array.from(dots, ({ colour }) => colours.indexOf(colour)),
    colours,
  };
}
