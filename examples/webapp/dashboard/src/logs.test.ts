import { describe, expect, it } from 'vitest';
import { appended, KEPT, numbered, plain, sourcesOf } from './logs';

const line = (text: string, pod = 'web-0') => ({ pod, container: 'web', text });

describe('the lines of logs', () => {
  it('are numbered, and the oldest are let go of', () => {
    const first = numbered([line('one'), line('two')]);
    expect(first.map((each) => each.number)).toEqual([0, 1]);
    const many = appended(
      first,
      Array.from({ length: KEPT }, () => line('x')),
    );
    expect(many).toHaveLength(KEPT);
    expect([many[0]?.number, many.at(-1)?.number]).toEqual([2, KEPT + 1]);
  });

  it('are of containers', () => {
    expect(sourcesOf([line('a', 'web-1'), line('b'), line('c')])).toEqual([
      'web-0/web',
      'web-1/web',
    ]);
  });

  it.each([
    ['\u001b[1;31mred\u001b[0m', 'red'],
    ['\u001b]8;;http://evil.test\u0007link\u001b]8;;\u0007', 'link'],
    ['\u001b[2J\u009b1Ag\u0008one\r\0', 'gone'],
    ['a\tb <b>c</b> \u202edlrow', 'a\tb <b>c</b> dlrow'],
    ['Größe 😀', 'Größe 😀'],
    ['x'.repeat(3000), `${'x'.repeat(2000)}…`],
  ])('are text: %j', (text, shown) => {
    expect(plain(text)).toBe(shown);
  });
});
