/** 255 visible ASCII characters: longer or other ones have no place in a header or a log line. */
const CLIENT_REQUEST_ID = /^[\x21-\x7e]{1,255}$/;

/** The `client-request-id` that a client sent, by whichever door, if it can be repeated; else it counts for nothing. */
export function clientRequestIdIn(sent: string | undefined): string | null {
  return sent !== undefined && CLIENT_REQUEST_ID.test(sent) ? sent : null;
}
