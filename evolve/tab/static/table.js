/** @module */
import { element } from "./dom.js";
/**
 * @param {import("./state.js").State} state
 * @returns {import("./types.js").View}
 */
export function tableView(state) {
  const node = element("div", {});
  return {
    node,
    update() {
      node.textContent = String(state.data?.count ?? 0);
    },
  };
}
