import { ApiError } from '../api/error';
import { Fault } from './Fault';

/** An error in the server's words. */
export function ErrorNote({ error }: { error: Error }) {
  const { hint, errorId, code } =
    error instanceof ApiError ? error : { hint: null, errorId: null, code: 'error' };
  const fault = { code, message: error.message, hint, error_id: errorId };
  return <Fault fault={fault} failed role="alert" />;
}
