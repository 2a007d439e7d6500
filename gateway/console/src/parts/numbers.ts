import type { TFunction } from "i18next";

/** A time as people say it: 0.8 s, 12 s, 3 min, 2 h. */
export function spoken(t: TFunction, language: string, seconds: number | null): string {
  if (seconds === null) return "–";
  const number = new Intl.NumberFormat(language, { maximumSignificantDigits: 2 });
  if (seconds < 60) return t("time.seconds", { number: number.format(seconds) });
  if (seconds < 3600) return t("time.minutes", { number: number.format(seconds / 60) });
  return t("time.hours", { number: number.format(seconds / 3600) });
}

export function share(language: string, part: number, whole: number): string {
  if (whole === 0) return "–";
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(part / whole);
}
