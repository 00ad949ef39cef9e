/** Times, durations and values as people read them. */
import dayjs from 'dayjs';
import relativeTime from 'dayjs/plugin/relativeTime';

dayjs.extend(relativeTime);

/** A duration: `< 0.1 s`, `0.4 s`, `12 s`, `2 min 5 s`, `3 h 10 min`. */
export function duration(seconds: number): string {
  const length = Math.max(0, seconds);
  if (length < 0.05) return '< 0.1 s';
  if (length < 9.95) return `${length.toFixed(1)} s`;
  const whole = Math.round(length);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** How long ago, in words. */
export function ago(at: string, now: number): string {
  return dayjs(at).from(Math.max(now, Date.parse(at)));
}

/** A moment, to the second, in the reader's own time zone and language. */
export function moment(at: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' }).format(
    new Date(at),
  );
}

/** A time of day, to the second. */
export function timeOfDay(at: number): string {
  return new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' }).format(at);
}

/** A time of day, with the day where that is not today's. */
export function shortMoment(at: string, now: number): string {
  if (dayjs(at).isSame(now, 'day')) return timeOfDay(Date.parse(at));
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  return format.format(new Date(at));
}

/** Nested parameters as flat rows: `wordpress.storage_size` and its value. */
export function flatten(value: Readonly<Record<string, unknown>>, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, each]): [string, string][] => {
    const path = prefix ? `${prefix}.${key}` : key;
    if (isRecord(each)) return flatten(each, path);
    return [[path, typeof each === 'string' ? each : JSON.stringify(each)]];
  });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
