/** How a time of day is written: 07:10, but 7:10 PM where clocks have twelve hours. */
export function timeOfDay(language: string): Intl.DateTimeFormatOptions {
  const { hour12 } = new Intl.DateTimeFormat(language, { hour: "numeric" }).resolvedOptions();
  return { hour: hour12 ? "numeric" : "2-digit", minute: "2-digit" };
}
