/**
 * Complex numbers and `tf.spectral` on our kernels.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertLikeCpu, assertNear, drawn } from "./cpu_reference.ts";
import { numbers, STRICT, withKernels } from "./reference.ts";

/** Complex numbers, real and imaginary parts in (-1, 1). */
function drawnComplex(shape: readonly number[], seed: number): Tensor {
  return tf.complex(drawn(shape, seed), drawn(shape, seed + 1));
}

/** Rows of complex numbers transformed by the definition, in double precision, real and imaginary parts by turns. */
function defined(x: ArrayLike<number>, length: number, sign: 1 | -1): Float64Array {
  const y = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += 2 * length) {
    for (let k = 0; k < length; k++) {
      for (let j = 0; j < length; j++) {
        const angle = sign * 2 * Math.PI * ((j * k) % length) / length;
        const [real, imaginary] = [x[start + 2 * j], x[start + 2 * j + 1]];
        const scale = sign === 1 ? 1 / length : 1;
        y[start + 2 * k] += scale * (real * Math.cos(angle) - imaginary * Math.sin(angle));
        y[start + 2 * k + 1] += scale * (real * Math.sin(angle) + imaginary * Math.cos(angle));
      }
    }
  }
  return y;
}

// Every length up to 70, thus every way to mix factors, with primes by convolution; and some larger ones.
const LENGTHS = [...Array.from({ length: 70 }, (_, i) => i + 1), 97, 128, 169, 196, 210, 256, 307];

Deno.test("fft and ifft of any length are what their definition says", STRICT, async () => {
  await withKernels(() => {
    for (const length of LENGTHS) {
      tf.tidy(() => {
        const x = drawnComplex([3, length], length);
        const values = x.dataSync();
        const forward = tf.spectral.fft(x);
        assertEquals([forward.shape, forward.dtype], [[3, length], "complex64"]);
        assertNear(forward.dataSync(), defined(values, length, -1), 1e-6, `fft of ${length}`);
        assertNear(tf.spectral.ifft(x).dataSync(), defined(values, length, 1), 1e-6, `ifft of ${length}`);
      });
    }
  });
});

Deno.test("long rows keep their digits, and the inverse gives them back", STRICT, async () => {
  await withKernels(() => {
    // Two factors of four and a rest; a prime, which is made a convolution of 16,384.
    for (const length of [6000, 7919]) {
      tf.tidy(() => {
        const values = numbers(length, length);
        const x = tf.complex(tf.tensor1d(values), tf.zeros([length]));
        const y = tf.spectral.fft(x);
        const [real, imaginary] = [tf.real(y).dataSync(), tf.imag(y).dataSync()];
        for (const k of [0, 1, 17, length >> 1, length - 1]) {
          let [sum, turned] = [0, 0];
          values.forEach((value, j) => {
            const angle = -2 * Math.PI * ((j * k) % length) / length;
            sum += value * Math.cos(angle);
            turned += value * Math.sin(angle);
          });
          // The root mean square of a coefficient is near √(length/3).
          assertNear([real[k] / 40, imaginary[k] / 40], [sum / 40, turned / 40], 2e-6, `${length}, ${k}`);
        }
        assertNear(tf.real(tf.spectral.ifft(y)).dataSync(), values, 2e-6, `${length} and back`);
      });
    }
  });
});

Deno.test(
  "transforms of real signals, cropped and padded ones too, are those of the cpu backend",
  STRICT,
  async () => {
    await assertLikeCpu(
      [[2, 8], [3, 12], [2, 3, 28], [1, 17], [5, 1], [2, 2]].flatMap((shape) =>
        [undefined, 5, 20].map((length) => ({
          name: `[${shape}] to ${length}`,
          compute: () => {
            const spectrum = tf.spectral.rfft(drawn(shape, 3), length);
            const [real, imaginary] = [tf.real(spectrum), tf.imag(spectrum)];
            // An odd length cannot be told from the spectrum: irfft takes it for even.
            return [real, imaginary, tf.spectral.irfft(spectrum)];
          },
        }))
      ),
      2e-6,
    );
  },
);

