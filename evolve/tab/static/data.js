/**
 * The individuals of one search, as columns, and what follows from them.
 *
 * @module
 */

/** @typedef {import("./types.js").OverviewAnswer} OverviewAnswer */
/** @typedef {import("./types.js").Columns} Columns */
/** @typedef {import("./types.js").Values} Values */
/** @typedef {import("./types.js").TraitsAnswer} TraitsAnswer */
/** @typedef {import("./format.js").Kind} Kind */
/** @typedef {Pick<import("./types.js").SearchSummary, "metric" | "direction">} Metric */

import { shown, signed } from "./format.js";

export const PENDING = 0;
export const DONE = 1;
export const FAILED = 2;

/**
 * A number that every individual has, for axes, columns of the table and lines of the individual.
 *
 * @typedef {object} Measure
 * @property {string} key
 * @property {string} title
 * @property {Kind} kind
 * @property {boolean} isLog whether a logarithmic axis is the better default
 * @property {-1 | 0 | 1} better 1: more is better, -1: less is better, 0: neither
 */

/** @type {readonly Measure[]} */
const MEASURES = [
  { key: "params", title: "Parameters", kind: "count", isLog: true, better: -1 },
  { key: "mult_adds", title: "Mult-adds", kind: "count", isLog: true, better: -1 },
  { key: "depth", title: "Depth", kind: "number", isLog: false, better: -1 },
  { key: "seconds", title: "Seconds", kind: "seconds", isLog: true, better: -1 },
  { key: "data_share", title: "Waited for images", kind: "fine share", isLog: false, better: 0 },
  { key: "epochs", title: "Epochs", kind: "number", isLog: false, better: -1 },
  { key: "flops", title: "Training FLOPs", kind: "count", isLog: true, better: -1 },
  { key: "inherited", title: "Inherited weights", kind: "share", isLog: false, better: 0 },
  { key: "predicted", title: "Predicted", kind: "fitness", isLog: false, better: 0 },
  { key: "rung", title: "Rung", kind: "id", isLog: false, better: 0 },
  { key: "species", title: "Species", kind: "id", isLog: false, better: 0 },
  { key: "finished", title: "Result number", kind: "id", isLog: false, better: 0 },
  { key: "id", title: "Id", kind: "id", isLog: false, better: 0 },
];

/**
 * Returns the measure of the metric that is the fitness of a search. It has the own sign of the metric.
 *
 * @param {Metric} search
 * @returns {Measure}
 */
function metricOf({ metric, direction }) {
  const column = MEASURES.find(({ key }) => key === metric);
  const isNamed = metric !== "validation accuracy" && metric !== "fitness";
  const named = column ?? { title: isNamed ? metric : "Fitness", kind: "fitness", isLog: false };
  return { ...named, key: "fitness", better: direction === "min" ? -1 : 1 };
}

/**
 * Returns a fitness as the value of the metric, with its own sign.
 *
 * @param {Metric} search
 * @param {number | null | undefined} fitness
 * @returns {number | null}
 */
export function metricValue({ direction }, fitness) {
  return direction === "min" && fitness ? -fitness : (fitness ?? null);
}

/**
 * Returns a fitness as the value of the metric in words.
 *
 * @param {Metric} search
 * @param {number | null | undefined} fitness
 * @returns {string}
 */
export function metricText(search, fitness) {
  return shown(metricValue(search, fitness), metricOf(search).kind);
}

/**
 * Returns a gain of fitness in words, as the change of the metric.
 *
 * @param {Metric} search
 * @param {number | null | undefined} gain
 * @returns {string}
 */
export function metricChange(search, gain) {
  return signed(metricValue(search, gain), metricOf(search).kind);
}

/** The individuals of one search. */
export class SearchData {
  /** @param {OverviewAnswer} answer */
  constructor(answer) {
    this.answer = answer;
    /** @type {TraitsAnswer | null} */
    this.traits = null;
    /** @type {Map<number, number>} */
    this._places = new Map();
    /** @type {Map<number, number[]> | null} */
    this._children = null;
    this.best = -1; // the place of the best individual
    this._index();
  }

  /** Number of individuals. */
  get count() {
    return this.columns.id.length;
  }

  get columns() {
    return this.answer.columns;
  }

  get rules() {
    return this.answer.rules;
  }

  get search() {
    return this.answer.search;
  }

  /** The metric that is the fitness. */
  get metric() {
    return metricOf(this.search);
  }

  /**
   * Takes over an answer that has only what changed.
   *
   * @param {OverviewAnswer} answer
   */
  merge(answer) {
    const old = this.answer;
    for (const [at, id] of answer.columns.id.entries()) {
      const place = this._places.get(id) ?? old.columns.id.length;
      this._places.set(id, place);
      for (const [name, values] of Object.entries(answer.columns)) {
        /** @type {any} */ (old.columns)[name][place] = values[at];
      }
      for (const name of new Set([...Object.keys(old.metrics), ...Object.keys(answer.metrics)])) {
        const kept = (old.metrics[name] ??= new Array(place).fill(null));
        kept[place] = answer.metrics[name]?.[at] ?? null;
      }
    }
    for (const name of /** @type {const} */ (["finished", "mean", "low", "high", "best"])) {
      /** @type {any[]} */ (old.population[name]).push(...answer.population[name]);
    }
    this.answer = { ...answer, columns: old.columns, metrics: old.metrics, population: old.population };
    this._index();
  }

