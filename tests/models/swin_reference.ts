/**
 * Swin and Swin V2 written down once more, in plain loops on weights by PyTorch's names and shapes: what the models are
 * compared with. The shift is a roll, the mask is made of regions, and merging puts neighbours side by side as timm does.
 *
 * @module
 */

import { foldIn, type Key, normal } from "../../pipeline/random.ts";
import type { TorchEntry } from "../../models/model.ts";

/** Weights by PyTorch's names. */
export type State = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** Channels of every token, `[row][column][channel]`. */
export type TokenMap = readonly (readonly (readonly number[])[])[];

/** What a reference model is. */
export interface Reference {
  readonly version: 1 | 2;
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  readonly window: number;
}

/** Random weights of all entries; scales of normalizations are about 1. */
export function drawState(key: Key, entries: readonly TorchEntry[]): State {
  return new Map(entries.map(({ torch, shape }) => {
    const size = shape.reduce((product, each) => product * each, 1);
    const isScale = shape.length === 1 && torch.endsWith("weight");
    const deviation = shape.length === 2 && torch.endsWith("weight") ? 1 / Math.sqrt(shape[1]) : 0.3;
    const data = normal(foldIn(key, torch), size).map((each) => Number(isScale) + each * deviation);
    return [torch, { shape, data }];
  }));
}

const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0);
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

function dense(state: State, name: string, x: readonly number[]): number[] {
  const { shape: [outputs], data } = state.get(`${name}.weight`)!;
  const bias = state.get(`${name}.bias`)?.data;
  const inputs = data.length / outputs;
  return range(outputs).map((out) =>
    x.reduce((total, each, at) => total + each * data[out * inputs + at], bias?.[out] ?? 0)
  );
}

function norm(state: State, name: string, x: readonly number[]): number[] {
  const [weight, bias] = [state.get(`${name}.weight`)!.data, state.get(`${name}.bias`)!.data];
  const mean = sum([...x]) / x.length;
  const variance = sum(x.map((each) => (each - mean) ** 2)) / x.length;
  return x.map((each, at) => (each - mean) / Math.sqrt(variance + 1e-5) * weight[at] + bias[at]);
}

/** The error function by its series, which does for what comes here. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let [term, total] = [x, x];
  for (let n = 1; n < 120; n++) {
    term *= -x * x / n;
    total += term / (2 * n + 1);
  }
  return 2 / Math.sqrt(Math.PI) * total;
}

const gelu = (x: number) => x * (1 + erf(x / Math.SQRT2)) / 2;

const mlp = (state: State, name: string, x: readonly number[]) =>
  dense(state, `${name}.fc2`, dense(state, `${name}.fc1`, x).map(gelu));

/** The bias of a query and key of a head that stand so to each other in a window of a size. */
function biasOf(
  state: State,
  name: string,
  version: 1 | 2,
  size: number,
  dy: number,
  dx: number,
  head: number,
): number {
  if (version === 1) {
    const { shape: [, heads], data } = state.get(`${name}.relative_position_bias_table`)!;
    return data[((dy + size - 1) * (2 * size - 1) + dx + size - 1) * heads + head];
  }
  const log = (d: number) => Math.sign(d) * Math.log2(Math.abs(d) * 8 / (size - 1) + 1) / 3;
  const hidden = dense(state, `${name}.cpb_mlp.0`, [log(dy), log(dx)]).map((each) => Math.max(0, each));
  return 16 / (1 + Math.exp(-dense(state, `${name}.cpb_mlp.2`, hidden)[head]));
}

