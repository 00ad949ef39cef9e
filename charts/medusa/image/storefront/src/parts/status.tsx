/** What is shown where something is on its way, missing or failed. */

import { useEffect } from "react"

/** Something is on its way. */
export function Loading({ what }: { what: string }) {
  return (
    <p className="status" role="status">
      Loading {what}…
    </p>
  )
}

/** Something failed, and may be tried again. */
export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  return (
    <div className="status failure" role="alert">
      <p>{error.message || "Something went wrong."}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** Names the page in the window's title. */
export function useTitle(title: string, shopName: string): void {
  useEffect(() => {
    document.title = title ? `${title} · ${shopName}` : shopName
  }, [title, shopName])
}
