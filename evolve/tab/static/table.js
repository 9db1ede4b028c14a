/**
 * The table of all individuals: sorted, filtered, searched, and exported as CSV. Only the rows in sight are built.
 *
 * @module
 */

import { PENDING, DONE, FAILED } from "./data.js";
import { chooser, element, fill } from "./dom.js";
import { shown, signed } from "./format.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./data.js").SearchData} SearchData */
/** @typedef {import("./types.js").View} View */

/**
 * A column of the table.
 *
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {(place: number) => string} text what the cell shows
 * @property {(place: number) => number | string | null} value what is sorted and exported
 * @property {boolean} isNumber
 */

const ROW = 27; // pixels
const SPARE = 12; // rows that are built above and below those in sight
const STATUS = ["pending", "done", "failed"];
const FILTERS = /** @type {const} */ ([
  ["all", "all"],
  ["done", "done"],
  ["failed", "failed"],
  ["pending", "pending"],
  ["population", "members of the population"],
  ["front", "Pareto front"],
  ["best", "each new best"],
  ["brushed", "selected in a chart"],
]);
const TYPING = 250; // milliseconds without a key after which a text is searched

/**
 * Returns the view.
 *
 * @param {State} state
 * @returns {View}
 */
export function tableView(state) {
  let filter = "all";
  let rule = "";
  let words = "";
  /** @type {ReadonlySet<number> | null} the ids that have the searched text */
  let found = null;
  let unsearched = 0; // individuals whose texts a report does not have
  let sortKey = "id";
  let isRising = true;
  /** @type {number[]} the places of the rows, in their order */
  let rows = [];
  /** @type {Column[]} */
  let columns = [];
  let listed = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const head = element("thead", {});
  const body = element("tbody", {});
  const above = element("div", { "aria-hidden": "true" });
  const below = element("div", { "aria-hidden": "true" });
  const table = element("table", { "aria-label": "Individuals" }, head, body);
  const scroller = element(
    "div",
    { class: "scroller", tabindex: 0, onscroll: showRows, onkeydown: onKey },
    above,
    table,
    below,
  );
  const count = element("span", { class: "hint", role: "status" });
  const rules = element("span", {});
  const filters = element("span", {});
  const search = element("input", {
    type: "search",
    placeholder: "Text in genotype, note or error",
    "aria-label": "Search the texts of the individuals",
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => void find(search.value.trim()), TYPING);
    },
  });
  const save = element("button", { type: "button", onclick: () => void exportCsv() }, "Save as CSV");
  const controls = element("div", { class: "controls" }, search, filters, rules, count, save);
  const node = element("div", { class: "table-view" }, controls, scroller);

  /** @param {string} text */
  async function find(text) {
    words = text;
    if (!text || state.key === null) {
      found = null;
      refresh();
      return;
    }
    try {
      const { ids, unsearched: others = 0 } = await state.source.genotypes(state.key, text);
      if (text === words) {
        found = new Set(ids);
        unsearched = others;
      }
      refresh();
    } catch (error) {
      fill(count, error instanceof Error ? error.message : String(error));
    }
  }

  function showControls() {
    const now = JSON.stringify([state.data?.rules, rule, filter]);
    if (now === listed) {
      return;
    }
    listed = now;
    const all = (state.data?.rules ?? []).map((name) => /** @type {const} */ ([name, name]));
    fill(
      rules,
      chooser("Rule", [["", "all"], ...all], rule, (value) => {
        rule = value;
        refresh();
      }),
    );
    fill(
      filters,
      chooser("Show", FILTERS, filter, (value) => {
        filter = value;
        refresh();
      }),
    );
  }

  function refresh() {
    const { data } = state;
    showControls();
    columns = data ? columnsOf(data) : [];
    rows = data ? sorted(data, filtered(data)) : [];
    const all = data?.count ?? 0;
    const others = found && unsearched ? `; the report lacks the texts of ${unsearched.toLocaleString("en")}` : "";
    fill(count, `${rows.length.toLocaleString("en")} of ${all.toLocaleString("en")} individuals${others}`);
    showHead();
    showRows();
  }

  /**
   * @param {SearchData} data
   * @returns {number[]}
   */
  function filtered(data) {
    const accepts = acceptance(data, filter, state.brushed);
    const wanted = data.rules.indexOf(rule);
    const { id, rule: ruleOf } = data.columns;
    return [...id.keys()].filter(
      (place) => accepts(place) && (wanted < 0 || ruleOf[place] === wanted) && (!found || found.has(id[place] ?? 0)),
    );
  }

  /**
   * @param {SearchData} data
   * @param {number[]} places
   * @returns {number[]}
   */
  function sorted(data, places) {
    const column = columnsOf(data).find(({ key }) => key === sortKey);
    if (!column || (sortKey === "id" && isRising)) {
      return places;
    }
    const keys = new Map(places.map((place) => [place, column.value(place)]));
    const sign = isRising ? 1 : -1;
    return places.sort((a, b) => {
      const [one, other] = [keys.get(a) ?? null, keys.get(b) ?? null];
      if (one === null || other === null) {
        return one === other ? a - b : one === null ? 1 : -1; // unknown values come last in both directions
      }
      return (one < other ? -sign : one > other ? sign : 0) || a - b;
    });
  }

  function showHead() {
    const cells = columns.map(({ key, title, isNumber }) => {
      const order = key === sortKey ? (isRising ? "ascending" : "descending") : null;
      const arrow = order === null ? "" : isRising ? " ▲" : " ▼";
      return element(
        "th",
        { scope: "col", class: isNumber ? "number" : null, "aria-sort": order },
        element("button", { type: "button", class: "sort", onclick: () => sortBy(key, isNumber) }, `${title}${arrow}`),
      );
    });
    fill(head, element("tr", {}, ...cells));
  }

  /**
   * @param {string} key
   * @param {boolean} isNumber
   */
  function sortBy(key, isNumber) {
    isRising = key === sortKey ? !isRising : !isNumber || ["id", "parent", "mate"].includes(key);
    sortKey = key;
    refresh();
  }

  function showRows() {
    const { data } = state;
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - SPARE);
    const last = Math.min(rows.length, Math.ceil((scroller.scrollTop + (scroller.clientHeight || 800)) / ROW) + SPARE);
    above.style.height = `${first * ROW}px`;
    below.style.height = `${(rows.length - last) * ROW}px`;
    fill(body, ...(data ? rows.slice(first, last).map((place) => row(data, place)) : []));
  }

  /**
   * @param {SearchData} data
   * @param {number} place
   * @returns {HTMLTableRowElement}
   */
  function row(data, place) {
    const id = data.columns.id[place] ?? 0;
    const cells = columns.map((column) => element("td", { class: cellClass(data, column, place) }, column.text(place)));
    return element(
      "tr",
      {
        "aria-selected": String(id === state.selected),
        class: id === state.second ? "second" : null,
        onclick: (/** @type {MouseEvent} */ event) => (event.shiftKey ? state.compareWith(id) : state.choose(id)),
      },
      ...cells,
    );
  }

  /** Scrolls to the chosen individual if its row is out of sight. */
  function scrollToChosen() {
    const order = rows.indexOf(state.data?.place(state.selected) ?? -1);
    const room = scroller.clientHeight - 2 * ROW; // below the head
    if (order >= 0 && (order * ROW < scroller.scrollTop || order * ROW > scroller.scrollTop + room - ROW)) {
      scroller.scrollTop = Math.max(0, order * ROW - room / 2);
    }
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const { data } = state;
    const place = rows.indexOf(data?.place(state.selected) ?? -1);
    const pageful = Math.max(1, Math.floor(scroller.clientHeight / ROW) - 2);
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: pageful,
      PageUp: -pageful,
      Home: -rows.length,
      End: rows.length,
    };
    const step = /** @type {Record<string, number>} */ (steps)[event.key];
    if (step === undefined || !data || !rows.length || event.target !== scroller) {
      return;
    }
    event.preventDefault();
    const next = Math.max(0, Math.min(rows.length - 1, place < 0 ? 0 : place + step));
    const top = next * ROW;
    if (top < scroller.scrollTop || top > scroller.scrollTop + scroller.clientHeight - 3 * ROW) {
      scroller.scrollTop = Math.max(0, top - scroller.clientHeight / 2);
    }
    state.choose(data.columns.id[rows[next] ?? 0] ?? null);
  }

  async function exportCsv() {
    const { data } = state;
    if (!data) {
      return;
    }
    const lines = [columns.map(({ title }) => quoted(title)).join(",")];
    for (const place of rows) {
      lines.push(columns.map(({ value }) => quoted(value(place))).join(","));
    }
    const link = element("a", {
      href: URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" })),
      download: `${data.search.name.replace(/[^\w.-]+/g, "_") || "search"}.csv`,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  new ResizeObserver(showRows).observe(scroller);
  return {
    node,
    update(changed) {
      if (changed.has("search")) {
        [filter, rule, words, found, listed] = ["all", "", "", null, ""];
        search.value = "";
        scroller.scrollTop = 0;
      }
      if (changed.has("data") && words) {
        void find(words);
      } else if (changed.has("data") || changed.has("brushed")) {
        refresh();
      } else if (changed.has("selected") || changed.has("second")) {
        showRows();
      }
      if (changed.has("selected")) {
        scrollToChosen();
      }
    },
  };
}

/**
 * Returns the test of a filter.
 *
 * @param {SearchData} data
 * @param {string} filter
 * @param {ReadonlySet<number> | null} brushed
 * @returns {(place: number) => boolean}
 */
function acceptance(data, filter, brushed) {
  const { status, id } = data.columns;
  switch (filter) {
    case "done":
      return (place) => status[place] === DONE;
    case "failed":
      return (place) => status[place] === FAILED;
    case "pending":
      return (place) => status[place] === PENDING;
    case "population":
      return (place) => data.isMember(place) === true;
    case "front": {
      const front = new Set(data.front());
      return (place) => front.has(place);
    }
    case "best": {
      const bests = new Set(data.newBests());
      return (place) => bests.has(place);
    }
    case "brushed":
      return (place) => brushed?.has(id[place] ?? 0) ?? true;
    default:
      return () => true;
  }
}

/**
 * Returns the columns of the table.
 *
 * @param {SearchData} data
 * @returns {Column[]}
 */
function columnsOf(data) {
  const { columns, rules } = data;
  const metric = data.metric;
  const values = data.values("fitness");
  const measures = data.measures().filter(({ key }) => key !== "id" && key !== "fitness" && key !== "finished");
  return [
    column("id", "Id", (place) => columns.id[place] ?? 0, String),
    column("status", "Status", (place) => STATUS[columns.status[place] ?? 0] ?? "", String, false),
    column(
      "fitness",
      metric.title,
      (place) => values[place] ?? null,
      (value) => shown(value, metric.kind),
    ),
    column(
      "gain",
      "Gain",
      (place) => data.gain(place),
      (value) => signed(value, metric.kind),
    ),
    column("rule", "Rule", (place) => rules[columns.rule[place] ?? 0] ?? "", String, false),
    column(
      "parent",
      "Parent",
      (place) => columns.parent[place] || null,
      (value) => shown(value, "id"),
    ),
    ...(columns.mate.some(Boolean)
      ? [
          column(
            "mate",
            "Mate",
            (place) => columns.mate[place] || null,
            (value) => shown(value, "id"),
          ),
        ]
      : []),
    ...measures.map(({ key, title, kind }) => {
      const own = data.values(key);
      return column(
        key,
        title,
        (place) => own[place] ?? null,
        (value) => shown(value, kind),
      );
    }),
    column(
      "original",
      "Duplicate of",
      (place) => (columns.original[place] === columns.id[place] ? null : (columns.original[place] ?? null)),
      (value) => shown(value, "id"),
    ),
  ];
}

/**
 * @param {string} key
 * @param {string} title
 * @param {(place: number) => number | string | null} value
 * @param {(value: any) => string} text
 * @param {boolean} [isNumber]
 * @returns {Column}
 */
function column(key, title, value, text, isNumber = true) {
  return { key, title, value, text: (place) => text(value(place)), isNumber };
}

/**
 * @param {SearchData} data
 * @param {Column} column
 * @param {number} place
 * @returns {string | null}
 */
function cellClass(data, column, place) {
  const names = [
    column.isNumber ? "number" : "",
    column.key === "status" && data.columns.status[place] === FAILED ? "bad" : "",
    column.key === "gain" ? ((data.gain(place) ?? 0) > 0 ? "good" : (data.gain(place) ?? 0) < 0 ? "bad" : "") : "",
  ];
  return names.filter(Boolean).join(" ") || null;
}

/**
 * Returns a value as a field of CSV. A text that a spreadsheet would read as a formula gets an apostrophe.
 *
 * @param {number | string | null} value
 * @returns {string}
 */
function quoted(value) {
  if (typeof value !== "string") {
    return value === null ? "" : String(value);
  }
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
