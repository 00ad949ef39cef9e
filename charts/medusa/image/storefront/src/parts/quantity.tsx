/** A field for a number of pieces. */

import { useId } from "react"

const MOST = 10

/**
 * A number of pieces, at least one.
 *
 * @param label Read out where several fields stand on one page; "Quantity" unless given.
 */
export function QuantityField({
  value,
  label = "Quantity",
  disabled = false,
  onChange,
}: {
  value: number
  label?: string
  disabled?: boolean
  onChange: (value: number) => void
}) {
  const id = useId()
  const offered = Array.from({ length: Math.max(MOST, value) }, (_, index) => index + 1)
  return (
    <div className="quantity">
      <label htmlFor={id} className={label === "Quantity" ? undefined : "read-out"}>
        {label}
      </label>
      <select
        id={id}
        value={value}
        disabled={disabled}
        onChange={({ target }) => onChange(Number(target.value))}
      >
        {offered.map((number) => (
          <option key={number}>{number}</option>
        ))}
      </select>
    </div>
  )
}
