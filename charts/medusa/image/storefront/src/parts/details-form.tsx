/** The form for contact and address. */

import type { FormEvent, HTMLInputAutoCompleteAttribute, HTMLInputTypeAttribute } from "react"
import { useId } from "react"

import { type Cart, useCartChange } from "../cart"
import { type Details, saveDetails } from "../checkout"
import { countryName } from "../money"
import { useShop } from "../shop"
import { Failure } from "./status"

interface Field {
  name: Exclude<keyof Details, "country_code">
  label: string
  autoComplete: HTMLInputAutoCompleteAttribute
  type?: HTMLInputTypeAttribute
  optional?: boolean
  half?: boolean
}

const FIELDS: readonly Field[] = [
  { name: "email", label: "E-mail", autoComplete: "email", type: "email" },
  { name: "first_name", label: "First name", autoComplete: "given-name", half: true },
  { name: "last_name", label: "Last name", autoComplete: "family-name", half: true },
  { name: "address_1", label: "Address", autoComplete: "street-address" },
  { name: "postal_code", label: "Postal code", autoComplete: "postal-code", half: true },
  { name: "city", label: "City", autoComplete: "address-level2", half: true },
  {
    name: "province",
    label: "State or province",
    autoComplete: "address-level1",
    optional: true,
    half: true,
  },
  { name: "phone", label: "Phone", autoComplete: "tel", type: "tel", optional: true, half: true },
]

/** Asks for contact and address, beginning with what the cart knows already. */
export function DetailsForm({ cart, onSaved }: { cart: Cart; onSaved: () => void }) {
  const { region } = useShop()
  const saving = useCartChange(saveDetails)
  const country = useId()
  const known: Partial<Record<keyof Details, string | null>> = {
    ...cart.shipping_address,
    email: cart.email ?? "",
  }

  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const details = Object.fromEntries(
      Array.from(new FormData(event.currentTarget), ([name, value]) => [
        name,
        String(value).trim(),
      ]),
    ) as unknown as Details
    saving.mutate({ cartId: cart.id, details }, { onSuccess: onSaved })
  }

  return (
    <form className="fields" onSubmit={save}>
      {FIELDS.map((field) => (
        <TextField key={field.name} field={field} known={known[field.name] ?? ""} />
      ))}
      <div className="field">
        <label htmlFor={country}>Country</label>
        <select
          id={country}
          name="country_code"
          autoComplete="country"
          defaultValue={known.country_code ?? region.countries?.[0]?.iso_2}
        >
          {region.countries?.map(
            ({ iso_2 }) =>
              iso_2 && (
                <option key={iso_2} value={iso_2}>
                  {countryName(iso_2)}
                </option>
              ),
          )}
        </select>
      </div>
      {saving.isError && <Failure error={saving.error} />}
      <button type="submit" className="primary" disabled={saving.isPending}>
        Continue
      </button>
    </form>
  )
}

function TextField({ field, known }: { field: Field; known: string }) {
  const id = useId()
  return (
    <div className={field.half ? "field half" : "field"}>
      <label htmlFor={id}>
        {field.label}
        {field.optional && <span className="quiet"> (optional)</span>}
      </label>
      <input
        id={id}
        name={field.name}
        type={field.type ?? "text"}
        autoComplete={field.autoComplete}
        required={!field.optional}
        defaultValue={known}
      />
    </div>
  )
}
