/**
 * A chart on a canvas: points, lines, bands and edges, with axes, zoom, brush, hover and keyboard.
 *
 * What does not change while the mouse moves is drawn once and kept; only marks above it are drawn again. Twenty thousand
 * points are painted in about ten milliseconds.
 *
 * @module
 */

import { pageColour } from "./colour.js";
import { element } from "./dom.js";
import { ticks } from "./format.js";

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
/** @typedef {{ from: ArrayLike<number>, to: ArrayLike<number>, colour: string, width?: number, isElbow?: boolean }} Edges places of points that are joined */

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

/**
 * @typedef {object} Options
 * @property {string} label what the chart shows, for people who do not see it
 * @property {"zoom" | "brush" | "pan"} [drag] what dragging does; by default it zooms
 * @property {(place: number) => string[]} [describe] lines of the tooltip of a point
 * @property {(place: number, isSecond: boolean) => void} [onChoose] a click or Enter on a point; with Shift it is the second
 * @property {(places: number[] | null) => void} [onBrush]
 * @property {(place: number, key: "ArrowUp" | "ArrowDown") => number} [step] the place to which the keys up and down go; -1
 *   if there is none
 */

export const DOT = 0;
export const CROSS = 1; // for what failed
export const RING = 2; // for what has been removed
export const DIAMOND = 3; // for what is pending
export const BOX = 4; // for what stands for several
const MARGIN = { left: 62, right: 14, top: 12, bottom: 42 };
const REACH = 14; // pixels from which the pointer finds a point

