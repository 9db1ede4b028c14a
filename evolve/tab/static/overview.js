/**
 * The overview: the fitness of every individual over the search, what the rules have gained, and what the search cost.
 *
 * @module
 */

import { Chart } from "./chart.js";
import { CROSS, RING } from "./shapes.js";
import { pageColour } from "./colour.js";
import { DONE, FAILED, PENDING, metricChange, metricText, metricValue } from "./data.js";
import { checkbox, element, fill } from "./dom.js";
import { compact, duration, shown } from "./format.js";
import { Legend } from "./legend.js";
import { showRules } from "./rules.js";
import { isSingle } from "./scales.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./data.js").SearchData} SearchData */
/** @typedef {import("./types.js").Change} Change */
/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").CurveAnswer} CurveAnswer */
/** @typedef {import("./chart.js").Line} Line */
/** @typedef {import("./chart.js").Points} Points */

const RANDOM_SEARCH = "random_search";

/**
 * Returns the view.
 *
 * @param {State} state
 * @returns {View}
 */
export function overviewView(state) {
  /** @type {{ name: string, curve: CurveAnswer } | null} */
  let random = null;
  let randomOf = "";
  let isWhole = false;
  const legend = new Legend("rule", draw);
  const chart = new Chart({
    label: "Fitness of every individual over the search",
    describe: (place) => (state.data ? describe(state.data, place) : []),
    onChoose: (place, isSecond) => state.chooseAt(place, isSecond),
  });
  const facts = element("dl", { class: "facts" });
  const keys = element("span", { class: "line-keys" });
  const rules = element("section", { class: "rules" });
  const heading = element("h2", {}, "Fitness of every individual");
  const controls = element(
    "div",
    { class: "controls" },
    heading,
    keys,
    legend.chooser,
    checkbox("whole range", isWhole, (isOn) => {
      isWhole = isOn;
      draw();
    }),
  );
  const figure = element("section", { class: "figure" }, controls, chart.node, legend.node);
  const node = element("div", { class: "overview" }, facts, element("div", { class: "overview-body" }, figure, rules));

  function draw() {
    const { data } = state;
    if (!data) {
      chart.show({ x: AXIS, y: { title: "Fitness", kind: "fitness" }, empty: "The search is being read." });
      return;
    }
    const colours = legend.show(data);
    const range = rangeOf(data, isWhole, random?.curve.best ?? []);
    const points = pointsOf(data, colours, legend.hidden, state.brushed, range[0]);
    const { population } = data.answer;
    const lines = [...bestLines(data), ...meanLines(data)];
    if (random) {
      lines.push({ ...curveLine(random.curve), colour: pageColour("--ink-soft"), width: 2, dash: [3, 4], steps: true });
    }
    const { title, kind, better } = data.metric;
    const [least, most] = better > 0 ? range : [-range[1], -range[0]];
    const own = (/** @type {ArrayLike<number | null>} */ values) =>
      Float64Array.from(values, (value) => metricValue(data.search, value) ?? NaN);
    const band = { x: population.finished, low: own(population.low), high: own(population.high) };
    fill(heading, `${title} of every individual`);
    chart.show({
      x: AXIS,
      y: {
        title: `${data.search.metric}${better > 0 ? "" : " (less is better)"}`,
        kind,
        ...(least < most && !isSingle(least, most) ? { range: withRoom([least, most]) } : {}),
      },
      points: { ...points, y: own(points.y) },
      lines: lines.map((line) => ({ ...line, y: own(line.y) })),
      bands: [{ ...band, colour: pageColour("--band") }],
      marked: marked(data, state),
      empty: "No individual has finished yet.",
    });
    showKeys(data, range[0]);
  }

  /**
   * @param {SearchData} data
   * @param {number} floor
   */
  function showKeys(data, floor) {
    const items = [key("--best", "best so far")];
    if (data.answer.population.finished.length) {
      items.push(
        key(
          "--mean",
          data.search.population === null ? "mean and range of the latest" : "mean and range of the population",
        ),
      );
    }
    if (random) {
      items.push(key("--ink-soft", `best of ${random.name} (random search)`, true));
    }
    const { fitness, status } = data.columns;
    const below = fitness.filter((value, place) => status[place] === DONE && (value ?? floor) < floor).length;
    if (below) {
      items.push(
        element("span", { class: "line-key" }, `○ ${below} ${data.metric.better > 0 ? "below" : "above"} the axis`),
      );
    }
    if (data.search.failed) {
      items.push(element("span", { class: "line-key" }, "✕ failed"));
    }
    fill(keys, ...items);
  }

  async function findRandom() {
    const own = state.searches.find((search) => search.key === state.key);
    const other = state.searches.find(
      (search) => search.key !== state.key && search.space === own?.space && search.algorithm === RANDOM_SEARCH,
    );
    const wanted = own && other && own.algorithm !== RANDOM_SEARCH ? `${own.key} ${other.key} ${other.stamp}` : "";
    if (wanted === randomOf) {
      return;
    }
    randomOf = wanted;
    if (!wanted || !other) {
      random = null;
      draw();
      return;
    }
    try {
      const curve = await state.source.curve(other.key);
      random = randomOf === wanted ? { name: other.name, curve } : random;
    } catch {
      randomOf = randomOf === wanted ? "" : randomOf; // asked for again with the next change
    }
    draw();
  }

  return {
    node,
    update(changed) {
      if (changed.has("search")) {
        chart.reset();
        random = null;
        randomOf = "";
      }
      if (changed.has("searches")) {
        void findRandom();
      }
      if (changed.has("data") || changed.has("theme") || changed.has("brushed")) {
        draw();
        if (state.data) {
          showFacts(facts, state);
          showRules(rules, state.data);
        }
      } else if ((changed.has("selected") || changed.has("second")) && state.data) {
        chart.mark(marked(state.data, state));
      }
    },
  };
}

