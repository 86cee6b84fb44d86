/**
 * MViTv2 in timm: names and shapes, and weights there and back.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { mvitV2 } from "../../models/mvit_v2.ts";
import { disposeParams } from "../../models/params.ts";
import { loadTorch, saveTorch } from "../../models/torch_weights.ts";
import { bitsOf } from "../pipeline/fixtures.ts";
import { builtFor, drawnParams } from "./shifted_maps.ts";

const SIZE = { height: 8, width: 12, channels: 2 };
const OPTIONS = { embed: [8, 12, 12], depths: [1, 2, 1], heads: [1, 2, 3], mlpRatio: 2 };

Deno.test("mvitV2: the names are timm's, and weights go there and back to the bit", async () => {
  await selectBackend("wasm");
  const model = builtFor(mvitV2(OPTIONS), SIZE);
  const pool = (part: string, dim: number): [string, number[]][] =>
    ["q", "k", "v"].flatMap((letter): [string, number[]][] => [
      [`${part}.attn.pool_${letter}.weight`, [dim, 1, 3, 3]],
      [`${part}.attn.norm_${letter}.weight`, [dim]],
      [`${part}.attn.norm_${letter}.bias`, [dim]],
    ]);
  const pair = (name: string, outputs: number, inputs?: number): [string, number[]][] => [
    [`${name}.weight`, inputs === undefined ? [outputs] : [outputs, inputs]],
    [`${name}.bias`, [outputs]],
  ];
  const block = (
    part: string,
    [from, to, dim]: readonly [number, number, number],
    [rows, columns]: readonly [number, number],
  ): [string, number[]][] => [
    ...pair(`${part}.norm1`, from),
    ...pair(`${part}.attn.qkv`, 3 * to, from),
    ...pool(part, dim),
    [`${part}.attn.rel_pos_h`, [rows, dim]],
    [`${part}.attn.rel_pos_w`, [columns, dim]],
    ...pair(`${part}.attn.proj`, to, to),
    ...from === to ? [] : pair(`${part}.shortcut_proj_attn`, to, from),
    ...pair(`${part}.norm2`, to),
    ...pair(`${part}.mlp.fc1`, 2 * to, to),
    ...pair(`${part}.mlp.fc2`, to, 2 * to),
  ];
  const expected = [
    ["patch_embed.proj.weight", [8, 2, 3, 3]] satisfies [string, number[]],
    ["patch_embed.proj.bias", [8]] satisfies [string, number[]],
    ...block("stages.0.blocks.0", [8, 8, 8], [7, 11]),
    ...block("stages.1.blocks.0", [8, 12, 6], [7, 11]),
    ...block("stages.1.blocks.1", [12, 12, 6], [3, 5]),
    ...block("stages.2.blocks.0", [12, 12, 4], [3, 5]),
    ...pair("norm", 12),
    ...pair("head.fc", 5, 12),
  ];
  const entries = model.torch!.timm.map(({ torch, shape }): [string, readonly number[]] => [torch, shape]);
  assertEquals(Object.fromEntries(entries), Object.fromEntries(expected));
  const params = drawnParams(model);
  const again = loadTorch(model, await saveTorch(model, params), "test");
  assertEquals(await bitsOf(again), await bitsOf(params));
  for (const each of [params, again]) disposeParams(each);
  assertEquals(builtFor(mvitV2({ ...OPTIONS, adaptive: true }), SIZE).torch, {});
});