/** A chart that fills its element. */
export class Chart {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this._base = element("canvas", { "aria-hidden": "true" });
    this._top = element("canvas", {
      tabindex: 0,
      role: "img",
      "aria-label": `${options.label}. Arrow keys go from point to point, Enter chooses, plus and minus zoom, Escape resets the zoom.`,
    });
    this._tip = element("div", { class: "tip", role: "status", hidden: true });
    this.node = element("div", { class: "chart" }, this._base, this._top, this._tip);
    /** @type {Content | null} */
    this._content = null;
    /** @type {[number, number] | null} */
    this._zoomX = null;
    /** @type {[number, number] | null} */
    this._zoomY = null;
    this._hovered = -1;
    /** @type {{ x0: number, y0: number, x1: number, y1: number } | null} in pixels */
    this._drag = null;
    /** @type {[number, number] | null} the values at the ends of the axis across */
    this._rangeX = null;
    /** @type {[number, number] | null} the values at the ends of the axis upwards */
    this._rangeY = null;
    this._frame = 0;
    this._width = 0;
    this._height = 0;
    /** @type {number[] | null} places by rising x, for the keyboard */
    this._order = null;
    new ResizeObserver(() => this._resize()).observe(this.node);
    this._listen();
  }

  /**
   * Shows other data. The zoom stays as it is.
   *
   * @param {Content} content
   */
  show(content) {
    const before = this._content;
    this._content = content;
    this._order = null;
    if (before && (before.x.title !== content.x.title || before.x.isLog !== content.x.isLog)) {
      this._zoomX = null;
    }
    if (before && (before.y.title !== content.y.title || before.y.isLog !== content.y.isLog)) {
      this._zoomY = null;
    }
    this._schedule();
  }

  /**
   * Shows other marks above the same data.
   *
   * @param {number[]} marked
   */
  mark(marked) {
    if (this._content) {
      this._content.marked = marked;
      this._drawTop();
    }
  }

  /** Shows the whole of the data. */
  reset() {
    this._zoomX = null;
    this._zoomY = null;
    this._schedule();
  }

  /**
   * Shows the part of the data in which these points lie.
   *
   * @param {readonly number[]} places
   */
  zoomTo(places) {
    const points = this._content?.points;
    const [x, y] = [this._content?.x, this._content?.y];
    if (points && x && y) {
      const across = places.map((place) => points.x[place] ?? NaN).filter(Number.isFinite);
      const up = places.map((place) => points.y[place] ?? NaN).filter(Number.isFinite);
      this._zoomX = spread(across, Boolean(x.isLog)) ?? this._zoomX;
      this._zoomY = spread(up, Boolean(y.isLog)) ?? this._zoomY;
      this._schedule();
    }
  }

  get isZoomed() {
    return this._zoomX !== null || this._zoomY !== null;
  }

  // --- drawing ------------------------------------------------------------------------------------------------------

  _resize() {
    const { clientWidth: width, clientHeight: height } = this.node;
    if (width && height && (width !== this._width || height !== this._height)) {
      this._width = width;
      this._height = height;
      const ratio = devicePixelRatio || 1;
      for (const canvas of [this._base, this._top]) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
      }
      this._schedule();
    }
  }

  _schedule() {
    this._frame ||= requestAnimationFrame(() => {
      this._frame = 0;
      this._draw();
    });
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @returns {CanvasRenderingContext2D}
   */
  _cleared(canvas) {
    const paint = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const ratio = devicePixelRatio || 1;
    paint.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint.clearRect(0, 0, this._width, this._height);
    return paint;
  }

  _draw() {
    if (!this._content || !this._width) {
      return;
    }
    const paint = this._cleared(this._base);
    const { x, y, lines = [], bands = [], edges = [], points } = this._content;
    this._rangeX = this._zoomX ?? x.range ?? this._range("x", Boolean(x.isLog));
    this._rangeY = this._zoomY ?? y.range ?? this._range("y", Boolean(y.isLog));
    if (!this._rangeX || !this._rangeY) {
      this._drawEmpty(paint);
      this._drawTop();
      return;
    }
    this._drawAxes(paint);
    paint.save();
    paint.beginPath();
    paint.rect(MARGIN.left, MARGIN.top, this._plotWidth, this._plotHeight);
    paint.clip();
    bands.forEach((band) => this._drawBand(paint, band));
    edges.forEach((some) => this._drawEdges(paint, some));
    if (points) {
      this._drawPoints(paint, points);
    }
    lines.forEach((line) => this._drawLine(paint, line));
    this._drawNotes(paint);
    paint.restore();
    this._drawTop();
  }

  get _plotWidth() {
    return this._width - MARGIN.left - MARGIN.right;
  }

  get _plotHeight() {
    return this._height - MARGIN.top - MARGIN.bottom;
  }

  /** @param {CanvasRenderingContext2D} paint */
  _drawEmpty(paint) {
    paint.fillStyle = pageColour("--ink-soft");
    paint.font = "14px system-ui, sans-serif";
    paint.textAlign = "center";
    paint.fillText(this._content?.empty ?? "There is nothing to show yet.", this._width / 2, this._height / 2);
  }

  /**
   * Returns the range of all values of an axis, with some room; null without values.
   *
   * @param {"x" | "y"} axis
   * @param {boolean} isLog
   * @returns {[number, number] | null}
   */
  _range(axis, isLog) {
    const { points, lines = [], bands = [] } = /** @type {Content} */ (this._content);
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
    if (low === high) {
      return isLog ? [low / 2, high * 2] : [low - (Math.abs(low) || 1) * 0.05, high + (Math.abs(high) || 1) * 0.05];
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
    const [low, high] = this._rangeX ?? [0, 1];
    return MARGIN.left + this._plotWidth * share(value, low, high, Boolean(this._content?.x.isLog));
  }

  /**
   * Returns the pixel of a value downwards; NaN if it has none.
   *
   * @param {number} value
   * @returns {number}
   */
  toY(value) {
    const [low, high] = this._rangeY ?? [0, 1];
    return MARGIN.top + this._plotHeight * (1 - share(value, low, high, Boolean(this._content?.y.isLog)));
  }

  /** @param {CanvasRenderingContext2D} paint */
  _drawAxes(paint) {
    const { x, y } = /** @type {Content} */ (this._content);
    const ink = pageColour("--ink-soft");
    const grid = pageColour("--grid");
    const bottom = this._height - MARGIN.bottom;
    paint.font = "12px system-ui, sans-serif";
    paint.lineWidth = 1;
    paint.textBaseline = "top";
    paint.textAlign = "center";
    const [lowX, highX] = this._rangeX ?? [0, 1];
    for (const { value, label } of ticks(lowX, highX, this._plotWidth / 90, Boolean(x.isLog), x.kind)) {
      const at = Math.round(this.toX(value)) + 0.5;
      paint.strokeStyle = grid;
      stroke(paint, at, MARGIN.top, at, bottom);
      paint.fillStyle = ink;
      paint.fillText(label, at, bottom + 6);
    }
    paint.textBaseline = "middle";
    paint.textAlign = "right";
    const [lowY, highY] = this._rangeY ?? [0, 1];
    const named = (y.labels ?? []).filter(({ value }) => value >= lowY && value <= highY);
    const numbered = y.isBare ? [] : ticks(lowY, highY, this._plotHeight / 38, Boolean(y.isLog), y.kind);
    const above = numbered.filter(({ value }) => value >= (y.from ?? -Infinity));
    for (const { value, label } of apart([...named, ...above], (value) => this.toY(value), 15)) {
      const at = Math.round(this.toY(value)) + 0.5;
      paint.strokeStyle = grid;
      stroke(paint, MARGIN.left, at, this._width - MARGIN.right, at);
      paint.fillStyle = ink;
      paint.fillText(label, MARGIN.left - 8, at);
    }
    paint.font = "600 12px system-ui, sans-serif";
    paint.fillStyle = pageColour("--ink");
    paint.textAlign = "center";
    paint.textBaseline = "bottom";
    paint.fillText(x.title, MARGIN.left + this._plotWidth / 2, this._height - 2);
    paint.save();
    paint.translate(4, MARGIN.top + this._plotHeight / 2);
    paint.rotate(-Math.PI / 2);
    paint.textBaseline = "top";
    paint.fillText(y.title, 0, 0);
    paint.restore();
  }

  /**
   * @param {CanvasRenderingContext2D} paint
   * @param {Band} band
   */
  _drawBand(paint, band) {
    paint.fillStyle = band.colour;
    paint.beginPath();
    let open = false;
    /** @type {[number, number][]} */
    let back = [];
    for (let place = 0; place <= band.x.length; place += 1) {
      const low = band.low[place] ?? NaN;
      if (Number.isFinite(low)) {
        const x = this.toX(band.x[place] ?? NaN);
        const high = this.toY(band.high[place] ?? NaN);
        if (open) {
          paint.lineTo(x, high);
        } else {
          paint.moveTo(x, high);
        }
        open = true;
        back.push([x, this.toY(low)]);
      } else if (open) {
        back.reverse().forEach(([x, y]) => paint.lineTo(x, y));
        paint.closePath();
        open = false;
        back = [];
      }
    }
    paint.fill();
  }

  /**
   * @param {CanvasRenderingContext2D} paint
   * @param {Edges} edges
   */
  _drawEdges(paint, edges) {
    const points = this._content?.points;
    if (!points) {
      return;
    }
    paint.strokeStyle = edges.colour;
    paint.lineWidth = edges.width ?? 1;
    paint.beginPath();
    for (let place = 0; place < edges.from.length; place += 1) {
      const from = edges.from[place] ?? -1;
      const to = edges.to[place] ?? -1;
      const x0 = this.toX(points.x[from] ?? NaN);
      const y0 = this.toY(points.y[from] ?? NaN);
      const x1 = this.toX(points.x[to] ?? NaN);
      const y1 = this.toY(points.y[to] ?? NaN);
      if (Number.isFinite(x0 + y0 + x1 + y1)) {
        paint.moveTo(x0, y0);
        if (edges.isElbow) {
          paint.lineTo(x0, y1);
        }
        paint.lineTo(x1, y1);
      }
    }
    paint.stroke();
  }

  /**
   * @param {CanvasRenderingContext2D} paint
   * @param {Points} points
   */
  _drawPoints(paint, points) {
    const seen = this.isZoomed ? this._seen(points) : points.x.length;
    const size = points.size ?? (seen > 5000 ? 3.5 : seen > 800 ? 5 : 7);
    const pale = points.pale;
    for (const isPale of pale ? [true, false] : [false]) {
      paint.globalAlpha = isPale ? 0.12 : seen > 2000 ? 0.75 : 0.9;
      for (const [number, colour] of points.colours.entries()) {
        paint.fillStyle = colour;
        paint.strokeStyle = colour;
        paint.lineWidth = 1;
        paint.beginPath();
        for (let place = 0; place < points.x.length; place += 1) {
          if (points.classes[place] !== number || (pale && Boolean(pale[place]) !== isPale)) {
            continue;
          }
          const x = this.toX(points.x[place] ?? NaN);
          const y = this.toY(points.y[place] ?? NaN);
          if (this._isInside(x, y)) {
            const shape = points.shapes?.[place] ?? DOT;
            if (size < 5 && shape === DOT) {
              paint.fillRect(x - size / 2, y - size / 2, size, size);
            } else if (size < 5 && shape === RING) {
              paint.strokeRect(x - size / 2 + 0.5, y - size / 2 + 0.5, size - 1, size - 1);
            } else {
              trace(paint, x, y, size, shape);
            }
          }
        }
        paint.fill();
      }
    }
    paint.globalAlpha = 1;
    for (const place of this._content?.emphasized ?? []) {
      const x = this.toX(points.x[place] ?? NaN);
      const y = this.toY(points.y[place] ?? NaN);
      paint.beginPath();
      paint.arc(x, y, size / 2 + 2, 0, 2 * Math.PI);
      paint.fillStyle = points.colours[points.classes[place] ?? 0] ?? "";
      paint.strokeStyle = pageColour("--ink");
      paint.lineWidth = 1.5;
      paint.fill();
      paint.stroke();
    }
  }

  /**
   * Returns how many points are in the part that is shown.
   *
   * @param {Points} points
   * @returns {number}
   */
  _seen(points) {
    let count = 0;
    for (let place = 0; place < points.x.length; place += 1) {
      count += this._isInside(this.toX(points.x[place] ?? NaN), this.toY(points.y[place] ?? NaN)) ? 1 : 0;
    }
    return count;
  }

  /**
   * @param {CanvasRenderingContext2D} paint
   * @param {Line} line
   */
  _drawLine(paint, line) {
    paint.strokeStyle = line.colour;
    paint.lineWidth = line.width ?? 2;
    paint.setLineDash(line.dash ?? []);
    paint.beginPath();
    let before = NaN;
    for (let place = 0; place < line.x.length; place += 1) {
      const x = this.toX(line.x[place] ?? NaN);
      const y = this.toY(line.y[place] ?? NaN);
      if (Number.isFinite(x + y)) {
        if (!Number.isFinite(before)) {
          paint.moveTo(x, y);
        } else {
          if (line.steps) {
            paint.lineTo(x, before);
          }
          paint.lineTo(x, y);
        }
      }
      before = Number.isFinite(x + y) ? y : before;
    }
    paint.stroke();
    paint.setLineDash([]);
  }

  /** @param {CanvasRenderingContext2D} paint */
  _drawNotes(paint) {
    const points = this._content?.points;
    paint.font = "600 12px system-ui, sans-serif";
    paint.textBaseline = "middle";
    paint.lineWidth = 4;
    paint.lineJoin = "round";
    paint.strokeStyle = pageColour("--paper");
    paint.fillStyle = pageColour("--ink");
    for (const { place, text } of this._content?.notes ?? []) {
      const x = this.toX(points?.x[place] ?? NaN);
      const y = this.toY(points?.y[place] ?? NaN);
      if (Number.isFinite(x + y)) {
        const isLeft = x > this._width - MARGIN.right - 10 - paint.measureText(text).width;
        paint.textAlign = isLeft ? "right" : "left";
        paint.strokeText(text, isLeft ? x - 10 : x + 10, y);
        paint.fillText(text, isLeft ? x - 10 : x + 10, y);
      }
    }
  }

  _drawTop() {
    if (!this._width) {
      return;
    }
    const paint = this._cleared(this._top);
    const points = this._content?.points;
    if (points && this._rangeX) {
      for (const [order, place] of (this._content?.marked ?? []).entries()) {
        this._ring(paint, points, place, order ? "--second" : "--chosen", 8);
      }
      if (this._hovered >= 0) {
        this._ring(paint, points, this._hovered, "--ink", 6);
      }
    }
    if (this._drag && this.options.drag !== "pan") {
      const { x0, y0, x1, y1 } = this._drag;
      paint.fillStyle = pageColour("--brush");
      paint.strokeStyle = pageColour("--accent");
      paint.lineWidth = 1;
      paint.fillRect(x0, y0, x1 - x0, y1 - y0);
      paint.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} paint
   * @param {Points} points
   * @param {number} place
   * @param {string} colour a variable of the page
   * @param {number} radius
   */
  _ring(paint, points, place, colour, radius) {
    const x = this.toX(points.x[place] ?? NaN);
    const y = this.toY(points.y[place] ?? NaN);
    if (Number.isFinite(x + y) && this._isInside(x, y)) {
      paint.lineWidth = 5;
      paint.strokeStyle = pageColour("--paper");
      paint.beginPath();
      paint.arc(x, y, radius, 0, 2 * Math.PI);
      paint.stroke();
      paint.lineWidth = 3;
      paint.strokeStyle = pageColour(colour);
      paint.stroke();
    }
  }

  // --- the pointer and the keyboard ---------------------------------------------------------------------------------

  /**
   * @param {number} x
   * @param {number} y
   * @returns {boolean}
   */
  _isInside(x, y) {
    const { left, right, top, bottom } = MARGIN;
    return x >= left - 1 && x <= this._width - right + 1 && y >= top - 1 && y <= this._height - bottom + 1;
  }

  _listen() {
    const top = this._top;
    top.addEventListener("pointermove", (event) => this._onMove(event));
    top.addEventListener("pointerdown", (event) => this._onDown(event));
    top.addEventListener("pointerup", (event) => this._onUp(event));
    top.addEventListener("pointercancel", () => this._endDrag());
    top.addEventListener("pointerleave", () => this._hover(-1));
    top.addEventListener("dblclick", () => this._clear());
    top.addEventListener("keydown", (event) => this._onKey(event));
    top.addEventListener("blur", () => this._hover(-1));
    top.addEventListener("wheel", (event) => this._onWheel(event), { passive: false });
  }

  /** @param {PointerEvent} event */
  _onMove(event) {
    if (this._drag) {
      const { offsetX, offsetY } = event;
      if (this.options.drag === "pan") {
        this._pan(offsetX - this._drag.x1, offsetY - this._drag.y1);
      }
      this._drag.x1 = offsetX;
      this._drag.y1 = offsetY;
      this._drawTop();
      return;
    }
    this._hover(this._nearest(event.offsetX, event.offsetY));
  }

  /** @param {PointerEvent} event */
  _onDown(event) {
    if (event.button === 0 && this._isInside(event.offsetX, event.offsetY)) {
      this._drag = { x0: event.offsetX, y0: event.offsetY, x1: event.offsetX, y1: event.offsetY };
      this._top.setPointerCapture(event.pointerId);
    }
  }

  /** @param {PointerEvent} event */
  _onUp(event) {
    const drag = this._drag;
    this._endDrag();
    if (!drag) {
      return;
    }
    if (Math.hypot(drag.x1 - drag.x0, drag.y1 - drag.y0) < 5) {
      const place = this._nearest(event.offsetX, event.offsetY);
      if (place >= 0) {
        this.options.onChoose?.(place, event.shiftKey);
      }
    } else if (this.options.drag === "brush") {
      this.options.onBrush?.(this._inside(drag));
    } else if (this.options.drag !== "pan" && Math.abs(drag.x1 - drag.x0) > 4 && Math.abs(drag.y1 - drag.y0) > 4) {
      this._zoomX = ordered(this._fromX(drag.x0), this._fromX(drag.x1));
      this._zoomY = ordered(this._fromY(drag.y0), this._fromY(drag.y1));
      this._schedule();
    }
  }

  _endDrag() {
    this._drag = null;
    this._drawTop();
  }

  _clear() {
    this.options.onBrush?.(null);
    this.reset();
  }

  /** @param {WheelEvent} event */
  _onWheel(event) {
    if (!this._rangeX || !this._rangeY || !(event.ctrlKey || event.metaKey || this.options.drag === "pan")) {
      return; // the page scrolls
    }
    event.preventDefault();
    this._zoomAt(event.offsetX, event.offsetY, Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.005));
  }

  /**
   * Shows a larger or a smaller part around a pixel.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} factor of the ranges
   */
  _zoomAt(x, y, factor) {
    const { left, top } = MARGIN;
    const corner = [x + (left - x) * factor, y + (top - y) * factor];
    const other = [x + (left + this._plotWidth - x) * factor, y + (top + this._plotHeight - y) * factor];
    this._zoomX = [this._fromX(corner[0] ?? 0), this._fromX(other[0] ?? 0)];
    this._zoomY = [this._fromY(other[1] ?? 0), this._fromY(corner[1] ?? 0)];
    this._schedule();
  }

  /**
   * @param {number} across in pixels
   * @param {number} down in pixels
   */
  _pan(across, down) {
    const { left, top } = MARGIN;
    const zoomX = /** @type {[number, number]} */ ([
      this._fromX(left - across),
      this._fromX(left + this._plotWidth - across),
    ]);
    this._zoomY = [this._fromY(top + this._plotHeight - down), this._fromY(top - down)];
    this._zoomX = zoomX;
    this._draw();
  }

  /** @param {number} x */
  _fromX(x) {
    const [low, high] = this._rangeX ?? [0, 1];
    return unshare((x - MARGIN.left) / this._plotWidth, low, high, Boolean(this._content?.x.isLog));
  }

  /** @param {number} y */
  _fromY(y) {
    const [low, high] = this._rangeY ?? [0, 1];
    return unshare(1 - (y - MARGIN.top) / this._plotHeight, low, high, Boolean(this._content?.y.isLog));
  }

  /**
   * Returns the place of the point nearest to a pixel; -1 if none is near.
   *
   * @param {number} x
   * @param {number} y
   * @returns {number}
   */
  _nearest(x, y) {
    const points = this._content?.points;
    if (!points || !this._rangeX || !this._isInside(x, y)) {
      return -1;
    }
    let found = -1;
    let least = REACH * REACH;
    for (let place = 0; place < points.x.length; place += 1) {
      const across = this.toX(points.x[place] ?? NaN) - x;
      if (across < REACH && across > -REACH) {
        const down = this.toY(points.y[place] ?? NaN) - y;
        // A pale point is found only where no other is near.
        const distance = across * across + down * down + (points.pale?.[place] ? REACH * REACH * 0.5 : 0);
        if (distance < least) {
          least = distance;
          found = place;
        }
      }
    }
    return found;
  }

  /**
   * Returns the places of the points in a rectangle of pixels.
   *
   * @param {{ x0: number, y0: number, x1: number, y1: number }} box
   * @returns {number[]}
   */
  _inside(box) {
    const points = this._content?.points;
    const [left, right] = ordered(box.x0, box.x1);
    const [top, bottom] = ordered(box.y0, box.y1);
    const found = [];
    for (let place = 0; place < (points?.x.length ?? 0); place += 1) {
      const x = this.toX(points?.x[place] ?? NaN);
      const y = this.toY(points?.y[place] ?? NaN);
      if (x >= left && x <= right && y >= top && y <= bottom) {
        found.push(place);
      }
    }
    return found;
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.key === "Escape") {
      this._clear();
      this._hover(-1);
      return;
    }
    if ((event.key === "Enter" || event.key === " ") && this._hovered >= 0) {
      event.preventDefault();
      this.options.onChoose?.(this._hovered, event.shiftKey);
      return;
    }
    const factor = { "+": 1 / 1.25, "=": 1 / 1.25, "-": 1.25 }[event.key];
    if (factor !== undefined && this.options.drag !== "brush" && this._rangeX && this._rangeY) {
      event.preventDefault();
      const place = this._hovered >= 0 ? this._hovered : (this._content?.marked?.[0] ?? -1);
      const points = this._content?.points;
      const [x, y] = [this.toX(points?.x[place] ?? NaN), this.toY(points?.y[place] ?? NaN)];
      const isSeen = Number.isFinite(x + y) && this._isInside(x, y);
      this._zoomAt(isSeen ? x : this._width / 2, isSeen ? y : this._height / 2, factor);
      return;
    }
    if ((event.key === "ArrowUp" || event.key === "ArrowDown") && this.options.step) {
      event.preventDefault();
      const from = this._hovered >= 0 ? this._hovered : (this._content?.marked?.[0] ?? -1);
      const to = from < 0 ? -1 : this.options.step(from, event.key);
      this._hover(to < 0 ? from : to);
      return;
    }
    const order = this._byX();
    const now = order.indexOf(this._hovered >= 0 ? this._hovered : (this._content?.marked?.[0] ?? -1));
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: order.length - 1 }[event.key];
    if (next !== undefined && order.length) {
      event.preventDefault();
      this._hover(order[Math.max(0, Math.min(order.length - 1, next))] ?? -1);
    }
  }

  /** @returns {number[]} the places of the visible points by rising x */
  _byX() {
    const points = this._content?.points;
    if (!points) {
      return [];
    }
    this._order ??= [...points.x.keys()]
      .filter((place) => Number.isFinite((points.x[place] ?? NaN) + (points.y[place] ?? NaN)) && !points.pale?.[place])
      .sort((a, b) => (points.x[a] ?? 0) - (points.x[b] ?? 0));
    return this._order;
  }

  /** @param {number} place */
  _hover(place) {
    if (place === this._hovered) {
      return;
    }
    this._hovered = place;
    this._top.style.cursor = place >= 0 ? "pointer" : "crosshair";
    this._drawTop();
    const points = this._content?.points;
    this._tip.hidden = place < 0 || !this.options.describe || !points;
    if (this._tip.hidden || !points) {
      return;
    }
    const lines = this.options.describe?.(place) ?? [];
    this._tip.replaceChildren(...lines.map((line, order) => element(order ? "div" : "strong", {}, line)));
    const x = this.toX(points.x[place] ?? 0);
    const y = this.toY(points.y[place] ?? 0);
    const { offsetWidth: width, offsetHeight: height } = this._tip;
    this._tip.style.left = `${x + width + 18 > this._width ? Math.max(0, x - width - 12) : x + 12}px`;
    this._tip.style.top = `${Math.max(0, Math.min(this._height - height, y - height - 8))}px`;
  }
}

