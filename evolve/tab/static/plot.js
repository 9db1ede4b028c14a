/**
 * The geometry of a chart: the ranges of its axes, and where its points lie in pixels.
 *
 * @module
 */

import { aroundSingle, isSingle, ordered, share, unshare } from "./scales.js";

/**
 * @typedef {object} Axis
 * @property {string} title
 * @property {import("./format.js").Kind} kind
 * @property {boolean} [isLog]
 * @property {[number, number]} [range] by default that of the data
 * @property {{ value: number, label: string }[]} [labels] words at values of the axis upwards; the first ones win where two
 *   collide
 * @property {number} [from] the value below which the axis has no numbers, only its labels
 * @property {boolean} [isBare] whether the axis has no numbers, only its labels
 */

/**
 * Points by place; a place without a value, NaN, is not drawn.
 *
 * @typedef {object} Points
 * @property {Float64Array} x
 * @property {Float64Array} y
 * @property {Uint8Array} classes the class of each point, which has a colour
 * @property {string[]} colours of the classes
 * @property {Uint8Array} [pale] 1: the point is drawn pale, as it is not in the brush or in no class that is shown
 * @property {Uint8Array} [shapes] the shape of each point, such as `CROSS`; by default all are dots
 * @property {number} [size] diameter in pixels
 */

/** @typedef {{ x: ArrayLike<number>, y: ArrayLike<number>, colour: string, width?: number, dash?: number[], steps?: boolean, label?: string }} Line */
/** @typedef {{ x: ArrayLike<number>, low: ArrayLike<number>, high: ArrayLike<number>, colour: string }} Band */
/** @typedef {{ from: ArrayLike<number>, to: ArrayLike<number>, colour: string, width?: number, isElbow?: boolean, dash?: number[] }} Edges places of points that are joined */

/**
 * @typedef {object} Content
 * @property {Axis} x
 * @property {Axis} y
 * @property {Points} [points]
 * @property {Line[]} [lines]
 * @property {Band[]} [bands]
 * @property {Edges[]} [edges]
 * @property {number[]} [marked] places of points that are drawn above the others with a ring, such as the chosen one
 * @property {number[]} [emphasized] places of points that are drawn larger, such as a front or a line of descent
 * @property {{ place: number, text: string }[]} [notes] short texts beside points
 * @property {string} [empty] words that are shown where there is nothing to draw
 */

/** @typedef {[number, number]} Range the values at the ends of an axis */

export const MARGIN = { left: 62, right: 14, top: 12, bottom: 42 };
const REACH = 14; // pixels from which the pointer finds a point

/** What a chart shows at one moment, in one size and with one zoom. */
export class Plot {
  /**
   * @param {Content} content
   * @param {number} width in pixels
   * @param {number} height in pixels
   * @param {{ x: Range | null, y: Range | null }} zoom the ranges that are shown; null: all values
   */
  constructor(content, width, height, zoom) {
    this.content = content;
    this.width = width;
    this.height = height;
    this.isZoomed = zoom.x !== null || zoom.y !== null;
    /** @type {Range | null} */
    this.rangeX = zoom.x ?? content.x.range ?? this.range("x", Boolean(content.x.isLog));
    /** @type {Range | null} */
    this.rangeY = zoom.y ?? content.y.range ?? this.range("y", Boolean(content.y.isLog));
    /** @type {number[] | null} places by rising x */
    this._order = null;
  }

  /** Whether there is something to show. */
  get hasRange() {
    return this.rangeX !== null && this.rangeY !== null;
  }

  get plotWidth() {
    return this.width - MARGIN.left - MARGIN.right;
  }

  get plotHeight() {
    return this.height - MARGIN.top - MARGIN.bottom;
  }

  /**
   * Returns the range of all values of an axis, with some room; null without values.
   *
   * @param {"x" | "y"} axis
   * @param {boolean} isLog
   * @returns {[number, number] | null}
   */
  range(axis, isLog) {
    const { points, lines = [], bands = [] } = this.content;
    const columns = [points?.[axis], ...lines.map((line) => line[axis])];
    columns.push(...bands.flatMap((band) => (axis === "x" ? [band.x] : [band.low, band.high])));
    let low = Infinity;
    let high = -Infinity;
    for (const values of columns) {
      for (let place = 0; place < (values?.length ?? 0); place += 1) {
        const value = /** @type {number} */ (values?.[place]);
        if (Number.isFinite(value) && (!isLog || value > 0)) {
          low = value < low ? value : low;
          high = value > high ? value : high;
        }
      }
    }
    if (low > high) {
      return null;
    }
    if (isSingle(low, high)) {
      return aroundSingle(low, high, isLog);
    }
    if (isLog) {
      const room = (high / low) ** 0.03;
      return [low / room, high * room];
    }
    return [low - (high - low) * 0.03, high + (high - low) * 0.03];
  }

