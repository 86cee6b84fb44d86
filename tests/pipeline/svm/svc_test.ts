/**
 * The support-vector classifier: scikit-learn's predictions in every row, votes, odd data, and how it can be stopped.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { AbortedError, PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf, permutation } from "../../../pipeline/random.ts";
import { decideSvc, predictSvc } from "../../../pipeline/svm/predict_svc.ts";
import { fitSvc, type Svc } from "../../../pipeline/svm/svc.ts";
import { bytes, integers } from "../../golden.ts";
import golden from "../../golden/svc.json" with { type: "json" };
import images from "../../golden/svc_images.json" with { type: "json" };
import { blobs } from "./blobs.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

const unit = (packed: { base64: string }) => Float32Array.from(bytes(packed), (byte) => byte / 255);
const train = { features: unit(images.train.images), labels: bytes(images.train.labels) };
const test = { features: unit(images.test.images), labels: bytes(images.test.labels) };

const shareRight = (labels: Int32Array, truth: ArrayLike<number>) =>
  labels.filter((label, row) => label === truth[row]).length / labels.length;

Deno.test("svc: predicts what scikit-learn does in every row, with as many support vectors", async () => {
  const svc = await fitSvc(train.features, train.labels);
  assertAlmostEquals(svc.gamma, golden.gamma_scale, 1e-8);
  assertEquals([...svc.supportCounts], [...integers(golden.n_support)]);
  const predictions = await predictSvc(svc, test.features);
  assertEquals(predictions, integers(golden.predictions));
  assertEquals(shareRight(predictions, test.labels), golden.accuracy);
});

Deno.test("svc: a fit repeats to the bit, whatever its cache holds", async () => {
  const svc = await fitSvc(train.features, train.labels);
  assertEquals(await fitSvc(train.features, train.labels), svc);
  assertEquals(await fitSvc(train.features, train.labels, { cacheBytes: 1 }), svc);
});

Deno.test("svc: the order of the rows changes decisions by no more than the tolerance", async () => {
  const order = permutation(keyOf(5), train.labels.length);
  const dims = train.features.length / train.labels.length;
  const shuffled = new Float32Array(train.features.length);
  order.forEach((row, place) =>
    shuffled.set(train.features.subarray(row * dims, (row + 1) * dims), place * dims)
  );
  const options = { tolerance: 1e-6 };
  const svc = await fitSvc(train.features, train.labels, options);
  const other = await fitSvc(shuffled, Array.from(order, (row) => train.labels[row]), options);
  assertEquals([...other.supportCounts], [...svc.supportCounts]);
  assertEquals(
    [...other.support].map((place) => order[place]).sort(),
    [...svc.support].sort(),
  );
  const [one, two] = [await decideSvc(svc, test.features), await decideSvc(other, test.features)];
  one.forEach((value, place) => assertAlmostEquals(value, two[place], 1e-5));
});

Deno.test("svc: labels may be any whole numbers; the classes stand in rising order", async () => {
  const names = [40, -3, 7];
  const { features, labels } = blobs(keyOf(1), { rows: 60, dims: 4, classes: 3, spread: 0.1 });
  const svc = await fitSvc(features, Array.from(labels, (label) => names[label]));
  assertEquals([...svc.classes], [-3, 7, 40]);
  const predictions = await predictSvc(svc, features);
  assertEquals([...predictions], Array.from(labels, (label) => names[label]));
});

/** A machine of three classes that is made of its intercepts alone. */
const ofIntercepts = (...intercepts: number[]): Svc => ({
  classes: Int32Array.of(2, 5, 9),
  dims: 1,
  gamma: 1,
  support: new Uint32Array(0),
  supportVectors: new Float32Array(0),
  supportCounts: new Uint32Array(3),
  dualCoefficients: new Float64Array(0),
  intercepts: Float64Array.from(intercepts),
});

