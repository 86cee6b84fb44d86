/**
 * Convolutions and both their gradients on our kernels, against loops in double precision and the `cpu` backend.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertSums, numbers, sizeOf, STRICT, withKernels } from "./reference.ts";
import { forEachProduct, geometries, type Geometry, outputShape } from "./reference_convolution.ts";

type Image = ReturnType<typeof tf.tensor4d>;

function run(name: string, inputs: Record<string, Tensor>, attrs: object): Tensor[] {
  type Runner = ReturnType<typeof tf.engine>["runKernel"];
  return [tf.engine().runKernel(name, inputs, attrs as Parameters<Runner>[2])].flat() as Tensor[];
}

/** Value and gradients of `sum(y ⊙ dy)` for the kernels of our own operations. */
function check(geometry: Geometry): void {
  const { input, filter, groups } = geometry;
  const output = outputShape(geometry);
  const [x, w, dy] = [numbers(sizeOf(input), 1), numbers(sizeOf(filter), 2), numbers(sizeOf(output), 3)];
  const expected = [output, input, filter].map((shape) => new Float64Array(sizeOf(shape)));
  forEachProduct(geometry, (pixel, tap, result) => {
    expected[0][result] += x[pixel] * w[tap];
    expected[1][pixel] += dy[result] * w[tap];
    expected[2][tap] += x[pixel] * dy[result];
  });
  const attrs = { ...geometry, inputShape: input, filterShape: filter, outputShape: output };
  tf.tidy(() => {
    const [xs, ws, dys] = [tf.tensor(x, [...input]), tf.tensor(w, [...filter]), tf.tensor(dy, output)];
    const results = [
      run("PolyphaseConv2d", { x: xs, filter: ws }, attrs),
      run("PolyphaseConv2dInputGrad", { dy: dys, filter: ws }, attrs),
      run("PolyphaseConv2dFilterGrad", { dy: dys, x: xs }, attrs),
    ];
    for (const [i, [result]] of results.entries()) {
      assertEquals(result.shape, [...[output, input, filter][i]]);
      const terms = expected[i].length === 0
        ? 1
        : sizeOf(output) * sizeOf(filter) / expected[i].length / groups;
      assertSums(
        result.dataSync(),
        expected[i],
        Math.sqrt(terms) + 20,
        `part ${i} of ${JSON.stringify(geometry)}`,
      );
    }
  });
}

Deno.test(
  "a convolution of any geometry equals its sum in double precision, gradients too",
  STRICT,
  async () => {
    await withKernels(() => {
      fc.assert(fc.property(geometries("full"), check), { seed: 30, numRuns: 150 });
    });
  },
);

Deno.test("so does a depthwise convolution, with one filter a channel and with several", STRICT, async () => {
  await withKernels(() => {
    fc.assert(fc.property(geometries("depthwise"), check), { seed: 31, numRuns: 100 });
  });
});

Deno.test("so does a convolution in groups", STRICT, async () => {
  await withKernels(() => {
    fc.assert(fc.property(geometries("grouped"), check), { seed: 32, numRuns: 60 });
  });
});

Deno.test("so does one of many blocks of windows, and of a window larger than a block", STRICT, async () => {
  const plain = { pads: [1, 1, 1, 1], strides: [1, 1], dilations: [1, 1], groups: 1 } as const;
  await withKernels(() => {
    check({ ...plain, input: [11, 33, 29, 3], filter: [3, 3, 3, 5] });
    check({ ...plain, input: [9, 28, 28, 8], filter: [3, 3, 8, 9] });
    check({ ...plain, input: [3, 40, 40, 4], filter: [7, 7, 4, 3], strides: [2, 2], pads: [3, 2, 3, 2] });
    check({ ...plain, input: [2, 5, 5, 90], filter: [3, 3, 90, 70] });
    check({ ...plain, input: [5, 18, 18, 4], filter: [1, 1, 4, 6], pads: [0, 0, 0, 0] });
    check({ ...plain, input: [5, 18, 18, 4], filter: [1, 1, 4, 6], strides: [2, 2], pads: [0, 0, 0, 0] });
  });
});

