import type { StepView } from '../steps';
import { StepIcon } from './StepIcon';
import { StepTime } from './Steps';
import classes from './Steps.module.css';

/** Each step with what was last observed of it. */
export function ConditionList({ steps }: { steps: readonly StepView[] }) {
  return (
    <ol className={classes.rows}>
      {steps.map((step) => (
        <li key={step.key} className={classes.row}>
          <StepIcon state={step.state} size={18} />
          <span className={classes.heading}>{step.title}</span>
          <StepTime step={step} />
          {step.message !== '' && <span className={classes.message}>{step.message}</span>}
        </li>
      ))}
    </ol>
  );
}
