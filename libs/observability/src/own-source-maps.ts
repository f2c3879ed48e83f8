import { getSourceMapsSupport, setSourceMapsSupport } from 'node:module';

/*
 * Node's --enable-source-maps reads the maps of packages as well and keeps them: those of TypeORM alone are 13 MB of files
 * and 10 MiB of heap for good. Stack traces need those of our own code. An entry imports this before all else: what it
 * imports of our own is read by then, packages (CommonJS) only as they run.
 */
if (getSourceMapsSupport().enabled) {
  setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
}
