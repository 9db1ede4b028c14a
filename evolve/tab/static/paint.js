/**
 * Paints a chart on a canvas. Twenty thousand points are painted in about ten milliseconds.
 *
 * @module
 */

import { pageColour } from "./colour.js";
import { ticks } from "./format.js";
import { MARGIN } from "./plot.js";
import { DOT, RING, trace } from "./shapes.js";

/** @typedef {import("./plot.js").Plot} Plot */
/** @typedef {import("./plot.js").Points} Points */
/** @typedef {import("./plot.js").Line} Line */
/** @typedef {import("./plot.js").Band} Band */
/** @typedef {import("./plot.js").Edges} Edges */

/**
 * Paints everything that does not depend on the pointer.
 *
 * @param {CanvasRenderingContext2D} paint
 * @param {Plot} plot
 */
export function paintPlot(paint, plot) {
  if (!plot.hasRange) {
    paintEmpty(paint, plot);
    return;
  }
  const { lines = [], bands = [], edges = [], points } = plot.content;
  paintAxes(paint, plot);
  paint.save();
  paint.beginPath();
  paint.rect(MARGIN.left, MARGIN.top, plot.plotWidth, plot.plotHeight);
  paint.clip();
  bands.forEach((band) => paintBand(paint, plot, band));
  edges.forEach((some) => paintEdges(paint, plot, some));
  if (points) {
    paintPoints(paint, plot, points);
  }
  lines.forEach((line) => paintLine(paint, plot, line));
  paintNotes(paint, plot);
  paint.restore();
}

/**
 * @param {CanvasRenderingContext2D} paint
 * @param {Plot} plot
 */
function paintAxes(paint, plot) {
  const { x, y } = plot.content;
  const ink = pageColour("--ink-soft");
  const grid = pageColour("--grid");
  const bottom = plot.height - MARGIN.bottom;
  paint.font = "12px system-ui, sans-serif";
  paint.lineWidth = 1;
  paint.textBaseline = "top";
  paint.textAlign = "center";
  const [lowX, highX] = plot.rangeX ?? [0, 1];
  for (const { value, label } of ticks(lowX, highX, plot.plotWidth / 90, Boolean(x.isLog), x.kind)) {
    const at = Math.round(plot.toX(value)) + 0.5;
    paint.strokeStyle = grid;
    stroke(paint, at, MARGIN.top, at, bottom);
    paint.fillStyle = ink;
    paint.fillText(label, at, bottom + 6);
  }
  paint.textBaseline = "middle";
  paint.textAlign = "right";
  const [lowY, highY] = plot.rangeY ?? [0, 1];
  const named = (y.labels ?? []).filter(({ value }) => value >= lowY && value <= highY);
  const numbered = y.isBare ? [] : ticks(lowY, highY, plot.plotHeight / 38, Boolean(y.isLog), y.kind);
  const above = numbered.filter(({ value }) => value >= (y.from ?? -Infinity));
  for (const { value, label } of apart([...named, ...above], (value) => plot.toY(value), 15)) {
    const at = Math.round(plot.toY(value)) + 0.5;
    paint.strokeStyle = grid;
    stroke(paint, MARGIN.left, at, plot.width - MARGIN.right, at);
    paint.fillStyle = ink;
    paint.fillText(label, MARGIN.left - 8, at);
  }
  paint.font = "600 12px system-ui, sans-serif";
  paint.fillStyle = pageColour("--ink");
  paint.textAlign = "center";
  paint.textBaseline = "bottom";
  paint.fillText(x.title, MARGIN.left + plot.plotWidth / 2, plot.height - 2);
  paint.save();
  paint.translate(4, MARGIN.top + plot.plotHeight / 2);
  paint.rotate(-Math.PI / 2);
  paint.textBaseline = "top";
  paint.fillText(y.title, 0, 0);
  paint.restore();
}

/**
 * @param {CanvasRenderingContext2D} paint
 * @param {Plot} plot
 * @param {Band} band
 */
