import {
  IconCircle,
  IconCircleCheckFilled,
  IconCircleXFilled,
  IconLoader2,
} from '@tabler/icons-react';
import type { StepState } from '../steps';
import classes from './Steps.module.css';

const ICONS = {
  done: IconCircleCheckFilled,
  active: IconLoader2,
  waiting: IconCircle,
  failed: IconCircleXFilled,
} as const;

const LABELS: Record<StepState, string> = {
  done: 'done',
  active: 'under way',
  waiting: 'not reached yet',
  failed: 'failed',
};

export function StepIcon({ state, size = 15 }: { state: StepState; size?: number }) {
  const Icon = ICONS[state];
  return (
    <span className={classes.icon} data-state={state} role="img" aria-label={LABELS[state]}>
      <Icon size={size} aria-hidden />
    </span>
  );
}
