import { ScrollArea } from '@mantine/core';
import { memo, useLayoutEffect, useRef } from 'react';
import { type NumberedLine, plain, sourceOf } from '../logs';
import classes from './Logs.module.css';

/** Pixels from the end within which it stays in sight. */
const NEAR = 40;

export interface LogLinesProps {
  lines: readonly NumberedLine[];
  /** Whether each line says which container it is of. */
  sources: boolean;
}

/**
 * Lines as text; their end stays in sight unless it was scrolled away from. All that are kept are in
 * the page, so that they can be searched and copied.
 */
export function LogLines({ lines, sources }: LogLinesProps) {
  const viewport = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    const seen = viewport.current;
    if (seen && atEnd.current) seen.scrollTop = seen.scrollHeight;
  }, [lines, sources]);
  return (
    <ScrollArea
      className={classes.lines ?? ''}
      viewportRef={viewport}
      onScrollPositionChange={({ y }) => {
        const { scrollHeight = 0, clientHeight = 0 } = viewport.current ?? {};
        atEnd.current = scrollHeight - clientHeight - y < NEAR;
      }}
      // Reached by keyboard, to be scrolled; not read out line by line as they come.
      viewportProps={{
        tabIndex: 0,
        role: 'log',
        'aria-live': 'off',
        'aria-label': 'Lines of the logs',
      }}
    >
      {lines.map((line) => (
        <Line key={line.number} line={line} source={sources} />
      ))}
    </ScrollArea>
  );
}

const Line = memo(function Line({ line, source }: { line: NumberedLine; source: boolean }) {
  return (
    <div className={classes.line}>
      {source && <span className={classes.of}>{sourceOf(line)} </span>}
      {plain(line.text)}
    </div>
  );
});
