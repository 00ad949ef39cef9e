import classes from './TypeIcon.module.css';

/** A type's letters in a colour of its own, made from its name, so that any type has one. */
export function TypeIcon({ type, size = 36 }: { type: string; size?: number }) {
  const letters = type
    .split('-')
    .map((word) => word.charAt(0).toUpperCase())
    .join('')
    .slice(0, 2);
  const style: Record<string, string | number> = {
    '--hue': hueOf(type),
    width: size,
    height: size,
    fontSize: size * 0.4,
  };
  return (
    <span className={classes.icon} style={style} aria-hidden>
      {letters}
    </span>
  );
}

/** A hue in degrees; neighbouring names lie far apart. */
function hueOf(type: string): number {
  let sum = 7;
  for (const letter of type) sum = (sum * 33 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return (sum * 137) % 360;
}
