import { describe, expect, it } from 'vitest';
import { woocommerce } from '../test/data';
import { changes, complete, shown } from './parameters';
import { SchemaValidator } from './schemaValidator';

const schema = shown(woocommerce.schema);
const validator = new SchemaValidator();
const told = (data: unknown, of = schema) =>
  validator.validateFormData(data, of).errors.map((each) => [each.property, each.message]);

describe('the validator', () => {
  it('accepts what fits', () => {
    expect(told(complete(schema))).toEqual([]);
  });
  it('names the innermost field that does not fit, once', () => {
    expect(told({ mysql: { image: 'a', replicas: 9 } })).toEqual([
      ['.mysql.replicas', '9 is greater than 5.'],
    ]);
  });
  it('says what is missing where it is missing', () => {
    expect(told({ mysql: {} })).toEqual([['.mysql.image', 'This is needed.']]);
  });
  it('says that a parameter is not known', () => {
    expect(told({ colour: 'red' })).toEqual([['.colour', 'This parameter is not known.']]);
  });
  it('tells of a wrong form without showing the pattern', () => {
    expect(told({ storage_class: 'Not So' })).toEqual([
      ['.storage_class', 'This has not the expected form.'],
    ]);
  });
  it('tells one sentence of a value that may also be nothing', () => {
    const optional = {
      properties: { a: { anyOf: [{ type: 'string', minLength: 2 }, { type: 'null' }] } },
    };
    expect(told({ a: 'x' }, optional as never)).toEqual([['.a', 'String is too short (1 < 2).']]);
    expect(told({ a: null }, optional as never)).toEqual([]);
  });
  it('leaves a pattern that only the server knows to the server', () => {
    const foreign = { properties: { a: { type: 'string', pattern: '(?P<name>x)\\Z' } } };
    expect(told({ a: 'x' }, foreign as never)).toEqual([]);
  });
  it('finds definitions of the whole schema for a part of it', () => {
    const part = { $ref: '#/$defs/Mysql' };
    expect(validator.isValid(part, { image: 'a' }, schema)).toBe(true);
    expect(validator.isValid(part, { replicas: 1 }, schema)).toBe(false);
  });
  it('says of a schema that cannot be read that nothing fits it', () => {
    expect(validator.isValid({ $ref: '#/nowhere' }, 1, schema)).toBe(false);
  });
  it('reads names with special characters', () => {
    const odd = { properties: { 'a/b~c': { type: 'integer' } } };
    expect(told({ 'a/b~c': 'x' }, odd as never)[0]?.[0]).toBe('.a/b~c');
  });
});

describe('what is sent', () => {
  const defaults = complete(schema);
  it('is nothing where nothing was changed', () => {
    expect(changes(schema, defaults, structuredClone(defaults))).toEqual({});
  });
  it('is what was changed, with what its group requires', () => {
    const data = { ...defaults, mysql: { image: 'mysql:8', replicas: 2 } };
    expect(changes(schema, defaults, data)).toEqual({ mysql: { image: 'mysql:8', replicas: 2 } });
  });
  it('is a field alone where it stands alone', () => {
    expect(changes(schema, defaults, { ...defaults, storage_class: 'fast' })).toEqual({
      storage_class: 'fast',
    });
  });
});

describe('what is shown', () => {
  it('has no marks of another language', () => {
    expect(schema.properties?.storage_class).toMatchObject({
      description: 'The class of every claim.',
    });
  });
  it('has the defaults filled in', () => {
    expect(complete(schema)).toEqual({
      storage_class: '',
      mysql: { image: 'mysql:8', replicas: 1 },
    });
  });
});
