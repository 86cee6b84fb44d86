/**
 * The playground in the browser: a picture that can be shifted, in front of a plain model and its adaptive twin. All of
 * it is computed here, by the same code that trains the models.
 *
 * @module
 */

/// <reference lib="dom" />

import { type BackendName, selectBackend } from "../../mod.ts";
import { CONTENTS, type Contents, decodeSamples } from "./model_file.ts";
import type { Scene } from "./page/panel.ts";
import { openModel, type ShownModel } from "./page/shown_model.ts";
import { makeSource } from "./page/source.ts";
import { unsupported } from "./page/wasm_simd.ts";
import { makeWorkbench } from "./page/workbench.ts";

/** Passes that the time of one is the median of. */
const TIMES = 24;

const byId = <E extends HTMLElement>(id: string): E => document.querySelector<E>(`#${id}`)!;

function complain(cause: unknown): void {
  const fault = byId("fault");
  fault.textContent = messageOf(cause);
  fault.hidden = false;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

async function fetchBytes(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file} could not be loaded (${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Loads everything, and then answers to its user. */
async function start(): Promise<void> {
  const contents: Contents = JSON.parse(new TextDecoder().decode(await fetchBytes(CONTENTS)));
  const files = await Promise.all(
    contents.models.map(async (file) => ({ file, bytes: await fetchBytes(file) })),
  );
  const samples = decodeSamples(await fetchBytes(contents.samples), contents.samples);
  // Tensors stay on the backend that they were made on, so each backend has models of its own.
  const openAll = async () => {
    const opened: ShownModel[] = [];
    for (const { file, bytes } of files) opened.push(await openModel(bytes, file));
    return opened;
  };
  let backend = await selectBackend("wasm");
  let recent: number[] = [];
  let draw = (_: Scene): void => {};
  const models = await openAll();
  const workbench = makeWorkbench({
    parent: byId("panels"),
    models,
    changed: (scene) => draw(scene),
    shown: (_, times) => {
      recent = [...recent, ...times].slice(-TIMES);
      byId("status").textContent = statusText(backend.description, recent);
    },
    failed: complain,
  });
  draw = makeSource({ workbench, samples, classes: models[0].card.classes, failed: complain });

  const select = byId<HTMLSelectElement>("backend");
  if (navigator.gpu === undefined) {
    const gpu = select.querySelector<HTMLOptionElement>("[value=webgpu]")!;
    gpu.disabled = true;
    gpu.textContent += ": not in this browser";
  }
  select.addEventListener("change", async () => {
    byId("fault").hidden = true;
    select.disabled = true;
    try {
      await workbench.exchange(async () => {
        try {
          backend = await selectBackend(select.value as BackendName);
        } catch (cause) {
          complain(`WebGPU did not start here, so the CPU goes on. ${messageOf(cause)}`);
          backend = await selectBackend("wasm");
          select.value = "wasm";
        }
        recent = [];
        return await openAll();
      });
    } catch (cause) {
      complain(cause);
    } finally {
      select.disabled = false;
    }
  });
  byId("samples").querySelector("button")!.click();
}

function statusText(description: string, times: readonly number[]): string {
  const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
  return `In this page, on ${description}. A forward pass of one picture takes ${median.toFixed(1)} ms.`;
}

const reason = unsupported();
if (reason === undefined) {
  start().catch((cause) => {
    document.body.dataset.state = "failed";
    complain(`The playground could not start: ${messageOf(cause)}`);
  });
} else {
  document.body.dataset.state = "unsupported";
  complain(reason);
}
