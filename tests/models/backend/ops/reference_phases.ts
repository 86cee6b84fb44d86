/**
 * Rolled images and the energies of polyphases as plain loops in double precision.
 *
 * @module
 */

import { array, type Array_, type Attrs } from "./reference_array.ts";

/** Calls `visit` for every number of images, with its image, row, column and channel. */
function eachOf(
  { shape: [batch, height, width, channels] }: Array_,
  visit: (b: number, row: number, column: number, channel: number, place: number) => void,
): void {
  let place = 0;
  for (let b = 0; b < batch; b++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        for (let channel = 0; channel < channels; channel++) visit(b, row, column, channel, place++);
      }
    }
  }
}

/** Images read from an offset on. */
export function roll(x: Array_, rows: Array_, columns: Array_): Array_ {
  const [, height, width, channels] = x.shape;
  const y = array(x.shape);
  const at = ({ values }: Array_, b: number, from: number, length: number) => {
    const place = (from + values[values.length === 1 ? 0 : b]) % length;
    return place < 0 ? place + length : place;
  };
  eachOf(x, (b, row, column, channel, place) => {
    const from = (b * height + at(rows, b, row, height)) * width + at(columns, b, column, width);
    y.values[place] = x.values[from * channels + channel];
  });
  return y;
}

/** Sums of powers by polyphase. */
export function phaseEnergies(x: Array_, { stride: [rows, columns], power }: Attrs): Array_ {
  const energies = array([x.shape[0], rows * columns]);
  eachOf(x, (b, row, column, _channel, place) => {
    const phase = (b * rows + row % rows) * columns + column % columns;
    energies.values[phase] += Math.abs(x.values[place]) ** power;
  });
  return energies;
}
