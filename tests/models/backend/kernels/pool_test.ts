/**
 * Maximum and average pooling and their gradients on our kernels, against loops over every window and the `cpu` backend.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertSums, numbers, sizeOf, STRICT, withKernels } from "./reference.ts";
import { forEachProduct, type Geometry, outputShape } from "./reference_convolution.ts";

type Image = ReturnType<typeof tf.tensor4d>;

/** What each window sees: pixels of its channel in the order of rows. */
function windowsOf(geometry: Geometry): number[][] {
  const windows: number[][] = Array.from({ length: sizeOf(outputShape(geometry)) }, () => []);
  forEachProduct(geometry, (pixel, _tap, result) => windows[result].push(pixel));
  return windows;
}

/** Random pools whose windows all see the image; pads as for TensorFlow.js. */
const POOLS: fc.Arbitrary<{ geometry: Geometry; pad: [number, number][] }> = fc.record({
  batch: fc.integer({ min: 0, max: 3 }),
  height: fc.integer({ min: 1, max: 9 }),
  width: fc.integer({ min: 1, max: 9 }),
  channels: fc.integer({ min: 1, max: 13 }),
  size: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  strides: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  pads: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)),
}).map(({ batch, height, width, channels, size, strides, pads: [a, b, c, d] }) => {
  const fit = (pad: number, length: number) => Math.min(pad, length - 1);
  const pads = [fit(a, size[0]), fit(b, size[0]), fit(c, size[1]), fit(d, size[1])] as const;
  const geometry: Geometry = {
    input: [batch, height, width, channels],
    filter: [...size, 1, channels],
    strides,
    pads,
    dilations: [1, 1],
    groups: channels,
  };
  return { geometry, pad: [[0, 0], [pads[0], pads[1]], [pads[2], pads[3]], [0, 0]] as [number, number][] };
}).filter(({ geometry }) => outputShape(geometry).slice(1, 3).every((length) => length > 0));

/** Value and gradient of a weighted sum of a pooling. */
function valueAndGradient(x: Tensor, pool: (x: Image) => Tensor): Float32Array[] {
  const weigh = (y: Tensor) => tf.sum(tf.mul(y, tf.tensor(numbers(y.size, 6), y.shape))).asScalar();
  const gradient = tf.grad(((x: Tensor) => weigh(pool(x as Image))) as Parameters<typeof tf.grad>[0])(x);
  assertEquals(gradient.shape, x.shape);
  return [pool(x as Image), gradient].map((tensor) => tensor.dataSync<"float32">());
}

Deno.test("pools and their gradients equal loops over every window", STRICT, async () => {
  await withKernels(() => {
    fc.assert(
      fc.property(POOLS, fc.boolean(), ({ geometry, pad }, isMax) => {
        const { input, strides } = geometry;
        const size: [number, number] = [geometry.filter[0], geometry.filter[1]];
        // Few values, so that windows have several maxima.
        const x = numbers(sizeOf(input), 1).map((value) => Math.round(3 * value - 1) / 4);
        const windows = windowsOf(geometry);
        const dy = numbers(windows.length, 6);
        const y = new Float64Array(windows.length);
        const dx = new Float64Array(x.length);
        for (const [i, pixels] of windows.entries()) {
          if (isMax) {
            y[i] = Math.max(...pixels.map((pixel) => x[pixel]));
            dx[pixels.find((pixel) => x[pixel] === y[i])!] += dy[i];
          } else {
            y[i] = pixels.reduce((sum, pixel) => sum + x[pixel], 0) / pixels.length;
            for (const pixel of pixels) dx[pixel] += dy[i] / pixels.length;
          }
        }
        const pool = (x: Image) =>
          (isMax ? tf.maxPool : tf.avgPool)(x, size, [...strides], pad as never, "floor");
        const [actual, gradient] = tf.tidy(() => valueAndGradient(tf.tensor(x, [...input]), pool));
        assertSums(actual, y, 2, `value of ${JSON.stringify(geometry)}`);
        assertSums(gradient, dx, 16, `gradient of ${JSON.stringify(geometry)}`);
      }),
      { seed: 40, numRuns: 200 },
    );
  });
});

Deno.test("pools without padding, and maxima with it, give what the cpu backend gives", STRICT, async () => {
  const cases = ([[2, 2], [3, 2], [3, 1], [[2, 3], [1, 2]], [7, 7]] as const).flatMap(([size, strides]) => [
    (x: Image): Tensor => tf.maxPool(x, size as number, strides as number, "valid"),
    (x: Image): Tensor => tf.maxPool(x, size as number, strides as number, "same"),
    (x: Image): Tensor => tf.avgPool(x, size as number, strides as number, "valid"),
  ]);
  const all = () =>
    cases.map((pool) =>
      tf.tidy(() => valueAndGradient(tf.tensor(numbers(3 * 7 * 8 * 37, 2), [3, 7, 8, 37]), pool))
    );
  await selectBackend("cpu");
  const expected = all();
  await withKernels(() => {
    for (const [i, [value, gradient]] of all().entries()) {
      assertSums(value, expected[i][0], 10, `value ${i}`);
      assertSums(gradient, expected[i][1], 30, `gradient ${i}`);
    }
  });
});

Deno.test("of negative values the greatest gets the gradient", STRICT, async () => {
  await withKernels(() => {
    const gradient = tf.tidy(() => {
      const x = tf.tensor4d([-3, -1, -2, -4], [1, 2, 2, 1]);
      return [
        ...tf.grad((x: Tensor) => tf.sum(tf.maxPool(x as Image, 2, 2, "valid")).asScalar())(x).dataSync(),
      ];
    });
    assertEquals(gradient, [0, 1, 0, 0]);
  });
});

Deno.test("NaN is the greatest value, and infinities are values like others", STRICT, async () => {
  await withKernels(() => {
    const { maximum, gradient, mean } = tf.tidy(() => {
      const x = tf.tensor4d([1, NaN, NaN, 2, -Infinity, -Infinity, -Infinity, -Infinity, 3, Infinity, 0, 1], [
        3,
        2,
        2,
        1,
      ]);
      const pool = (x: Image) => tf.maxPool(x, 2, 2, "valid");
      return {
        maximum: [...pool(x).dataSync()],
        gradient: [...tf.grad((x: Tensor) => tf.sum(pool(x as Image)).asScalar())(x).dataSync()],
        mean: [...tf.avgPool(x, 2, 2, "valid").dataSync()],
      };
    });
    assertEquals(maximum, [NaN, -Infinity, Infinity]);
    assertEquals(gradient, [0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]);
    assertEquals(mean, [NaN, -Infinity, Infinity]);
  });
});

Deno.test("the gradient kernel of our own maximum pooling equals that of tf.maxPool", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const x = tf.tensor4d(numbers(2 * 6 * 7 * 5, 3), [2, 6, 7, 5]);
      const y = tf.maxPool(x, 3, 2, [[0, 0], [1, 1], [1, 1], [0, 0]], "floor");
      const dy = tf.tensor4d(numbers(y.size, 6), y.shape);
      const attrs = {
        inputShape: x.shape,
        outputShape: y.shape,
        size: [3, 3],
        strides: [2, 2],
        pads: [1, 1, 1, 1],
      };
      const [dx] = tf.engine().runKernel("PolyphaseMaxPoolGrad", { dy, x }, attrs as never) as Tensor[];
      const [, expected] = valueAndGradient(
        x,
        (x) => tf.maxPool(x, 3, 2, [[0, 0], [1, 1], [1, 1], [0, 0]], "floor"),
      );
      assertSums(dx.dataSync(), expected, 10, "gradient");
    });
  });
});
