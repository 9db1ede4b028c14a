/**
 * The trade-offs: any measure of the individuals against any other, with the Pareto front, and all traits in parallel.
 *
 * @module
 */

import { Chart } from "./chart.js";
import { CROSS, RING } from "./shapes.js";
import { pageColour } from "./colour.js";
import { FAILED, paretoFront } from "./data.js";
import { checkbox, chooser, element, fill, switcher } from "./dom.js";
import { shown } from "./format.js";
import { Legend } from "./legend.js";
import { describe, marked, numbers } from "./overview.js";
import { parallelChart } from "./parallel.js";
import { readable, withRoom } from "./scales.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./data.js").SearchData} SearchData */
/** @typedef {import("./data.js").Measure} Measure */
/** @typedef {import("./types.js").View} View */

const FRONT_ROWS = 200;
const ROOM = 0.03; // the share of an axis with outliers that is free at each end, where they are drawn

/**
 * Returns the view.
 *
 * @param {State} state
 * @returns {View}
 */
export function tradeoffsView(state) {
  let xKey = ""; // the axes are chosen for each search
  let yKey = "";
  let isLogX = false;
  let isLogY = false;
  let page = "scatter";
  let listed = "";
  let isWhole = false; // whether the axes have all individuals
  const legend = new Legend("age", draw);
  const chart = new Chart({
    label: "One measure of the individuals against another",
    drag: "brush",
    describe: (place) => (state.data ? describe(state.data, place) : []),
    onChoose: (place, isSecond) => state.chooseAt(place, isSecond),
    onBrush: (places) => {
      const ids = state.data?.columns.id ?? [];
      state.brush(places === null ? null : new Set(places.map((place) => ids[place] ?? 0)));
    },
  });
  const axes = element("div", { class: "controls" });
  const outside = element("span", { class: "line-keys", role: "status" });
  const wholeRange = checkbox("whole range", isWhole, (isOn) => {
    isWhole = isOn;
    draw();
  });
  const brushNote = element("span", { class: "hint", role: "status" });
  const front = element("section", { class: "front" });
  const scatter = element(
    "div",
    { class: "tradeoffs-body" },
    element("section", { class: "figure" }, chart.node, legend.node),
    front,
  );
  const parallel = parallelChart(state);
  const pages = switcher(
    "Kind of chart",
    [
      ["scatter", "Two measures"],
      ["parallel", "All traits"],
    ],
    page,
    (value) => {
      page = value;
      showPage();
      draw();
    },
  );
  const node = element(
    "div",
    { class: "tradeoffs" },
    element("div", { class: "controls" }, pages, axes, brushNote),
    scatter,
    parallel.node,
  );

  function showPage() {
    scatter.hidden = page !== "scatter";
    axes.hidden = page !== "scatter";
    parallel.node.hidden = page !== "parallel";
  }

  /** @param {readonly Measure[]} shownNow those of the axes, which may have no value yet */
  function showAxes(shownNow) {
    const found = state.data?.measures() ?? [];
    const measures = [...found, ...shownNow.filter((one) => !found.some(({ key }) => key === one.key))];
    const now = JSON.stringify([measures.map(({ key }) => key), xKey, yKey, isLogX, isLogY]);
    if (now === listed) {
      return;
    }
    listed = now;
    const options = measures.map(({ key, title }) => /** @type {const} */ ([key, title]));
    fill(
      axes,
      chooser("Up", options, yKey, (key) => {
        yKey = key;
        isLogY = state.data?.measure(key)?.isLog ?? false;
        draw();
      }),
      checkbox("log", isLogY, (isOn) => {
        isLogY = isOn;
        draw();
      }),
      chooser("Across", options, xKey, (key) => {
        xKey = key;
        isLogX = state.data?.measure(key)?.isLog ?? false;
        draw();
      }),
      checkbox("log", isLogX, (isOn) => {
        isLogX = isOn;
        draw();
      }),
      legend.chooser,
      wholeRange,
      outside,
    );
  }

  /**
   * Returns the measures of the axes upwards and across. A measure that the search does not have is replaced by the usual one
   * of its axis.
   *
   * @param {SearchData} data
   * @returns {[Measure, Measure]}
   */
  function chosenAxes(data) {
    const [usualUp, usualAcross] = data.usual();
    const [up, across] = [data.measure(yKey), data.measure(xKey)];
    if (!up) {
      [yKey, isLogY] = [usualUp.key, usualUp.isLog];
    }
    if (!across) {
      [xKey, isLogX] = [usualAcross.key, usualAcross.isLog];
    }
    return [up ?? usualUp, across ?? usualAcross];
  }

  function draw() {
    const { data } = state;
    const chosen = data ? chosenAxes(data) : [];
    showAxes(chosen);
    showBrush();
    if (page === "parallel") {
      parallel.draw(data);
      return;
    }
    const [y, x] = chosen;
    if (!data || !x || !y) {
      chart.show({ x: axis(null, false), y: axis(null, false), empty: "The search is being read." });
      return;
    }
    const colours = legend.show(data);
    const objectives = data.objectives();
    const isOfAll = objectives.length > 2 && [x, y].every(({ key }) => objectives.some((one) => one.key === key));
    const places = isOfAll ? data.front() : paretoFront(data, x, y);
    const [across, up] = [numbers(data.values(x.key)), numbers(data.values(y.key))];
    const pale = new Uint8Array(data.count);
    const shapes = new Uint8Array(data.count);
    for (let place = 0; place < data.count; place += 1) {
      if (legend.hidden.has(colours.classes[colours.of[place] ?? 0]?.label ?? "")) {
        across[place] = NaN;
      }
      shapes[place] = data.columns.status[place] === FAILED ? CROSS : 0;
      pale[place] = state.brushed && !state.brushed.has(data.columns.id[place] ?? 0) ? 1 : 0;
    }
    const [axisX, axisY] = [axis(x, isLogX), axis(y, isLogY)];
    const lost = withoutPlace(axisX, axisY, across, up);
    const cut = isWhole ? new Set() : cutOff(axisX, axisY, across, up, places);
    cut.forEach((place) => (shapes[place] = RING));
    const notes = [
      ...(cut.size > 0 ? [`○ ${cut.size.toLocaleString("en")} outside the axes`] : []),
      ...(lost > 0 ? [`${lost.toLocaleString("en")} without a place on a logarithmic axis`] : []),
    ];
    fill(outside, notes.join(", "));
    chart.show({
      x: axisX,
      y: axisY,
      points: {
        x: across,
        y: up,
        classes: colours.of,
        colours: colours.classes.map(({ colour }) => colour),
        shapes,
        ...(state.brushed ? { pale } : {}),
      },
      lines: isOfAll
        ? []
        : [
            {
              x: places.map((place) => across[place] ?? NaN),
              y: places.map((place) => up[place] ?? NaN),
              colour: pageColour("--best"),
              width: 2,
              steps: isStepped(x, y),
            },
          ],
      emphasized: places,
      marked: marked(data, state),
      empty: "No individual has both measures yet.",
    });
    showFront(front, state, data, places, isOfAll ? objectives : [x, y]);
  }

  function showBrush() {
    const { brushed, data } = state;
    if (!brushed || !data) {
      fill(brushNote, page === "scatter" ? "Drag a rectangle to select individuals in every view." : "");
      return;
    }
    const zoom = () => chart.zoomTo([...brushed].map((id) => data.place(id)));
    fill(
      brushNote,
      `${brushed.size.toLocaleString("en")} individuals are selected. `,
      page === "scatter" && element("button", { class: "quiet", type: "button", onclick: zoom }, "Zoom to them"),
      element(
        "button",
        {
          class: "quiet",
          type: "button",
          onclick: () => {
            chart.reset();
            parallel.clear();
            state.brush(null);
          },
        },
        "End the selection",
      ),
    );
  }

  showPage();
  return {
    node,
    update(changed) {
      if (changed.has("search")) {
        listed = "";
        [xKey, yKey] = ["", ""];
        chart.reset();
      }
      if (changed.has("data") || changed.has("theme") || changed.has("brushed")) {
        draw();
      } else if ((changed.has("selected") || changed.has("second")) && state.data) {
        chart.mark(marked(state.data, state));
        for (const row of front.querySelectorAll("tr[data-id]")) {
          row.setAttribute("aria-selected", String(row.getAttribute("data-id") === String(state.selected)));
        }
        parallel.mark();
      }
    },
  };
}