Deno.test(
  "so does one on images that are hardly larger than its filter, of which most taps see nothing",
  STRICT,
  async () => {
    const plain = { strides: [1, 1], dilations: [1, 1], groups: 1 } as const;
    const pads = (width: number) => [width, width, width, width] as const;
    await withKernels(() => {
      for (const side of [1, 2, 3, 4, 7]) {
        for (const strides of [[1, 1], [2, 2], [3, 1]] as const) {
          for (const groups of [1, 2]) {
            const channels = 3 * groups;
            const shapes = { input: [5, side, side + 1, channels], filter: [3, 3, 3, 4 * groups] } as const;
            check({ ...plain, ...shapes, strides, groups, pads: pads(1) });
          }
        }
        // From 128 outputs on the gradient takes tap by tap.
        check({ ...plain, input: [2, side, side, 6], filter: [3, 3, 6, 130], pads: pads(1) });
        check({ ...plain, input: [2, side, side, 4], filter: [3, 3, 2, 260], groups: 2, pads: pads(1) });
        check({ ...plain, input: [3, side, side, 5], filter: [5, 7, 5, 6], pads: pads(3) });
        check({
          ...plain,
          input: [3, side, side, 5],
          filter: [3, 3, 5, 6],
          dilations: [2, 3],
          pads: pads(3),
        });
      }
      // Windows that see nothing at all, and a filter of which the image meets only the last row.
      check({ ...plain, input: [2, 2, 3, 4], filter: [3, 3, 4, 5], pads: pads(5) });
      check({ ...plain, input: [2, 1, 4, 3], filter: [3, 3, 3, 2], pads: [2, 0, 1, 1] });
      check({ ...plain, input: [2, 3, 3, 2], filter: [3, 3, 2, 3], pads: pads(0) });
    });
  },
);

Deno.test("so does one that packs its windows straight from the image", STRICT, async () => {
  const plain = { pads: [1, 1, 1, 1], strides: [1, 1], dilations: [1, 1], groups: 1 } as const;
  await withKernels(() => {
    // Both ways: 24 outputs or channels and more, and a multiple of four of what is summed.
    check({ ...plain, input: [2, 9, 7, 24], filter: [3, 3, 24, 28] });
    check({ ...plain, input: [1, 13, 17, 4], filter: [3, 2, 4, 33], strides: [2, 1], pads: [0, 1, 2, 0] });
    check({ ...plain, input: [3, 7, 7, 8], filter: [3, 3, 8, 24] });
    check({ ...plain, input: [2, 6, 6, 56], filter: [3, 3, 28, 48], groups: 2 });
    check({ ...plain, input: [2, 11, 9, 12], filter: [3, 3, 12, 27], dilations: [2, 3], pads: [3, 2, 1, 4] });
    check({ ...plain, input: [2, 5, 5, 32], filter: [2, 2, 32, 24], strides: [2, 2], pads: [0, 0, 0, 0] });
    check({ ...plain, input: [1, 3, 3, 140], filter: [3, 3, 140, 200], pads: [1, 0, 1, 0] });
    check({ ...plain, input: [1, 8, 8, 4], filter: [1, 1, 4, 40], strides: [2, 2], pads: [0, 0, 0, 0] });
    // More outputs than one packed block holds, and a gradient of many windows and outputs.
    check({ ...plain, input: [1, 3, 4, 128], filter: [3, 3, 128, 176], pads: [0, 0, 0, 0] });
    check({ ...plain, input: [2, 33, 32, 4], filter: [2, 2, 4, 128], pads: [0, 0, 0, 0] });
  });
});

