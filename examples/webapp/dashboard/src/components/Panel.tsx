import { Group } from '@mantine/core';
import { type ReactNode, useId } from 'react';
import classes from './Details.module.css';

export interface PanelProps {
  title: string;
  action?: ReactNode;
  children: ReactNode;
}

export function Panel({ title, action, children }: PanelProps) {
  const id = useId();
  return (
    <section className={classes.panel} aria-labelledby={id}>
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <h2 className={classes.heading} id={id}>
          {title}
        </h2>
        {action}
      </Group>
      {children}
    </section>
  );
}
