/**
 * The frame of the tab: the choice of the search, the views, and the chosen individual beside them.
 *
 * @module
 */

import { ancestryView } from "./ancestry.js";
import { compareView } from "./compare.js";
import { metricText } from "./data.js";
import { element, fill, switcher } from "./dom.js";
import { compact } from "./format.js";
import { individualPanel } from "./individual.js";
import { overviewView } from "./overview.js";
import { State } from "./state.js";
import { tableView } from "./table.js";
import { tradeoffsView } from "./tradeoffs.js";

/** @typedef {import("./types.js").Change} Change */
/** @typedef {import("./types.js").Source} Source */
/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").SearchSummary} SearchSummary */

/**
 * Where the state is kept between visits, such as the address of the page.
 *
 * @typedef {object} Memory
 * @property {() => Record<string, string>} read
 * @property {(values: Record<string, string>) => void} write
 */

const VIEWS = /** @type {const} */ ([
  ["overview", "Overview"],
  ["tradeoffs", "Trade-offs"],
  ["ancestry", "Ancestry"],
  ["table", "Table"],
  ["compare", "Searches"],
]);
const LIVE = 2000; // milliseconds between two questions while a search runs
const QUIET = 10000; // and while none runs

/** @type {ReadonlySet<Change>} */
const EVERYTHING = new Set(["search", "data", "selected", "second", "brushed", "view", "theme", "searches"]);

/** @type {ReadonlySet<Change>} */
const SAME_SEARCH = new Set([...EVERYTHING].filter((change) => change !== "search"));

/**
 * Shows the tab in an element, and follows its source.
 *
 * @param {HTMLElement} root
 * @param {Source} source
 * @param {Memory} memory
 * @returns {State}
 */
export function start(root, source, memory) {
  const state = new State(source);
  const remembered = memory.read();
  state.view = VIEWS.some(([name]) => name === remembered.view) ? (remembered.view ?? "overview") : "overview";
  const seen = /** @type {Map<string, number>} */ (new Map()); // for each view, how many searches were opened before
  const views = /** @type {Record<string, View>} */ ({
    overview: overviewView(state),
    tradeoffs: tradeoffsView(state),
    ancestry: ancestryView(state),
    table: tableView(state),
    compare: compareView(state),
  });
  const panel = individualPanel(state);
  const head = header(state);
  const main = element("main", {});
  const message = element("div", { class: "message", role: "alert", hidden: true });
  const body = element("div", { class: "body" }, main, panel.node);
  fill(root, head.node, message, body);

  /** @param {ReadonlySet<Change>} changed */
  function update(changed) {
    head.update(changed);
    const view = views[state.view];
    const isOther = seen.get(state.view) !== state.opened; // The view has shown another search until now.
    seen.set(state.view, state.opened);
    showMessage(state, message, body);
    if (view && main.firstChild !== view.node) {
      fill(main, view.node);
      view.update(isOther ? EVERYTHING : SAME_SEARCH);
    } else {
      view?.update(changed);
    }
    panel.update(changed);
    body.classList.toggle("with-panel", state.selected !== null);
    memory.write({
      view: state.view,
      search: state.key ?? "",
      id: state.selected === null ? "" : String(state.selected),
      with: state.second === null ? "" : String(state.second),
    });
  }
  state.listen(update);
  new MutationObserver(() => update(new Set(["theme"]))).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-theme"],
  });
  document.addEventListener("keydown", (event) => onKey(state, event));
  void follow(state, remembered);
  return state;
}

/**
 * Reads the searches, opens one, and goes on asking for changes while the page is visible.
 *
 * @param {State} state
 * @param {Record<string, string>} remembered
 */
async function follow(state, remembered) {
  const whole = (/** @type {string | undefined} */ text) => (/^\d+$/.test(text ?? "") ? Number(text) : null);
  const open = async () => {
    const first = state.searches.find(({ key }) => key === remembered.search) ?? latest(state.searches);
    if (first) {
      const isSame = !remembered.search || first.key === remembered.search;
      const chosen = isSame ? { selected: whole(remembered.id), second: whole(remembered.with) } : {};
      await state.openSearch(first.key, chosen);
    }
  };
  await state.refresh();
  await open();
  while (state.source.isLive) {
    const isLive = state.searches.some((search) => search.state === "running") || state.fault;
    await new Promise((resolve) => setTimeout(resolve, isLive ? LIVE : QUIET));
    // In a hidden tab of TensorBoard the frame has no height.
    if (!document.hidden && innerHeight > 0) {
      await state.refresh();
      if (state.key === null) {
        await open();
      }
    }
  }
}

