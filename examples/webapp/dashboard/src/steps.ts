/**
 * What the steps of a store look like to a person: which is done, which is under way, how long
 * each took. Pure; knows no component and no clock.
 */
import type { Condition, Store } from './api/model';

export type StepState = 'done' | 'active' | 'waiting' | 'failed';

export interface StepView {
  /** The condition's type, unique within the store. */
  key: string;
  title: string;
  state: StepState;
  /** One sentence; empty before the step was looked at. */
  message: string;
  /** When it came to be as it is, as far as that is known. */
  since: string | null;
  /** When it began, in milliseconds since the epoch, for a step under way. */
  startedAt: number | null;
  /** How long it took, in seconds, for a step that is done in the present generation. */
  seconds: number | null;
}

/** The reason of a condition whose step was not reached yet. */
const PENDING = 'Pending';
/** The reason of a condition whose step was undone. */
const REMOVED = 'Removed';

/** `WorkloadsReady` is told as `Workloads`. */
export function stepTitle(condition: string): string {
  const words = condition
    .replace(/(?<=.)(Ready|Installed)$/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * Tell of each step of a store, in the order in which they are taken.
 *
 * @param store The store.
 * @param known The conditions of the type's steps, so that steps count before they were seen.
 */
export function stepsOf(store: Store, known: readonly string[] = []): StepView[] {
  const seen = new Map(store.conditions.map((each) => [each.type, each]));
  const order = [...new Set([...known, ...seen.keys()])];
  const removing = store.status === 'deleting';
  if (removing) order.reverse();

  const views: StepView[] = [];
  let before = Date.parse(store.declared_at);
  let reached = true;
  for (const key of order) {
    const condition = seen.get(key);
    const done = condition !== undefined && holds(condition, removing);
    const view: StepView = {
      key,
      title: stepTitle(key),
      state: done ? 'done' : reached ? stateOf(store, condition) : 'waiting',
      message: condition && (done || condition.reason !== PENDING) ? condition.message : '',
      since: condition && condition.reason !== PENDING ? condition.since : null,
      startedAt: null,
      seconds: null,
    };
    if (done) {
      const at = Date.parse(condition.since);
      // A step that held before the declaration took no time of it.
      if (!removing && at >= before) {
        view.seconds = (at - before) / 1000;
        before = at;
      }
    } else {
      if (view.state === 'active') view.startedAt = before;
      reached = false;
    }
    views.push(view);
  }
  return views;
}

function holds(condition: Condition, removing: boolean): boolean {
  return removing ? condition.reason === REMOVED : condition.status;
}

function stateOf(store: Store, condition: Condition | undefined): StepState {
  if (store.status === 'failed') return 'failed';
  if (store.status === 'degraded') return condition?.reason === PENDING ? 'waiting' : 'failed';
  return 'active';
}

/** Share of the steps that are done, from 0 to 1. */
export function progressOf(steps: readonly StepView[]): number {
  if (steps.length === 0) return 0;
  return steps.filter((each) => each.state === 'done').length / steps.length;
}
