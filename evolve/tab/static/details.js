/**
 * All that is known about one individual, in parts. A part is built anew only when what it shows has changed, so that
 * nothing flickers while the search goes on.
 *
 * @module
 */

import { isDark } from "./colour.js";
import { TrainingCurve } from "./curve.js";
import { metricText } from "./data.js";
import { checkbox, chooser, copyButton, element, fill } from "./dom.js";
import { shown } from "./format.js";
import { chooseLink } from "./headline.js";
import { picture } from "./picture.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./types.js").IndividualAnswer} IndividualAnswer */
/** @typedef {import("./dom.js").Child} Child */

/**
 * @typedef {object} Part
 * @property {HTMLElement} node
 * @property {(answer: IndividualAnswer) => unknown} read what the part shows
 * @property {(answer: IndividualAnswer) => Child[]} build the children of its node; none hides the part
 * @property {string} now what it shows now, as JSON
 */

const MOST_LINKS = 40;

/** Shows the details of an individual. */
export class Details {
  /** @param {State} state */
  constructor(state) {
    this._state = state;
    this._curve = new TrainingCurve();
    this._shown = 0;
    /** @type {"parent" | "mate" | ""} what the changes are marked against */
    this._marks = "parent";
    this._height = 0;
    /** @type {Set<string>} titles of the folded parts that the user has unfolded */
    this._open = new Set();
    this._parts = [
      part(({ error, status, trained_now: trained, tries }) => [error, status, trained, tries], happening),
      part(
        ({ id, parent, mate, text }) => [state.key, id, parent, mate, text, isDark()],
        (answer) => this._figure(answer),
      ),
      part(
        ({ difference, parent, weights }) => [difference, parent, weights],
        (answer) => changes("parent", answer),
      ),
      part(
        ({ mate_difference: difference, mate, weights }) => [difference, mate, weights],
        ({ mate_difference: difference, mate, weights }) => changes("mate", { difference, parent: mate, weights }),
      ),
      part(
        ({ weights }) => weights,
        ({ weights }) =>
          weights.length ? [element("h3", {}, "Weights"), element("p", { class: "words" }, weights.join(" "))] : [],
      ),
      part(
        (answer) => numbersOf(state, answer),
        (answer) => numbersTable(numbersOf(state, answer)),
      ),
      part(
        ({ rungs }) => [rungs, state.data?.search.metric],
        ({ rungs }) => (state.data ? rungTable(state.data.search, rungs) : []),
      ),
      part(
        ({ id, epochs }) => [id, epochs, isDark()],
        (answer) => this._epochs(answer),
      ),
      part(
        ({ genes }) => genes,
        ({ genes }) => geneTable(genes),
      ),
      part(
        ({ note }) => note,
        ({ note }) => (note ? [element("h3", {}, "Note"), element("p", { class: "words" }, note)] : []),
      ),
      part(
        ({ id, duplicates, children, descendants, mated }) => [id, duplicates, children, descendants, mated],
        (answer) => relatives(state, answer),
      ),
      part(
        ({ rejected }) => rejected,
        (answer) => this._rejected(answer),
      ),
      part(({ commands }) => commands, commandList),
      part(
        ({ text }) => text,
        (answer) => this._text(answer),
      ),
    ];
    this.node = element("div", { class: "details" }, ...this._parts.map(({ node }) => node));
  }

  /** @param {IndividualAnswer} answer */
  show(answer) {
    for (const one of this._parts) {
      const now = JSON.stringify(one.read(answer));
      if (now !== one.now) {
        one.now = now;
        const children = one.build(answer);
        one.node.hidden = !children.length;
        fill(one.node, ...children);
      }
    }
    this._shown = answer.id;
  }

