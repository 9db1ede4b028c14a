/**
 * The family tree of a search, and the line from the first ancestor to an individual as a strip of pictures.
 *
 * @module
 */

import { Chart } from "./chart.js";
import { BOX, CROSS, DIAMOND, DOT, RING } from "./shapes.js";
import { DONE } from "./data.js";
import { afterPicture, checkbox, chooser, element, fill, switcher } from "./dom.js";
import { axisX, edgesOf, mateEdges, notesOf, paleOf, relative, relatives, shapesOf, treeOf } from "./family.js";
import { Legend } from "./legend.js";
import { ancestorStrip } from "./line.js";
import { describe, marked } from "./overview.js";
import { descendants } from "./tree.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./data.js").SearchData} SearchData */
/** @typedef {import("./types.js").View} View */
/** @typedef {import("./family.js").Settings} Settings */
/** @typedef {import("./family.js").Tree} Tree */

const UP = /** @type {const} */ ([
  ["lineage", "Families"],
  ["fitness", "Fitness"],
]);
const ACROSS = /** @type {const} */ ([
  ["finished", "results"],
  ["id", "id"],
]);
const SHAPE_WORDS = /** @type {const} */ ([
  [DOT, "●", "member of the population"],
  [RING, "○", "removed"],
  [CROSS, "✕", "failed"],
  [DIAMOND, "◇", "pending"],
  [BOX, "■", "folded"],
]);

/**
 * Returns the view.
 *
 * @param {State} state
 * @returns {View}
 */
