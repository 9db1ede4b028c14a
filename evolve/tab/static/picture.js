/**
 * The picture of an individual, and the dialog that enlarges it.
 *
 * @module
 */

import { isDark } from "./colour.js";
import { checkbox, element, fill } from "./dom.js";

/** @typedef {import("./state.js").State} State */

const NO_PICTURE = "There is no picture of it here.";

/**
 * Returns the picture of an individual as a button that enlarges it. It is loaded when it comes into view.
 *
 * @param {State} state
 * @param {number} id
 * @param {number | null} against the individual against which the changes are marked
 * @param {boolean} [onlyChanged] whether states that did not change are left out; the enlarged picture has all
 * @returns {HTMLElement}
 */
export function picture(state, id, against, onlyChanged = false) {
  const look = { isDark: isDark(), onlyChanged };
  const address = state.key === null ? "" : state.source.picture(state.key, id, against, look);
  if (!address) {
    return element("div", { class: "picture" }, element("p", { class: "hint" }, NO_PICTURE));
  }
  const button = element("button", {
    class: "picture",
    type: "button",
    title: "Enlarge the picture",
    "aria-label": `${words(id, against)}. Enlarge the picture.`,
    onclick: () => enlarge(state, id, against),
  });
  const node = element("div", { class: "picture-frame" }, button);
  load();

  function load() {
    fill(button, image(address, words(id, against), failed));
    fill(node, button);
  }
  function failed() {
    const retry = element("button", { class: "quiet", type: "button", onclick: load }, "Try again");
    fill(node, element("p", { class: "hint" }, "The picture could not be drawn. ", retry));
  }
  return node;
}

/**
 * @param {string} address
 * @param {string} alt
 * @param {() => void} failed
 * @returns {HTMLImageElement}
 */
function image(address, alt, failed) {
  return element("img", { src: address, alt, loading: "lazy", decoding: "async", draggable: "false", onerror: failed });
}

/**
 * @param {number} id
 * @param {number | null} against
 * @returns {string}
 */
function words(id, against) {
  return against === null
    ? `Network of individual ${id}`
    : `Network of individual ${id}, with its changes against ${against} marked`;
}

/**
 * Shows a picture in a dialog, in which it can be made larger and smaller.
 *
 * @param {State} state
 * @param {number} id
 * @param {number | null} against
 */
export function enlarge(state, id, against) {
  let isMarked = against !== null;
  let zoom = 0; // 0: the whole picture fits into the dialog
  const paper = element("div", { class: "paper", tabindex: 0, role: "group", "aria-label": "Picture" });
  const title = element("h2", {});
  const buttons = /** @type {const} */ ([
    ["−", "Smaller", () => scale(1 / 1.25)],
    ["+", "Larger", () => scale(1.25)],
    ["Fit", "Show the whole picture", () => show(0)],
    ["100 %", "Show the picture in its own size", () => show(1)],
    ["Close", "Close (Escape)", () => dialog.close()],
  ]).map(([text, hint, press]) =>
    element("button", { type: "button", title: hint, "aria-label": hint, onclick: press }, text),
  );
  const marks =
    against === null
      ? null
      : checkbox(`mark the changes against ${against}`, isMarked, (checked) => {
          isMarked = checked;
          open();
        });
  /** @type {HTMLDialogElement} */
  const dialog = element(
    "dialog",
    { class: "enlarged", "aria-label": words(id, against), onkeydown: onKey },
    element("div", { class: "controls" }, title, marks, element("span", { class: "space" }), ...buttons),
    paper,
  );
  /** @type {HTMLImageElement | null} */
  let shown = null;

  function open() {
    const marked = isMarked ? against : null;
    title.textContent = `Individual ${id}`;
    shown = image(state.source.picture(state.key ?? "", id, marked, { isDark: isDark() }), words(id, marked), () =>
      fill(paper, element("p", { class: "hint" }, "The picture could not be drawn.")),
    );
    shown.addEventListener("load", () => show(zoom));
    fill(paper, shown);
  }
  /** @param {number} factor */
  function scale(factor) {
    if (shown) {
      const now = zoom || shown.clientWidth / (shown.naturalWidth || 1);
      show(Math.max(0.1, Math.min(8, now * factor)));
    }
  }
  /** @param {number} next */
  function show(next) {
    zoom = next;
    paper.classList.toggle("fits", zoom === 0);
    if (shown) {
      shown.style.width = zoom ? `${Math.round(shown.naturalWidth * zoom)}px` : "";
    }
  }
  /** @param {KeyboardEvent} event */
  function onKey(event) {
    event.stopPropagation(); // Escape closes the dialog, and the chosen individual stays chosen
    const press = /** @type {Record<string, () => void>} */ ({
      "+": () => scale(1.25),
      "=": () => scale(1.25),
      "-": () => scale(1 / 1.25),
      0: () => show(0),
    })[event.key];
    press?.();
  }

  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      dialog.close(); // a click beside the dialog
    }
  });
  paper.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        scale(event.deltaY < 0 ? 1.15 : 1 / 1.15);
      }
    },
    { passive: false },
  );
  document.body.append(dialog);
  open();
  dialog.showModal();
  paper.focus();
}