  /**
   * @param {IndividualAnswer} answer
   * @returns {Child[]}
   */
  _figure({ id, parent, mate }) {
    const place = element("div", { class: "large-picture" });
    // Until the picture is there, its place is as high as that of the one before, so that nothing below it jumps.
    place.style.minHeight = `${this._height}px`;
    const settle = () => {
      place.style.minHeight = "";
      this._height = place.offsetHeight;
    };
    place.addEventListener("load", settle, true);
    const draw = () => {
      const against = this._marks === "mate" ? (mate ?? parent) : this._marks && parent;
      fill(place, picture(this._state, id, against || null));
    };
    draw();
    if (!parent) {
      return [place];
    }
    /** @param {string} marks */
    const mark = (marks) => {
      this._marks = marks === "mate" ? "mate" : marks ? "parent" : "";
      draw();
    };
    if (mate) {
      const ways = /** @type {const} */ ([
        ["parent", `its parent ${parent}`],
        ["mate", `its mate ${mate}`],
        ["", "nothing"],
      ]);
      return [place, chooser("mark what changed against", ways, this._marks, mark)];
    }
    return [
      place,
      checkbox(`mark what changed against its parent ${parent}`, this._marks !== "", (checked) =>
        mark(checked ? "parent" : ""),
      ),
    ];
  }

  /**
   * @param {IndividualAnswer} answer
   * @returns {Child[]}
   */
  _epochs({ id, epochs }) {
    if (!epochs.length) {
      return [];
    }
    this._curve.show(epochs, id !== this._shown);
    return [element("h3", {}, "Training"), this._curve.node];
  }

  /**
   * @param {IndividualAnswer} answer
   * @returns {Child[]}
   */
  _rejected({ rejected }) {
    const rows = rejected.map(([rule, reason]) =>
      element("tr", {}, element("th", { scope: "row" }, rule), element("td", {}, reason)),
    );
    return rows.length
      ? [
          this._folded(
            "rejected",
            `Children rejected before it: ${rows.length}`,
            element("table", {}, element("tbody", {}, ...rows)),
          ),
        ]
      : [];
  }

  /**
   * @param {IndividualAnswer} answer
   * @returns {Child[]}
   */
  _text({ text }) {
    return [this._folded("text", "Text of the genotype", copyButton(text), element("pre", { tabindex: 0 }, text))];
  }

  /**
   * Returns a part that can be unfolded. It stays unfolded from one individual to the next.
   *
   * @param {string} name
   * @param {string} title
   * @param {...Child} children
   * @returns {HTMLDetailsElement}
   */
  _folded(name, title, ...children) {
    const made = element("details", { open: this._open.has(name) }, element("summary", {}, title), ...children);
    made.addEventListener("toggle", () => {
      if (made.open) {
        this._open.add(name);
      } else {
        this._open.delete(name);
      }
    });
    return made;
  }
}

/**
 * @param {Part["read"]} read
 * @param {Part["build"]} build
 * @returns {Part}
 */
function part(read, build) {
  return { node: element("section", { hidden: true }), read, build, now: "" };
}

/**
 * Returns why the individual failed, or what is happening to it now.
 *
 * @param {IndividualAnswer} answer
 * @returns {Child[]}
 */
function happening({ error, fitness, trained_now: trained, tries, status }) {
  const items = [];
  if (error) {
    items.push(element("div", { class: "failure" }, element("b", {}, "It failed: "), error));
  }
  if (trained) {
    const { epoch, of } = trained;
    items.push(
      ...(of
        ? [
            element("p", {}, `It is trained now: epoch ${epoch} of ${of}.`),
            element("progress", { value: epoch, max: of, "aria-label": "Epochs" }),
          ]
        : [element("p", {}, "The weights with which it starts are evaluated now.")]),
    );
  } else if (!error && fitness === null && status !== "failed") {
    items.push(element("p", {}, "It has no result yet: it waits for a worker, or its first epoch is not over."));
  }
  if (tries > 1) {
    items.push(
      element("p", { class: "hint" }, `It was begun ${tries} times, as a worker ended before it had a result.`),
    );
  }
  return items;
}

/**
 * @param {"parent" | "mate"} kind
 * @param {{ difference: string[], parent: number | null, weights: string[] }} against the differences to one of the
 *   parents, the id of this parent, and sentences about the weights
 * @returns {Child[]}
 */
function changes(kind, { difference, parent, weights }) {
  if (!parent) {
    return [];
  }
  const same = weights.length ? "Nothing: the network is the same." : "Nothing: it is a copy.";
  const lines = difference.length ? difference : [same];
  return [
    element("h3", {}, `Changes against its ${kind} ${parent}`),
    element("ul", { class: "changes" }, ...lines.map((line) => element("li", {}, line))),
  ];
}

