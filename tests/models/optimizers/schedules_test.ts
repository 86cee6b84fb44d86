/**
 * Schedules against their closed forms, PyTorch's recurrences and its learning rates.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { constant } from "../../../models/optimizers/constant.ts";
import { cosineAnnealing } from "../../../models/optimizers/cosine_annealing.ts";
import { linearWarmup } from "../../../models/optimizers/linear_warmup.ts";
import { noam } from "../../../models/optimizers/noam.ts";
import type { Schedule } from "../../../models/optimizers/schedule.ts";
import { stepSchedule } from "../../../models/optimizers/step_schedule.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import golden from "../../golden/optimizers.json" with { type: "json" };

/** The factors of the first `count` steps of a run of `steps`. */
function factors(schedule: Schedule, count: number, steps = count): number[] {
  return Array.from({ length: count }, (_, step) => schedule.factor(step, steps));
}

function assertNear(actual: readonly number[], expected: readonly number[]): void {
  assertEquals(actual.length, expected.length);
  expected.forEach((value, step) => assertAlmostEquals(actual[step], value, 1e-12, `step ${step}`));
}

Deno.test("constant: the same in every step", () => {
  assertEquals(factors(constant(), 3), [1, 1, 1]);
  assertEquals(factors(constant({ factor: 0.25 }), 2, 100), [0.25, 0.25]);
});

Deno.test("cosine: PyTorch's learning rates over twenty steps", () => {
  const { lr } = golden["adamw_0.1_cosine_T20"];
  assertNear(factors(cosineAnnealing(), 20), lr.map((rate) => rate / 0.1));
});

Deno.test("cosine: from 1 over the middle to the bottom, and up again unless it is clamped", () => {
  const at = (schedule: Schedule, ...steps: number[]) => steps.map((step) => schedule.factor(step, 50));
  const third = Math.cos(Math.PI / 3);
  assertNear(at(cosineAnnealing(), 0, 25, 50, 75, 100), [1, 0.5, 0, 0.5, 1]);
  assertNear(at(cosineAnnealing({ clamp: true }), 0, 25, 50, 75, 100), [1, 0.5, 0, 0, 0]);
  assertNear(at(cosineAnnealing({ minFactor: 0.2 }), 0, 25, 50, 75), [1, 0.6, 0.2, 0.6]);
  // Its own steps, and not those of the run.
  assertNear(at(cosineAnnealing({ steps: 30 }), 0, 10, 30, 40), [1, (1 + third) / 2, 0, (1 - third) / 2]);
  assertNear(at(cosineAnnealing({ steps: 30, minFactor: 0.5, clamp: true }), 15, 30, 49), [0.75, 0.5, 0.5]);
  // The published runs take 17 steps past T = 31250, where the rate of 3e-4 has risen to 2.19e-10.
  assertAlmostEquals(3e-4 * cosineAnnealing({ steps: 31250 }).factor(31267, 31267), 2.19e-10, 1e-12);
});

Deno.test("cosine: PyTorch's recurrence from step to step", () => {
  const [steps, bottom] = [40, 0.1];
  const schedule = cosineAnnealing({ steps, minFactor: bottom });
  let rate = 1;
  for (let step = 1; step < steps; step++) {
    const ratio = (1 + Math.cos(Math.PI * step / steps)) / (1 + Math.cos(Math.PI * (step - 1) / steps));
    rate = ratio * (rate - bottom) + bottom;
    assertAlmostEquals(schedule.factor(step, 7), rate, 1e-12);
  }
});

Deno.test("warm-up: a straight line to where the other schedule begins, which has the rest of the run", () => {
  assertNear(factors(linearWarmup(4), 6), [0, 0.25, 0.5, 0.75, 1, 1]);
  assertNear(factors(linearWarmup(4, constant(), { start: 0.2 }), 6), [0.2, 0.4, 0.6, 0.8, 1, 1]);
  assertNear(factors(linearWarmup(2, constant({ factor: 0.5 })), 4), [0, 0.25, 0.5, 0.5]);
  const cosine = factors(linearWarmup(5, cosineAnnealing()), 25);
  assertNear(cosine.slice(0, 5), [0, 0.2, 0.4, 0.6, 0.8]);
  assertNear(cosine.slice(5), factors(cosineAnnealing(), 20));
  assertNear(
    factors(linearWarmup(3, stepSchedule({ every: 2 })), 8),
    [0, 1 / 3, 2 / 3, 1, 1, 0.1, 0.1, 0.01],
  );
  // A run that ends before the warm-up does.
  assertNear(factors(linearWarmup(10, cosineAnnealing()), 3), [0, 0.1, 0.2]);
});