  /**
   * Returns the pixel of a value across; NaN if it has none.
   *
   * @param {number} value
   * @returns {number}
   */
  toX(value) {
    const [low, high] = this.rangeX ?? [0, 1];
    return MARGIN.left + this.plotWidth * share(value, low, high, Boolean(this.content.x.isLog));
  }

  /**
   * Returns the pixel of a value downwards; NaN if it has none.
   *
   * @param {number} value
   * @returns {number}
   */
  toY(value) {
    const [low, high] = this.rangeY ?? [0, 1];
    return MARGIN.top + this.plotHeight * (1 - share(value, low, high, Boolean(this.content.y.isLog)));
  }

  /**
   * @param {number} x
   * @param {number} y
   * @returns {boolean}
   */
  isInside(x, y) {
    const { left, right, top, bottom } = MARGIN;
    return x >= left - 1 && x <= this.width - right + 1 && y >= top - 1 && y <= this.height - bottom + 1;
  }

  /**
   * Returns the pixel of the plot that is nearest to a pixel.
   *
   * @param {number} x
   * @param {number} y
   * @returns {[number, number]}
   */
  clamped(x, y) {
    const { left, right, top, bottom } = MARGIN;
    return [Math.max(left, Math.min(this.width - right, x)), Math.max(top, Math.min(this.height - bottom, y))];
  }

  /** @param {number} x */
  fromX(x) {
    const [low, high] = this.rangeX ?? [0, 1];
    return unshare((x - MARGIN.left) / this.plotWidth, low, high, Boolean(this.content.x.isLog));
  }

  /** @param {number} y */
  fromY(y) {
    const [low, high] = this.rangeY ?? [0, 1];
    return unshare(1 - (y - MARGIN.top) / this.plotHeight, low, high, Boolean(this.content.y.isLog));
  }

  /**
   * Returns the place of the point nearest to a pixel; -1 if none is near. Only points that are drawn are found.
   *
   * @param {number} x
   * @param {number} y
   * @returns {number}
   */
  nearest(x, y) {
    const points = this.content.points;
    if (!points || !this.rangeX || !this.isInside(x, y)) {
      return -1;
    }
    let found = -1;
    let least = REACH * REACH;
    for (let place = 0; place < points.x.length; place += 1) {
      const pixelX = this.toX(points.x[place] ?? NaN);
      const across = pixelX - x;
      if (across < REACH && across > -REACH) {
        const pixelY = this.toY(points.y[place] ?? NaN);
        const down = pixelY - y;
        // A pale point is found only where no other is near.
        const distance = across * across + down * down + (points.pale?.[place] ? REACH * REACH * 0.5 : 0);
        if (distance < least && this.isInside(pixelX, pixelY)) {
          least = distance;
          found = place;
        }
      }
    }
    return found;
  }

  /**
   * Returns the places of the points in a rectangle of pixels. Only points that are drawn are found.
   *
   * @param {{ x0: number, y0: number, x1: number, y1: number }} box
   * @returns {number[]}
   */
  inside(box) {
    const points = this.content.points;
    const [left, right] = ordered(box.x0, box.x1);
    const [top, bottom] = ordered(box.y0, box.y1);
    const found = [];
    for (let place = 0; place < (points?.x.length ?? 0); place += 1) {
      const x = this.toX(points?.x[place] ?? NaN);
      const y = this.toY(points?.y[place] ?? NaN);
      if (x >= left && x <= right && y >= top && y <= bottom && this.isInside(x, y)) {
        found.push(place);
      }
    }
    return found;
  }

  /**
   * Returns how many points are in the part that is shown.
   *
   * @param {Points} points
   * @returns {number}
   */
  seen(points) {
    let count = 0;
    for (let place = 0; place < points.x.length; place += 1) {
      count += this.isInside(this.toX(points.x[place] ?? NaN), this.toY(points.y[place] ?? NaN)) ? 1 : 0;
    }
    return count;
  }

  /** @returns {number[]} the places of the points that are drawn, by rising x */
  byX() {
    const points = this.content.points;
    if (!points) {
      return [];
    }
    this._order ??= [...points.x.keys()]
      .filter((place) => this.isInside(this.toX(points.x[place] ?? NaN), this.toY(points.y[place] ?? NaN)))
      .filter((place) => !points.pale?.[place])
      .sort((a, b) => (points.x[a] ?? 0) - (points.x[b] ?? 0));
    return this._order;
  }
}
