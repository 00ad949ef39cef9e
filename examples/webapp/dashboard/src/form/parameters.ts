/** Parameters as the form has them (complete) and as the API takes them (what was changed). */
import { getDefaultFormState, type RJSFSchema } from '@rjsf/utils';
import type { StoreType } from '../api/model';
import { isRecord } from '../format';
import { SchemaValidator } from './schemaValidator';

export type Parameters = Record<string, unknown>;

export const validator = new SchemaValidator();

/** The schema as it is shown: descriptions say ``500m`` in Python's way, and people 500m. */
export function shown(schema: StoreType['schema']): RJSFSchema {
  const text = JSON.stringify(schema, (key, value: unknown) =>
    key === 'description' && typeof value === 'string' ? value.replaceAll('`', '') : value,
  );
  return JSON.parse(text) as RJSFSchema;
}

/** Everything that can be set, with the defaults where nothing is given. */
export function complete(schema: RJSFSchema, given: Parameters = {}): Parameters {
  const filled: unknown = getDefaultFormState(validator, schema, given, schema);
  return isRecord(filled) ? filled : {};
}

/**
 * What differs from the base, as the API merges it.
 *
 * Fields that an object requires go along with its others, so that a part of it is not refused.
 */
export function changes(schema: RJSFSchema, base: Parameters, data: Parameters): Parameters {
  return difference(schema, schema, base, data);
}

function difference(
  root: RJSFSchema,
  schema: RJSFSchema,
  base: Parameters,
  data: Parameters,
): Parameters {
  const changed: Parameters = {};
  for (const [key, value] of Object.entries(data)) {
    const before = base[key];
    if (isRecord(value) && isRecord(before)) {
      const inner = difference(root, propertyOf(root, schema, key), before, value);
      if (Object.keys(inner).length > 0) changed[key] = inner;
    } else if (JSON.stringify(value) !== JSON.stringify(before)) {
      changed[key] = value;
    }
  }
  if (schema !== root && Object.keys(changed).length > 0) {
    for (const key of schema.required ?? []) {
      if (!(key in changed) && key in data) changed[key] = data[key];
    }
  }
  return changed;
}

/** The schema of a property, looked up where it is defined. */
export function propertyOf(root: RJSFSchema, schema: RJSFSchema, key: string): RJSFSchema {
  const property = schema.properties?.[key];
  if (!isRecord(property)) return {};
  const name = /^#\/\$defs\/(.+)$/.exec(typeof property.$ref === 'string' ? property.$ref : '');
  const target = name?.[1] === undefined ? undefined : root.$defs?.[name[1]];
  return isRecord(target) ? target : property;
}
