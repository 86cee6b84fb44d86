/**
 * Lines of text from a stream of bytes: how the two processes of the benchmark talk.
 *
 * @module
 */

/** The lines of a stream, without their ends. A last line without an end is not one. */
export async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    const whole = part.split("\n");
    // Not split again: a long line comes in many parts.
    whole[0] = rest + whole[0];
    rest = whole.pop()!;
    yield* whole;
  }
}
