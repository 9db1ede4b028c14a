/**
 * Numbers as texts, and the ticks of axes.
 *
 * @module
 */

/** @typedef {"fitness" | "count" | "seconds" | "share" | "fine share" | "number" | "id"} Kind */

const NONE = "–";
const SUFFIXES = /** @type {const} */ ([
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
]);

/**
 * Returns a number as people read it; a dash if it is unknown.
 *
 * @param {number | null | undefined} value
 * @param {Kind} kind
 * @returns {string}
 */
export function shown(value, kind) {
  if (value === null || value === undefined || Number.isNaN(value)) {
    return NONE;
  }
  switch (kind) {
    case "fitness":
      return value.toFixed(4);
    case "count":
      return compact(value);
    case "seconds":
      return duration(value);
    case "share":
      return `${(100 * value).toFixed(0)} %`;
    case "fine share":
      return `${(100 * value).toFixed(1)} %`;
    case "id":
      return String(value);
    case "number":
      return plain(value);
  }
}

/**
 * Returns a large number with a suffix, such as 1.23M.
 *
 * @param {number} value
 * @returns {string}
 */
export function compact(value) {
  for (const [size, suffix] of SUFFIXES) {
    if (Math.abs(value) >= size * 0.9995) {
      return `${Number((value / size).toPrecision(3))}${suffix}`;
    }
  }
  return plain(value);
}

/**
 * @param {number} value
 * @returns {string}
 */
function plain(value) {
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : String(Number(value.toPrecision(4)));
}

/**
 * Returns a time, such as 42 s, 3 min 20 s or 2 h 5 min.
 *
 * @param {number} seconds
 * @returns {string}
 */
export function duration(seconds) {
  if (seconds < 10) {
    return `${Number(seconds.toPrecision(2))} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  }
  const minutes = Math.round(whole / 60);
  if (minutes < 48 * 60) {
    return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
  }
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ""}`;
}

/**
 * Returns a number with its sign, such as +0.0123; a dash if it is unknown.
 *
 * @param {number | null | undefined} value
 * @param {Kind} [kind]
 * @returns {string}
 */
export function signed(value, kind = "fitness") {
  if (value === null || value === undefined) {
    return NONE;
  }
  return `${value < 0 ? "−" : "+"}${shown(Math.abs(value), kind)}`;
}

/**
 * Returns the values of an axis that get a label, with their labels.
 *
 * @param {number} low
 * @param {number} high greater than `low`
 * @param {number} count about so many
 * @param {boolean} isLog
 * @param {Kind} kind
 * @returns {{ value: number, label: string }[]}
 */
export function ticks(low, high, count, isLog, kind) {
  const values =
    isLog && low > 0 && high / low > 5 ? powers(low, high, count) : steps(low, high, count, kind === "id" ? 1 : 0);
  const gap = values.length > 1 ? (values[1] ?? 0) - (values[0] ?? 0) : 0;
  return values.map((value) => ({ value, label: tickLabel(value, gap, kind) }));
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number} count
 * @param {number} least the least step
 * @returns {number[]}
 */
function steps(low, high, count, least) {
  const rough = Math.max(least, (high - low) / Math.max(1, count));
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough) ?? rough;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // If two values differ only by rounding errors, whole numbers are too coarse to count the steps between them.
  return Number.isSafeInteger(first) && Number.isSafeInteger(last)
    ? Array.from({ length: Math.max(0, last - first + 1) }, (_, place) => (first + place) * step)
    : [low];
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number} count
 * @returns {number[]}
 */
function powers(low, high, count) {
  const decades = Math.log10(high / low);
  const factors = decades > count ? [1] : decades > count / 2 ? [1, 3] : [1, 2, 5];
  const skip = Math.max(1, Math.ceil(decades / Math.max(1, count)));
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    for (const factor of power % skip === 0 ? factors : []) {
      const value = factor * 10 ** power;
      if (value >= low && value <= high) {
        found.push(value);
      }
    }
  }
  return found;
}

/**
 * @param {number} value
 * @param {number} gap distance to the next tick
 * @param {Kind} kind
 * @returns {string}
 */
function tickLabel(value, gap, kind) {
  if (kind === "seconds") {
    return duration(value);
  }
  if (kind === "share" || kind === "fine share") {
    return `${(100 * value).toFixed(gap && gap < 0.01 ? Math.min(6, Math.ceil(-Math.log10(100 * gap) - 1e-9)) : 0)} %`;
  }
  if (kind === "fitness") {
    return value.toFixed(
      gap && gap < 1 ? Math.min(6, Math.ceil(-Math.log10(gap) - 1e-9)) : Math.abs(value) < 1 ? 2 : 0,
    );
  }
  return Math.abs(value) >= 1000 ? compact(value) : String(Number(value.toPrecision(6)));
}