Deno.test("steps: falls after every so many, or at milestones", () => {
  assertNear(factors(stepSchedule({ every: 3 }), 8), [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]);
  assertNear(factors(stepSchedule({ every: 1, gamma: 0.5 }), 4), [1, 0.5, 0.25, 0.125]);
  assertNear(
    factors(stepSchedule({ milestones: [2, 5], gamma: 0.5 }), 7),
    [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25],
  );
  // In any order, and twice is twice.
  assertNear(factors(stepSchedule({ milestones: [3, 1, 3], gamma: 0.5 }), 5), [1, 0.5, 0.5, 0.125, 0.125]);
  assertNear(factors(stepSchedule({ milestones: [] }), 2), [1, 1]);
});

Deno.test("noam: the formula of the paper, with its peak at the end of the rise", () => {
  const [embed, warmup] = [512, 4000];
  const schedule = noam({ embed });
  for (const t of [1, 10, 3999, 4000, 4001, 100000]) {
    const expected = embed ** -0.5 * Math.min(t ** -0.5, t * warmup ** -1.5);
    assertAlmostEquals(schedule.factor(t - 1, 0), expected, 1e-15);
  }
  const peak = noam({ embed: 64, warmup: 25, scale: 2 });
  assertAlmostEquals(peak.factor(24, 0), 2 * (64 * 25) ** -0.5, 1e-15);
  assert(peak.factor(23, 0) < peak.factor(24, 0) && peak.factor(25, 0) < peak.factor(24, 0));
  assertAlmostEquals(peak.factor(0, 0), peak.factor(24, 0) / 25, 1e-15);
});

const SCHEDULES: readonly Schedule[] = [
  constant({ factor: 0.5 }),
  cosineAnnealing(),
  cosineAnnealing({ minFactor: 0.1, steps: 7, clamp: true }),
  stepSchedule({ every: 3 }),
  stepSchedule({ milestones: [2, 5], gamma: 0.5 }),
  noam({ embed: 64, warmup: 100 }),
  linearWarmup(5, cosineAnnealing({ minFactor: 0.2 }), { start: 0.1 }),
  linearWarmup(2, linearWarmup(3)),
];

Deno.test("schedules: every factor is a number from 0 to 1, whatever the run", () => {
  fc.assert(fc.property(fc.nat(1000), fc.nat(1000), (step, steps) =>
    SCHEDULES.every((schedule) => {
      const factor = schedule.factor(step, steps);
      return factor >= 0 && factor <= 1;
    })));
});

Deno.test("schedules: configurations hold the name and every setting, and nest", () => {
  for (const { name, config } of SCHEDULES) {
    assertEquals(config.name, name);
    assertEquals(JSON.parse(JSON.stringify(config)), config);
  }
  assertEquals(SCHEDULES.map(({ config }) => config), [
    { name: "constant", factor: 0.5 },
    { name: "cosine-annealing", minFactor: 0, steps: null, clamp: false },
    { name: "cosine-annealing", minFactor: 0.1, steps: 7, clamp: true },
    { name: "step", every: 3, gamma: 0.1 },
    { name: "step", milestones: [2, 5], gamma: 0.5 },
    { name: "noam", embed: 64, warmup: 100, scale: 1 },
    {
      name: "linear-warmup",
      steps: 5,
      start: 0.1,
      schedule: { name: "cosine-annealing", minFactor: 0.2, steps: null, clamp: false },
    },
    {
      name: "linear-warmup",
      steps: 2,
      start: 0,
      schedule: { name: "linear-warmup", steps: 3, start: 0, schedule: { name: "constant", factor: 1 } },
    },
  ]);
});

Deno.test("schedules: settings out of range are refused in one line that names them", () => {
  const refused = (make: () => unknown, message: string) => assertThrows(make, PolyphaseError, message);
  refused(
    () => constant({ factor: -1 }),
    "constant: factor is -1, expected a finite number from 0: change it",
  );
  refused(() => cosineAnnealing({ minFactor: NaN }), "cosine-annealing: minFactor is NaN");
  refused(() => cosineAnnealing({ steps: 0 }), "steps is 0, expected a whole number from 1: change it");
  refused(() => linearWarmup(2.5), "linear-warmup: steps is 2.5, expected a whole number from 1");
  refused(
    () => linearWarmup(2, constant(), { start: 1.5 }),
    "start is 1.5, expected a finite number from 0 to 1",
  );
  refused(() => stepSchedule({ every: 0 }), "step: every is 0");
  refused(() => stepSchedule({ every: 2, gamma: -1 }), "step: gamma is -1");
  refused(() => stepSchedule({ milestones: [3, -1] }), "step: milestone is -1");
  const both = { every: 2, milestones: [3] };
  refused(() => stepSchedule(both), "step: every is 2 and milestones are 3, expected one of the two");
  refused(() => noam({ embed: 0 }), "noam: embed is 0");
  refused(() => noam({ embed: 64, warmup: 0 }), "noam: warmup is 0");
});
