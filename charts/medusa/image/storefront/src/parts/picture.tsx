/** A product's picture, or a quiet surface where it has none. */

export function Picture({ source, title }: { source?: string | null; title: string }) {
  return (
    <div className="picture">
      {source ? (
        <img src={source} alt={title} loading="lazy" width="800" height="800" />
      ) : (
        <span aria-hidden="true">{title.slice(0, 1)}</span>
      )}
    </div>
  )
}
