/**
 * Outlines of ten garments with random proportions: what the synthetic data set draws.
 *
 * The classes are those of Fashion-MNIST in its order. Garments stand upright, shoes are seen from the side with the
 * toe to the left, as there.
 *
 * @module
 */

import type { Point } from "./polygons.ts";

/** Outlines that are painted together with one shade. */
export interface Patch {
  /** Closed outlines, in [0, 1]². */
  readonly outlines: readonly (readonly Point[])[];
  /** Brightness relative to the garment's own: 1 is its own, 0 is black. */
  readonly shade: number;
}

/** Gives the next random number between two bounds. */
export type Draw = (low: number, high: number) => number;

/** A garment of each class, by label. Each takes as many random numbers as it needs, {@linkcode MOST_DRAWS} at most. */
export const GARMENTS: readonly ((draw: Draw) => Patch[])[] = [
  tShirt,
  trouser,
  pullover,
  dress,
  coat,
  sandal,
  shirt,
  sneaker,
  bag,
  ankleBoot,
];

/** The most random numbers that a garment takes. */
export const MOST_DRAWS = 12;

/** A garment that is its own mirror image, from its right half: distance from the middle, and height. */
function mirrored(half: readonly Point[]): Point[] {
  const right = half.map(([x, y]): Point => [0.5 + x, y]);
  const left = half.map(([x, y]): Point => [0.5 - x, y]).reverse();
  return [...right, ...left];
}

