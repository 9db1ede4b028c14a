/**
 * The panel beside every view: all that is known about the chosen individual, or two individuals side by side.
 *
 * @module
 */

import { isDark } from "./colour.js";
import { Details } from "./details.js";
import { element, fill } from "./dom.js";
import { headline } from "./headline.js";
import { Pair } from "./pair.js";
import { descendants } from "./tree.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./types.js").IndividualAnswer} IndividualAnswer */
/** @typedef {import("./types.js").View} View */

/**
 * Returns the panel. It is hidden while no individual is chosen.
 *
 * @param {State} state
 * @returns {View}
 */
export function individualPanel(state) {
  const details = new Details(state);
  const pair = new Pair(state);
  const head = element("div", { class: "panel-head" });
  const fault = element("div", { class: "fault", role: "alert", hidden: true });
  const content = element("div", { class: "panel-content" });
  const other = compareField(state);
  const previous = button("‹", "Previous individual", () => step(-1));
  const next = button("›", "Next individual", () => step(1));
  const bar = element(
    "div",
    { class: "panel-bar" },
    previous,
    next,
    other,
    element("span", { class: "space" }),
    button("×", "Close (Escape)", () => state.choose(null)),
  );
  const node = element("aside", { "aria-label": "The chosen individual", hidden: true }, bar, head, fault, content);
  /** What the panel shows or waits for, and how the individual was when it was asked for. */
  let shown = { key: "", id: 0, second: /** @type {number | null} */ (null), sign: "" };
  let asked = 0;
  let isWaiting = false;

  /** @param {-1 | 1} by */
  function step(by) {
    const { data, selected } = state;
    const id = data?.columns.id[data.place(selected) + by];
    if (data && data.place(selected) >= 0 && id !== undefined) {
      state.choose(id);
    }
  }

  /**
   * Asks for the chosen individual. An answer that comes after the user has chosen another one is left out.
   *
   * @param {boolean} isNew whether it is another individual than before
   */
  async function load(isNew) {
    const { key, selected, second } = state;
    if (key === null || selected === null) {
      return;
    }
    asked += 1;
    const own = asked;
    isWaiting = true;
    content.classList.toggle("waiting", isNew);
    try {
      const answers = await Promise.all([
        state.source.individual(key, selected),
        second === null ? null : state.source.individual(key, second),
        second === null ? null : differenceOf(state, selected, second),
      ]);
      if (own === asked) {
        show(...answers);
      }
    } catch (error) {
      if (own === asked) {
        showFault(error instanceof Error ? error.message : String(error));
      }
    }
    if (own === asked) {
      isWaiting = false;
      content.classList.remove("waiting");
    }
  }

  /**
   * @param {IndividualAnswer} first
   * @param {IndividualAnswer | null} second
   * @param {string[] | string | null} difference
   */
  function show(first, second, difference) {
    fault.hidden = true;
    const part = second && difference !== null ? pair : details;
    if (content.firstChild !== part.node) {
      fill(content, part.node);
    }
    if (second && difference !== null) {
      pair.show(first, second, difference);
    } else {
      details.show(first);
    }
  }

  /** @param {string} words */
  function showFault(words) {
    fault.hidden = false;
    fill(content);
    fill(
      fault,
      element("p", {}, words),
      element("button", { type: "button", onclick: () => void load(true) }, "Try again"),
    );
  }

  /** Shows the line that is known without a question, so that a choice answers at once. */
  function showHead() {
    const { data, selected } = state;
    if (selected !== null) {
      fill(head, ...headline(state, selected));
    }
    const place = data?.place(selected) ?? -1;
    previous.disabled = place <= 0;
    next.disabled = !data || place < 0 || place >= data.count - 1;
  }

  /** @returns {string} differs when what the panel shows has changed; "" while the chosen individual has no data */
  function signature() {
    const { data, selected, second } = state;
    const place = data?.place(selected) ?? -1;
    if (!data || selected === null || place < 0) {
      return "";
    }
    const count = (/** @type {"original" | "mate"} */ name, /** @type {number | undefined} */ value) =>
      data.columns[name].filter((own) => own === value).length;
    const rows = [place, data.place(second)].map((one) => Object.values(data.columns).map((column) => column[one]));
    const related = [descendants(data, selected).length, count("mate", selected)];
    // The gain also changes with the result of the parent, which may be promoted.
    const relation = [data.gain(place), place === data.best, data.search.chosen, data.mayTrain(place)];
    return JSON.stringify([rows, relation, related, count("original", data.columns.original[place])]);
  }

  return {
    node,
    update(changed) {
      const { key, selected, second } = state;
      node.hidden = selected === null;
      node.classList.toggle("wide", second !== null);
      if (selected === null || key === null) {
        shown = { key: "", id: 0, second: null, sign: "" };
        asked += 1; // what is still to come is left out
        fill(content);
        fault.hidden = true;
        return;
      }
      const isOther = shown.key !== key || shown.id !== selected || shown.second !== second;
      const mayTrain = state.data?.mayTrain(state.data.place(selected)) ?? false;
      // The epoch of an individual in training changes while its row stays as it is.
      const mayDiffer = changed.has("data") || changed.has("theme") || (mayTrain && changed.has("searches"));
      if (!isOther && !mayDiffer) {
        return;
      }
      const sign = signature();
      if (isOther || sign !== shown.sign) {
        showHead();
      }
      if (isOther || sign !== shown.sign || mayTrain || changed.has("theme")) {
        // While an answer is awaited, the next change of the data asks again.
        if (isOther || !isWaiting) {
          shown = { key, id: selected, second, sign };
          void load(isOther);
        }
      }
      if (isOther) {
        node.scrollTop = 0;
      }
      node.dataset.theme = isDark() ? "dark" : "light";
    },
  };
}

/**
 * Returns the difference of two individuals as lines, or words that say why there is none here.
 *
 * @param {State} state
 * @param {number} first
 * @param {number} second
 * @returns {Promise<string[] | string>}
 */
async function differenceOf(state, first, second) {
  try {
    return (await state.source.difference(state.key ?? "", first, second)).lines;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * @param {string} text
 * @param {string} label
 * @param {() => void} press
 * @returns {HTMLButtonElement}
 */
function button(text, label, press) {
  return element("button", { type: "button", title: label, "aria-label": label, onclick: press }, text);
}

/**
 * Returns the field in which one types the id of the second individual.
 *
 * @param {State} state
 * @returns {HTMLElement}
 */
function compareField(state) {
  const problem = element("span", { class: "bad", role: "alert" });
  const input = element("input", {
    type: "text",
    inputmode: "numeric",
    placeholder: "id",
    size: 6,
    "aria-label": "Compare with individual",
    title: "Type an id and press Enter, or click a point in any chart while Shift is held.",
    oninput: () => fill(problem),
  });
  function submit(/** @type {Event} */ event) {
    event.preventDefault();
    const id = Number(input.value.trim().replace(/^#/, ""));
    if (!input.value.trim()) {
      return;
    }
    if (id === state.selected) {
      fill(problem, "This one is shown already.");
    } else if ((state.data?.place(id) ?? -1) < 0) {
      fill(problem, `There is no individual ${input.value}.`);
    } else {
      input.value = "";
      state.compareWith(id);
    }
  }
  return element(
    "form",
    { class: "compare-with", onsubmit: submit },
    element("label", {}, "compare with ", input),
    problem,
  );
}