/**
 * @param {Measure | null} measure
 * @param {boolean} isLog
 * @returns {import("./chart.js").Axis}
 */
function axis(measure, isLog) {
  const direction = measure?.better ? (measure.better > 0 ? " (more is better)" : " (less is better)") : "";
  return { title: `${measure?.title ?? ""}${direction}`, kind: measure?.kind ?? "number", isLog };
}

/**
 * Gives axes ranges in which the front can be read, and moves the points outside of them to the edge.
 *
 * @param {import("./chart.js").Axis} x
 * @param {import("./chart.js").Axis} y
 * @param {Float64Array} across the values of all individuals; NaN: the individual is not shown
 * @param {Float64Array} up
 * @param {readonly number[]} front the places of the individuals of the front
 * @returns {Set<number>} the places of the individuals that were moved
 */
function cutOff(x, y, across, up, front) {
  const isOn = (/** @type {number} */ value, /** @type {boolean | undefined} */ isLog) =>
    isLog ? value > 0 : Number.isFinite(value);
  const shown = [...across.keys()].filter(
    (place) => isOn(across[place] ?? NaN, x.isLog) && isOn(up[place] ?? NaN, y.isLog),
  );
  const inFront = new Set(front);
  const moved = /** @type {Set<number>} */ (new Set());
  for (const [axis, values] of /** @type {const} */ ([
    [x, across],
    [y, up],
  ])) {
    const of = (/** @type {boolean} */ isFront) =>
      shown.filter((place) => inFront.has(place) === isFront).map((place) => values[place] ?? NaN);
    const range = readable(of(true), of(false), Boolean(axis.isLog));
    if (range) {
      axis.range = withRoom(range, ROOM, Boolean(axis.isLog));
      const [below, above] = withRoom(range, ROOM / 2, Boolean(axis.isLog));
      for (const place of shown) {
        const value = values[place] ?? NaN;
        if (value < range[0] || value > range[1]) {
          moved.add(place);
          values[place] = value < range[0] ? below : above;
        }
      }
    }
  }
  return moved;
}

