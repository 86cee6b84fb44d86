/**
 * The pictures to choose from, as buttons.
 *
 * @module
 */

/// <reference lib="dom" />

import { type Images, type Split, takeImages } from "../../../mod.ts";
import { drawPicture } from "./draw_picture.ts";

/** Makes a button for each picture; `take` is told which one was pressed. */
export function makeSamples(
  parent: HTMLElement,
  { images, labels }: Split,
  classes: readonly string[],
  take: (picture: Images) => void,
): void {
  const buttons = Array.from(labels, (label, index) => {
    const picture = takeImages(images, [index]);
    const button = document.createElement("button");
    button.type = "button";
    button.title = classes[label];
    button.setAttribute("aria-label", `${classes[label]}, picture ${index + 1}`);
    button.setAttribute("aria-pressed", "false");
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [images.width, images.height];
    drawPicture(canvas, picture);
    button.append(canvas);
    button.addEventListener("click", () => {
      clearChoice(parent);
      take(picture);
      button.setAttribute("aria-pressed", "true");
    });
    return button;
  });
  parent.replaceChildren(...buttons);
}

/** Marks no picture as the chosen one. */
export function clearChoice(parent: HTMLElement): void {
  for (const button of parent.querySelectorAll("button")) button.setAttribute("aria-pressed", "false");
}
