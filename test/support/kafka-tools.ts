import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExpectedError } from '../../dev/expected-error.ts';
import { fetchJars, jarsDirectory } from '../../dev/kafka/jars.ts';
import { JAVA_MAJOR_MIN, findJava } from '../../dev/kafka/java.ts';
import { root } from '../../dev/repository.ts';

const POM = `${root}/test/clients/kafka-tools/pom.xml`;
const TOOLS = {
  'kafka-acls.sh': 'AclCommand',
  'kafka-configs.sh': 'ConfigCommand',
  'kafka-console-producer.sh': 'ConsoleProducer',
};

/**
 * Puts Kafka's own command line tools, under the names that they have in its distribution, into a new directory in
 * `directory`. @returns it, or undefined where there is no Java or Maven for them, which is printed; in CI that is an error.
 */
export async function ensureKafkaTools(directory: string): Promise<string | undefined> {
  const java = await findJava();
  if (java === undefined || java.major < JAVA_MAJOR_MIN)
    return missing(`no Java ${JAVA_MAJOR_MIN}`);
  try {
    for (const pom of [POM, undefined]) {
      if (!existsSync(jarsDirectory(pom))) await fetchJars(undefined, pom);
    }
  } catch (error) {
    if (error instanceof ExpectedError) return missing(error.message);
    throw error;
  }
  const classPath = `${jarsDirectory(POM)}/*:${jarsDirectory()}/*`;
  const place = mkdtempSync(join(directory, 'kafka-tools-'));
  for (const [script, name] of Object.entries(TOOLS)) {
    const options = '-XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
    const command = `exec '${java.command}' ${options} -cp '${classPath}' org.apache.kafka.tools.${name} "$@"`;
    writeFileSync(join(place, script), `#!/bin/sh\n${command}\n`, { mode: 0o755 });
  }
  return place;
}

function missing(reason: string): undefined {
  const message = `what needs Kafka's command line tools: ${reason}`;
  if (process.env['CI']) throw new Error(message);
  console.log(`Skipped: ${message}`);
}
