/**
 * The line from the first ancestor to an individual, as a strip of pictures in which each change is marked.
 *
 * @module
 */

import { DONE, metricChange, metricText } from "./data.js";
import { afterPicture, checkbox, element, fill } from "./dom.js";
import { condition, gainClass } from "./headline.js";
import { picture } from "./picture.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./types.js").Ancestor} Ancestor */
/** @typedef {import("./types.js").View} View */

const MOST_CHANGES = 2;

/**
 * Returns the strip. It shows the line of the chosen individual, or of the best one while none is chosen. While an
 * ancestor within the line is chosen, the line stays, so that one can walk along it.
 *
 * @param {State} state
 * @returns {View}
 */
export function ancestorStrip(state) {
  const title = element("h2", {});
  const hint = element("span", { class: "hint" });
  const list = element("ol", { class: "line", "aria-label": "Line of ancestors, the oldest first", onkeydown: onKey });
  let isWhole = false;
  const size = checkbox("whole networks", isWhole, (checked) => {
    isWhole = checked;
    node.classList.toggle("whole", isWhole);
    now = "";
    void show(false);
  });
  const node = element("section", { class: "strip" }, element("div", { class: "controls" }, title, hint, size), list);
  /** @type {number[]} ids of the line that is shown */
  let ids = [];
  let now = "";
  let asked = 0;
  const reachLater = afterPicture(reach);

  /** @returns {number | null} the individual whose line is shown */
  function tip() {
    const { data, selected } = state;
    if (!data) {
      return null;
    }
    if (selected === null || data.place(selected) < 0) {
      return data.columns.id[data.best] ?? null;
    }
    return ids.includes(selected) ? (ids[ids.length - 1] ?? null) : selected;
  }

  /** @param {boolean} isNewLine whether to forget the line that is shown */
  async function show(isNewLine) {
    const { data, key } = state;
    ids = isNewLine ? [] : ids;
    now = isNewLine ? "" : now;
    const last = tip();
    if (!data || key === null || last === null) {
      now = "";
      title.textContent = "Line of ancestors";
      hint.textContent = data ? "No individual has finished yet." : "";
      fill(list);
      return;
    }
    const line = data.line(last);
    const isOfBest = last === data.columns.id[data.best];
    title.textContent = `Line of ${isOfBest ? "the best individual, " : "individual "}${last}`;
    hint.textContent =
      line.length === 1
        ? "It has no parent."
        : `${line.length - 1} ancestor${line.length === 2 ? "" : "s"}, the oldest first. Each picture shows what changed against the one before it.`;
    // A card shows the result of its individual. A pending one gets a result, and a promoted one gets another.
    const { status, rung, fitness } = data.columns;
    const results = line.map((id) => data.place(id)).map((place) => [status[place], rung[place], fitness[place]]);
    const wanted = JSON.stringify([key, line, results, document.documentElement.dataset.theme]);
    if (wanted === now) {
      return;
    }
    now = wanted;
    ids = line;
    asked += 1;
    const own = asked;
    list.classList.add("waiting");
    try {
      const answer = await state.source.ancestors(key, last);
      if (own === asked) {
        fill(
          list,
          ...answer.line.map((ancestor, order) => card(state, ancestor, answer.line[order - 1] ?? null, isWhole)),
        );
        markChosen();
        reach();
      }
    } catch (error) {
      if (own === asked) {
        now = "";
        const retry = element("button", { type: "button", onclick: () => void show(true) }, "Try again");
        const words = error instanceof Error ? error.message : String(error);
        fill(list, element("li", { class: "fault", role: "alert" }, element("p", {}, words), retry));
      }
    }
    if (own === asked) {
      list.classList.remove("waiting");
    }
  }

  function markChosen() {
    for (const one of list.children) {
      one.classList.toggle("chosen", one.getAttribute("data-id") === String(state.selected));
    }
  }

  /** Scrolls to the chosen individual, or to the end of the line. */
  function reach() {
    const chosen = /** @type {HTMLElement | null} */ (list.querySelector(".chosen") ?? list.lastElementChild);
    if (chosen) {
      list.scrollLeft = chosen.offsetLeft - list.offsetLeft - (list.clientWidth - chosen.offsetWidth) / 2;
    }
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const from = /** @type {HTMLElement} */ (event.target).closest("li");
    const to = {
      ArrowRight: from?.nextElementSibling,
      ArrowLeft: from?.previousElementSibling,
      Home: list.firstElementChild,
      End: list.lastElementChild,
    }[event.key];
    if (to) {
      event.preventDefault();
      to.querySelector("button")?.focus({ preventScroll: true });
      state.choose(Number(to.getAttribute("data-id")));
    }
  }

  return {
    node,
    update(changed) {
      if (["search", "data", "theme", "view", "selected"].some((name) => changed.has(/** @type {any} */ (name)))) {
        void show(changed.has("search"));
      }
      if (changed.has("selected")) {
        markChosen();
        reachLater();
      }
    },
  };
}

/**
 * Returns the card of an ancestor.
 *
 * @param {State} state
 * @param {Ancestor} ancestor
 * @param {Ancestor | null} parent
 * @param {boolean} isWhole whether the picture has the whole network, and not only what changed
 * @returns {HTMLLIElement}
 */
function card(state, ancestor, parent, isWhole) {
  const { id, mate, rule, fitness, gain, difference } = ancestor;
  const changes = difference.slice(0, MOST_CHANGES).map((line) => element("span", { class: "change" }, line));
  const more = difference.length - MOST_CHANGES;
  const place = state.data?.place(id) ?? -1;
  const isDone = state.data?.columns.status[place] === DONE;
  const [words, kind] = state.data ? condition(state.data, place) : ["", ""];
  const choose = element(
    "button",
    { class: "card", type: "button", title: difference.join("\n"), onclick: () => state.choose(id) },
    element(
      "span",
      { class: "card-head" },
      element("strong", {}, id),
      element(
        "span",
        { class: isDone ? null : kind },
        state.data && isDone ? metricText(state.data.search, fitness) : words,
      ),
      state.data && gain !== null
        ? element("span", { class: gainClass(gain) }, metricChange(state.data.search, gain))
        : null,
    ),
    element("span", { class: "card-rule" }, parent ? `${rule}${mate ? `, with ${mate}` : ""}` : "first ancestor"),
    ...(changes.length || !parent ? changes : [element("span", { class: "change" }, "a copy of its parent")]),
    more > 0 ? element("span", { class: "hint" }, `and ${more} more change${more === 1 ? "" : "s"}`) : null,
  );
  return element(
    "li",
    { "data-id": id },
    choose,
    picture(state, id, parent?.id ?? null, !isWhole && difference.length > 0),
  );
}