Deno.test("svc: a tie of votes goes to the lowest label, and a decision of 0 to the second class", async () => {
  for (
    const [intercepts, label] of [
      [[1, -1, 1], 2], // A vote each.
      [[-1, 1, -1], 2], // A vote each, the other way round.
      [[-1, 1, 1], 5],
      [[1, -1, -1], 9],
      [[0, 0, 1], 5],
      [[0, 0, 0], 9],
    ] as const
  ) assertEquals([...await predictSvc(ofIntercepts(...intercepts), Float32Array.of(0))], [label]);
});

Deno.test("svc: decisions are the sums that the coefficients say", async () => {
  const { features, labels } = blobs(keyOf(2), { rows: 45, dims: 3, classes: 3, spread: 1 });
  const svc = await fitSvc(features, labels, { gamma: 0.4, C: 3 });
  const queries = blobs(keyOf(3), { rows: 70, dims: 3, classes: 3, spread: 1 }).features;
  const decisions = await decideSvc(svc, queries);
  const vectors = svc.support.length;
  const kernel = (query: number, vector: number) => {
    let distance = 0;
    for (let place = 0; place < 3; place++) {
      distance += (queries[query * 3 + place] - svc.supportVectors[vector * 3 + place]) ** 2;
    }
    return Math.exp(-0.4 * distance);
  };
  const pairs = [[0, 1], [0, 2], [1, 2]];
  for (let query = 0; query < 70; query++) {
    pairs.forEach(([a, b], place) => {
      let sum = svc.intercepts[place];
      for (let vector = 0; vector < vectors; vector++) {
        const own = labels[svc.support[vector]];
        if (own === a) sum += svc.dualCoefficients[(b - 1) * vectors + vector] * kernel(query, vector);
        if (own === b) sum += svc.dualCoefficients[a * vectors + vector] * kernel(query, vector);
      }
      assertAlmostEquals(decisions[query * 3 + place], sum, 1e-10);
    });
  }
  assert(svc.dualCoefficients.every((each) => Math.abs(each) <= 3));
});

Deno.test("svc: gamma by name and by number", async () => {
  const { features, labels } = blobs(keyOf(4), { rows: 30, dims: 4, classes: 2, spread: 1 });
  const mean = features.reduce((sum, each) => sum + each, 0) / features.length;
  const variance = features.reduce((sum, each) => sum + (each - mean) ** 2, 0) / features.length;
  assertAlmostEquals((await fitSvc(features, labels)).gamma, 1 / (4 * variance), 1e-12);
  assertEquals((await fitSvc(features, labels, { gamma: "auto" })).gamma, 1 / 4);
  assertEquals((await fitSvc(features, labels, { gamma: 0.7 })).gamma, 0.7);
});

Deno.test("svc: features that are all the same have gamma 1, and the larger class wins", async () => {
  const constant = new Float32Array(15).fill(0.25);
  const svc = await fitSvc(constant, [0, 1, 1, 1, 2]);
  assertEquals(svc.gamma, 1);
  assertEquals([...await predictSvc(svc, constant)], [1, 1, 1, 1, 1]);
  // Equal classes leave every decision at 0, which is the vote of the second.
  assertEquals([...await predictSvc(await fitSvc(new Float32Array(4), [0, 0, 1, 1]), Float32Array.of(0))], [
    1,
  ]);
});

Deno.test("svc: two rows are enough, and each is predicted right", async () => {
  const features = Float32Array.of(0, 1, 3, 2);
  const svc = await fitSvc(features, [8, 4]);
  assertEquals([...await predictSvc(svc, features)], [8, 4]);
  assertEquals([...svc.supportCounts], [1, 1]);
  assertEquals((await predictSvc(svc, new Float32Array(0))).length, 0);
});