  _index() {
    const { id } = this.columns;
    this._children = null;
    for (let place = this._places.size; place < id.length; place += 1) {
      this._places.set(/** @type {number} */ (id[place]), place);
    }
    this.best = this._best();
  }

  /**
   * Returns the place of an individual in the columns; -1 if there is none.
   *
   * @param {number | null} id
   * @returns {number}
   */
  place(id) {
    return id === null ? -1 : (this._places.get(id) ?? -1);
  }

  /** @returns {number} the place of the best individual, the one that retrainings chose; -1 if none is done */
  _best() {
    const { fitness, status, params, mult_adds: multAdds, finished, rung } = this.columns;
    let best = this.place(this.search.chosen);
    if (best >= 0) {
      return best;
    }
    for (let place = 0; place < this.count; place += 1) {
      if (status[place] !== DONE || !finished[place]) {
        continue;
      }
      const order =
        best < 0
          ? 1
          : (rung[place] ?? 0) - (rung[best] ?? 0) ||
            (fitness[place] ?? 0) - (fitness[best] ?? 0) ||
            (params[best] ?? 0) - (params[place] ?? 0) ||
            (multAdds[best] ?? 0) - (multAdds[place] ?? 0) ||
            (finished[best] ?? 0) - (finished[place] ?? 0);
      best = order > 0 ? place : best;
    }
    return best;
  }

  /** @returns {readonly Measure[]} the measures that at least one individual has, the metrics of the store included */
  measures() {
    return this._named().filter((measure) => this.values(measure.key).some((value) => value !== null));
  }

  /** @returns {readonly [Measure, ...Measure[]]} the fitness and the other measures, also those without a value yet */
  _named() {
    const own = this.search.objectives.map(({ name }, index) => this._objectiveKey(name, index));
    const ofObjectives = own.filter((key) => key.startsWith("metric:")).map((key) => key.slice(7));
    const metrics = [...new Set([...Object.keys(this.answer.metrics), ...ofObjectives])].map(
      (name) =>
        /** @type {Measure} */ ({ key: `metric:${name}`, title: name, kind: "number", isLog: false, better: 0 }),
    );
    const directions = new Map(
      this.search.objectives.map(({ name, direction }, index) => [
        this._objectiveKey(name, index),
        /** @type {-1 | 1} */ (direction === "max" ? 1 : -1),
      ]),
    );
    const { metric } = this.search;
    const others = [...MEASURES, ...metrics].filter(({ key }) => key !== metric && key !== `metric:${metric}`);
    const directed = (/** @type {Measure} */ measure) => ({
      ...measure,
      better: directions.get(measure.key) ?? measure.better,
    });
    return [directed(this.metric), ...others.map(directed)];
  }

  /** @returns {readonly Measure[]} the measures of the objectives, if the search has several; else none */
  objectives() {
    const { objectives } = this.search;
    return objectives.length < 2
      ? []
      : objectives.map(({ name }, index) => this.measure(this._objectiveKey(name, index)) ?? this.metric);
  }

  /** @returns {[Measure, Measure]} what is shown upwards and across at first: two objectives, or the fitness and the size */
  usual() {
    const [up, across] = this.objectives();
    const [fitness, size = fitness] = this._named();
    return up && across ? [up, across] : [fitness, size];
  }

  /**
   * Returns the key of the measure of an objective. The fitness is the first objective.
   *
   * @param {string} name
   * @param {number} index
   * @returns {string}
   */
  _objectiveKey(name, index) {
    return index === 0 ? "fitness" : MEASURES.some(({ key }) => key === name) ? name : `metric:${name}`;
  }

  /** @returns {number[]} the places of the individuals that no other beats in all objectives, or in size and fitness */
  front() {
    return this.objectives().length > 0
      ? this.search.front.map((id) => this.place(id)).filter((place) => place >= 0)
      : paretoFront(this, this.measure("params") ?? this.metric, this.metric);
  }

  /**
   * Returns the measure of a key; undefined if the search does not have it.
   *
   * @param {string} key
   * @returns {Measure | undefined}
   */
  measure(key) {
    return this._named().find((measure) => measure.key === key);
  }

  /**
   * Returns the values of a measure, one for each individual. A failed individual has no fitness. Rungs count from 1.
   *
   * @param {string} key
   * @returns {Values}
   */
  values(key) {
    if (key.startsWith("metric:")) {
      return this.answer.metrics[key.slice(7)] ?? [];
    }
    const values = /** @type {any} */ (this.columns)[key] ?? [];
    const { status } = this.columns;
    const isDone = (/** @type {number} */ place) => status[place] === DONE;
    switch (key) {
      case "fitness":
      case "predicted":
        return values.map((/** @type {number | null} */ value, /** @type {number} */ place) =>
          isDone(place) || key === "predicted" ? metricValue(this.search, value) : null,
        );
      case "rung":
        return this.search.rungs.length
          ? values.map((/** @type {number} */ rung, /** @type {number} */ place) => (isDone(place) ? rung + 1 : null))
          : [];
      default:
        return values;
    }
  }

