import { type FormProps, withTheme } from '@rjsf/core';
import { Theme } from '@rjsf/mantine';
import { type ErrorSchema, ErrorSchemaBuilder, type RJSFSchema, type UiSchema } from '@rjsf/utils';
import { useMemo } from 'react';
import type { Problem } from '../api/model';
import { isRecord } from '../format';
import { Description } from './Description';
import { ObjectTemplate } from './ObjectTemplate';
import { SelectWidget } from './SelectWidget';
import { type Parameters, validator } from './parameters';

const Form = withTheme(Theme);

const UI: UiSchema = { 'ui:submitButtonOptions': { norender: true } };
const WIDGETS: NonNullable<FormProps['widgets']> = { SelectWidget };
const TEMPLATES: NonNullable<FormProps['templates']> = {
  DescriptionFieldTemplate: Description,
  ObjectFieldTemplate: ObjectTemplate,
};

export interface ParameterFormProps {
  schema: RJSFSchema;
  data: Parameters;
  onChange: (data: Parameters) => void;
  /** What the server says of the data, as far as it is known. */
  problems: readonly Problem[];
  disabled?: boolean;
}

/** The form of any type, made from its JSON Schema. */
export function ParameterForm({ schema, data, onChange, problems, disabled }: ParameterFormProps) {
  const extraErrors = useMemo(
    () => errorsOf(problems, validator.validateFormData(data, schema).errors),
    [problems, data, schema],
  );
  return (
    <Form
      tagName="div"
      schema={schema}
      uiSchema={UI}
      templates={TEMPLATES}
      widgets={WIDGETS}
      validator={validator}
      formData={data}
      onChange={({ formData }) => {
        if (isRecord(formData)) onChange(formData);
      }}
      extraErrors={extraErrors}
      liveValidate="onChange"
      showErrorList={false}
      idPrefix="parameters"
      disabled={disabled ?? false}
    />
  );
}

/** The server's problems by field, without those that the schema tells of already. */
function errorsOf(
  problems: readonly Problem[],
  told: readonly { property?: string }[],
): ErrorSchema {
  const known = new Set(told.map((each) => each.property));
  const builder = new ErrorSchemaBuilder();
  for (const { field, message } of problems) {
    const [where, ...path] = field;
    if (where !== 'parameters' || path.length === 0) continue;
    if (!known.has(path.map((part) => `.${part}`).join(''))) builder.addErrors(message, path);
  }
  return builder.ErrorSchema;
}
