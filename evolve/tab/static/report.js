/**
 * The entry of a report: one page that has the scripts, the data of one search and its pictures in itself.
 *
 * @module
 */

import { start } from "./app.js";
import { element } from "./dom.js";

/** @typedef {import("./types.js").Source} Source */
/** @typedef {import("./types.js").OverviewAnswer} OverviewAnswer */
/** @typedef {import("./types.js").TraitsAnswer} TraitsAnswer */
/** @typedef {import("./types.js").IndividualAnswer} IndividualAnswer */
/** @typedef {import("./types.js").CurveAnswer} CurveAnswer */

/**
 * What a report has in itself.
 *
 * @typedef {object} Contents
 * @property {OverviewAnswer} overview
 * @property {TraitsAnswer} traits
 * @property {CurveAnswer} curve
 * @property {Record<string, IndividualAnswer>} individuals by id
 * @property {Record<string, string>} pictures SVG texts by id, by id and parent or mate such as `33 against 12`, and with the
 *   changed states alone, such as `33 against 12, changes`
 */

const ELSEWHERE = "The report does not have it. The command `evolve board` shows everything.";

/**
 * Shows the report.
 *
 * @param {string} packed the contents as JSON, compressed by gzip, in base64
 */
export async function show(packed) {
  const contents = await unpacked(packed);
  const { name } = contents.overview.search;
  document.title = `Evolution: ${name}`;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  root.dataset.theme = dark.matches ? "dark" : "light";
  const page = element("div", { id: "amoeba" });
  const toggle = element(
    "button",
    {
      type: "button",
      class: "theme",
      onclick: () => (root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"),
    },
    "Light or dark",
  );
  document.body.append(page);
  start(page, reportSource(contents), addressMemory(contents.overview.search.key));
  page.querySelector("header")?.append(toggle);
}

/**
 * @param {string} packed
 * @returns {Promise<Contents>}
 */
async function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/**
 * Returns a source that answers from the report.
 *
 * @param {Contents} contents
 * @returns {Source}
 */
function reportSource(contents) {
  const { overview, traits, curve, individuals, pictures } = contents;
  /** @param {number} id */
  const found = (id) => {
    const individual = individuals[id];
    if (!individual) {
      throw new Error(`Individual ${id} is not described here. ${ELSEWHERE}`);
    }
    return individual;
  };
  return {
    isLive: false,
    searches: async () => ({ searches: [overview.search], problems: [] }),
    overview: async () => overview,
    traits: async () => traits,
    curve: async () => curve,
    individual: async (_, id) => found(id),
    ancestors: async (_, id) => {
      const line = [];
      for (let one = found(id); ; one = found(one.parent)) {
        const { id: own, mate, rule, fitness, gain, difference } = one;
        line.unshift({ id: own, mate, rule, fitness, gain, difference });
        if (!one.parent) {
          return { line };
        }
      }
    },
    difference: async (_, a, b) => {
      if (found(b).parent === a) {
        return { lines: found(b).difference };
      }
      if (found(b).mate === a) {
        return { lines: found(b).mate_difference };
      }
      throw new Error(`The difference of ${a} and ${b} is not described here. ${ELSEWHERE}`);
    },
    genotypes: async (_, text) => {
      const words = text.toLowerCase();
      const all = Object.values(individuals);
      const has = (/** @type {IndividualAnswer} */ one) =>
        [one.text, one.note, one.error].some((own) => own.toLowerCase().includes(words));
      return { ids: all.filter(has).map(({ id }) => id), unsearched: overview.columns.id.length - all.length };
    },
    picture: (_, id, against, { onlyChanged }) => {
      const names = [
        `${id} against ${against}${onlyChanged ? ", changes" : ""}`,
        `${id} against ${against}`,
        String(id),
      ];
      const svg = names.map((name) => pictures[name]).find((found) => found !== undefined);
      return svg ? `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}` : "";
    },
  };
}

/**
 * Keeps the state in the address of the page.
 *
 * @param {string} search the key of the only search
 * @returns {import("./app.js").Memory}
 */
function addressMemory(search) {
  return {
    read: () => ({ ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))), search }),
    write(values) {
      const kept = Object.entries(values).filter(([name, value]) => value && name !== "search");
      history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
    },
  };
}
