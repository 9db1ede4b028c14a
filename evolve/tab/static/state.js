/**
 * What the tab shows now: the search, the chosen individuals, the view. All views share one state.
 *
 * @module
 */

import { SearchData } from "./data.js";

/** @typedef {import("./types.js").Source} Source */
/** @typedef {import("./types.js").SearchSummary} SearchSummary */
/** @typedef {import("./types.js").Change} Change */
/** @typedef {import("./types.js").TraitsAnswer} TraitsAnswer */

/** The state that all views share. A listener gets the names of what has changed. */
export class State {
  /** @param {Source} source */
  constructor(source) {
    this.source = source;
    /** @type {SearchSummary[]} */
    this.searches = [];
    /** @type {{ name: string, message: string }[]} */
    this.problems = [];
    /** @type {string | null} */
    this.key = null;
    /** @type {SearchData | null} */
    this.data = null;
    /** @type {number | null} */
    this.selected = null;
    /** @type {number | null} the individual that is compared with the chosen one */
    this.second = null;
    /** @type {ReadonlySet<number> | null} ids that are brushed; null: no brush */
    this.brushed = null;
    /** @type {string} */
    this.view = "overview";
    /** @type {string} words for the user when the data of the search cannot be had */
    this.fault = "";
    /** @type {((changed: ReadonlySet<Change>) => void)[]} */
    this._listeners = [];
    this.opened = 0; // the number of searches that were opened so far
    /** @type {Promise<TraitsAnswer> | null} */
    this._traits = null;
  }

  /** @param {(changed: ReadonlySet<Change>) => void} listener */
  listen(listener) {
    this._listeners.push(listener);
  }

  /** @param {...Change} changed */
  tell(...changed) {
    const names = new Set(changed);
    this._listeners.forEach((listener) => listener(names));
  }

  /**
   * Chooses an individual everywhere; null chooses none.
   *
   * @param {number | null} id
   */
  choose(id) {
    if (id !== this.selected) {
      this.selected = id;
      if (id === null || id === this.second) {
        this.second = null;
      }
      this.tell("selected", "second");
    }
  }

  /**
   * Chooses the individual that is compared with the chosen one; null ends the comparison.
   *
   * @param {number | null} id
   */
  compareWith(id) {
    if (this.selected === null) {
      this.choose(id);
    } else if (id !== this.second && id !== this.selected) {
      this.second = id;
      this.tell("second");
    }
  }

  /**
   * Chooses the individual at a place of the columns, or compares it with the chosen one.
   *
   * @param {number} place
   * @param {boolean} isSecond
   */
  chooseAt(place, isSecond) {
    const id = this.data?.columns.id[place] ?? null;
    if (isSecond) {
      this.compareWith(id);
    } else {
      this.choose(id);
    }
  }

  /** @param {ReadonlySet<number> | null} ids */
  brush(ids) {
    this.brushed = ids;
    this.tell("brushed");
  }

  /** @param {string} view */
  open(view) {
    if (view !== this.view) {
      this.view = view;
      this.tell("view");
    }
  }

  /**
   * Shows another search. What was chosen in the search before is forgotten.
   *
   * @param {string | null} key
   * @param {{ selected?: number | null, second?: number | null }} [chosen]
   */
  async openSearch(key, chosen = {}) {
    this.key = key;
    this._begin(null, chosen);
    await this.refresh();
  }

  /**
   * @param {SearchData | null} data
   * @param {{ selected?: number | null, second?: number | null }} [chosen]
   */
  _begin(data, chosen = {}) {
    this.data = data;
    this.selected = chosen.selected ?? null;
    this.second = chosen.second ?? null;
    this.brushed = null;
    this._traits = null;
    this.opened += 1;
    this.tell("search", "data", "selected", "second", "brushed");
  }

  /** Reads the list of searches, and what has changed in the open one. A failure is shown in words. */
  async refresh() {
    try {
      const { searches, problems } = await this.source.searches();
      this.searches = searches;
      this.problems = problems;
      const own = searches.find((search) => search.key === this.key);
      if (own && (this.data === null || this.data.answer.stamp !== own.stamp)) {
        await this._read(own.key);
      }
      this._setFault("");
    } catch (error) {
      this._setFault(error instanceof Error ? error.message : String(error));
    }
    this.tell("searches");
  }

  /** @param {string} key */
  async _read(key) {
    const before = this.data?.answer;
    const answer = await this.source.overview(key, before?.stamp ?? "");
    if (key !== this.key || before !== this.data?.answer) {
      return; // The user has opened another search meanwhile, or this one again, or an earlier question was answered.
    }
    if (this.data !== null && answer.whole === false) {
      this.data.merge(answer);
    } else if (this.data === null || this.data.isIn(answer)) {
      this.data = new SearchData(answer);
    } else {
      this._begin(new SearchData(answer));
      return;
    }
    this._traits = null;
    this.tell("data");
  }

  /** @param {string} fault */
  _setFault(fault) {
    this.fault = fault;
  }

  /**
   * Returns the genes and operations of all individuals, which are read when a view first asks for them.
   *
   * @returns {Promise<TraitsAnswer>}
   */
  async traits() {
    if (this.key === null) {
      return { id: [], genes: {}, operations: {} };
    }
    const asked = (this._traits ??= this.source.traits(this.key));
    try {
      return await asked;
    } catch (error) {
      if (asked === this._traits) {
        this._traits = null; // the next call asks again
      }
      throw error;
    }
  }
}
