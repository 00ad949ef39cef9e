import { describe, expect, it } from 'vitest';
import { progressOf, stepsOf, stepTitle } from './steps';
import { conditions, store } from './test/data';

const KNOWN = ['NamespaceReady', 'ReleaseInstalled', 'WorkloadsReady'];

describe('the title of a step', () => {
  it.each([
    ['NamespaceReady', 'Namespace'],
    ['ReleaseInstalled', 'Release'],
    ['KioskBuilt', 'Kiosk built'],
    ['Ready', 'Ready'],
  ])('makes %s to %s', (condition, title) => {
    expect(stepTitle(condition)).toBe(title);
  });
});

describe('the steps of a store', () => {
  it('are known before any was looked at', () => {
    const steps = stepsOf(store({ status: 'provisioning', conditions: [] }), KNOWN);
    expect(steps.map((each) => each.state)).toEqual(['active', 'waiting', 'waiting']);
    expect(progressOf(steps)).toBe(0);
  });

  it('tell how long each took, from the one before', () => {
    const steps = stepsOf(store({ status: 'provisioning', conditions: conditions(2) }), KNOWN);
    expect(steps.map((each) => each.seconds)).toEqual([1.5, 1, null]);
    expect(steps[2]).toMatchObject({
      state: 'active',
      startedAt: Date.parse('2026-01-01T10:00:02.500Z'),
    });
  });

  it('that held before the present declaration took no time of it', () => {
    const steps = stepsOf(
      store({
        status: 'updating',
        declared_at: '2026-01-02T10:00:00Z',
        conditions: conditions(2),
      }),
      KNOWN,
    );
    expect(steps.map((each) => each.seconds)).toEqual([null, null, null]);
    expect(steps[2]?.startedAt).toBe(Date.parse('2026-01-02T10:00:00Z'));
  });

  it('end at the one that failed', () => {
    const steps = stepsOf(
      store({ status: 'failed', conditions: conditions(1, 'ImagePull') }),
      KNOWN,
    );
    expect(steps.map((each) => each.state)).toEqual(['done', 'failed', 'waiting']);
  });

  it('show what of a degraded store does not hold', () => {
    const steps = stepsOf(store({ status: 'degraded', conditions: conditions(2) }), KNOWN);
    expect(steps.map((each) => each.state)).toEqual(['done', 'done', 'failed']);
  });

  it('are walked backwards while a store is removed', () => {
    const removing = conditions(3).map((each) =>
      each.type === 'WorkloadsReady' ? { ...each, status: false, reason: 'Removed' } : each,
    );
    const steps = stepsOf(store({ status: 'deleting', conditions: removing }), KNOWN);
    expect(steps.map((each) => [each.title, each.state])).toEqual([
      ['Workloads', 'done'],
      ['Release', 'active'],
      ['Namespace', 'waiting'],
    ]);
    expect(progressOf(steps)).toBeCloseTo(1 / 3);
  });

  it('say nothing of one that was not reached', () => {
    const steps = stepsOf(store({ status: 'provisioning', conditions: conditions(1) }), KNOWN);
    expect(steps[2]).toMatchObject({ message: '', since: null });
  });
});

describe('progress', () => {
  it('of nothing is nothing', () => {
    expect(progressOf([])).toBe(0);
  });
});
