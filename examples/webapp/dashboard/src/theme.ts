import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

/** One family of greys, cool and quiet, so that colour is left to the stores' states. */
const slate: MantineColorsTuple = [
  '#e6e9ef',
  '#c9ced8',
  '#a6adbb',
  '#848c9c',
  '#2b313d',
  '#252a35',
  '#1d222c',
  '#151922',
  '#10131a',
  '#0c0e13',
];

export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 8, dark: 7 },
  colors: { dark: slate },
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Code', 'DejaVu Sans Mono', monospace",
  headings: { fontWeight: '650' },
  defaultRadius: 'md',
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
  components: {
    Modal: {
      defaultProps: {
        closeButtonProps: { 'aria-label': 'Close' },
        radius: 14,
        padding: 'lg',
        overlayProps: { backgroundOpacity: 0.45, blur: 2 },
      },
      styles: { title: { fontSize: 18, fontWeight: 650 } },
    },
    Notification: {
      defaultProps: { closeButtonProps: { 'aria-label': 'Close the message' } },
    },
    // Descriptions below their inputs keep those of one row on one line.
    InputWrapper: {
      defaultProps: { inputWrapperOrder: ['label', 'input', 'error', 'description'] },
    },
  },
});

/** Greys for text that keep a contrast of 4.5 to 1 (WCAG 2.2, level AA) on every ground here. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#566072',
    '--mantine-color-placeholder': '#667085',
    '--mantine-color-error': '#b42318',
    '--mantine-color-default-border': '#dfe3ea',
  },
  dark: {
    '--mantine-color-dimmed': '#a6adbb',
    '--mantine-color-placeholder': '#8f97a6',
    '--mantine-color-error': '#fda29b',
    '--mantine-color-default-border': '#2b313d',
  },
});
