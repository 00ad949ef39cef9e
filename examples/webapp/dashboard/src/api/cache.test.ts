import { describe, expect, it } from 'vitest';
import { event, store } from '../test/data';
import { reconcile, withEvent, withoutStore, withStore } from './cache';

const at = (second: number) => `2026-01-01T10:00:0${second}.000000Z`;
const shirts = store({ name: 'shirts', updated_at: at(1) });
const later = store({ name: 'shirts', updated_at: at(2), status: 'failed' });
const coffee = store({ name: 'coffee' });

describe('a change', () => {
  it('replaces an older state, where it stands', () => {
    expect(withStore([coffee, shirts], later)).toEqual([coffee, later]);
  });
  it('that is older than what is known changes nothing', () => {
    const known = [coffee, later];
    expect(withStore(known, shirts)).toBe(known);
  });
  it('within the same millisecond is told apart by its microseconds', () => {
    const first = store({ updated_at: '2026-01-01T10:00:00.000100Z' });
    const second = store({ updated_at: '2026-01-01T10:00:00.000900Z', status: 'failed' });
    expect(withStore([second], first)).toEqual([second]);
    expect(withStore([first], second)).toEqual([second]);
  });
  it('of an unknown store puts it first', () => {
    expect(withStore([shirts], coffee)).toEqual([coffee, shirts]);
  });
  it('takes away what is gone', () => {
    expect(withoutStore([coffee, shirts], shirts.id)).toEqual([coffee]);
  });
});

describe('an answer that was under way', () => {
  it('does not bring back a store that went meanwhile', () => {
    expect(reconcile([shirts, coffee], [shirts, coffee], [coffee])).toEqual([coffee]);
  });
  it('does not lose a store that came meanwhile', () => {
    expect(reconcile([shirts], [shirts], [coffee, shirts])).toEqual([coffee, shirts]);
  });
  it('does not undo a change that was told meanwhile', () => {
    expect(reconcile([shirts], [shirts], [later])).toEqual([later]);
  });
  it('takes away what the server no longer has', () => {
    expect(reconcile([coffee], [shirts, coffee], [shirts, coffee])).toEqual([coffee]);
  });
  it('is taken as it is at first', () => {
    expect(reconcile([shirts, coffee], [], [])).toEqual([shirts, coffee]);
  });
});

describe('a history', () => {
  it('keeps each event once, in order', () => {
    const [one, two, three] = [1, 2, 3].map((id) => event({ id }));
    if (!one || !two || !three) throw new Error('three were made');
    expect(withEvent([one, three], two)).toEqual([one, two, three]);
    expect(withEvent([one, two], two)).toEqual([one, two]);
  });
});
