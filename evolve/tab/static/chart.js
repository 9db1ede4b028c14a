/**
 * A chart on two canvases, with zoom, brush, hover and keyboard. The upper canvas has what follows the pointer, so that
 * the points below it are painted only when they change.
 *
 * @module
 */

import { pageColour } from "./colour.js";
import { canvas, element, onRatio, resize } from "./dom.js";
import { paintPlot, paintRing } from "./paint.js";
import { MARGIN, Plot } from "./plot.js";
import { isUsable, ordered, spread } from "./scales.js";

/** @typedef {import("./plot.js").Axis} Axis */
/** @typedef {import("./plot.js").Points} Points */
/** @typedef {import("./plot.js").Line} Line */
/** @typedef {import("./plot.js").Band} Band */
/** @typedef {import("./plot.js").Edges} Edges */
/** @typedef {import("./plot.js").Content} Content */

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

/** A chart that fills its element. */
export class Chart {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this._base = canvas({ "aria-hidden": "true" });
    this._top = canvas({
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
    /** @type {Plot | null} what is painted */
    this._plot = null;
    this._frame = 0;
    this._width = 0;
    this._height = 0;
    this._ratio = 1; // pixels of the canvases in one pixel of the page
    new ResizeObserver(() => this._resize()).observe(this.node);
    onRatio(() => this._resize());
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
    this._hover(-1);
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
    const isOther = width !== this._width || height !== this._height || (devicePixelRatio || 1) !== this._ratio;
    if (width && height && isOther) {
      this._width = width;
      this._height = height;
      this._ratio = resize([this._base, this._top], width, height);
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
    paint.setTransform(this._ratio, 0, 0, this._ratio, 0, 0);
    paint.clearRect(0, 0, this._width, this._height);
    return paint;
  }

  _draw() {
    if (!this._content || !this._width) {
      return;
    }
    this._plot = new Plot(this._content, this._width, this._height, { x: this._zoomX, y: this._zoomY });
    paintPlot(this._cleared(this._base), this._plot);
    this._drawTop();
  }

  _drawTop() {
    if (!this._width) {
      return;
    }
    const paint = this._cleared(this._top);
    const points = this._content?.points;
    const plot = this._plot;
    if (plot && points && plot.hasRange) {
      const marked = this._content?.marked ?? [];
      for (const [order, place] of marked.entries()) {
        paintRing(paint, plot, points, place, order ? "--second" : "--chosen", 8);
      }
      if (this._hovered >= 0 && !marked.includes(this._hovered)) {
        paintRing(paint, plot, points, this._hovered, "--ink", 6);
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

  // --- the pointer and the keyboard ---------------------------------------------------------------------------------

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
      const isBox = this.options.drag !== "pan";
      [this._drag.x1, this._drag.y1] = (isBox && this._plot?.clamped(offsetX, offsetY)) || [offsetX, offsetY];
      this._drawTop();
      return;
    }
    this._hover(this._plot?.nearest(event.offsetX, event.offsetY) ?? -1);
  }

  /** @param {PointerEvent} event */
  _onDown(event) {
    if (event.button === 0 && this._plot?.isInside(event.offsetX, event.offsetY)) {
      this._drag = { x0: event.offsetX, y0: event.offsetY, x1: event.offsetX, y1: event.offsetY };
      this._top.setPointerCapture(event.pointerId);
    }
  }

  /** @param {PointerEvent} event */
  _onUp(event) {
    const [drag, plot] = [this._drag, this._plot];
    this._endDrag();
    if (!drag || !plot) {
      return;
    }
    if (Math.hypot(drag.x1 - drag.x0, drag.y1 - drag.y0) < 5) {
      const place = plot.nearest(event.offsetX, event.offsetY);
      if (place >= 0) {
        this.options.onChoose?.(place, event.shiftKey);
      }
    } else if (this.options.drag === "brush") {
      this.options.onBrush?.(plot.inside(drag));
    } else if (this.options.drag !== "pan" && Math.abs(drag.x1 - drag.x0) > 4 && Math.abs(drag.y1 - drag.y0) > 4) {
      this._setZoom(
        ordered(plot.fromX(drag.x0), plot.fromX(drag.x1)),
        ordered(plot.fromY(drag.y0), plot.fromY(drag.y1)),
      );
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
    if (!this._plot?.hasRange || !(event.ctrlKey || event.metaKey || this.options.drag === "pan")) {
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
    const plot = this._plot;
    if (!plot) {
      return;
    }
    const { left, top } = MARGIN;
    const corner = [x + (left - x) * factor, y + (top - y) * factor];
    const other = [x + (left + plot.plotWidth - x) * factor, y + (top + plot.plotHeight - y) * factor];
    this._setZoom(
      [plot.fromX(corner[0] ?? 0), plot.fromX(other[0] ?? 0)],
      [plot.fromY(other[1] ?? 0), plot.fromY(corner[1] ?? 0)],
    );
    this._schedule();
  }

  /**
   * Shows other ranges. Ranges for which numbers are too coarse or too small are not shown.
   *
   * @param {[number, number]} x
   * @param {[number, number]} y
   */
  _setZoom(x, y) {
    if (isUsable(x, Boolean(this._content?.x.isLog)) && isUsable(y, Boolean(this._content?.y.isLog))) {
      this._zoomX = x;
      this._zoomY = y;
    }
  }

  /**
   * @param {number} across in pixels
   * @param {number} down in pixels
   */
  _pan(across, down) {
    const plot = this._plot;
    if (!plot) {
      return;
    }
    const { left, top } = MARGIN;
    this._setZoom(
      [plot.fromX(left - across), plot.fromX(left + plot.plotWidth - across)],
      [plot.fromY(top + plot.plotHeight - down), plot.fromY(top - down)],
    );
    this._draw();
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.key === "Escape") {
      const isSelected = this.options.drag === "brush" && Boolean(this._content?.points?.pale);
      if (this.isZoomed || isSelected || this._hovered >= 0) {
        event.stopPropagation(); // The next Escape is for the page.
        this._clear();
        this._hover(-1);
      }
      return;
    }
    if ((event.key === "Enter" || event.key === " ") && this._hovered >= 0) {
      event.preventDefault();
      this.options.onChoose?.(this._hovered, event.shiftKey);
      return;
    }
    const factor = { "+": 1 / 1.25, "=": 1 / 1.25, "-": 1.25 }[event.key];
    const plot = this._plot;
    if (factor !== undefined && this.options.drag !== "brush" && plot?.hasRange) {
      event.preventDefault();
      const place = this._hovered >= 0 ? this._hovered : (this._content?.marked?.[0] ?? -1);
      const points = this._content?.points;
      const [x, y] = [plot.toX(points?.x[place] ?? NaN), plot.toY(points?.y[place] ?? NaN)];
      const isSeen = plot.isInside(x, y);
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
    const order = plot?.byX() ?? [];
    const now = order.indexOf(this._hovered >= 0 ? this._hovered : (this._content?.marked?.[0] ?? -1));
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: order.length - 1 }[event.key];
    if (next !== undefined && order.length) {
      event.preventDefault();
      this._hover(order[Math.max(0, Math.min(order.length - 1, next))] ?? -1);
    }
  }

  /** @param {number} place */
  _hover(place) {
    if (place === this._hovered) {
      return;
    }
    this._hovered = place;
    this._top.style.cursor = place >= 0 ? "pointer" : "crosshair";
    this._drawTop();
    const [plot, points] = [this._plot, this._content?.points];
    this._tip.hidden = place < 0 || !this.options.describe || !points;
    if (this._tip.hidden || !points || !plot) {
      return;
    }
    const lines = this.options.describe?.(place) ?? [];
    this._tip.replaceChildren(...lines.map((line, order) => element(order ? "div" : "strong", {}, line)));
    const x = plot.toX(points.x[place] ?? 0);
    const y = plot.toY(points.y[place] ?? 0);
    const { offsetWidth: width, offsetHeight: height } = this._tip;
    this._tip.style.left = `${x + width + 18 > this._width ? Math.max(0, x - width - 12) : x + 12}px`;
    this._tip.style.top = `${Math.max(0, Math.min(this._height - height, y - height - 8))}px`;
  }
}
