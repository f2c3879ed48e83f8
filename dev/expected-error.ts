/** Something a person can put right: its message is all that is shown, without a stack. */
export class ExpectedError extends Error {}