/** Fits that are refused: features, labels, options, and what the one line says. */
const REFUSED: readonly (readonly [string, number[], number[], Parameters<typeof fitSvc>[2], RegExp])[] = [
  ["one class", [1, 2], [3, 3], {}, /the 2 rows are of one class, 3, expected at least two: give more rows/],
  ["no rows", [], [], {}, /0 features for 0 labels, expected as many for each/],
  ["rows of different length", [1, 2, 3], [0, 1], {}, /3 features for 2 labels, expected as many for each/],
  ["rows of nothing", [], [0, 1], {}, /0 features for 2 labels/],
  ["NaN", [1, NaN], [0, 1], {}, /feature 1 is NaN, expected finite numbers: see whether/],
  ["infinity", [-Infinity, 1], [0, 1], {}, /feature 0 is -Infinity/],
  ["a label between two", [1, 2], [0, 0.5], {}, /label 0.5 is no whole number/],
  ["C of 0", [1, 2], [0, 1], { C: 0 }, /C 0 is no number greater than 0: give one that is/],
  ["a negative gamma", [1, 2], [0, 1], { gamma: -1 }, /gamma -1 is no number greater than 0/],
  ["a tolerance of NaN", [1, 2], [0, 1], { tolerance: NaN }, /tolerance NaN is no number greater than 0/],
];
for (const [name, features, labels, options, line] of REFUSED) {
  Deno.test(`svc: ${name} is refused in one line`, async () => {
    const refused = await assertRejects(
      () => fitSvc(Float32Array.from(features), labels, options),
      PolyphaseError,
    );
    assertMatch(refused.message, line);
    assertMatch(refused.message, /^Support vectors: [^\n]+$/);
  });
}

Deno.test("svc: rows that the machine was not fitted to are refused", async () => {
  const svc = await fitSvc(Float32Array.of(0, 1, 3, 2), [0, 1]);
  await assertRejects(() => predictSvc(svc, new Float32Array(3)), PolyphaseError, "no rows of 2");
  await assertRejects(() => decideSvc(svc, new Float32Array(3)), PolyphaseError, "no rows of 2");
  await assertRejects(() => predictSvc(svc, Float32Array.of(1, NaN)), PolyphaseError, "feature 1 is NaN");
});

Deno.test(
  "svc: 2,000 rows of ten classes are fitted, all pairs told, and told apart",
  SANITIZED,
  async () => {
    const rows = 2000;
    const { features, labels } = blobs(keyOf(6), { rows: 2 * rows, dims: 32, classes: 10, spread: 1.7 });
    const seen: string[] = [];
    const svc = await fitSvc(features.subarray(0, rows * 32), labels.subarray(0, rows), {
      progress: (done, total) => seen.push(`${done}/${total}`),
    });
    assertEquals(seen, Array.from({ length: 46 }, (_, done) => `${done}/45`));
    const scored: number[] = [];
    const predictions = await predictSvc(svc, features.subarray(rows * 32), {
      progress: (done, total) => scored.push(done / total),
    });
    assertEquals([scored[0], scored.at(-1)], [0, 1]);
    assert(scored.every((each, place) => place === 0 || each > scored[place - 1]));
    const right = shareRight(predictions, labels.subarray(rows));
    assert(right > 0.9 && right < 1, `accuracy ${right}`);
    assert(svc.support.length < rows);
  },
);

Deno.test(
  "svc: fitting and predicting stop when they are told to, also in the midst",
  SANITIZED,
  async () => {
    const { features, labels } = blobs(keyOf(7), { rows: 2000, dims: 128, classes: 2, spread: 3 });
    const svc = await fitSvc(features.subarray(0, 100 * 128), labels.subarray(0, 100));
    const aborted = AbortSignal.abort();
    await assertRejects(
      () => fitSvc(features, labels, { signal: aborted }),
      AbortedError,
      "Stopped while fitting",
    );
    await assertRejects(
      () => predictSvc(svc, features, { signal: aborted }),
      AbortedError,
      "while predicting",
    );
    // The event loop turns once before the only pair is begun; a second turn comes only in the midst of it.
    const later = new AbortController();
    let timer = setTimeout(() => timer = setTimeout(() => later.abort()));
    const seen: number[] = [];
    await assertRejects(
      () => fitSvc(features, labels, { signal: later.signal, progress: (done) => seen.push(done) }),
      AbortedError,
    );
    clearTimeout(timer);
    assertEquals(seen, [0]);
  },
);
