/**
 * The shapes of points.
 *
 * @module
 */

export const DOT = 0;
export const CROSS = 1; // for what failed
export const RING = 2; // for what has been removed
export const DIAMOND = 3; // for what is pending
export const BOX = 4; // for what stands for several

/**
 * Adds a point to the path. All shapes are filled areas, so that the points of a class are one path.
 *
 * @param {CanvasRenderingContext2D} paint
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @param {number} shape
 */
export function trace(paint, x, y, size, shape) {
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
