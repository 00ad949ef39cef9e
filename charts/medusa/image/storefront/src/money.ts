/** Amounts as customers read them. */

/**
 * Formats an amount in the reader's own way.
 *
 * @param amount In whole units of the currency, as Medusa 2 keeps it.
 * @param currency ISO 4217 code, in any case.
 */
export function formatMoney(amount: number, currency: string, locale?: string): string {
  return new Intl.NumberFormat(locale, { style: "currency", currency }).format(amount)
}

/** The English name of a country, or its code. */
export function countryName(code: string): string {
  return new Intl.DisplayNames("en", { type: "region" }).of(code.toUpperCase()) ?? code
}
