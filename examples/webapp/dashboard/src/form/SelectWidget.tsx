import { Widgets } from '@rjsf/mantine';
import type { WidgetProps } from '@rjsf/utils';
import type { ComponentType } from 'react';

const Base = Widgets.SelectWidget as ComponentType<WidgetProps>;

/** A choice with its description, which the library's own leaves out. */
export function SelectWidget(props: WidgetProps) {
  const { description } = props.schema;
  if (description === undefined) return <Base {...props} />;
  return <Base {...props} options={{ ...props.options, description }} />;
}