Deno.test("a block of windows of a part ends with an image", STRICT, async () => {
  const geometry = { strides: [1, 1], dilations: [1, 1], groups: 1, pads: [1, 1, 1, 1] } as const;
  await withKernels(() => {
    check({ ...geometry, input: [210, 4, 4, 3], filter: [3, 3, 3, 2] });
    check({ ...geometry, input: [70, 4, 4, 60], filter: [3, 3, 60, 3], strides: [2, 2] });
    check({ ...geometry, input: [90, 7, 7, 30], filter: [3, 3, 30, 4] });
  });
});

/** What `tf.grads` gives for a weighted sum of `layer(x, filter)`, after the value. */
function valueAndGradients(
  layer: (x: Image, filter: Image) => Tensor,
  xShape: readonly number[],
  filterShape: readonly number[],
): Float32Array[] {
  return tf.tidy(() => {
    const x = tf.tensor4d(numbers(sizeOf(xShape), 4), [...xShape] as Image["shape"]);
    const filter = tf.tensor4d(numbers(sizeOf(filterShape), 5), [...filterShape] as Image["shape"]);
    const y = layer(x, filter);
    const loss = (x: Tensor, filter: Tensor) => {
      const y = layer(x as Image, filter as Image);
      return tf.sum(tf.mul(y, tf.tensor(numbers(y.size, 6), y.shape))).asScalar();
    };
    const gradients = tf.grads(loss as Parameters<typeof tf.grads>[0])([x, filter]);
    return [y, ...gradients].map((tensor) => tensor.dataSync<"float32">());
  });
}

const EXPLICIT: [number, number][] = [[0, 0], [2, 1], [0, 3], [0, 0]];

Deno.test(
  "tf.conv2d and tf.depthwiseConv2d under tf.grads give what the cpu backend gives",
  STRICT,
  async () => {
    const cases = (["same", "valid", 1, EXPLICIT] as const).flatMap((pad) =>
      [1, 2, [2, 1] as [number, number]].flatMap((strides) => {
        const rounding = pad === 1 ? "floor" : undefined;
        return [
          {
            x: [2, 7, 8, 3],
            filter: [3, 3, 3, 5],
            layer: (x: Image, filter: Image): Tensor =>
              tf.conv2d(x, filter, strides, pad as number, "NHWC", 1, rounding),
          },
          {
            x: [2, 8, 7, 6],
            filter: [1, 1, 6, 4],
            layer: (x: Image, f: Image) => tf.conv2d(x, f, strides, pad as number, "NHWC", 1, rounding),
          },
          // Under gradients TensorFlow.js gives a transposed convolution only these paddings.
          ...(typeof pad !== "string" ? [] : [{
            x: [2, 4, 5, 6],
            filter: [3, 2, 4, 6],
            layer: (x: Image, filter: Image): Tensor => {
              const [down, across] = [strides].flat();
              const extra = pad === "same" ? [0, 0] : [2, 1];
              const size = [4 * down + extra[0], 5 * (across ?? down) + extra[1]];
              return tf.conv2dTranspose(x, filter, [2, ...size, 4] as never, strides, pad);
            },
          }]),
          {
            x: [2, 7, 8, 5],
            filter: [3, 2, 5, 1],
            layer: (x: Image, filter: Image): Tensor =>
              tf.depthwiseConv2d(x, filter, strides, pad as number, "NHWC", 1, rounding),
          },
          {
            x: [2, 7, 8, 5],
            filter: [3, 2, 5, 2],
            layer: (x: Image, filter: Image): Tensor =>
              tf.depthwiseConv2d(x, filter, strides, pad as number, "NHWC", 1, rounding),
          },
        ];
      })
    );
    await selectBackend("cpu");
    const expected = cases.map(({ layer, x, filter }) => valueAndGradients(layer, x, filter));
    await withKernels(() => {
      for (const [i, { layer, x, filter }] of cases.entries()) {
        for (const [j, actual] of valueAndGradients(layer, x, filter).entries()) {
          assertSums(actual, expected[i][j], 60, `part ${j} of case ${i}`);
        }
      }
    });
  },
);

