import type { Status } from '../api/model';
import { duration } from '../format';
import { useNow } from '../hooks/useNow';
import { progressOf, type StepView } from '../steps';
import { StepIcon } from './StepIcon';
import classes from './Steps.module.css';

/** One segment for each step. */
export function StepBar({ steps, status }: { steps: readonly StepView[]; status: Status }) {
  return (
    <div
      className={classes.bar}
      data-status={status}
      role="progressbar"
      aria-label="Progress"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(100 * progressOf(steps))}
      aria-valuetext={`${steps.filter((each) => each.state === 'done').length} of ${steps.length} steps`}
    >
      {steps.map((each) => (
        <span key={each.key} className={classes.segment} data-state={each.state} />
      ))}
    </div>
  );
}

/** All steps, in short. */
export function StepList({ steps }: { steps: readonly StepView[] }) {
  return (
    <ol className={classes.list} aria-label="Steps">
      {steps.map((each) => (
        <li key={each.key} className={classes.step} data-state={each.state}>
          <StepIcon state={each.state} />
          <span className={classes.name}>{each.title}</span>
          <StepTime step={each} />
        </li>
      ))}
    </ol>
  );
}

/** How long a step took, or takes so far. */
export function StepTime({ step }: { step: StepView }) {
  if (step.startedAt !== null) return <Elapsed since={step.startedAt} />;
  if (step.seconds === null) return null;
  return <span className={classes.time}>{duration(step.seconds)}</span>;
}

function Elapsed({ since }: { since: number }) {
  const seconds = Math.floor((useNow() - since) / 1000);
  // Whole seconds: a figure that stands still between the ticks must not pretend to tenths.
  return (
    <span className={classes.time}>
      {seconds < 10 ? `${Math.max(0, seconds)} s` : duration(seconds)}
    </span>
  );
}
