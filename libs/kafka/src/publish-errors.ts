/**
 * A message that was not acknowledged. `fate` says whether it can be in the topic all the same: `unknown`
 * means a repeat may be a second copy, `notWritten` means there is no first one.
 */
export abstract class PublishError extends Error {
  abstract readonly fate: 'notWritten' | 'unknown';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The queue is at its limit of messages or bytes: overload, try again later. */
export class QueueFull extends PublishError {
  readonly fate = 'notWritten';
}

/** The deadline passed before the acknowledgement. */
export class PublishTimeout extends PublishError {
  readonly fate: 'notWritten' | 'unknown';

  constructor(fate: 'notWritten' | 'unknown', options?: ErrorOptions) {
    super(
      fate === 'unknown'
        ? 'Kafka did not acknowledge in time; the message may have been written.'
        : 'The deadline passed before Kafka took the message.',
      options,
    );
    this.fate = fate;
  }
}

/** Kafka cannot be reached, or cannot keep the message now. */
export class BrokerUnavailable extends PublishError {
  readonly fate: 'notWritten' | 'unknown';

  constructor(fate: 'notWritten' | 'unknown', options?: ErrorOptions) {
    super('Kafka is not available.', options);
    this.fate = fate;
  }
}

/** Kafka will never take this message: too large, unknown topic, not allowed. Trying again is pointless. */
export class MessageRefused extends PublishError {
  readonly fate = 'notWritten';
}

/** The publisher is shutting down. */
export class PublisherClosed extends PublishError {
  readonly fate: 'notWritten' | 'unknown';

  constructor(fate: 'notWritten' | 'unknown') {
    super('The process is shutting down.');
    this.fate = fate;
  }
}
