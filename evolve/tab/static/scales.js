/**
 * Values of an axis as parts of its range, and back.
 *
 * @module
 */

/**
 * Returns the range of values with some room; null if it is empty or a single value.
 *
 * @param {readonly number[]} values
 * @param {boolean} isLog
 * @returns {[number, number] | null}
 */
export function spread(values, isLog) {
  const [low, high] = ends(values);
  if (isSingle(low, high) || (isLog && low <= 0)) {
    return null;
  }
  return withRoom([low, high], 0.05, isLog);
}

const SAME = 1e-6; // as a share of the larger value; numbers of an answer have seven digits

/**
 * Whether two values differ by no more than rounding errors, so that an axis shows them as one.
 *
 * @param {number} low
 * @param {number} high not less than `low`
 * @returns {boolean}
 */
export function isSingle(low, high) {
  return high - low <= SAME * Math.max(Math.abs(low), Math.abs(high));
}

/**
 * Returns the range of an axis that shows a single value.
 *
 * @param {number} low
 * @param {number} high the same value but for rounding errors
 * @param {boolean} isLog
 * @returns {[number, number]}
 */
export function aroundSingle(low, high, isLog) {
  const room = 0.05 * (Math.max(Math.abs(low), Math.abs(high)) || 1);
  return isLog ? [low / 2, high * 2] : [low - room, high + room];
}

const TAIL = 0.1; // the share of the other points at each end of an axis that may be outside
const REACH = 0.5; // such a point is outside if it is further from the rest than this share of the length of the rest

/**
 * Returns the range of an axis on which a front can be read: all of it, and the others without a few that are far away.
 * It is null if no point is outside. `compiler/pictures/scatter.py` has the same rule.
 *
 * @param {readonly number[]} front
 * @param {readonly number[]} others
 * @param {boolean} isLog
 * @returns {[number, number] | null}
 */
export function readable(front, others, isLog) {
  const onAxis = (/** @type {readonly number[]} */ values) => (isLog ? values.filter((value) => value > 0) : values);
  const scale = (/** @type {number} */ value) => (isLog ? Math.log(value) : value);
  const order = Float64Array.from(onAxis(others)).sort();
  const tail = Math.floor(TAIL * Math.max(0, order.length - 1));
  const [low, high] = ends([...onAxis(front), ...order.subarray(tail, order.length - tail)]);
  const reach = REACH * (scale(high) - scale(low));
  if (!(reach > 0)) {
    return null;
  }
  const values = [...onAxis(front), ...order];
  const inside = values.filter((value) => scale(value) >= scale(low) - reach && scale(value) <= scale(high) + reach);
  return inside.length < values.length ? ends(inside) : null;
}

/**
 * @param {readonly number[]} values
 * @returns {[number, number]}
 */
function ends(values) {
  return [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
}

/**
 * Returns a range with room at both ends.
 *
 * @param {[number, number]} range
 * @param {number} room as a share of the range
 * @param {boolean} isLog
 * @returns {[number, number]}
 */
export function withRoom([low, high], room, isLog) {
  return [unshare(-room, low, high, isLog), unshare(1 + room, low, high, isLog)];
}

/**
 * Returns the part of a range that lies below a value.
 *
 * @param {number} value
 * @param {number} low
 * @param {number} high
 * @param {boolean} isLog
 * @returns {number}
 */
export function share(value, low, high, isLog) {
  if (isLog) {
    return value > 0 ? Math.log(value / low) / Math.log(high / low) : NaN;
  }
  return (value - low) / (high - low);
}

/**
 * Returns the value below which a part of a range lies.
 *
 * @param {number} part
 * @param {number} low
 * @param {number} high
 * @param {boolean} isLog
 * @returns {number}
 */
export function unshare(part, low, high, isLog) {
  return isLog ? low * (high / low) ** part : low + (high - low) * part;
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {[number, number]}
 */
export function ordered(a, b) {
  return a < b ? [a, b] : [b, a];
}

/**
 * Whether an axis can have a range: its ends differ by more than rounding errors, and are neither huge nor, on a logarithmic
 * axis, tiny.
 *
 * @param {[number, number]} range
 * @param {boolean} isLog
 * @returns {boolean}
 */
export function isUsable([low, high], isLog) {
  const size = Math.max(Math.abs(low), Math.abs(high));
  return high - low > 1e-9 * size && size < 1e30 && (!isLog || low > 1e-30);
}