export function ancestryView(state) {
  /** @type {Settings} */
  const settings = { up: "lineage", across: "finished", hidesExtinct: false, folded: new Set() };
  /** @type {Tree | null} */
  let tree = null;
  const legend = new Legend("rule", draw);
  const chart = new Chart({
    label:
      "Family tree of the search: parents are joined to their children. The arrow keys up and down go to the parent and " +
      "to the child with the most descendants",
    drag: "pan",
    describe: (place) => (state.data ? [...describe(state.data, place), ...kin(state.data, place)] : []),
    onChoose: (place, isSecond) => state.chooseAt(place, isSecond),
    step: (place, key) => (state.data && tree ? relative(state.data, tree, place, key) : -1),
  });
  const strip = ancestorStrip(state);
  const folding = element("span", { class: "folding" });
  const extinct = element("span", {});
  const keys = element("div", { class: "tree-keys" });
  const again = () => {
    tree = null;
    draw();
  };
  const controls = element(
    "div",
    { class: "controls" },
    element("h2", {}, "Family tree"),
    switcher("Upwards", UP, settings.up, (value) => {
      settings.up = value === "fitness" ? "fitness" : "lineage";
      again();
    }),
    chooser("Across", ACROSS, settings.across, (value) => {
      settings.across = value === "id" ? "id" : "finished";
      again();
    }),
    legend.chooser,
    extinct,
    folding,
    element("button", { type: "button", onclick: () => chart.reset() }, "Show all"),
  );
  const figure = element("section", { class: "figure" }, controls, keys, chart.node, legend.node);
  const node = element("div", { class: "ancestry" }, figure, strip.node);
  const drawRelatives = afterPicture(draw);

  function draw() {
    const { data } = state;
    if (!data?.count) {
      const empty = data ? "No individual has been proposed yet." : "The search is being read.";
      chart.show({ x: axisX("finished"), y: { title: "", kind: "number" }, empty });
      fill(keys);
      return;
    }
    tree ??= treeOf(data, settings, state.selected);
    const colours = legend.show(data);
    const related = relatives(data, state.selected, tree);
    const isElbow = settings.up === "lineage";
    const points = {
      x: tree.x,
      y: tree.y,
      classes: colours.of,
      colours: colours.classes.map(({ colour }) => colour),
      shapes: shapesOf(data, settings.folded),
      pale: paleOf(
        data,
        related,
        (place) =>
          legend.hidden.has(colours.classes[colours.of[place] ?? 0]?.label ?? "") ||
          (state.selected === null && state.brushed !== null && !state.brushed.has(data.columns.id[place] ?? 0)),
      ),
    };
    chart.show({
      x: tree.axisX,
      y: tree.axisY,
      points,
      bands: tree.bands,
      edges: [...mateEdges(data, tree, related, isElbow), ...edgesOf(data, tree, related, isElbow)],
      marked: marked(data, state),
      notes: notesOf(data, settings.folded),
    });
    showFolding(data);
    showKeys(data, tree);
  }

  /** @param {SearchData} data */
  function showFolding(data) {
    const { selected } = state;
    const { folded } = settings;
    const items = [];
    if (selected !== null && data.place(selected) >= 0) {
      const count = descendants(data, selected).length;
      const isFolded = folded.has(selected);
      const words = `${isFolded ? "Unfold" : "Fold"} its ${count} descendant${count === 1 ? "" : "s"}`;
      const toggle = () => {
        if (!folded.delete(selected)) {
          folded.add(selected);
        }
        again();
      };
      items.push(
        count
          ? element("button", { type: "button", onclick: toggle }, words)
          : element("span", { class: "hint" }, `${selected} has no descendants`),
      );
    }
    if (folded.size) {
      const unfold = () => {
        folded.clear();
        again();
      };
      items.push(element("button", { type: "button", onclick: unfold }, `Unfold all (${folded.size})`));
    }
    fill(folding, ...items);
  }

  /**
   * @param {SearchData} data
   * @param {Tree} drawn
   */
  function showKeys(data, drawn) {
    const box = checkbox(`hide families that died out (${drawn.extinct})`, settings.hidesExtinct, (checked) => {
      settings.hidesExtinct = checked;
      again();
    });
    fill(extinct, drawn.extinct ? box : null);
    const used = new Set(shapesOf(data, settings.folded));
    const words = SHAPE_WORDS.filter(([shape]) => used.has(shape)).map(([shape, sign, meaning]) =>
      element(
        "span",
        {},
        element("b", { "aria-hidden": "true" }, sign),
        shape === DOT && data.columns.left.includes(-1) ? "finished" : meaning,
      ),
    );
    const lines = data.best < 0 ? [] : [lineKey("--best", "line of the best individual")];
    if (state.selected !== null) {
      lines.push(lineKey("--chosen", `line and descendants of ${state.selected}`));
    }
    if (drawn.mateOf.some((mate) => mate >= 0)) {
      lines.push(lineKey("--mate", "from the mate, the second parent", true));
    }
    const hint = drawn.parentOf.some((parent) => parent >= 0)
      ? "Drag to move, turn the wheel to zoom."
      : "No individual has a parent: each one is a family of its own.";
    fill(keys, ...lines, ...words, element("span", { class: "hint" }, hint));
  }

  /** Unfolds what hides the chosen individual. The tree is laid out anew only if the individual was hidden. */
  function reveal() {
    const place = state.data?.place(state.selected) ?? -1;
    // The family of the chosen individual is shown even if it died out.
    tree = settings.hidesExtinct ? null : tree;
    if (!state.data || state.selected === null || place < 0 || tree?.shown[place]) {
      return;
    }
    for (const id of state.data.line(state.selected).slice(0, -1)) {
      settings.folded.delete(id);
    }
    tree = null;
  }

  return {
    node,
    update(changed) {
      if (changed.has("search")) {
        settings.folded.clear();
        chart.reset();
      }
      if (changed.has("data") || changed.has("theme")) {
        tree = null;
      }
      if (changed.has("selected")) {
        reveal();
      }
      if (["data", "theme", "brushed", "view"].some((name) => changed.has(/** @type {any} */ (name)))) {
        draw();
      } else if ((changed.has("selected") || changed.has("second")) && state.data) {
        chart.mark(marked(state.data, state));
      }
      if (changed.has("selected")) {
        drawRelatives(); // the ring answers the click at once, also among twenty thousand individuals
      }
      strip.update(changed);
    },
  };
}

/**
 * Returns the lines of the tooltip on an individual's place in the tree.
 *
 * @param {SearchData} data
 * @param {number} place
 * @returns {string[]}
 */
function kin(data, place) {
  const id = data.columns.id[place] ?? 0;
  const children = data.children(id).length;
  const isMember = data.isMember(place);
  const state =
    isMember === null || data.columns.status[place] !== DONE ? [] : [isMember ? "member of the population" : "removed"];
  return children ? [...state, `children: ${children}, descendants: ${descendants(data, id).length}`] : state;
}

/**
 * @param {string} colour
 * @param {string} words
 * @param {boolean} [isDashed]
 * @returns {HTMLElement}
 */
function lineKey(colour, words, isDashed = false) {
  const style = isDashed ? `border-top:2px dashed var(${colour})` : `background:var(${colour})`;
  return element("span", {}, element("i", { style }), words);
}
