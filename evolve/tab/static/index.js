/**
 * The entry of TensorBoard's frame, which calls `render`.
 *
 * @module
 */

import { start } from "./app.js";
import { element } from "./dom.js";
import { httpSource } from "./source.js";

const PREFIX = "p.amoeba.";

/** Shows the tab. */
export async function render() {
  document.title = "Evolution";
  document.documentElement.lang = "en";
  const style = element("link", { rel: "stylesheet", href: new URL("style.css", import.meta.url).href });
  const ready = new Promise((resolve) => {
    style.addEventListener("load", resolve);
    style.addEventListener("error", resolve);
  });
  document.head.append(style);
  followTheme();
  await ready; // the canvas takes its colours from the style
  const root = element("div", { id: "amoeba" });
  document.body.append(root);
  start(root, httpSource(), addressMemory());
}

/** Follows the theme of TensorBoard, which is a class of its page and not that of the system. */
function followTheme() {
  const outer = outerDocument();
  const follow = () => {
    document.documentElement.dataset.theme = outer.body.classList.contains("dark-mode") ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(outer.body, { attributes: true, attributeFilter: ["class"] });
}

/** @returns {Document} TensorBoard's page, or this one where it is open without TensorBoard's frame */
function outerDocument() {
  try {
    return parent.document;
  } catch {
    return document;
  }
}

/**
 * Keeps the state in the address of TensorBoard's page, so that it can be shared and survives a change of tabs.
 *
 * @returns {import("./app.js").Memory}
 */
function addressMemory() {
  return {
    read() {
      const values = /** @type {Record<string, string>} */ ({});
      for (const part of outerDocument().location.hash.slice(1).split("&")) {
        const [name = "", value = ""] = part.split("=");
        if (name.startsWith(PREFIX)) {
          values[name.slice(PREFIX.length)] = decodeURIComponent(value);
        }
      }
      return values;
    },
    write(values) {
      const outer = outerDocument();
      const [tab = "", ...others] = outer.location.hash.slice(1).split("&");
      if (outer !== document && tab !== "amoeba") {
        return; // another tab of TensorBoard is open
      }
      const own = Object.entries(values)
        .filter(([, value]) => value)
        .map(([name, value]) => `${PREFIX}${name}=${encodeURIComponent(value)}`);
      const kept = others.filter((part) => part && !part.startsWith(PREFIX));
      const hash = `#${[tab || "amoeba", ...kept, ...own].join("&")}`;
      if (hash !== outer.location.hash) {
        outer.defaultView?.history.replaceState(outer.defaultView.history.state, "", hash);
      }
    },
  };
}
