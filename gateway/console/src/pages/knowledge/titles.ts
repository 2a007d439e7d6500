/** Where a passage stands, as sources name it: most pages have their title as their first heading, too. */
export function shownTitle(title: string, heading: string): string {
  const [first = "", ...below] = heading.split(" / ");
  const twice = title.startsWith(first) && !/^\s?[\p{L}\p{N}]/u.test(title.slice(first.length));
  const rest = twice ? below.join(" / ") : heading;
  return rest ? `${title}: ${rest}` : title;
}
