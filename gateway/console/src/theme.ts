import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

// White on shade 7 has a contrast of 5.9, shade 7 on its own light tint 5.1: both above the 4.5 that WCAG AA asks for.
const brand: MantineColorsTuple = [
  "#e8f8f5",
  "#d0efe9",
  "#a2dfd4",
  "#70cdbd",
  "#47bda9",
  "#2da693",
  "#178a7a",
  "#0b7269",
  "#085b54",
  "#04423d",
];

const LISTS = {
  defaultProps: { withScrollArea: false },
  styles: { options: { maxHeight: 240, overflowY: "auto" as const } },
};

export const theme = createTheme({
  primaryColor: "brand",
  primaryShade: 7,
  colors: { brand },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif",
  headings: { fontWeight: "650" },
  components: {
    // The list itself scrolls: it belongs to its field, which keeps the focus; a scroll area around it would need its own.
    Select: LISTS,
    MultiSelect: LISTS,
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
    Modal: { defaultProps: { centered: true }, classNames: { title: "dialog-title" } },
    Drawer: { classNames: { title: "dialog-title" } },
  },
});

/** Mantine's greys for secondary text have a contrast below 4.5; these are above. */
export const cssVariables: CSSVariablesResolver = (known) => ({
  variables: { "--callboard-line": "1px solid var(--mantine-color-default-border)" },
  light: {
    "--mantine-color-dimmed": "#5a6370",
    "--mantine-color-placeholder": "#67707c",
    "--mantine-color-error": "#c92a2a",
    "--mantine-color-anchor": known.colors.brand?.[8] ?? "#085b54",
    "--callboard-ground": "#f6f8f8",
    "--callboard-customer": known.colors.brand?.[0] ?? "#e8f8f5",
  },
  dark: {
    "--mantine-color-dimmed": "#b0b5bb",
    "--mantine-color-placeholder": "#a2a8ae",
    "--mantine-color-error": "#ff9a9a",
    "--mantine-color-anchor": known.colors.brand?.[3] ?? "#70cdbd",
    "--callboard-ground": "#1d1f20",
    "--callboard-customer": "#1f3a37",
  },
});