function box(left: number, top: number, right: number, bottom: number): Point[] {
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

/** A top: body and sleeves of any length. */
function top(
  draw: Draw,
  sleeve: { out: number; down: number },
  body: { half: number; hem: number },
): Point[] {
  const neck = draw(0.07, 0.11);
  const shoulder = body.half + draw(0.02, 0.05);
  const cuff = draw(0.08, 0.11);
  const out = body.half + sleeve.out;
  return mirrored([
    [0, 0.15],
    [neck, 0.1],
    [shoulder, 0.14],
    [out, sleeve.down],
    [out - cuff, sleeve.down + 0.04],
    [body.half, 0.34],
    [body.half + draw(-0.01, 0.02), body.hem],
    [0, body.hem],
  ]);
}

function tShirt(draw: Draw): Patch[] {
  const sleeve = { out: draw(0.13, 0.18), down: draw(0.32, 0.4) };
  const body = { half: draw(0.19, 0.24), hem: draw(0.82, 0.9) };
  return [{ outlines: [top(draw, sleeve, body)], shade: 1 }];
}

function pullover(draw: Draw): Patch[] {
  const sleeve = { out: draw(0.14, 0.19), down: draw(0.74, 0.82) };
  const body = { half: draw(0.2, 0.24), hem: draw(0.8, 0.87) };
  const { half, hem } = body;
  return [
    { outlines: [top(draw, sleeve, body)], shade: 1 },
    { outlines: [box(0.5 - half, hem - 0.05, 0.5 + half, hem)], shade: draw(0.65, 0.8) },
  ];
}

function coat(draw: Draw): Patch[] {
  const sleeve = { out: draw(0.1, 0.14), down: draw(0.66, 0.74) };
  const hem = draw(0.92, 0.97);
  const body = { half: draw(0.22, 0.26), hem };
  const lapel = draw(0.3, 0.4);
  return [
    { outlines: [top(draw, sleeve, body)], shade: 1 },
    { outlines: [[[0.42, 0.1], [0.58, 0.1], [0.5, lapel]]], shade: draw(0.3, 0.5) },
    { outlines: [box(0.485, lapel, 0.515, hem)], shade: draw(0, 0.25) },
  ];
}

function shirt(draw: Draw): Patch[] {
  const sleeve = { out: draw(0.12, 0.17), down: draw(0.5, 0.74) };
  const hem = draw(0.84, 0.92);
  const body = { half: draw(0.17, 0.21), hem };
  const buttons = Array.from({ length: 5 }, (_, index) => {
    const y = 0.26 + (index * (hem - 0.32)) / 4;
    return box(0.475, y - 0.02, 0.525, y + 0.02);
  });
  return [
    { outlines: [top(draw, sleeve, body)], shade: 1 },
    {
      outlines: [[[0.5, 0.2], [0.4, 0.1], [0.46, 0.08]], [[0.5, 0.2], [0.6, 0.1], [0.54, 0.08]]],
      shade: draw(0.5, 0.7),
    },
    { outlines: buttons, shade: draw(0, 0.3) },
  ];
}

function trouser(draw: Draw): Patch[] {
  const waist = draw(0.12, 0.17);
  const crotch = draw(0.3, 0.4);
  const gap = draw(0.015, 0.05);
  const cuff = draw(0.09, 0.13);
  const leg = mirrored([
    [0, 0.05],
    [waist, 0.05],
    [waist + draw(0.02, 0.05), crotch],
    [gap + cuff, 0.96],
    [gap, 0.96],
    [0, crotch],
  ]);
  return [
    { outlines: [leg], shade: 1 },
    { outlines: [box(0.5 - waist, 0.05, 0.5 + waist, 0.1)], shade: draw(0.6, 0.85) },
  ];
}

function dress(draw: Draw): Patch[] {
  const strap = draw(0.06, 0.09);
  const bust = draw(0.11, 0.15);
  const waist = draw(0.08, 0.12);
  const flare = draw(0.16, 0.26);
  const hem = draw(0.88, 0.97);
  const outline = mirrored([
    [0, 0.17],
    [strap - 0.02, 0.15],
    [strap - 0.01, 0.04],
    [strap + 0.04, 0.04],
    [bust, 0.22],
    [waist, draw(0.38, 0.45)],
    [flare, hem],
    [0, hem],
  ]);
  return [{ outlines: [outline], shade: 1 }];
}

function sandal(draw: Draw): Patch[] {
  const heel = draw(0.02, 0.16);
  const sole = draw(0.05, 0.09);
  const ground = draw(0.7, 0.76);
  const back = ground - heel;
  const strap = draw(0.05, 0.08);
  const rise = draw(0.18, 0.28);
  const ankle = draw(0.66, 0.76);
  return [
    {
      outlines: [[
        [0.06, ground - sole],
        [0.4, ground - sole],
        [0.92, back - sole],
        [0.94, ground],
        [0.86, ground],
        [0.82, back],
        [0.4, ground],
        [0.06, ground],
      ]],
      shade: 1,
    },
    // Two straps that cross over the foot, with daylight between them.
    {
      outlines: [[[0.16, ground - sole], [0.16 + strap, ground - sole], [0.42 + strap, ground - rise], [
        0.42,
        ground - rise,
      ]]],
      shade: draw(0.8, 1),
    },
    {
      outlines: [[[0.44, ground - sole], [0.44 + strap, ground - sole], [0.3 + strap, ground - rise], [
        0.3,
        ground - rise,
      ]]],
      shade: draw(0.8, 1),
    },
    {
      outlines: [[[0.86, back - sole], [0.92, back - sole], [ankle, back - rise - 0.1], [
        ankle - strap,
        back - rise - 0.1,
      ]]],
      shade: draw(0.8, 1),
    },
  ];
}

function sneaker(draw: Draw): Patch[] {
  const ground = draw(0.7, 0.76);
  const sole = draw(0.06, 0.09);
  const toe = draw(0.1, 0.15);
  const collar = draw(0.27, 0.34);
  const upper: Point[] = [
    [0.05, ground - sole],
    [0.08, ground - sole - toe],
    [0.34, ground - sole - toe - 0.04],
    [0.58, ground - sole - collar],
    [draw(0.72, 0.78), ground - sole - collar + 0.06],
    [0.92, ground - sole - collar],
    [0.95, ground - sole],
  ];
  const laces = [0, 1, 2].map((index): Point[] => {
    const x = 0.37 + 0.07 * index;
    const y = ground - sole - toe - 0.06 - 0.04 * index;
    return box(x, y, x + 0.035, y + 0.1);
  });
  return [
    { outlines: [upper], shade: 1 },
    { outlines: [laces[0], laces[1], laces[2]], shade: draw(0.35, 0.6) },
    { outlines: [box(0.04, ground - sole, 0.96, ground)], shade: draw(0.6, 1.15) },
  ];
}

function ankleBoot(draw: Draw): Patch[] {
  const ground = draw(0.86, 0.92);
  const sole = draw(0.04, 0.07);
  const heel = draw(0.03, 0.1);
  const shaft = draw(0.1, 0.22);
  const front = draw(0.48, 0.56);
  const toe = draw(0.12, 0.17);
  const upper: Point[] = [
    [0.06, ground - sole],
    [0.09, ground - sole - toe],
    [0.34, ground - sole - toe - 0.08],
    [front, 0.48],
    [front - 0.02, shaft],
    [draw(0.86, 0.92), shaft],
    [0.9, ground - sole],
  ];
  return [
    { outlines: [upper], shade: 1 },
    { outlines: [box(0.06, ground - sole, 0.62, ground)], shade: draw(0.5, 0.8) },
    { outlines: [box(0.68, ground - sole, 0.9, ground + heel)], shade: draw(0.5, 0.8) },
  ];
}

function bag(draw: Draw): Patch[] {
  const half = draw(0.32, 0.43);
  const slope = draw(0, 0.07);
  const lid = draw(0.38, 0.48);
  const floor = draw(0.84, 0.92);
  const grip = draw(0.14, 0.24);
  const rise = draw(0.08, 0.18);
  const thick = draw(0.04, 0.06);
  const arch = (width: number, height: number): Point[] =>
    mirrored([[0, height], [width * 0.7, height + 0.02], [width, lid + 0.02]]);
  return [
    { outlines: [arch(grip, rise), arch(grip - thick, rise + thick)], shade: draw(0.75, 1) },
    { outlines: [mirrored([[half - slope, lid], [half, floor]])], shade: 1 },
    { outlines: [box(0.5 - half + slope, lid + 0.1, 0.5 + half - slope, lid + 0.13)], shade: draw(0.4, 0.7) },
  ];
}
