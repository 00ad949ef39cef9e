import { Accordion, Badge, Stack } from '@mantine/core';
import type { ObjectFieldTemplateProps } from '@rjsf/utils';
import { isRecord } from '../format';
import { propertyOf } from './parameters';
import classes from './ParameterForm.module.css';

/**
 * Fields side by side; at the top each group of fields in a section that can be folded, below it
 * one under the other.
 */
export function ObjectTemplate(props: ObjectFieldTemplateProps) {
  const { properties, fieldPathId, title, description, errorSchema } = props;
  const depth = fieldPathId.path.length;
  const shown = properties.filter((each) => !each.hidden);
  const isGroup = (name: string) => isRecord(read(props.formData, name));
  const fields = shown.filter((each) => !isGroup(each.name));
  const groups = shown.filter((each) => isGroup(each.name));

  const content = (
    <Stack gap="md">
      {fields.length > 0 && (
        <div className={classes.grid}>
          {fields.map((each) => (
            <div key={each.name}>{each.content}</div>
          ))}
        </div>
      )}
      {depth === 0 && groups.length > 0 && (
        <Accordion variant="separated" multiple chevronPosition="left" order={3}>
          {groups.map((each) => (
            <Accordion.Item key={each.name} value={each.name}>
              <Accordion.Control>
                <span className={classes.group}>{label(each.name)}</span>{' '}
                <Problems of={read(errorSchema, each.name)} />
                <span className={classes.about}>{about(props, each.name)}</span>
              </Accordion.Control>
              <Accordion.Panel>{each.content}</Accordion.Panel>
            </Accordion.Item>
          ))}
        </Accordion>
      )}
      {depth > 0 &&
        groups.map((each) => (
          <div key={each.name} className={classes.nested}>
            {each.content}
          </div>
        ))}
    </Stack>
  );
  if (depth === 0) return content;
  return (
    <fieldset className={classes.fieldset}>
      <legend className={depth === 1 ? 'mantine-visually-hidden' : classes.legend}>{title}</legend>
      {depth > 1 && description !== undefined && <p className={classes.hint}>{description}</p>}
      {content}
    </fieldset>
  );
}

function Problems({ of }: { of: unknown }) {
  const count = countProblems(of);
  if (count === 0) return null;
  return (
    <Badge color="red.8" size="sm" ml="xs">
      {count === 1 ? '1 problem' : `${count} problems`}
    </Badge>
  );
}

function countProblems(tree: unknown): number {
  if (!isRecord(tree)) return 0;
  return Object.entries(tree).reduce(
    (sum, [key, value]) =>
      sum + (key === '__errors' && Array.isArray(value) ? value.length : countProblems(value)),
    0,
  );
}

/** What a group is for: said where it is used, or where it is defined. */
function about({ registry, schema }: ObjectFieldTemplateProps, name: string): string {
  const own = schema.properties?.[name];
  const said = isRecord(own) ? own.description : undefined;
  if (typeof said === 'string') return said;
  return propertyOf(registry.rootSchema, schema, name).description ?? '';
}

/** `wait_for_database` is told as `Wait for database`. */
function label(name: string): string {
  const words = name.replaceAll(/[_-]+/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function read(tree: unknown, key: string): unknown {
  return isRecord(tree) ? tree[key] : undefined;
}
