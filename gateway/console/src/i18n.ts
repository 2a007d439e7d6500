import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import en from "./locales/en.json";
import ru from "./locales/ru.json";

export const LANGUAGES = ["ru", "en"] as const;
export type Language = (typeof LANGUAGES)[number];
const CHOSEN = "callboard.language";

export function startTranslations(): void {
  i18next.on("languageChanged", (language) => {
    document.documentElement.lang = language;
  });
  void i18next.use(initReactI18next).init({
    resources: { ru: { translation: ru }, en: { translation: en } },
    lng: chosen() ?? fromBrowser(),
    fallbackLng: false,
    interpolation: { escapeValue: false },
    initAsync: false,
  });
}

/** Speak the language that was chosen in this browser, else the user's own. */
export function speakAs(locale: string): void {
  const language = chosen() ?? asLanguage(locale);
  if (language && language !== i18next.language) void i18next.changeLanguage(language);
}

export function choose(language: Language): void {
  try {
    localStorage.setItem(CHOSEN, language);
  } catch {
    // A browser that keeps nothing still changes it for this page.
  }
  void i18next.changeLanguage(language);
}

function chosen(): Language | undefined {
  try {
    return asLanguage(localStorage.getItem(CHOSEN) ?? "");
  } catch {
    return undefined;
  }
}

function fromBrowser(): Language {
  return navigator.languages.map(asLanguage).find((language) => language !== undefined) ?? "en";
}

function asLanguage(tag: string): Language | undefined {
  const primary = tag.toLowerCase().split("-")[0];
  return LANGUAGES.find((language) => language === primary);
}