/** Attention of one window: its tokens, where each stands, and which region of the image it is from. */
function attention(
  state: State,
  name: string,
  { version }: Reference,
  heads: number,
  size: number,
  tokens: readonly (readonly number[])[],
  regions: readonly string[],
): number[][] {
  const dim = tokens[0].length / heads;
  const packed = tokens.map((token) => {
    const all = dense(state, `${name}.qkv`, token);
    if (version === 1) return all;
    const [q, v] = [state.get(`${name}.q_bias`)!.data, state.get(`${name}.v_bias`)!.data];
    return all.map((each, at) => each + [...q, ...q.map(() => 0), ...v][at]);
  });
  const part = (token: number, which: number, head: number) =>
    packed[token].slice((which * heads + head) * dim, (which * heads + head + 1) * dim);
  const unit = (x: readonly number[]) => x.map((each) => each / Math.sqrt(sum(x.map((value) => value ** 2))));
  const score = (query: number, key: number, head: number) => {
    const [q, k] = [part(query, 0, head), part(key, 1, head)];
    const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((each, at) => each * b[at]));
    if (version === 1) return dot(q, k) / Math.sqrt(dim);
    return dot(unit(q), unit(k)) * Math.min(100, Math.exp(state.get(`${name}.logit_scale`)!.data[head]));
  };
  return range(tokens.length).map((query) => {
    const found = range(heads).flatMap((head) => {
      const weights = range(tokens.length).map((key) => {
        const [dy, dx] = [Math.floor(query / size) - Math.floor(key / size), query % size - key % size];
        const hidden = regions[query] === regions[key] ? 0 : -100;
        return Math.exp(
          score(query, key, head) + biasOf(state, name, version, size, dy, dx, head) + hidden,
        );
      });
      return range(dim).map((at) =>
        sum(weights.map((weight, key) => weight * part(key, 2, head)[at])) / sum(weights)
      );
    });
    return dense(state, `${name}.proj`, found);
  });
}

function block(
  state: State,
  name: string,
  model: Reference,
  heads: number,
  shifted: boolean,
  x: TokenMap,
): TokenMap {
  const side = x.length;
  const size = Math.min(model.window, side);
  const shift = shifted && size < side ? Math.floor(size / 2) : 0;
  const seen = x.map((line) =>
    line.map((each) => model.version === 1 ? norm(state, `${name}.norm1`, each) : each)
  );
  // Swin's three regions along an axis of the rolled map.
  const region = (place: number) => shift === 0 || place < side - size ? 0 : place < side - shift ? 1 : 2;
  const found: number[][][] = x.map((line) => line.map(() => []));
  for (const top of range(side / size)) {
    for (const left of range(side / size)) {
      const places = range(size * size).map((
        token,
      ) => [top * size + Math.floor(token / size), left * size + token % size]);
      const at = places.map(([row, column]) => [(row + shift) % side, (column + shift) % side]);
      const out = attention(
        state,
        `${name}.attn`,
        model,
        heads,
        size,
        at.map(([row, column]) => seen[row][column]),
        places.map(([row, column]) => `${region(row)} ${region(column)}`),
      );
      at.forEach(([row, column], token) => found[row][column] = out[token]);
    }
  }
  const add = (a: readonly number[], b: readonly number[]) => a.map((each, at) => each + b[at]);
  return x.map((line, row) =>
    line.map((token, column) => {
      if (model.version === 1) {
        const attended = add(token, found[row][column]);
        return add(attended, mlp(state, `${name}.mlp`, norm(state, `${name}.norm2`, attended)));
      }
      const attended = add(token, norm(state, `${name}.norm1`, found[row][column]));
      return add(attended, norm(state, `${name}.norm2`, mlp(state, `${name}.mlp`, attended)));
    })
  );
}

function merge(state: State, name: string, { version }: Reference, x: TokenMap): TokenMap {
  return range(x.length / 2).map((row) =>
    range(x.length / 2).map((column) => {
      const cell = [[0, 0], [1, 0], [0, 1], [1, 1]].flatMap(([dy, dx]) => x[2 * row + dy][2 * column + dx]);
      return version === 1
        ? dense(state, `${name}.reduction`, norm(state, `${name}.norm`, cell))
        : norm(state, `${name}.norm`, dense(state, `${name}.reduction`, cell));
    })
  );
}

/** Logits of one image whose patches, `[row][column][channel]`, are single pixels. */
export function referenceLogits(state: State, model: Reference, pixels: TokenMap): number[] {
  let x: TokenMap = pixels.map((line) =>
    line.map((pixel) => norm(state, "patch_embed.norm", dense(state, "patch_embed.proj", pixel)))
  );
  model.depths.forEach((depth, stage) => {
    const name = `layers.${stage}`;
    if (stage > 0) x = merge(state, `${name}.downsample`, model, x);
    for (const at of range(depth)) {
      x = block(state, `${name}.blocks.${at}`, model, model.heads[stage], at % 2 === 1, x);
    }
  });
  const normalized = x.flat().map((token) => norm(state, "norm", token));
  const mean = normalized[0].map((_, at) => sum(normalized.map((token) => token[at])) / normalized.length);
  return dense(state, "head.fc", mean);
}
