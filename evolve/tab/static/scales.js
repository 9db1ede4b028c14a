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
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!(low < high) || (isLog && low <= 0)) {
    return null;
  }
  return [unshare(-0.05, low, high, isLog), unshare(1.05, low, high, isLog)];
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