function paintBand(paint, plot, band) {
  paint.fillStyle = band.colour;
  paint.beginPath();
  let open = false;
  /** @type {[number, number][]} */
  let back = [];
  for (let place = 0; place <= band.x.length; place += 1) {
    const low = band.low[place] ?? NaN;
    if (Number.isFinite(low)) {
      const x = plot.toX(band.x[place] ?? NaN);
      const high = plot.toY(band.high[place] ?? NaN);
      if (open) {
        paint.lineTo(x, high);
      } else {
        paint.moveTo(x, high);
      }
      open = true;
      back.push([x, plot.toY(low)]);
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
 * @param {Plot} plot
 * @param {Edges} edges
 */
function paintEdges(paint, plot, edges) {
  const points = plot.content.points;
  if (!points) {
    return;
  }
  paint.strokeStyle = edges.colour;
  paint.lineWidth = edges.width ?? 1;
  paint.setLineDash(edges.dash ?? []);
  paint.beginPath();
  for (let place = 0; place < edges.from.length; place += 1) {
    const from = edges.from[place] ?? -1;
    const to = edges.to[place] ?? -1;
    const x0 = plot.toX(points.x[from] ?? NaN);
    const y0 = plot.toY(points.y[from] ?? NaN);
    const x1 = plot.toX(points.x[to] ?? NaN);
    const y1 = plot.toY(points.y[to] ?? NaN);
    if (Number.isFinite(x0 + y0 + x1 + y1)) {
      paint.moveTo(x0, y0);
      if (edges.isElbow) {
        paint.lineTo(x0, y1);
      }
      paint.lineTo(x1, y1);
    }
  }
  paint.stroke();
  paint.setLineDash([]);
}

/**
 * @param {CanvasRenderingContext2D} paint
 * @param {Plot} plot
 * @param {Points} points
 */
function paintPoints(paint, plot, points) {
  const seen = plot.isZoomed ? plot.seen(points) : points.x.length;
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
        const x = plot.toX(points.x[place] ?? NaN);
        const y = plot.toY(points.y[place] ?? NaN);
        if (plot.isInside(x, y)) {
          const shape = points.shapes?.[place] ?? DOT;
          // A pale ring that small looks like a square, which is painted in less time.
          if (size < 5 && (shape === DOT || (isPale && shape === RING))) {
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
  for (const place of plot.content.emphasized ?? []) {
    const x = plot.toX(points.x[place] ?? NaN);
    const y = plot.toY(points.y[place] ?? NaN);
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
 * @param {CanvasRenderingContext2D} paint
 * @param {Plot} plot
 * @param {Line} line
 */
function paintLine(paint, plot, line) {
  paint.strokeStyle = line.colour;
  paint.lineWidth = line.width ?? 2;
  paint.setLineDash(line.dash ?? []);
  paint.beginPath();
  let before = NaN;
  for (let place = 0; place < line.x.length; place += 1) {
    const x = plot.toX(line.x[place] ?? NaN);
    const y = plot.toY(line.y[place] ?? NaN);
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

/**
 * @param {CanvasRenderingContext2D} paint
 * @param {Plot} plot
 */
function paintNotes(paint, plot) {
  const points = plot.content.points;
  paint.font = "600 12px system-ui, sans-serif";
  paint.textBaseline = "middle";
  paint.lineWidth = 4;
  paint.lineJoin = "round";
  paint.strokeStyle = pageColour("--paper");
  paint.fillStyle = pageColour("--ink");
  for (const { place, text } of plot.content.notes ?? []) {
    const x = plot.toX(points?.x[place] ?? NaN);
    const y = plot.toY(points?.y[place] ?? NaN);
    if (Number.isFinite(x + y)) {
      const isLeft = x > plot.width - MARGIN.right - 10 - paint.measureText(text).width;
      paint.textAlign = isLeft ? "right" : "left";
      paint.strokeText(text, isLeft ? x - 10 : x + 10, y);
      paint.fillText(text, isLeft ? x - 10 : x + 10, y);
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} paint
 * @param {Plot} plot
 */
function paintEmpty(paint, plot) {
  paint.fillStyle = pageColour("--ink-soft");
  paint.font = "14px system-ui, sans-serif";
  paint.textAlign = "center";
  paint.fillText(plot.content.empty ?? "There is nothing to show yet.", plot.width / 2, plot.height / 2);
}

/**
 * @param {CanvasRenderingContext2D} paint
 * @param {Plot} plot
 * @param {Points} points
 * @param {number} place
 * @param {string} colour a variable of the page
 * @param {number} radius
 */
export function paintRing(paint, plot, points, place, colour, radius) {
  const x = plot.toX(points.x[place] ?? NaN);
  const y = plot.toY(points.y[place] ?? NaN);
  if (Number.isFinite(x + y) && plot.isInside(x, y)) {
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