/**
 * Adds a point to the path. All shapes are filled areas, so that the points of a class are one path.
 *
 * @param {CanvasRenderingContext2D} paint
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @param {number} shape
 */
function trace(paint, x, y, size, shape) {
  const half = size / 2;
  if (shape === CROSS) {
    const [arm, thick] = [half * 1.1, Math.max(0.7, size * 0.16)];
    for (const turn of [1, -1]) {
      // Both bars run round in one direction. Otherwise the middle, which they share, would be left out.
      const ends = [
        [-arm - thick, -turn * (arm - thick)],
        [-arm + thick, -turn * (arm + thick)],
        [arm + thick, turn * (arm - thick)],
        [arm - thick, turn * (arm + thick)],
      ];
      for (const [order, [across = 0, down = 0]] of (turn > 0 ? ends : ends.reverse()).entries()) {
        paint[order ? "lineTo" : "moveTo"](x + across, y + down);
      }
      paint.closePath();
    }
  } else if (shape === RING) {
    paint.moveTo(x + half, y);
    paint.arc(x, y, half, 0, 2 * Math.PI);
    paint.moveTo(x + half * 0.55, y);
    paint.arc(x, y, half * 0.55, 0, 2 * Math.PI, true);
  } else if (shape === DIAMOND) {
    diamond(paint, x, y, half * 1.5, 1);
    diamond(paint, x, y, half * 0.8, -1);
  } else if (shape === BOX) {
    paint.rect(x - half - 1, y - half - 1, size + 2, size + 2);
  } else {
    paint.moveTo(x + half, y);
    paint.arc(x, y, half, 0, 2 * Math.PI);
  }
}

