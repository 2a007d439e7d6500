/** An id goes into an address as it is written, whatever is in it. */
export function withQuery(path: string, query: Record<string, string | undefined>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length > 0 ? `${path}?${new URLSearchParams(given)}` : path;
}

/** The address of a page of the web, as people type it: they leave `https://` out. */
export function webAddress(typed: string): string | undefined {
  const address = typed.trim();
  const whole = /^[a-z][a-z0-9+.-]*:/i.test(address) && !/^[^/]+:\d/.test(address) ? address : `https://${address}`;
  return /^https?:$/.test(URL.parse(whole)?.protocol ?? "") && /\.|localhost/.test(whole) ? whole : undefined;
}

/** The address of a site, as it was typed: without a scheme, the server finds out whether it is https or http. */
export function siteAddress(typed: string): string | undefined {
  const address = typed.trim();
  const sent = /^[^\s/:@?#]+\.[^\s/:@?#]+(:\d+)?([/?#]|$)/.test(address) ? address : webAddress(address);
  return webAddress(address) && sent;
}
