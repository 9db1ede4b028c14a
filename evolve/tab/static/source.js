/**
 * The data of the tab from TensorBoard's server. Addresses are relative, so they work under any path prefix.
 *
 * @module
 */

/** @typedef {import("./types.js").Source} Source */

/**
 * Returns the source that asks the server.
 *
 * @returns {Source}
 */
export function httpSource() {
  return {
    isLive: true,
    searches: () => ask("searches"),
    overview: (key, since) => ask("overview", since ? { search: key, since } : { search: key }),
    traits: (key) => ask("traits", { search: key }),
    individual: (key, id) => ask("individual", { search: key, id }),
    ancestors: (key, id) => ask("ancestors", { search: key, id }),
    difference: (key, a, b) => ask("difference", { search: key, a, b }),
    genotypes: (key, text) => ask("genotypes", { search: key, text }),
    curve: (key) => ask("curve", { search: key }),
    picture: (key, id, against, { isDark, onlyChanged }) =>
      address("picture", {
        search: key,
        id,
        ...(against === null ? {} : { against }),
        ...(isDark ? { dark: 1 } : {}),
        ...(onlyChanged && against !== null ? { only_changed: 1 } : {}),
      }),
  };
}

/**
 * @param {string} route
 * @param {Record<string, string | number>} parameters
 * @returns {string}
 */
function address(route, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
  return `${route}?${query}`;
}

/**
 * Returns the answer of the server.
 *
 * @param {string} route
 * @param {Record<string, string | number>} [parameters]
 * @returns {Promise<any>}
 * @throws {Error} the server cannot answer; the message is for the user
 */
async function ask(route, parameters = {}) {
  let response;
  try {
    response = await fetch(address(route, parameters));
  } catch {
    throw new Error("TensorBoard does not answer: it has ended, or the connection is lost.");
  }
  const text = await response.text();
  /** @type {any} */
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`TensorBoard answered ${response.status}: ${text.slice(0, 200)}`);
  }
  if (!response.ok) {
    throw new Error(typeof answer.error === "string" ? answer.error : `TensorBoard answered ${response.status}.`);
  }
  return answer;
}