/**
 * @param {CanvasRenderingContext2D} paint
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @param {1 | -1} turn the direction of the path; a diamond in another one with the other direction is a hole
 */
function diamond(paint, x, y, reach, turn) {
  paint.moveTo(x, y - reach);
  paint.lineTo(x + turn * reach, y);
  paint.lineTo(x, y + reach);
  paint.lineTo(x - turn * reach, y);
  paint.closePath();
}

/**
 * Returns the labels that keep a distance from all labels before them.
 *
 * @param {readonly { value: number, label: string }[]} labels
 * @param {(value: number) => number} toPixel
 * @param {number} distance in pixels
 * @returns {{ value: number, label: string }[]}
 */
function apart(labels, toPixel, distance) {
  const taken = /** @type {number[]} */ ([]);
  return labels.filter(({ value }) => {
    const at = toPixel(value);
    const isFree = taken.every((other) => Math.abs(other - at) >= distance);
    if (isFree) {
      taken.push(at);
    }
    return isFree;
  });
}

/**
 * Returns the range of values with some room; null if it is empty or a single value.
 *
 * @param {readonly number[]} values
 * @param {boolean} isLog
 * @returns {[number, number] | null}
 */
function spread(values, isLog) {
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
function share(value, low, high, isLog) {
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
function unshare(part, low, high, isLog) {
  return isLog ? low * (high / low) ** part : low + (high - low) * part;
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {[number, number]}
 */
function ordered(a, b) {
  return a < b ? [a, b] : [b, a];
}

/**
 * @param {CanvasRenderingContext2D} paint
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 */
function stroke(paint, x0, y0, x1, y1) {
  paint.beginPath();
  paint.moveTo(x0, y0);
  paint.lineTo(x1, y1);
  paint.stroke();
}
