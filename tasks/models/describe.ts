/**
 * A model in numbers: its configuration, what goes in, how many parameters are trained and what an image costs.
 *
 * @module
 */

import { keyOf } from "../../pipeline/random.ts";
import type { Model } from "../../models/model.ts";
import { countParams, disposeParams } from "../../models/params.ts";
import type { Json, JsonObject } from "../../pipeline/json.ts";
import { thousands } from "../../pipeline/report/format.ts";
import { tableText } from "../../pipeline/report/table.ts";
import type { NamedModel } from "./named_models.ts";

/** Classes of the small data sets that most models are for. */
const CLASSES = 10;

/** A model as `--json` prints it. */
export type Description = {
  /** Name in the list. */
  readonly name: string;
  /** Configuration of the architecture. */
  readonly model: JsonObject;
  /** Configuration of the tokenizer. */
  readonly tokenizer: JsonObject;
  /** `[height, width, channels]` of an image. */
  readonly image: readonly number[];
  /** `[tokens, values per token]` of an image. */
  readonly tokens: readonly number[];
  /** Classes that go out. */
  readonly classes: number;
  /** Trained parameters. */
  readonly params: number;
  /** Trained parameters that were published; `null` where none are known. */
  readonly publishedParams: number | null;
  /** Multiply-adds of the forward pass of one image; `null` where the model does not say. */
  readonly multiplyAdds: number | null;
};

/** Builds a model and says what it is. Needs a backend in use if the model has no layout in files of PyTorch's. */
export function describe(
  { name, architecture, tokenizer, image, classes = CLASSES, published }: NamedModel,
): Description {
  const grid = tokenizer.grid(image);
  const model = architecture.build({ grid, classes });
  return {
    name,
    model: architecture.config,
    tokenizer: tokenizer.config,
    image: [image.height, image.width, image.channels],
    tokens: [grid.tokens, grid.patch],
    classes,
    params: countTrained(model),
    publishedParams: published ?? null,
    multiplyAdds: model.multiplyAdds ?? null,
  };
}

/**
 * How many numbers are trained. Layouts in files tell without drawing millions of initial values; without one they are
 * drawn.
 */
export function countTrained(model: Model): number {
  const [layout] = Object.values(model.torch ?? {});
  if (layout !== undefined) {
    return layout
      .filter(({ name }) => !model.isBuffer?.(name))
      .reduce((sum, { shape }) => sum + shape.reduce((size, length) => size * length, 1), 0);
  }
  const params = model.init(keyOf(0));
  try {
    return countParams(params, model);
  } finally {
    disposeParams(params);
  }
}

/** The table that `deno task models` prints. */
export function modelsText(models: readonly Description[], width?: number): string {
  return tableText({
    caption: "Models",
    columns: [
      { key: "name", label: "model" },
      { key: "params", label: "parameters", format: thousands() },
      { key: "multiplyAdds", label: "multiply-adds", format: thousands() },
      { key: "image", label: "image" },
      { key: "tokenizer", label: "tokenizer" },
      { key: "tokens", label: "tokens" },
      { key: "classes", label: "classes" },
      { key: "model", label: "configuration" },
    ],
    rows: models.map(({ name, params, multiplyAdds, image, tokenizer, tokens, classes, model }) => ({
      name,
      params,
      multiplyAdds,
      image: image.join("×"),
      tokenizer: settingsText(tokenizer),
      tokens: tokens.join("×"),
      classes,
      model: settingsText(model),
    })),
  }, { width });
}

/** `{ name: "vit", layers: 4, dropout: 0, code: null }` as `vit layers=4`: what is off or not given is left out. */
function settingsText({ name, ...settings }: JsonObject): string {
  const given = Object.entries(settings).filter(([, value]) =>
    value !== null && value !== false && value !== 0
  );
  const texts = given.map(([key, value]) => `${key}=${valueText(value)}`);
  return (name === undefined ? texts : [String(name), ...texts]).join(" ");
}

function valueText(value: Json): string {
  if (Array.isArray(value)) return value.map(valueText).join(",");
  return typeof value === "object" && value !== null
    ? `(${settingsText(value as JsonObject)})`
    : String(value);
}