/**
 * Returns the search that is opened first: one that runs, or else the first one.
 *
 * @param {readonly SearchSummary[]} searches
 * @returns {SearchSummary | undefined}
 */
function latest(searches) {
  return searches.find((search) => search.state === "running") ?? searches[0];
}

/**
 * Shows in words what is wrong, or that there is nothing yet.
 *
 * @param {State} state
 * @param {HTMLElement} message
 * @param {HTMLElement} body
 */
function showMessage(state, message, body) {
  const lines = [];
  if (state.fault) {
    lines.push(state.fault);
  } else if (state.key === null && !state.problems.length) {
    lines.push(
      "There is no search in this log directory yet. Begin one with: evolve --gin_file=amoeba.gin, and show it with: " +
        "evolve board. A search that begins later appears here by itself.",
    );
  }
  lines.push(...state.problems.map(({ name, message: words }) => `${name}: ${words}`));
  message.hidden = !lines.length;
  if (lines.join("\n") !== [...message.children].map((line) => line.textContent).join("\n")) {
    fill(message, ...lines.map((line) => element("p", {}, line)));
  }
  body.hidden = state.key === null;
}

/**
 * @param {State} state
 * @param {KeyboardEvent} event
 */
function onKey(state, event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.altKey || event.ctrlKey || event.metaKey || target.closest("input, select, textarea")) {
    return;
  }
  const view = VIEWS[Number(event.key) - 1];
  if (view) {
    state.open(view[0]);
  } else if (event.key === "Escape" && state.selected !== null) {
    state.choose(null);
  }
}

/**
 * Returns the line above the views.
 *
 * @param {State} state
 * @returns {View}
 */
function header(state) {
  const select = element("select", { "aria-label": "Search", onchange: () => void state.openSearch(select.value) });
  const status = element("span", { class: "status", role: "status" });
  const tabs = element("nav", { "aria-label": "Views" });
  const node = element("header", {}, select, tabs, status);
  let listed = "";
  let pressed = "";

  return {
    node,
    update(changed) {
      if (changed.has("searches") || changed.has("search")) {
        const gone = lost(state);
        const all = state.searches.map(({ key, name }) => [key, name]);
        const names = gone ? [[gone.key, `${gone.name} (cannot be read now)`], ...all] : all;
        const now = JSON.stringify([state.key, names]);
        if (now !== listed) {
          listed = now;
          const options = names.map(([key, name]) =>
            element("option", { value: key, selected: key === state.key }, name),
          );
          fill(select, ...options);
          select.hidden = !options.length;
        }
        showStatus(state, status);
      }
      if (pressed !== state.view) {
        pressed = state.view;
        fill(
          tabs,
          switcher("Views", VIEWS, state.view, (view) => state.open(view)),
        );
      }
    },
  };
}

/**
 * Returns the open search if it is not in the list any more: it was removed, or it cannot be read now.
 *
 * @param {State} state
 * @returns {SearchSummary | null}
 */
function lost(state) {
  const isThere = !state.data || state.searches.some(({ key }) => key === state.key);
  return isThere ? null : (state.data?.search ?? null);
}

/**
 * @param {State} state
 * @param {HTMLElement} status
 */
function showStatus(state, status) {
  const search = state.searches.find(({ key }) => key === state.key);
  if (!search) {
    status.dataset.state = "interrupted";
    fill(status, lost(state) ? "The search cannot be read now. What was read before is shown." : "");
    return;
  }
  const words = {
    running: state.source.isLive ? "running" : "running when this report was written",
    ended: search.reason ? `ended: ${search.reason}` : "ended",
    interrupted: "interrupted; the same command goes on",
  }[search.state];
  status.dataset.state = search.state;
  status.title = words;
  const best = search.best === null ? "" : `, best ${metricText(search, search.best)}`;
  const failed = search.failed ? `, ${search.failed} failed` : "";
  const text = `${compact(search.finished)} of ${compact(search.individuals)} finished${failed}${best} · ${words}`;
  if (status.textContent !== text) {
    fill(status, element("i", { class: "dot", "aria-hidden": "true" }), text);
  }
}
