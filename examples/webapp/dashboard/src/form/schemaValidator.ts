/**
 * The validator of the form: it reads a JSON Schema and never compiles it into code, which the
 * page's Content-Security-Policy forbids.
 *
 * It is the quick half of the rules. The other half is the server's, which is asked as one types;
 * so a schema that cannot be read here is left to the server.
 */
import { type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';
import {
  type CustomValidator,
  createErrorHandler,
  type ErrorTransformer,
  getDefaultFormState,
  type RJSFSchema,
  type RJSFValidationError,
  toErrorSchema,
  type UiSchema,
  unwrapErrorHandler,
  type ValidationData,
  validationDataMerge,
  type ValidatorType,
} from '@rjsf/utils';

/** Keywords that only say that something inside of them does not fit. */
const WRAPPERS = new Set([
  '$ref',
  'additionalProperties',
  'allOf',
  'anyOf',
  'contains',
  'dependentSchemas',
  'else',
  'if',
  'items',
  'oneOf',
  'patternProperties',
  'prefixItems',
  'properties',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]);

const SENTENCES: Record<string, string> = {
  enum: 'This is none of the possible values.',
  false: 'This parameter is not known.',
  format: 'This has not the expected form.',
  pattern: 'This has not the expected form.',
  required: 'This is needed.',
};

export class SchemaValidator implements ValidatorType {
  private readonly compiled = new WeakMap<object, Validator>();

  validateFormData(
    formData: unknown,
    schema: RJSFSchema,
    customValidate?: CustomValidator,
    transformErrors?: ErrorTransformer,
    uiSchema?: UiSchema,
  ): ValidationData<unknown> {
    const found = this.rawValidation<RJSFValidationError>(schema, formData).errors ?? [];
    const errors = transformErrors ? transformErrors(found, uiSchema) : found;
    const data: ValidationData<unknown> = { errors, errorSchema: toErrorSchema(errors) };
    if (!customValidate) return data;
    const filled: unknown = getDefaultFormState(this, schema, formData, schema, true);
    const handled = customValidate(filled, createErrorHandler(filled), uiSchema);
    return validationDataMerge(data, unwrapErrorHandler(handled));
  }

  isValid(schema: RJSFSchema, formData: unknown, rootSchema: RJSFSchema): boolean {
    const complete = { $defs: rootSchema.$defs, definitions: rootSchema.definitions, ...schema };
    try {
      return this.validator(schema, complete).validate(formData).valid;
    } catch {
      return false; // as the interface has it: a schema that cannot be read fits nothing
    }
  }

  // The interface is generic in what it hands out, and the caller decides.
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
  rawValidation<Result>(
    schema: RJSFSchema,
    formData?: unknown,
  ): { errors?: Result[]; validationError?: Error } {
    try {
      const { errors } = this.validator(schema, schema).validate(formData ?? {});
      return { errors: tellOf(errors) as Result[] };
    } catch (error) {
      // For example a pattern that only the server's language knows: the server decides.
      return { validationError: error instanceof Error ? error : new Error('unreadable schema') };
    }
  }

  private validator(key: object, schema: RJSFSchema): Validator {
    let validator = this.compiled.get(key);
    if (!validator) {
      // The validator leaves marks in what it reads, so it reads a copy.
      validator = new Validator(structuredClone(schema) as Schema, '2020-12', false);
      this.compiled.set(key, validator);
    }
    return validator;
  }
}

function tellOf(units: readonly OutputUnit[]): RJSFValidationError[] {
  const told = new Map<string, RJSFValidationError>();
  for (const unit of units) {
    if (WRAPPERS.has(unit.keyword)) continue;
    const message = SENTENCES[unit.keyword] ?? unit.error;
    const missing = unit.keyword === 'required' ? /property "(.*)"/.exec(unit.error)?.[1] : null;
    const path = unit.instanceLocation.split('/').slice(1).map(unescape);
    if (missing) path.push(missing);
    const property = path.map((part) => `.${part}`).join('');
    // One sentence for each field: the first says most, later ones are of other alternatives.
    if (told.has(property)) continue;
    told.set(property, {
      name: unit.keyword,
      property,
      message,
      schemaPath: unit.keywordLocation,
      stack: `${property} ${message}`,
    });
  }
  return [...told.values()];
}

/** The escapes of JSON Pointer, in a fragment of an address. */
function unescape(part: string): string {
  return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
}
