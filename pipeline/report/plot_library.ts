/**
 * The only door to Observable Plot and to the document it draws in, and the cleaning that makes its pictures equal
 * text for equal data.
 *
 * Both libraries load on the first picture, so who never draws does not pay for them. The build of the document for
 * workers is taken because it needs no permission.
 *
 * @module
 */

// deno-lint-ignore-file no-import-prefix -- bare specifiers do not resolve in remote modules

import { escapeHtml } from "./html.ts";

/** Observable Plot. */
export type PlotLibrary = typeof import("npm:@observablehq/plot@0.6.17");

/** The class of every picture, which a page can style; also what keeps the picture's own style rules to itself. */
export const PLOT_CLASS = "polyphase-plot";

/** The part of an SVG element that is used to draw and clean. */
export interface SvgElement {
  /** All attributes. */
  readonly attributes: Iterable<{ readonly name: string; value: string }>;
  /** Text inside. */
  textContent: string | null;
  /** The element as text. */
  readonly outerHTML: string;
  /** Sets one attribute. */
  setAttribute(name: string, value: string): void;
  /** Adds a child at the end. */
  append(child: SvgElement): void;
  /** The elements inside that match. */
  querySelectorAll(selector: string): Iterable<SvgElement>;
}

/** The part of a document that is used to draw. */
export interface SvgDocument {
  /** Makes an element. */
  createElementNS(namespace: string, name: string): SvgElement;
}

/** What is needed to draw. */
export interface PlotTools {
  /** Observable Plot. */
  readonly plot: PlotLibrary;
  /** Makes an SVG element with attributes and, if given, text. */
  readonly element: (
    name: string,
    attributes: Readonly<Record<string, string | number>>,
    text?: string,
  ) => SvgElement;
}

/** The name of the language of pictures; a name only, nothing is fetched from there. */
const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

const GEOMETRY = new Set(
  [
    "d",
    "transform",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "dx",
    "dy",
    "cx",
    "cy",
    "r",
    "width",
    "height",
    "points",
  ],
);

/**
 * The picture that `options` describes, as SVG text that can stand in a page or in a file of its own.
 *
 * `options` is asked for what `Plot.plot` takes; the class and the document are added here. Equal options give equal
 * text: numbers of the geometry are rounded to hundredths of a pixel, and ids are made of the picture's content.
 */
export async function renderPlot(
  options: (tools: PlotTools) => Readonly<Record<string, unknown>>,
  ariaLabel: string,
): Promise<string> {
  const [plot, { parseHTML }] = await Promise.all([
    import("npm:@observablehq/plot@0.6.17"),
    import("npm:linkedom@0.18.13/worker"),
  ]);
  const { document } = parseHTML("<!doctype html><html><body></body></html>") as unknown as {
    document: SvgDocument;
  };
  const element: PlotTools["element"] = (name, attributes, text) => {
    const made = document.createElementNS(SVG_NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const described = { ...options({ plot, element }), className: PLOT_CLASS, document };
  const svg = plot.plot(described as Parameters<PlotLibrary["plot"]>[0]) as unknown as SvgElement;
  for (const part of svg.querySelectorAll("*")) roundGeometry(part);
  // Written as text, since the document leaves "<" in attributes as it is: fine in HTML, an error in a file of its own.
  const head = `<svg xmlns="${SVG_NAMESPACE}" role="img" aria-label="${escapeHtml(ariaLabel)}"`;
  return nameClips(svg.outerHTML.replace("<svg", () => head));
}

function roundGeometry(element: SvgElement): void {
  for (const attribute of element.attributes) {
    if (!GEOMETRY.has(attribute.name)) continue;
    attribute.value = attribute.value.replace(
      /-?\d+\.\d+/g,
      (number) => String(Number(Number(number).toFixed(2))),
    );
  }
}

/** Plot numbers its clip paths over the life of the process; here they are named by what the picture holds. */
function nameClips(svg: string): string {
  const plain = svg.replace(/plot-clip-\d+/g, "plot-clip");
  if (plain === svg) return svg;
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(plain)) hash = Math.imul(hash ^ byte, 0x01000193);
  const order = new Map<string, string>();
  return svg.replace(/plot-clip-\d+/g, (id) => {
    if (!order.has(id)) order.set(id, `clip-${(hash >>> 0).toString(16)}-${order.size + 1}`);
    return order.get(id)!;
  });
}
