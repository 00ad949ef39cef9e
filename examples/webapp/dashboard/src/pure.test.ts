import { describe, expect, it } from 'vitest';
import { ago, duration, flatten } from './format';
import { select, selectionOf } from './pages/select';
import { isSafeUrl, mayRetry, nameProblem, readyAfter } from './rules';
import { store } from './test/data';

describe('durations', () => {
  it.each([
    [-1, '< 0.1 s'],
    [0.02, '< 0.1 s'],
    [0.42, '0.4 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [125, '2 min 5 s'],
    [11_400, '3 h 10 min'],
  ])('of %s seconds are told as %s', (seconds, told) => {
    expect(duration(seconds)).toBe(told);
  });
});

describe('what was', () => {
  it('never lies in the future, even if the clocks differ', () => {
    expect(ago('2026-01-01T10:00:05Z', Date.parse('2026-01-01T10:00:00Z'))).toBe(
      'a few seconds ago',
    );
  });
});

describe('parameters', () => {
  it('are told in one line each', () => {
    expect(flatten({ a: { b: 1, c: { d: 'x' } }, e: [1, 2], f: null })).toEqual([
      ['a.b', '1'],
      ['a.c.d', 'x'],
      ['e', '[1,2]'],
      ['f', 'null'],
    ]);
  });
});

describe('an address', () => {
  it.each([
    ['http://a.test', true],
    ['https://a.test', true],
    ['javascript:alert(1)', false],
    ['data:text/html,x', false],
    ['nowhere', false],
    [null, false],
  ])('%s may be followed: %s', (url, safe) => {
    expect(isSafeUrl(url)).toBe(safe);
  });
});

describe('a name', () => {
  it.each(['a', 'my-store', '0', 'x'.repeat(40)])('may be %s', (name) => {
    expect(nameProblem(name)).toBeNull();
  });
  it.each(['', 'x'.repeat(41), 'Shirts', '-a', 'a-', 'a.b', 'a;rm -rf', 'hüte', 'a\n', '<b>'])(
    'may not be %s',
    (name) => {
      expect(nameProblem(name)).not.toBeNull();
    },
  );
});

describe('another attempt', () => {
  it.each([
    ['failed', 0, true],
    ['degraded', 0, true],
    ['provisioning', 0, false],
    ['provisioning', 2, true],
    ['updating', 1, true],
    ['ready', 0, false],
    ['deleting', 3, false],
  ] as const)('at a store that is %s after %s attempts: %s', (status, attempts, may) => {
    expect(mayRetry(store({ status, attempts }))).toBe(may);
  });
});

describe('the time until ready', () => {
  it('is told of a store that was declared once', () => {
    expect(readyAfter(store())).toBe(30);
    expect(readyAfter(store({ generation: 2 }))).toBeNull();
    expect(readyAfter(store({ status: 'failed' }))).toBeNull();
  });
});

describe('the selection', () => {
  const stores = [
    store({ name: 'apples', created_at: '2026-01-01T00:00:00Z' }),
    store({ name: 'books', status: 'failed', created_at: '2026-01-03T00:00:00Z' }),
    store({ name: 'chairs', type: 'kiosk', created_at: '2026-01-02T00:00:00Z' }),
  ];
  const names = (query: string) =>
    select(stores, selectionOf(new URLSearchParams(query))).shown.map((each) => each.name);

  it('is everything, newest first, unless said otherwise', () => {
    expect(names('')).toEqual(['books', 'chairs', 'apples']);
  });
  it.each([
    ['sort=oldest', ['apples', 'chairs', 'books']],
    ['sort=name', ['apples', 'books', 'chairs']],
    ['sort=status', ['books', 'apples', 'chairs']],
    ['search=OOK', ['books']],
    ['search=store-chairs', ['chairs']],
    ['status=failed', ['books']],
    ['type=kiosk', ['chairs']],
    ['status=nonsense&sort=constructor', ['books', 'chairs', 'apples']],
  ])('follows %s', (query, expected) => {
    expect(names(query)).toEqual(expected);
  });
  it('counts by status what fits otherwise', () => {
    const { counts, matching } = select(stores, selectionOf(new URLSearchParams('status=ready')));
    expect([...counts]).toEqual([
      ['ready', 2],
      ['failed', 1],
    ]);
    expect(matching).toBe(3);
  });
});
