/** What the API answers when something is refused or went wrong. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;
  readonly errorId: string | null;

  constructor(
    status: number,
    told: { code: string; message: string; hint?: string | null; error_id?: string | null },
  ) {
    super(told.message);
    this.name = 'ApiError';
    this.status = status;
    this.code = told.code;
    this.hint = told.hint ?? null;
    this.errorId = told.error_id ?? null;
  }
}

/** Whether an error says that the token is missing, wrong or expired. */
export function isUnauthorized(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}