  /** @returns {number[]} the places of the individuals that were better than all before them, in the order of results */
  newBests() {
    return this.search.new_bests.map((id) => this.place(id));
  }

  /** @returns {(place: number) => boolean} whether an individual is done, and has a result of the highest rung */
  isWhole() {
    const { rung, status } = this.columns;
    const highest = rung.reduce((most, value) => Math.max(most, value), 0);
    return (place) => status[place] === DONE && rung[place] === highest;
  }

  /**
   * Returns the ids of the children of an individual, by rising id.
   *
   * @param {number} id
   * @returns {readonly number[]}
   */
  children(id) {
    if (this._children === null) {
      this._children = new Map();
      for (const [place, parent] of this.columns.parent.entries()) {
        if (parent) {
          const own = /** @type {number} */ (this.columns.id[place]);
          const siblings = this._children.get(parent);
          if (siblings) {
            siblings.push(own);
          } else {
            this._children.set(parent, [own]);
          }
        }
      }
    }
    return this._children.get(id) ?? [];
  }

  /**
   * Returns the ids from the first ancestor to an individual, with itself.
   *
   * @param {number} id
   * @returns {number[]}
   */
  line(id) {
    const found = [];
    for (let place = this.place(id); place >= 0; place = this.place(this.columns.parent[place] || null)) {
      found.push(/** @type {number} */ (this.columns.id[place]));
    }
    return found.reverse();
  }

  /**
   * Returns by how much an individual is better than its parent; null if one of them has no fitness, or if they are on
   * different rungs.
   *
   * @param {number} place
   * @returns {number | null}
   */
  gain(place) {
    const parent = this.place(this.columns.parent[place] || null);
    const { fitness, status, rung } = this.columns;
    if (parent < 0 || status[place] !== DONE || status[parent] !== DONE || rung[place] !== rung[parent]) {
      return null;
    }
    return (fitness[place] ?? 0) - (fitness[parent] ?? 0);
  }

  /**
   * Whether an individual may be in training now: it is pending, or the search runs and may promote it.
   *
   * @param {number} place
   * @returns {boolean}
   */
  mayTrain(place) {
    const { status, rung } = this.columns;
    const mayRise = status[place] === DONE && (rung[place] ?? 0) + 1 < this.search.rungs.length;
    return status[place] === PENDING || (mayRise && this.search.state === "running");
  }

  /**
   * Whether an answer is about this search. A user may have removed the search and begun another one in its folder.
   *
   * @param {OverviewAnswer} answer with all individuals
   * @returns {boolean}
   */
  isIn(answer) {
    const { id, status, fitness, seconds, rung } = this.columns;
    const { columns } = answer;
    return id.every(
      (own, place) =>
        columns.id[place] === own &&
        (status[place] === PENDING ||
          (columns.rung[place] ?? 0) > (rung[place] ?? 0) ||
          (columns.fitness[place] === fitness[place] && columns.seconds[place] === seconds[place])),
    );
  }

  /**
   * Whether later data are about this search.
   *
   * @param {SearchData} later
   * @returns {boolean}
   */
  precedes(later) {
    return this.search.key === later.search.key && this.isIn(later.answer);
  }

  /**
   * Whether an individual is a member of the population now; null if its algorithm has no members, if the members are not
   * known, or if the algorithm does not have the result yet.
   *
   * @param {number} place
   * @returns {boolean | null}
   */
  isMember(place) {
    const left = this.columns.left[place] ?? -1;
    const isHeld = this.columns.status[place] !== PENDING && !this.columns.finished[place];
    return left === -1 || isHeld ? null : left === 0 && Boolean(this.columns.finished[place]);
  }
}

/**
 * Returns the places of the Pareto front: the individuals that none beats in both measures. With rungs, only individuals
 * of the highest rung are compared.
 *
 * @param {SearchData} data
 * @param {Measure} x
 * @param {Measure} y
 * @returns {number[]} by rising x
 */
export function paretoFront(data, x, y) {
  const isWhole = data.isWhole();
  const across = data.values(x.key);
  const up = data.values(y.key);
  const signX = x.better || -1;
  const signY = y.better || 1;
  const order = [...across.keys()]
    .filter((place) => across[place] !== null && up[place] !== null && isWhole(place))
    .sort((a, b) => signX * ((across[b] ?? 0) - (across[a] ?? 0)) || signY * ((up[b] ?? 0) - (up[a] ?? 0)) || a - b);
  const front = [];
  let best = -Infinity;
  for (const place of order) {
    const value = signY * (up[place] ?? 0);
    if (value > best) {
      best = value;
      front.push(place);
    }
  }
  return front.sort((a, b) => (across[a] ?? 0) - (across[b] ?? 0));
}
