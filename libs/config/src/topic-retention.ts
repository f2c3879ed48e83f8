/**
 * How long topics keep what is in them. Whatever Kafka can bring again must meet the row that it has become, so the tables keep
 * theirs for longer (`RETENTION_DAYS`).
 */
export const TOPIC_RETENTION_DAYS = 14;
