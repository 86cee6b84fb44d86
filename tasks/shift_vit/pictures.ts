/**
 * The pictures of `shift-vit` that show single models: results at every offset, grids of patches, errors of layers.
 *
 * @module
 */

import { shiftImages } from "../../datasets/shift.ts";
import { heatMapFigure, offsetHeatMap } from "../../pipeline/report/heat_map.ts";
import { layerErrorFigure } from "../../pipeline/report/layer_errors.ts";
import type { Section } from "../../pipeline/report/page.ts";
import { patchGridFigure } from "../../pipeline/report/patch_grid.ts";
import type { CellResult } from "../../pipeline/sweep.ts";
import { type Details, type GridDetails, imageOf } from "./details.ts";
import { parseModelName } from "./model_names.ts";

/** A model with what was kept of it for pictures. */
export interface Shown {
  /** Name of its cell. */
  readonly slug: string;
  /** Name of the model. */
  readonly model: string;
  /** What was kept. */
  readonly details: Details;
}

/** Draws a picture once for each cell, since pages are written again as cells finish. */
export type Once = (name: string, draw: () => Promise<string>) => Promise<string>;

/** A cache of pictures by name. */
export function drawnOnce(): Once {
  const pictures = new Map<string, Promise<string>>();
  return (name, draw) => {
    const picture = pictures.get(name) ?? draw();
    pictures.set(name, picture);
    return picture;
  };
}

/** A finished cell as pictures need it. */
export function shownOf({ slug, row, details }: CellResult): Shown {
  return { slug, model: String(row.model), details: details as Details };
}

/** Accuracy and consistency at every circular offset, two maps a model. */
export async function offsetsSection(models: readonly Shown[], once: Once): Promise<Section> {
  const rows = await Promise.all(
    models.map(({ slug, model, details: { offsets } }) =>
      once(`offsets ${slug}`, async () => {
        const { width, accuracy, consistency } = offsets;
        const results = accuracy.map((_, index) => ({
          dy: Math.floor(index / width),
          dx: index % width,
          accuracy: accuracy[index],
          consistency: consistency[index],
        }));
        const maps = await Promise.all((["accuracy", "consistency"] as const).map((figure) =>
          heatMapFigure({
            ...offsetHeatMap(results, figure, { title: `${model}: ${figure}`, domain: [0, 1] }),
            width: 370,
          })
        ));
        const places = maps.map((map) => `<div style="flex:0 1 370px">${map}</div>`);
        return `<div style="display:flex;flex-wrap:wrap;column-gap:2rem">${places.join("")}</div>`;
      })
    ),
  );
  return {
    title: "Every circular offset",
    intro:
      "Accuracy at each offset of rows and columns, and the share of images that are predicted as without it; 0 is in the " +
      "middle. A model that is consistent in some places of a lattice alone has a module left whose grid does not move.",
    body: rows.join("\n"),
    note: `First seed. On ${
      [...new Set(models.map(({ details }) => details.offsets.images))].join(" or ")
    } test images; every map has the same colours.`,
  };
}

/** The grid that the first model with a fixed grid and the first with an adaptive one laid on the same image. */
export function gridSection(models: readonly Shown[]): Section | undefined {
  const withGrid = models.filter(({ details }) => details.grid !== null);
  const isMoving = ({ model }: Shown) =>
    parseModelName(model).modules.some((module) => module === "tokens" || module === "canonical");
  const chosen = [withGrid.find(isMoving)].flatMap((moving) => {
    if (moving === undefined) return [];
    const patches = JSON.stringify(moving.details.grid!.patchShape);
    const fixed = withGrid.find((each) =>
      !isMoving(each) && JSON.stringify(each.details.grid!.patchShape) === patches
    );
    return fixed === undefined ? [moving] : [fixed, moving];
  });
  if (chosen.length === 0) return undefined;
  return {
    title: "The grid moves with the image",
    intro:
      "An image and circular shifts of it, with the grid of patches that the tokenizer laid on each. The patch of the first " +
      "token is filled. A fixed grid cuts a shifted image into other patches; an adaptive one takes the phase whose " +
      "embedded patches have most energy, and cuts the same patches, though the first may be another.",
    body: chosen.map(({ model, details }) => gridFigure(model, details.grid!)).join("\n"),
  };
}

function gridFigure(model: string, grid: GridDetails): string {
  const image = imageOf(grid);
  return patchGridFigure({
    title: `${model}: ${grid.label}`,
    grid,
    columns: 5,
    cells: grid.cells.map(({ shift, offset }) => ({
      image: shiftImages(image, [shift], "circular-2d"),
      offset,
      caption: shift.dy === 0 && shift.dx === 0
        ? "as it is"
        : `${signed(shift.dy)} down, ${signed(shift.dx)} right`,
    })),
  });
}

/** The equivariance error of each layer, a chart a model. */
export async function layersSection(models: readonly Shown[], once: Once): Promise<Section> {
  const charts = await Promise.all(
    models.map(({ slug, model, details: { layers } }) =>
      once(`layers ${slug}`, () => layerErrorFigure({ title: model, layers, floor: 1e-8 }))
    ),
  );
  return {
    title: "Layer by layer",
    intro:
      "How far each layer is from following a shift of the image: the difference of the activations of an image and of its " +
      "shift, at the shift of the activation that brings them nearest, as a share of their length. What an architecture " +
      "guarantees holds before training as after it; rounding leaves some 10⁻⁷. The error of logits is that of invariance, " +
      "of the model without averaging.",
    body: charts.join("\n"),
    note:
      "First seed. Bars are means over images and shifts, thin lines go to the greatest error. Where a head begins as 0, so do " +
      "its logits, shifted or not.",
  };
}

function signed(value: number): string {
  return value < 0 ? `−${-value}` : String(value);
}
