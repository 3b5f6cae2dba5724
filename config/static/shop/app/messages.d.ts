/** What the page's catalogue of messages defines before any module runs (/messages.js). */

declare function gettext(text: string): string;
declare function ngettext(singular: string, plural: string, count: number): string;
declare function interpolate(
  text: string,
  values: Record<string, string | number>,
  named: true,
): string;
