/** The last item of a page of a list that is newest first; the next page begins after it. */
export interface PageEndByTime {
  /** ISO 8601, UTC, to the millisecond. */
  createdDateTime: string;
  id: string;
}