Deno.test("the two-dimensional spectrum is separable, as NumPy's fft2", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const x = drawn([2, 6, 8], 5);
      const rows = tf.spectral.fft(tf.complex(x, tf.zerosLike(x)));
      const both = tf.transpose(tf.spectral.fft(tf.transpose(rows, [0, 2, 1])), [0, 2, 1]);
      const values = x.dataSync();
      const [v, u] = [5, 2];
      let [sum, turned] = [0, 0];
      for (let i = 0; i < 6; i++) {
        for (let j = 0; j < 8; j++) {
          const angle = -2 * Math.PI * (u * i / 6 + v * j / 8);
          sum += values[48 + 8 * i + j] * Math.cos(angle);
          turned += values[48 + 8 * i + j] * Math.sin(angle);
        }
      }
      const place = 2 * (48 + 8 * u + v);
      assertNear(both.dataSync().slice(place, place + 2), [sum, turned], 1e-6, "a coefficient");
    })
  );
});

Deno.test("no rows and NaN: nothing, and NaN in its row alone", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      assertEquals(tf.spectral.fft(tf.complex(tf.zeros([0, 4]), tf.zeros([0, 4]))).shape, [0, 4]);
      const x = tf.complex(tf.tensor2d([[1, NaN, 2], [1, 2, 3]]), tf.zeros([2, 3]));
      const y = tf.spectral.fft(x).dataSync();
      assert(y.slice(0, 6).every(Number.isNaN) && !y.slice(6).some(Number.isNaN));
    })
  );
});

Deno.test("what the cpu backend does with complex numbers ours do alike", STRICT, async () => {
  const pair = () => [drawnComplex([2, 3], 1), drawnComplex([2, 3], 5)] as const;
  const ops: Record<string, () => Tensor> = {
    add: () => tf.add(...pair()),
    sub: () => tf.sub(...pair()),
    mul: () => tf.mul(...pair()),
    abs: () => tf.abs(pair()[0]),
    cast: () => tf.cast(pair()[0], "float32"),
    "cast from": () => tf.cast(drawn([4], 1), "complex64"),
    zerosLike: () => tf.zerosLike(pair()[0]),
    reshape: () => tf.reshape(pair()[0], [3, 2]),
    transpose: () => tf.transpose(pair()[0]),
    clone: () => tf.clone(pair()[0]),
    concat: () => tf.concat([...pair()], 1),
    real: () => tf.real(pair()[0]),
    imag: () => tf.imag(pair()[0]),
  };
  await assertLikeCpu(
    Object.entries(ops).map(([name, compute]) => ({ name, compute: () => [compute()] })),
    1e-6,
  );
});

Deno.test("complex numbers broadcast, which the cpu backend does wrongly", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const x = tf.complex(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[0, 1], [0, -1]]));
      const y = tf.complex(tf.tensor1d([2, 0]), tf.tensor1d([0, 1]));
      assertEquals([...tf.mul(x, y).dataSync()], [2, 0, -1, 2, 6, 0, 1, 4]);
      assertEquals([...tf.sub(x, y).dataSync()], [-1, 0, 2, 0, 1, 0, 4, -2]);
      assertEquals([...tf.add(x, 1).dataSync()], [2, 0, 3, 1, 4, 0, 5, -1]);
    })
  );
});

Deno.test(
  "complex numbers can be sliced, outlive their parts and are read when the kernels are gone",
  STRICT,
  async () => {
    await selectBackend("wasm");
    const parts = [tf.tensor1d([1, 2, 3]), tf.tensor1d([4, 5, 6])];
    const x = tf.complex(parts[0], parts[1]);
    tf.dispose(parts);
    tf.fill([3], 9).dispose();
    const y = tf.slice(x, [1], [2]);
    await selectBackend("wasm", { kernels: false });
    assertEquals([...await x.data()], [1, 4, 2, 5, 3, 6]);
    assertEquals([...y.dataSync()], [2, 5, 3, 6]);
    tf.dispose([x, y]);
  },
);

Deno.test("kernels without complex numbers refuse them instead of reading them wrongly", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const x = drawnComplex([3], 1);
      assertThrows(() => tf.neg(x), PolyphaseError, "Neg");
      assertThrows(() => tf.div(x, x), PolyphaseError, "takes no complex numbers");
      assertThrows(() => tf.sum(x), PolyphaseError, "Sum");
    });
  });
});