/** @type {import("./chart.js").Axis} */
const AXIS = { title: "Results, in the order in which they came", kind: "id" };

/**
 * Returns the lines of a tooltip.
 *
 * @param {SearchData} data
 * @param {number} place
 * @returns {string[]}
 */
export function describe(data, place) {
  const { id, fitness, parent, mate, rule, status, params, species } = data.columns;
  const gain = data.gain(place);
  const state = status[place] === FAILED ? "failed" : status[place] === PENDING ? "pending" : "";
  return [
    `Individual ${id[place]}`,
    state || `${data.search.metric} ${metricText(data.search, fitness[place])}`,
    parent[place]
      ? `by ${data.rules[rule[place] ?? 0]} from ${parent[place]}${mate[place] ? ` and ${mate[place]}` : ""}`
      : "sampled, without a parent",
    ...(gain === null ? [] : [`${metricChange(data.search, gain)} against its parent`]),
    ...(species[place] ? [`species ${species[place]}`] : []),
    ...(params[place] ? [`${compact(params[place] ?? 0)} parameters`] : []),
  ];
}

/**
 * Returns the places of the chosen individual and of the one that is compared with it.
 *
 * @param {SearchData} data
 * @param {State} state
 * @returns {number[]}
 */
export function marked(data, state) {
  const places = [data.place(state.selected), data.place(state.second)];
  return places.filter((place) => place >= 0);
}

/**
 * Returns the range of fitness that the chart shows. A few individuals far below all others would flatten the picture,
 * so the axis ends above them unless the user asks for the whole range.
 *
 * @param {SearchData} data
 * @param {boolean} isWhole
 * @param {import("./types.js").Values} curve the best fitness of a random search, which is drawn too
 * @returns {[number, number]}
 */
function rangeOf(data, isWhole, curve) {
  const { fitness, status } = data.columns;
  const values = Float64Array.from(
    fitness.filter((value, place) => status[place] === DONE && value !== null).map(Number),
  ).sort();
  const at = (/** @type {number} */ share) => values[Math.floor(share * (values.length - 1))] ?? NaN;
  const [low, high] = [at(0), Math.max(at(1), curve[curve.length - 1] ?? -Infinity)];
  const floor = at(0.05) - 1.5 * (at(0.95) - at(0.05));
  return [isWhole || !(floor > low) ? low : floor, high];
}

/**
 * @param {[number, number]} range
 * @returns {[number, number]}
 */
function withRoom([low, high]) {
  return [low - (high - low) * 0.04, high + (high - low) * 0.04];
}

/**
 * Returns the points of the chart. Failed individuals, and those below the axis, stand at its lower end.
 *
 * @param {SearchData} data
 * @param {import("./colour.js").Colouring} colours
 * @param {ReadonlySet<string>} hidden classes that are not shown
 * @param {ReadonlySet<number> | null} brushed
 * @param {number} floor the lowest fitness of the axis
 * @returns {Points}
 */
function pointsOf(data, colours, hidden, brushed, floor) {
  const x = new Float64Array(data.count).fill(NaN);
  const y = new Float64Array(data.count).fill(NaN);
  const pale = new Uint8Array(data.count);
  const shapes = new Uint8Array(data.count);
  const { finished, fitness, status, id } = data.columns;
  const lowest = Number.isFinite(floor) ? floor : 0;
  for (let place = 0; place < data.count; place += 1) {
    const isShown = !hidden.has(colours.classes[colours.of[place] ?? 0]?.label ?? "");
    const value = status[place] === DONE ? (fitness[place] ?? NaN) : lowest;
    if (finished[place] && isShown) {
      x[place] = finished[place] ?? NaN;
      y[place] = Math.max(value, lowest);
    }
    shapes[place] = status[place] === FAILED ? CROSS : value < lowest ? RING : 0;
    pale[place] = brushed && !brushed.has(id[place] ?? 0) ? 1 : 0;
  }
  const colourList = colours.classes.map(({ colour }) => colour);
  return { x, y, classes: colours.of, colours: colourList, shapes, ...(brushed ? { pale } : {}) };
}

