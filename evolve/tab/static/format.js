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
 * The value of a tick, and the unit of its last digit.
 *
 * @typedef {{ value: number, unit: number }} Tick
 */

/**
 * Returns the values of an axis that get a label, with their labels. A label has the digits in which it differs from its
 * neighbours.
 *
 * @param {number} low
 * @param {number} high greater than `low`
 * @param {number} count about so many
 * @param {boolean} isLog
 * @param {Kind} kind
 * @returns {{ value: number, label: string }[]}
 */
export function ticks(low, high, count, isLog, kind) {
  const isWide = isLog && low > 0 && high / low > 5;
  const found = !isWide
    ? steps(low, high, count, kind)
    : kind === "seconds"
      ? times(low, high, count)
      : powers(low, high, count);
  return found.map(({ value, unit }) => ({ value, label: tickLabel(value, unit, kind) }));
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
/** The steps between times from a second to a day, in seconds. */
const TIME_STEPS = /** @type {const} */ ([
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 6, 12].map((hours) => hours * HOUR),
]);

/**
 * Returns the smallest round step that is not smaller than a number.
 *
 * @param {number} rough
 * @param {Kind} kind
 * @returns {number}
 */
function roundStep(rough, kind) {
  if (kind === "seconds" && rough > 0.5) {
    return TIME_STEPS.find((size) => size >= rough) ?? DAY * roundStep(rough / DAY, "number");
  }
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough) ?? rough;
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number} count
 * @param {Kind} kind
 * @returns {Tick[]}
 */
function steps(low, high, count, kind) {
  const step = roundStep(Math.max(kind === "id" ? 1 : 0, (high - low) / Math.max(1, count)), kind);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // If two values differ only by rounding errors, whole numbers are too coarse to count the steps between them.
  return Number.isSafeInteger(first) && Number.isSafeInteger(last)
    ? Array.from({ length: Math.max(0, last - first + 1) }, (_, place) => ({
        value: (first + place) * step,
        unit: step,
      }))
    : [{ value: low, unit: 10 ** (Math.floor(Math.log10(Math.abs(low) || 1)) - 3) }];
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number} count
 * @returns {Tick[]}
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
        found.push({ value, unit: 10 ** power });
      }
    }
  }
  return found;
}

/**
 * Returns the ticks of a logarithmic axis of times: powers of ten below a minute and above a day, and round minutes and hours.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} count
 * @returns {Tick[]}
 */
function times(low, high, count) {
  const between = [...TIME_STEPS.filter((time) => time >= MINUTE), DAY];
  const all = [
    ...powers(low, Math.min(high, MINUTE / 2), count),
    ...between.map((time) => ({ value: time, unit: time < HOUR ? MINUTE : HOUR })),
    ...powers(low / DAY, high / DAY, count)
      .filter(({ value }) => value > 1)
      .map(({ value }) => ({ value: value * DAY, unit: DAY })),
  ].filter(({ value }) => value >= low && value <= high);
  // Of values that are near one another on the axis, only the first has a label.
  const gap = (high / low) ** (0.6 / Math.max(1, count));
  const found = /** @type {Tick[]} */ ([]);
  for (const tick of all) {
    const before = found[found.length - 1];
    if (!before || tick.value >= before.value * gap) {
      found.push(tick);
    }
  }
  return found;
}

/**
 * @param {number} value
 * @param {number} unit of the last digit of the label
 * @param {Kind} kind
 * @returns {string}
 */
function tickLabel(value, unit, kind) {
  switch (kind) {
    case "seconds":
      return timeLabel(value, unit);
    case "share":
    case "fine share":
      return `${fixed(100 * value, 100 * unit)} %`;
    case "id":
      return fixed(value, unit);
    case "fitness":
      return Math.abs(value) < 1e6 ? fixed(value, unit) : suffixed(value, unit);
    case "count":
    case "number":
      return suffixed(value, unit);
  }
}

const MOST_DECIMALS = 15; // a number has no more digits

/**
 * Returns a number with the digits down to a unit, such as 0.50 for a unit of 0.05.
 *
 * @param {number} value
 * @param {number} unit
 * @returns {string}
 */
function fixed(value, unit) {
  const decimals = Math.min(MOST_DECIMALS, Math.max(0, Math.ceil(-Math.log10(unit) - 1e-9)));
  const text = value.toFixed(decimals);
  const short = String(Number(text));
  return decimals > 6 && short.length < text.length ? short : text;
}

/**
 * Returns a number with the digits down to a unit, and with a suffix if it is large, such as 12.345k for a unit of 5.
 *
 * @param {number} value
 * @param {number} unit
 * @returns {string}
 */
function suffixed(value, unit) {
  const [size, suffix] = SUFFIXES.find(([least]) => Math.abs(value) >= least * (1 - 1e-9)) ?? [1, ""];
  return `${Number(fixed(value / size, unit / size))}${suffix}`;
}

/**
 * Returns a time with the digits down to a unit, such as 1 h 30 min, and 1:30:15 if it has hours and seconds.
 *
 * @param {number} seconds
 * @param {number} unit
 * @returns {string}
 */
function timeLabel(seconds, unit) {
  if (seconds < MINUTE) {
    return `${Number(fixed(seconds, unit))} s`;
  }
  const decimals = fixed(seconds % MINUTE, unit);
  if (unit < MINUTE && seconds >= HOUR) {
    const minutes = Math.floor((seconds % HOUR) / MINUTE);
    return `${Math.floor(seconds / HOUR)}:${String(minutes).padStart(2, "0")}:${seconds % MINUTE < 10 ? "0" : ""}${decimals}`;
  }
  const days = seconds < 2 * DAY ? 0 : Math.floor(seconds / DAY);
  const parts = [
    [days, "d"],
    [Math.floor((seconds - days * DAY) / HOUR), "h"],
    [Math.floor((seconds % HOUR) / MINUTE), "min"],
    [Number(decimals), "s"],
  ];
  return parts
    .filter(([count]) => count)
    .map((part) => part.join(" "))
    .join(" ");
}