/**
 * Returns the numbers of an individual as texts, with their titles.
 *
 * @param {State} state
 * @param {IndividualAnswer} answer
 * @returns {[string, string][]}
 */
function numbersOf({ data }, answer) {
  const place = data?.place(answer.id) ?? -1;
  if (!data || place < 0) {
    return [];
  }
  /** @type {[string, string][]} */
  const found = data
    .measures()
    .filter(({ key }) => key !== "id" && key !== "finished")
    .map((measure) => /** @type {const} */ ([measure, data.values(measure.key)[place]]))
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([{ title, kind }, value]) => [title, shown(value, kind)]);
  if (answer.retrained !== null) {
    found.push(["Retrained", metricText(data.search, answer.retrained)]);
  }
  if (answer.step_seconds !== null && answer.seconds) {
    found.push(["Time in steps", shown(answer.step_seconds / answer.seconds, "share")]);
  }
  if (data.columns.finished[place]) {
    found.push(["Result number", shown(data.columns.finished[place], "id")]);
  }
  return found;
}

/**
 * @param {[string, string][]} numbers
 * @returns {Child[]}
 */
function numbersTable(numbers) {
  const cells = numbers.map(([title, value]) => element("div", {}, element("dt", {}, title), element("dd", {}, value)));
  return numbers.length ? [element("h3", {}, "Costs and metrics"), element("dl", { class: "numbers" }, ...cells)] : [];
}

/**
 * @param {import("./data.js").Metric} search
 * @param {import("./types.js").RungAnswer[]} rungs
 * @returns {Child[]}
 */
function rungTable(search, rungs) {
  const titles = ["Rung", "Epochs", search.metric, "Time"];
  const rows = rungs.map(({ rung, epochs, fitness, seconds }) => {
    const cells = [String(rung + 1), shown(epochs, "number"), metricText(search, fitness), shown(seconds, "seconds")];
    return element("tr", {}, ...cells.map((text) => element("td", { class: "number" }, text)));
  });
  const head = titles.map((title) => element("th", { scope: "col", class: "number" }, title));
  return rows.length
    ? [
        element("h3", {}, "Rungs"),
        element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)),
      ]
    : [];
}

/**
 * @param {Record<string, number | string>} genes
 * @returns {Child[]}
 */
function geneTable(genes) {
  const cells = Object.entries(genes).map(([name, value]) =>
    element(
      "div",
      {},
      element("dt", {}, name),
      element("dd", {}, typeof value === "string" ? value : shown(value, "number")),
    ),
  );
  return cells.length ? [element("h3", {}, "Genes"), element("dl", { class: "numbers" }, ...cells)] : [];
}

/**
 * @param {State} state
 * @param {IndividualAnswer} answer
 * @returns {Child[]}
 */
function relatives(state, { id, duplicates, children, descendants, mated }) {
  const others = duplicates.filter((other) => other !== id);
  const rows = [];
  if (children.length) {
    rows.push(element("p", {}, `Children (${children.length}): `, ...links(state, children)));
    rows.push(element("p", {}, `Descendants: ${descendants}`));
  }
  if (mated.length) {
    rows.push(element("p", {}, `Children as the mate (${mated.length}): `, ...links(state, mated)));
  }
  if (others.length) {
    const hint = "Individuals whose networks and genes are the same";
    rows.push(
      element("p", { title: hint }, `Duplicates, the same network (${others.length}): `, ...links(state, others)),
    );
  }
  return rows.length ? [element("h3", {}, "Relatives"), ...rows] : [];
}

/**
 * @param {State} state
 * @param {readonly number[]} ids
 * @returns {Child[]}
 */
function links(state, ids) {
  const made = ids.slice(0, MOST_LINKS).flatMap((id) => [chooseLink(state, id), " "]);
  return ids.length > MOST_LINKS ? [...made, `and ${ids.length - MOST_LINKS} more`] : made;
}

/**
 * @param {IndividualAnswer} answer
 * @returns {Child[]}
 */
function commandList({ commands }) {
  const rows = commands.map((command) =>
    element("div", { class: "command" }, element("code", { tabindex: 0 }, command), copyButton(command)),
  );
  return rows.length ? [element("h3", {}, "Commands"), ...rows] : [];
}
