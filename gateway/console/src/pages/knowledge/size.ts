import { useTranslation } from "react-i18next";

const STEP = 1024;

/** Bytes as people say them. */
export function useSize(): (bytes: number) => string {
  const { i18n } = useTranslation();
  return (bytes) => {
    const [unit, value] =
      bytes < STEP
        ? ["byte", bytes]
        : bytes < STEP * STEP
          ? ["kilobyte", bytes / STEP]
          : ["megabyte", bytes / STEP / STEP];
    const digits = { maximumFractionDigits: value < 10 ? 1 : 0 };
    // "982 byte" is what English has for short: only the long form has a plural.
    const unitDisplay = unit === "byte" ? "long" : "short";
    return new Intl.NumberFormat(i18n.language, { style: "unit", unit, unitDisplay, ...digits }).format(value);
  };
}