/**
 * Returns the line of the best fitness so far, with a point where it changes and one at its end.
 *
 * @param {SearchData} data
 * @returns {Line[]}
 */
function bestLines(data) {
  const { finished, best } = data.answer.population;
  const places = [...best.keys()].filter(
    (place) => best[place] !== null && (best[place] !== best[place - 1] || place === best.length - 1),
  );
  const x = places.map((place) => finished[place] ?? 0);
  const y = places.map((place) => best[place] ?? 0);
  return x.length ? [{ x, y, colour: pageColour("--best"), width: 2.5, steps: true }] : [];
}

/**
 * @param {SearchData} data
 * @returns {Line[]}
 */
function meanLines(data) {
  const { finished, mean } = data.answer.population;
  return finished.length ? [{ x: finished, y: numbers(mean), colour: pageColour("--mean"), width: 1.5 }] : [];
}

/**
 * @param {CurveAnswer} curve
 * @returns {{ x: number[], y: Float64Array }}
 */
function curveLine(curve) {
  return { x: curve.finished, y: numbers(curve.best) };
}

/**
 * Returns values as numbers; an unknown one is NaN.
 *
 * @param {import("./types.js").Values} values
 * @returns {Float64Array}
 */
export function numbers(values) {
  return Float64Array.from(values, (value) => value ?? NaN);
}

/**
 * @param {string} colour
 * @param {string} text
 * @param {boolean} [isDashed]
 * @returns {HTMLElement}
 */
function key(colour, text, isDashed = false) {
  const style = `border-top: 2.5px ${isDashed ? "dashed" : "solid"} var(${colour})`;
  return element("span", { class: "line-key" }, element("i", { style }), text);
}

/**
 * Shows what the search has reached and cost.
 *
 * @param {HTMLElement} node
 * @param {State} state
 */
function showFacts(node, state) {
  const data = /** @type {SearchData} */ (state.data);
  const { search } = data;
  const bestId = data.columns.id[data.best];
  const pending = data.columns.status.filter((status) => status === PENDING).length;
  /** @type {[string, string | HTMLElement, string][]} */
  const items = [];
  if (bestId !== undefined) {
    const link = element(
      "button",
      { class: "link", type: "button", onclick: () => state.choose(bestId) },
      metricText(search, data.columns.fitness[data.best]),
    );
    const test = search.test?.id === bestId ? `, test ${shown(search.test.accuracy, "fitness")}` : "";
    const again = search.retrained === null ? "" : `, retrained ${metricText(search, search.retrained)}`;
    items.push(["Best", link, `individual ${bestId}${again}${test}`]);
  }
  items.push([
    "Finished",
    `${search.finished.toLocaleString("en")} of ${search.individuals.toLocaleString("en")}`,
    `by ${search.algorithm.replaceAll("_", " ")}`,
  ]);
  items.push(["Failed", String(search.failed), search.failed ? "listed in the table" : "none of the individuals"]);
  if (search.state === "running") {
    const { busy, of } = search.workers;
    items.push(["Workers busy", of === null ? String(busy) : `${busy} of ${of}`, `${pending} individuals pending`]);
    items.push(["Time left", timeLeft(search), "at the pace so far"]);
  }
  const share = search.step_share === null ? "of the driver" : `${shown(search.step_share, "share")} of it in steps`;
  items.push(["Time so far", duration(search.seconds), share]);
  if (search.data_share !== null) {
    const waited = shown(search.data_share, "fine share");
    items.push(["Waited for images", waited, "of the time of training and validation"]);
  }
  if (search.flops) {
    items.push(["Training FLOPs", compact(search.flops), "of all individuals together"]);
  }
  if (search.model) {
    const { chosen, correlation } = search.model;
    const words = correlation === null ? "–" : correlation.toFixed(2);
    const rung = search.rungs.length ? " on the first rung" : "";
    const what = `of predicted and measured fitness${rung}; a model chose ${chosen} individuals`;
    items.push(["Rank correlation", words, what]);
  }
  if (search.simulated) {
    items.push(["Evaluation time", duration(search.simulated), "of all individuals together"]);
  }
  fill(
    node,
    ...items.map(([title, value, note]) =>
      element("div", {}, element("dt", {}, title), element("dd", {}, value), element("dd", { class: "hint" }, note)),
    ),
  );
}

/**
 * Returns the time until the search ends at its pace so far.
 *
 * @param {SearchData["search"]} search
 * @returns {string}
 */
function timeLeft(search) {
  const left = [];
  if (search.finished && search.seconds) {
    left.push(((search.individuals - search.finished) * search.seconds) / search.finished);
  }
  if (search.budget.seconds !== null) {
    left.push(search.budget.seconds - search.seconds);
  }
  if (search.budget.flops !== null && search.flops) {
    left.push((search.seconds * (search.budget.flops - search.flops)) / search.flops);
  }
  if (search.budget.simulated && search.simulated) {
    left.push((search.seconds * (search.budget.simulated - search.simulated)) / search.simulated);
  }
  return left.length ? duration(Math.max(0, Math.min(...left))) : "–";
}
