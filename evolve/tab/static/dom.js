/**
 * Builds elements. Texts are always set as text, so that a name from a store is never read as HTML.
 *
 * @module
 */

/** @typedef {string | number | Node | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes */

/**
 * Returns a new element. An attribute `onclick` and its like is a listener; null and false leave an attribute out.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      made.addEventListener(name.replace(/^on/, ""), value);
    } else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : String(value));
    }
  }
  append(made, children);
  return made;
}

/**
 * Returns a new canvas that takes no room. Its element is observed and gives it its size, so the element must not grow
 * with it: with room for the canvas, a page without its style would grow without end.
 *
 * @param {Attributes} attributes
 * @returns {HTMLCanvasElement}
 */
export function canvas(attributes) {
  const made = element("canvas", attributes);
  made.style.position = "absolute";
  return made;
}

/**
 * Gives canvases a size in pixels of the page, and returns how many of their own pixels are in one of these. What is drawn
 * later must be scaled by this ratio, since that of the page may change meanwhile.
 *
 * @param {readonly HTMLCanvasElement[]} canvases
 * @param {number} width
 * @param {number} height
 * @returns {number}
 */
export function resize(canvases, width, height) {
  const ratio = devicePixelRatio || 1;
  for (const one of canvases) {
    one.width = Math.round(width * ratio);
    one.height = Math.round(height * ratio);
    one.style.width = `${width}px`;
    one.style.height = `${height}px`;
  }
  return ratio;
}

/**
 * Calls a function whenever the pixels of the page get another size: after a zoom, or on another screen.
 *
 * @param {() => void} change
 */
export function onRatio(change) {
  function arm() {
    // A query is about one ratio, so each change needs a new one.
    const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    const again = () => {
      arm();
      change();
    };
    query.addEventListener("change", again, { once: true });
  }
  arm();
}

/**
 * Replaces the children of an element. If one of them has the focus, the new element in its place gets the focus.
 *
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  const focused = document.activeElement;
  const path = focused && focused !== parent && parent.contains(focused) ? pathTo(focused, parent) : [];
  parent.replaceChildren();
  append(parent, children);
  const now = path.reduce((/** @type {Element | undefined} */ one, place) => one?.children[place], parent);
  if (path.length && now?.tagName === focused?.tagName) {
    /** @type {HTMLElement} */ (now).focus({ preventScroll: true });
  }
}

/**
 * Returns the place of an element among its siblings, after those of the elements around it.
 *
 * @param {Element} from
 * @param {Element} top the element at which the path begins
 * @returns {number[]}
 */
function pathTo(from, top) {
  const path = [];
  for (let one = from; one !== top && one.parentElement; one = one.parentElement) {
    path.unshift([...one.parentElement.children].indexOf(one));
  }
  return path;
}

/**
 * @param {Element} parent
 * @param {readonly Child[]} children
 */
function append(parent, children) {
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) {
      parent.append(typeof child === "number" ? String(child) : child);
    }
  }
}

/**
 * Returns a labelled chooser.
 *
 * @param {string} label
 * @param {readonly (readonly [string, string])[]} options values and their texts
 * @param {string} chosen
 * @param {(value: string) => void} choose
 * @returns {HTMLLabelElement}
 */
export function chooser(label, options, chosen, choose) {
  const select = element(
    "select",
    { onchange: () => choose(select.value) },
    ...options.map(([value, text]) => element("option", { value, selected: value === chosen }, text)),
  );
  return element("label", { class: "chooser" }, element("span", {}, label), select);
}

/**
 * Returns a labelled check box.
 *
 * @param {string} label
 * @param {boolean} checked
 * @param {(checked: boolean) => void} choose
 * @returns {HTMLLabelElement}
 */
export function checkbox(label, checked, choose) {
  const box = element("input", { type: "checkbox", checked, onchange: () => choose(box.checked) });
  return element("label", { class: "checkbox" }, box, element("span", {}, label));
}

/**
 * Returns a button that copies a text, and says so for a moment.
 *
 * @param {string} text
 * @returns {HTMLButtonElement}
 */
export function copyButton(text) {
  const button = element("button", { class: "quiet", type: "button", title: `Copy: ${text}`, onclick: copy }, "Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // Without a secure connection the browser has no clipboard, so the user copies the selected text.
      button.textContent = "Select and copy";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }
  return button;
}

/**
 * Returns a row of buttons of which one is pressed.
 *
 * @param {string} label
 * @param {readonly (readonly [string, string])[]} options values and their texts
 * @param {string} chosen
 * @param {(value: string) => void} choose
 * @returns {HTMLDivElement}
 */
export function switcher(label, options, chosen, choose) {
  const buttons = options.map(([value, text]) =>
    element("button", { type: "button", "aria-pressed": String(value === chosen), onclick: () => press(value) }, text),
  );
  /** @param {string} value */
  function press(value) {
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(options[place]?.[0] === value)));
    choose(value);
  }
  return element("div", { class: "switcher", role: "group", "aria-label": label }, ...buttons);
}

/**
 * Returns a function that runs a task after the next picture of the page, once for all calls before it. What the user
 * waits for is painted first.
 *
 * @param {() => void} task
 * @returns {() => void}
 */
export function afterPicture(task) {
  let isWaiting = false;
  function run() {
    isWaiting = false;
    task();
  }
  return () => {
    if (!isWaiting) {
      isWaiting = true;
      requestAnimationFrame(() => setTimeout(run));
    }
  };
}