Deno.test("filters with holes have gradients, which TensorFlow.js refuses", STRICT, async () => {
  const shapes = { input: [2, 9, 8, 4], filter: [3, 2, 4, 5] } as const;
  const geometry: Geometry = {
    ...shapes,
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [2, 3],
    groups: 1,
  };
  const conv = (x: Image, filter: Image) => tf.conv2d(x, filter, 1, "valid", "NHWC", [2, 3]);
  const depthwise = (x: Image, filter: Image) => tf.depthwiseConv2d(x, filter, 1, "valid", "NHWC", [2, 3]);
  await withKernels(() => {
    for (const [layer, filter, groups] of [[conv, shapes.filter, 1], [depthwise, [3, 2, 4, 1], 4]] as const) {
      const full: Geometry = groups === 1 ? geometry : { ...geometry, filter: [3, 2, 1, 4], groups };
      const [x, w] = [numbers(sizeOf(shapes.input), 4), numbers(sizeOf(filter), 5)];
      const dy = numbers(sizeOf(outputShape(full)), 6);
      const expected = [dy.length, x.length, w.length].map((length) => new Float64Array(length));
      forEachProduct(full, (pixel, tap, result) => {
        expected[0][result] += x[pixel] * w[tap];
        expected[1][pixel] += dy[result] * w[tap];
        expected[2][tap] += x[pixel] * dy[result];
      });
      for (const [j, actual] of valueAndGradients(layer, shapes.input, filter).entries()) {
        assertSums(actual, expected[j], 40, `part ${j} with ${groups} groups`);
      }
    }
  });
});

Deno.test("tf.fused.conv2d adds its bias and activates, layers models can be trained", STRICT, async () => {
  const activations = ["linear", "relu", "relu6", "leakyrelu", "elu"] as const;
  const fused = () =>
    activations.map((activation) =>
      tf.tidy(() =>
        tf.fused.conv2d({
          x: tf.tensor4d(numbers(2 * 6 * 5 * 3, 7), [2, 6, 5, 3]),
          filter: tf.tensor4d(numbers(3 * 3 * 3 * 10, 8), [3, 3, 3, 10]),
          strides: 1,
          pad: "same",
          bias: tf.tensor1d(numbers(10, 9)),
          activation,
          leakyreluAlpha: 0.3,
        }).dataSync()
      )
    );
  await selectBackend("cpu");
  const expected = fused();
  await withKernels(async () => {
    for (const [i, actual] of fused().entries()) assertSums(actual, expected[i], 40, activations[i]);

    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({ inputShape: [8, 8, 1], filters: 4, kernelSize: 3, activation: "relu" }),
        tf.layers.depthwiseConv2d({ kernelSize: 2, activation: "relu" }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 1 }),
      ],
    });
    const optimizer = tf.train.adam(0.02);
    model.compile({ optimizer, loss: "meanSquaredError" });
    const x = tf.tensor4d(numbers(16 * 64, 10), [16, 8, 8, 1]);
    const y = tf.tidy(() => tf.mean(tf.abs(x), [1, 2]) as ReturnType<typeof tf.tensor2d>);
    const losses: number[] = [];
    for (let step = 0; step < 30; step++) losses.push(Number(await model.trainOnBatch(x, y)));
    assert(losses[29] < losses[0] / 4, `the loss went from ${losses[0]} to ${losses[29]}`);
    tf.dispose([x, y]);
    optimizer.dispose();
    model.dispose();
  });
});

Deno.test("tf.conv2d can be differentiated twice with respect to its image", STRICT, async () => {
  const second = () =>
    tf.tidy(() => {
      const x = tf.tensor4d(numbers(2 * 5 * 6 * 3, 4), [2, 5, 6, 3]);
      const filter = tf.tensor4d(numbers(3 * 3 * 3 * 2, 5), [3, 3, 3, 2]);
      type Loss = Parameters<typeof tf.grad>[0];
      const loss = ((x: Image) => tf.sum(tf.square(tf.conv2d(x, filter, [2, 1], "same"))).asScalar()) as Loss;
      const along = ((x: Tensor) => tf.sum(tf.square(tf.grad(loss)(x))).asScalar()) as Loss;
      return tf.grad(along)(x).dataSync();
    });
  await selectBackend("cpu");
  const expected = second().map((value) => value / 1000);
  await withKernels(() => {
    assertSums(second().map((value) => value / 1000), expected, 60, "second gradient");
  });
});

