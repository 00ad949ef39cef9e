/** The lines that containers of a store wrote, as they are kept and shown. Pure. */
import stripAnsi from 'strip-ansi';
import type { LogLine } from './api/model';

/** Lines that are kept; older ones are let go of. */
export const KEPT = 2000;

/** Characters of a line that are shown. */
const SHOWN = 2000;

/** Controls but the tab, and what turns the direction of writing. */
const HIDDEN = /(?!\t)\p{Cc}|\p{Bidi_Control}/gu;

/** A line, and its number among all that came. */
export interface NumberedLine extends LogLine {
  number: number;
}

export function numbered(lines: readonly LogLine[]): readonly NumberedLine[] {
  return appended([], lines);
}

/** The lines with more after them. */
export function appended(
  lines: readonly NumberedLine[],
  more: readonly LogLine[],
): readonly NumberedLine[] {
  const next = (lines.at(-1)?.number ?? -1) + 1;
  return [...lines, ...more.map((line, index) => ({ ...line, number: next + index }))].slice(-KEPT);
}

/** Which container a line is of: `pod/container`. */
export function sourceOf(line: LogLine): string {
  return `${line.pod}/${line.container}`;
}

/** The containers that lines are of, in the order of their names. */
export function sourcesOf(lines: readonly LogLine[]): string[] {
  return [...new Set(lines.map(sourceOf))].sort();
}

/**
 * A line as text: without colours, and without characters that cannot be seen but change how what
 * is around them looks.
 */
export function plain(text: string): string {
  const found = stripAnsi(text).replace(HIDDEN, '');
  return found.length > SHOWN ? `${found.slice(0, SHOWN)}…` : found;
}
