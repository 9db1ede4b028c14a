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
  { key: "fitness", title: "Fitness", kind: "fitness", isLog: false, better: 1 },
  { key: "params", title: "Parameters", kind: "count", isLog: true, better: -1 },
  { key: "mult_adds", title: "Mult-adds", kind: "count", isLog: true, better: -1 },
  { key: "depth", title: "Depth", kind: "number", isLog: false, better: -1 },
  { key: "seconds", title: "Seconds", kind: "seconds", isLog: true, better: -1 },
  { key: "epochs", title: "Epochs", kind: "number", isLog: false, better: -1 },
  { key: "flops", title: "Training FLOPs", kind: "count", isLog: true, better: -1 },
  { key: "inherited", title: "Inherited weights", kind: "share", isLog: false, better: 0 },
  { key: "species", title: "Species", kind: "id", isLog: false, better: 0 },
  { key: "finished", title: "Result number", kind: "id", isLog: false, better: 0 },
  { key: "id", title: "Id", kind: "id", isLog: false, better: 0 },
];

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
    for (const name of /** @type {const} */ (["finished", "mean", "low", "high"])) {
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

  /** @returns {number} the place of the best individual; -1 if none is done */
  _best() {
    const { fitness, status, params, mult_adds: multAdds, finished } = this.columns;
    let best = -1;
    for (let place = 0; place < this.count; place += 1) {
      if (status[place] !== DONE || !finished[place]) {
        continue;
      }
      const order =
        best < 0
          ? 1
          : (fitness[place] ?? 0) - (fitness[best] ?? 0) ||
            (params[best] ?? 0) - (params[place] ?? 0) ||
            (multAdds[best] ?? 0) - (multAdds[place] ?? 0) ||
            (finished[best] ?? 0) - (finished[place] ?? 0);
      best = order > 0 ? place : best;
    }
    return best;
  }

  /** @returns {readonly Measure[]} the measures that at least one individual has, the metrics of the store included */
  measures() {
    const metrics = Object.keys(this.answer.metrics).map(
      (name) =>
        /** @type {Measure} */ ({ key: `metric:${name}`, title: name, kind: "number", isLog: false, better: 0 }),
    );
    const directions = new Map(
      this.search.objectives.map(({ name, direction }, index) => [
        this._objectiveKey(name, direction, index),
        /** @type {-1 | 1} */ (direction === "max" ? 1 : -1),
      ]),
    );
    return [...MEASURES, ...metrics]
      .map((measure) => ({ ...measure, better: directions.get(measure.key) ?? measure.better }))
      .filter((measure) => this.values(measure.key).some((value) => value !== null));
  }

  /** @returns {readonly Measure[]} the measures of the objectives, if the search has several; else none */
  objectives() {
    const { objectives } = this.search;
    return objectives.length < 2
      ? []
      : objectives.map(({ name, direction }, index) => this.measure(this._objectiveKey(name, direction, index)));
  }

  /**
   * Returns the key of the measure of an objective. The fitness is the first objective, negated if less is better.
   *
   * @param {string} name
   * @param {"max" | "min"} direction
   * @param {number} index
   * @returns {string}
   */
  _objectiveKey(name, direction, index) {
    const isColumn = MEASURES.some(({ key }) => key === name);
    return index === 0 && direction === "max" && !isColumn ? "fitness" : isColumn ? name : `metric:${name}`;
  }

  /** @returns {number[]} the places of the individuals that no other beats in all objectives, or in size and fitness */
  front() {
    return this.objectives().length > 0
      ? this.search.front.map((id) => this.place(id)).filter((place) => place >= 0)
      : paretoFront(this, this.measure("params"), this.measure("fitness"));
  }

  /**
   * Returns the measure of a key.
   *
   * @param {string} key
   * @returns {Measure}
   */
  measure(key) {
    return this.measures().find((measure) => measure.key === key) ?? /** @type {Measure} */ (MEASURES[0]);
  }

  /**
   * Returns the values of a measure, one for each individual. A failed individual has no fitness.
   *
   * @param {string} key
   * @returns {Values}
   */
  values(key) {
    if (key.startsWith("metric:")) {
      return this.answer.metrics[key.slice(7)] ?? [];
    }
    const values = /** @type {any} */ (this.columns)[key] ?? [];
    if (key === "fitness") {
      return values.map((/** @type {number | null} */ value, /** @type {number} */ place) =>
        this.columns.status[place] === DONE ? value : null,
      );
    }
    return values;
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
   * Returns the fitness of an individual less that of its parent; null if one of them has none.
   *
   * @param {number} place
   * @returns {number | null}
   */
  gain(place) {
    const parent = this.place(this.columns.parent[place] || null);
    if (parent < 0 || this.columns.status[place] !== DONE || this.columns.status[parent] !== DONE) {
      return null;
    }
    return (this.columns.fitness[place] ?? 0) - (this.columns.fitness[parent] ?? 0);
  }

  /**
   * Whether an answer is about this search. A user may have removed the search and begun another one in its folder.
   *
   * @param {OverviewAnswer} answer with all individuals
   * @returns {boolean}
   */
  isIn(answer) {
    const { id, status, fitness, seconds } = this.columns;
    const { columns } = answer;
    return id.every(
      (own, place) =>
        columns.id[place] === own &&
        (status[place] === PENDING ||
          (columns.fitness[place] === fitness[place] && columns.seconds[place] === seconds[place])),
    );
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
 * Returns the places of the Pareto front: the individuals that none beats in both measures.
 *
 * @param {SearchData} data
 * @param {Measure} x
 * @param {Measure} y
 * @returns {number[]} by rising x
 */
export function paretoFront(data, x, y) {
  const across = data.values(x.key);
  const up = data.values(y.key);
  const signX = x.better || -1;
  const signY = y.better || 1;
  const order = [...across.keys()]
    .filter((place) => across[place] !== null && up[place] !== null && data.columns.status[place] === DONE)
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