/**
 * Returns how many individuals have both measures, but no place: a logarithmic axis has neither 0 nor values below it.
 *
 * @param {import("./chart.js").Axis} x
 * @param {import("./chart.js").Axis} y
 * @param {Float64Array} across the values of all individuals; NaN: the individual is not shown
 * @param {Float64Array} up
 * @returns {number}
 */
export function withoutPlace(x, y, across, up) {
  const isLost = (/** @type {number} */ value, /** @type {boolean | undefined} */ isLog) => isLog && value <= 0;
  return across.filter((value, place) => {
    const other = up[place] ?? NaN;
    return Number.isFinite(value + other) && (isLost(value, x.isLog) || isLost(other, y.isLog));
  }).length;
}

/**
 * Whether the front is drawn in steps, as between two of its individuals nothing better is known.
 *
 * @param {Measure} x
 * @param {Measure} y
 * @returns {boolean}
 */
function isStepped(x, y) {
  return x.better <= 0 && y.better >= 0;
}

/**
 * Returns in words which values of a measure the front prefers.
 *
 * @param {Measure} measure
 * @param {-1 | 1} usual the direction on this axis if the measure has none
 * @returns {string}
 */
function preference(measure, usual) {
  return `${(measure.better || usual) > 0 ? "high" : "low"} values of “${measure.title}”`;
}

/**
 * Lists the individuals of a front.
 *
 * @param {HTMLElement} node
 * @param {State} state
 * @param {SearchData} data
 * @param {readonly number[]} places
 * @param {readonly Measure[]} measures those that the front compares
 */
function showFront(node, state, data, places, measures) {
  const hasRule = measures.length < 3; // with more columns there is no room for the rule
  const columns = measures.map((measure) => /** @type {const} */ ([measure, data.values(measure.key)]));
  const rows = places.slice(0, FRONT_ROWS).map((place) => {
    const id = data.columns.id[place] ?? 0;
    return element(
      "tr",
      { "data-id": id, "aria-selected": String(id === state.selected) },
      element(
        "td",
        {},
        element("button", { class: "link", type: "button", onclick: () => state.choose(id) }, String(id)),
      ),
      ...columns.map(([measure, values]) => element("td", { class: "number" }, shown(values[place], measure.kind))),
      hasRule && element("td", {}, data.rules[data.columns.rule[place] ?? 0] ?? ""),
    );
  });
  const wanted = measures.map((measure, index) => preference(measure, index ? 1 : -1)).join(" and ");
  const ofRung = data.search.rungs.length ? " of the highest rung" : "";
  const more = places.length > FRONT_ROWS ? `The first ${FRONT_ROWS} of ${places.length} are listed.` : "";
  fill(
    node,
    element("h2", {}, `Pareto front: ${places.length} individual${places.length === 1 ? "" : "s"}`),
    element(
      "p",
      { class: "hint" },
      `None of the others${ofRung} beats one of these in ${measures.length > 2 ? "all" : "both"} measures. Better are ${wanted}. ${more}`,
    ),
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "col" }, "Id"),
          ...measures.map(({ title }) => element("th", { scope: "col", class: "number" }, title)),
          hasRule && element("th", { scope: "col" }, "Rule"),
        ),
      ),
      element("tbody", {}, ...rows),
    ),
  );
}
