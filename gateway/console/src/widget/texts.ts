const en = {
  open: "Open the chat",
  unread: (count: number) => `Open the chat, ${count} new`,
  close: "Close the chat",
  title: "Chat",
  empty: "Write to us: we answer right here.",
  label: "Your message",
  send: "Send",
  log: "Conversation",
  you: "You",
  typing: "is writing…",
  notSent: "Not sent.",
  again: "Try again",
  wait: "Too many messages at once. Wait a little and try again.",
  offline: "No connection. Trying again…",
  gone: "The chat is not available right now.",
};

export type Texts = typeof en;

const ru: Texts = {
  open: "Открыть чат",
  unread: (count) => `Открыть чат, новых сообщений: ${count}`,
  close: "Закрыть чат",
  title: "Чат",
  empty: "Напишите нам — ответим прямо здесь.",
  label: "Ваше сообщение",
  send: "Отправить",
  log: "Переписка",
  you: "Вы",
  typing: "печатает…",
  notSent: "Не отправлено.",
  again: "Повторить",
  wait: "Слишком много сообщений подряд. Подождите немного и повторите.",
  offline: "Нет связи. Пробуем снова…",
  gone: "Чат сейчас недоступен.",
};

export function textsFor(language: string): Texts & { lang: string } {
  return language.toLowerCase().startsWith("ru") ? { ...ru, lang: "ru" } : { ...en, lang: "en" };
}
