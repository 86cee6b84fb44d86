/**
 * The picture, where it is shifted to, and the models that look at it: shown again whenever one of them changes.
 *
 * @module
 */

/// <reference lib="dom" />

import { type Images, keyOf, modulo, type Offset, shiftImages } from "../../../mod.ts";
import { makePanel, type Panel, type Scene } from "./panel.ts";
import { blankPicture } from "./picture.ts";
import { firstShift } from "./shift_map.ts";
import type { ShownModel } from "./shown_model.ts";

/** What the rest of the page does with the picture. */
export interface Workbench {
  /** The picture as it is now. */
  readonly scene: () => Scene;
  /** The panels, left to right. */
  readonly panels: readonly Panel[];
  /** Shifts the picture from its own place. */
  moveTo(offset: Offset): void;
  /** Takes another picture; it is shifted as the one before. */
  take(picture: Images): void;
  /** Predicts the picture at every shift. */
  tryAll(): Promise<void>;
  /** Puts other models in the place of those shown, in the same order, as soon as those are at rest. */
  exchange(open: () => Promise<readonly ShownModel[]>): Promise<void>;
}

/** Where a workbench reports to. */
export interface WorkbenchOptions {
  /** Where panels go. */
  readonly parent: HTMLElement;
  /** The models, all for the same shape of picture. */
  readonly models: readonly ShownModel[];
  /** Is told at once of every new scene. */
  readonly changed: (scene: Scene) => void;
  /** Is told when a scene has been shown, with the milliseconds of each forward pass. */
  readonly shown: (scene: Scene, times: readonly number[]) => void;
  /** Is told what went wrong. */
  readonly failed: (cause: unknown) => void;
}

/** The chance of tokenizers that draw. */
const KEY = keyOf(0);

/** Colours of the panels, as CSS has them. */
const COLOURS = ["#f08a24", "#16a394"] as const;

/** A workbench with a black picture. */
export function makeWorkbench({ parent, models, changed, shown, failed }: WorkbenchOptions): Workbench {
  const { image } = models[0].card;
  const state = document.body.dataset;
  const chosen = firstChoice(models);
  let present = models;
  let picture = blankPicture(image);
  let offset: Offset = { dy: 0, dx: 0 };
  let trial: AbortController | undefined;
  // Whoever drags is faster than a model may be: while one scene is shown only the latest of the others is kept.
  let [wanted, done, isBusy] = [0, 0, false];

  const scene = (): Scene => ({
    picture,
    offset,
    shifted: shiftImages(picture, [offset], "circular-2d"),
    key: KEY,
  });
  const refresh = async () => {
    wanted++;
    state.state = "busy";
    changed(scene());
    if (isBusy) return;
    isBusy = true;
    try {
      while (done !== wanted) {
        const [turn, now] = [wanted, scene()];
        const times: number[] = [];
        for (const panel of panels) times.push(await panel.show(now));
        shown(now, times);
        state.shift = `${now.offset.dy},${now.offset.dx}`;
        done = turn;
      }
      state.state = "ready";
    } catch (cause) {
      failed(cause);
    } finally {
      isBusy = false;
    }
  };
  const forgetTrial = () => {
    trial?.abort();
    trial = undefined;
    state.map = "none";
    for (const panel of panels) panel.clearMap();
  };
  const moveTo = ({ dy, dx }: Offset) => {
    const around = (value: number, size: number) => modulo(value - firstShift(size), size) + firstShift(size);
    offset = { dy: around(dy, image.height), dx: around(dx, image.width) };
    void refresh();
  };

  const panels: Panel[] = chosen.map((index, place) =>
    makePanel({
      parent,
      name: ["left", "right"][place],
      colour: COLOURS[place],
      titles: models.map(({ card }) => card.title),
      chosen: index,
      choose: (next) => {
        chosen[place] = next;
        forgetTrial();
        panels[place].open(present[next]);
        void refresh();
      },
      move: moveTo,
    })
  );
  const openPanels = () => panels.forEach((panel, place) => panel.open(present[chosen[place]]));
  openPanels();

  return {
    scene,
    panels,
    moveTo,
    take(next) {
      picture = next;
      forgetTrial();
      void refresh();
    },
    async tryAll() {
      forgetTrial();
      const { signal } = trial = new AbortController();
      state.map = "busy";
      try {
        const now = scene();
        for (const panel of panels) await panel.drawMap(now, signal);
        if (!signal.aborted) state.map = "ready";
      } catch (cause) {
        if (!signal.aborted) failed(cause);
      }
    },
    async exchange(open) {
      forgetTrial();
      while (isBusy) await new Promise((resolve) => setTimeout(resolve, 10));
      isBusy = true;
      try {
        for (const model of present) model.dispose();
        present = await open();
        openPanels();
      } finally {
        isBusy = false;
      }
      await refresh();
    },
  };
}

/** Which models to begin with: the first, and the first after it that chooses its grid, by no chance if possible. */
function firstChoice(models: readonly ShownModel[]): number[] {
  if (models.length === 1) return [0];
  const isSure = ({ adaptive, card }: ShownModel) => adaptive && card.tokenizer.order !== "random";
  const isAdaptive = ({ adaptive }: ShownModel) => adaptive;
  const found = [isSure, isAdaptive].map((test) =>
    models.findIndex((model, index) => index > 0 && test(model))
  );
  return [0, found.find((index) => index > 0) ?? 1];
}