Deno.test("filters that share their numbers under several shapes do not mix", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const filter = tf.tensor4d(numbers(3 * 3 * 4 * 6, 11), [3, 3, 4, 6]);
      const turned = tf.reshape(filter, [3, 3, 6, 4]);
      const [x, z] = [tf.ones([1, 3, 3, 4]) as Image, tf.ones([1, 3, 3, 6]) as Image];
      const first = tf.conv2d(x, filter, 1, "valid").dataSync();
      const second = tf.conv2d(z, turned as Image, 1, "valid").dataSync();
      assertSums(first, tf.sum(filter, [0, 1, 2]).dataSync(), 60, "first");
      assertSums(second, tf.sum(turned, [0, 1, 2]).dataSync(), 60, "second");
    });
  });
});

Deno.test("memory may grow within a convolution and its gradients", STRICT, async () => {
  await withKernels(() => {
    const { memory } =
      (tf.backend() as unknown as { wasm: { asm: { memory: WebAssembly.Memory } } }).wasm.asm;
    tf.tidy(() => {
      const before = memory.buffer.byteLength;
      // The result is larger than all of the memory so far.
      const [side, out] = [60, Math.ceil(before / 4 / 58 ** 2) + 1];
      const x = tf.ones([1, side, side, 1]) as Image;
      const filter = tf.ones([3, 3, 1, out]) as Image;
      const y = tf.conv2d(x, filter, 1, "valid");
      assert(memory.buffer.byteLength > before, "memory did not grow");
      assertEquals([tf.min(y).dataSync()[0], tf.max(y).dataSync()[0]], [9, 9]);
      const attrs = { strides: 1, pad: "valid", dataFormat: "NHWC", filterShape: filter.shape };
      const [df] = run("Conv2DBackpropFilter", { x, dy: y }, attrs);
      assertEquals([tf.min(df).dataSync()[0], tf.max(df).dataSync()[0]], [9 * 58 ** 2, 9 * 58 ** 2]);
    });
  });
});

Deno.test("NaN and infinity pass through, and reach only the windows that see them", STRICT, async () => {
  await withKernels(() => {
    for (const depthwise of [false, true]) {
      const x = tf.tidy(() => {
        const values = new Float32Array(1 * 5 * 5 * 2);
        values[2 * 12] = NaN;
        values[2 * 24 + 1] = Infinity;
        const image = tf.tensor4d(values, [1, 5, 5, 2]);
        const y = depthwise
          ? tf.depthwiseConv2d(image, tf.ones([3, 3, 2, 1]), 1, "valid")
          : tf.conv2d(image, tf.ones([3, 3, 2, 2]), 1, "valid");
        return [...y.dataSync()];
      });
      // Every window of three by three sees the middle; the last one sees the corner.
      const expected = Array.from({ length: 18 }, (_, i) => {
        if (!depthwise || i % 2 === 0) return NaN;
        return i === 17 ? Infinity : 0;
      });
      assertEquals(x, expected);
    }
  });
});

Deno.test("images in another order are refused in one line", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const [x, dy] = [tf.ones([1, 2, 4, 4]), tf.ones([1, 3, 4, 4])];
      const attrs = { strides: 1, pad: "same", dataFormat: "NCHW", filterShape: [3, 3, 2, 3] };
      assertThrows(() => run("Conv2DBackpropFilter", { x, dy }, attrs), PolyphaseError, "channels last");
      assertThrows(
        () => tf.conv2d(x as Image, tf.ones([3, 3, 2, 3]), 1, "same", "NCHW"),
        Error,
        "channelsLast",
      );
    });
  });
});
