/** @module */
import { element } from "./dom.js";
/**
 * @param {import("./state.js").State} state
 * @returns {import("./types.js").View}
 */
export function individualPanel(state) {
  const node = element("aside", {});
  return {
    node,
    update() {
      node.textContent = String(state.selected);
    },
  };
}
