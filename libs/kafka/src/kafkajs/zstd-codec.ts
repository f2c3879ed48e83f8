import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Far above any batch of ours (1 MiB on the wire); a bomb must not take the process's memory. */
const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;

/** Lets kafkajs write and read zstd with Node's own zlib, off the event loop. Needed on both sides. */
export function installZstdCodec(): void {
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
    compress: (encoder: { buffer: Buffer }) => compress(encoder.buffer),
    decompress: (buffer: Buffer) => decompress(buffer, { maxOutputLength: DECOMPRESSED_BYTES_MAX }),
  });
}
